// Remote write, receiving: one request's body to one batch. A function that knows no HTTP.
// Behaviour: upstream's storage/remote/write_handler.go at v3.14. Thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "model/storage.h"

namespace narthex::remote {

/// What became of one request that was accepted.
struct WriteReport {
  std::size_t samples = 0;  // appended
  std::size_t skipped_series =
      0;  // without a name, with bad UTF-8 or a repeated label: left out, as upstream
};

/// Decodes `body` (snappy) and appends all its samples as one batch. Errors: kInvalid for a damaged
/// message and for samples that are out of order, out of bounds or duplicates (the others of the
/// request are kept: an upstream server drops them too); kLimit; kExecution "not implemented yet"
/// for native histograms; whatever the appender returns.
Result<WriteReport> receive_write(model::Appender& appender, std::string_view body);

}  // namespace narthex::remote
