// Query results as JSON, at the speed of copying: times of a range query are rendered once per
// step, numbers take the writer's fast paths, and blocks of points go into a piece at once.
#pragma once

#include <memory>
#include <string>

#include "base/parallel.h"
#include "base/result.h"
#include "query/value.h"

namespace narthex::web {

/// The evaluation's steps; `step` 0 means that times follow no grid.
struct StepGrid {
  query::TimeMs start = 0;
  query::TimeMs end = 0;
  query::DurationMs step = 0;
};

/// `{"a":"b"}`, names sorted, not HTML-escaped.
void append_labels_json(std::string& out, const model::Labels& labels);

/// The `result` field's value, written piece by piece. Empty vectors and matrices are `[]`.
class ValueJson {
 public:
  /// `value` outlives it. Errors are those of `stop`, which is asked on the way, and of the current
  /// MemoryScope.
  ValueJson(const query::Value& value, const StepGrid& grid, StopToken stop = {});
  ~ValueJson();

  /// As BodyPieces::next().
  Result<bool> next(std::string& out);

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

/// The `stats` field's value.
void append_statistics_json(std::string& out, const query::Statistics& statistics);

/// Keeps the first `limit` series of a vector or matrix; true when some were cut.
bool truncate_value(query::Value& value, std::size_t limit);

}  // namespace narthex::web
