// Compressed bodies: requests and pages as they come in, responses as they go out. The one place
// that knows the compression libraries; limits on what input may grow to are in docs/limits.md.
// Functions are pure.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/byte_budget.h"
#include "base/result.h"

namespace narthex {

/// How a coded stream is wrapped: RFC 1952, or RFC 1950 (what HTTP calls deflate).
enum class DeflateFormat : unsigned char { kGzip, kZlib };

/// Compresses a text that comes in parts, into one member at the fastest useful level, for
/// responses on the fly. Thread-compatible.
class Deflater {
 public:
  /// Takes some 100 KiB for as long as it lives.
  explicit Deflater(DeflateFormat format);
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;

  /// Appends to `out` what comes out for `text`, which may be nothing until the last part. With
  /// `is_last` the stream is complete and nothing may be added any more. What is in `out` before
  /// stays.
  void add(std::string_view text, bool is_last, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A text at once.
std::string deflate(std::string_view text, DeflateFormat format);

/// Replaces `out` by the content of one or more gzip members, keeping its capacity for reuse.
/// Output is counted while it is produced, so that a small bomb cannot become a large one. Errors:
/// kCorrupt for bad or truncated input; kLimit above `bytes_max`, when more than 16 MiB come out at
/// a ratio above 200, or when `share`, which holds input and output, may not grow.
Result<void> gunzip(std::string_view input, std::size_t bytes_max, std::string& out,
                    BudgetShare* share = nullptr);

}  // namespace narthex
