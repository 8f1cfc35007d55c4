// The second try for rows whose series the head dropped between resolve() and append(). It is rare;
// callers come here only when a report counts such rows.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "base/result.h"
#include "model/storage.h"

namespace narthex::model {

/// The series of a row, resolved anew; none leaves the row as it is.
using ResolveRow = std::function<Result<std::optional<SeriesHandle>>(std::size_t row)>;

/// Appends once more the rows of `batch` that are kGone in its `report`, and makes the report tell
/// of both tries. A row that is gone again stays so. Errors: those of `resolve` and of append();
/// the report is as it was then.
Result<void> append_again(const FloatBatch& batch, const ResolveRow& resolve, Appender& appender,
                          AppendReport& report);

}  // namespace narthex::model
