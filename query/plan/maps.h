// Kernels for MapOp: which function of a cell an expression means. Pure, but for notes on the
// query.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "query/ops/info.h"
#include "query/ops/map.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// abs, round, clamp, timestamp, hour, ... None for names that do not work cell by cell.
std::optional<MapKernel> function_map(std::string_view name);

/// A vector and a scalar under a binary operator; `swapped` when the scalar stands on the left.
MapKernel vector_scalar_map(QueryContext& context, const BinaryNode& node, Position position,
                            bool swapped);

/// `args`: destination, replacement, source, regular expression. kExecution with upstream's texts.
/// Labels that grow beyond the limits of labels are kLimit when they do.
Result<Relabel> label_replace_map(const std::vector<std::string>& args);
/// `args`: destination, separator, sources.
Result<Relabel> label_join_map(const std::vector<std::string>& args);

/// What the second argument of info() selects; null: target_info with all its labels. Times are
/// left to the caller.
InfoSpec info_spec(const VectorSelector* selector);

}  // namespace narthex::query
