// Rewrites before the physical plan: durations that are expressions become numbers, and every node
// learns whether it depends on time at all. Pure functions over the syntax tree.
#pragma once

#include <unordered_map>

#include "base/result.h"
#include "query/promql/ast.h"
#include "query/tile.h"

namespace narthex::query {

/// The times of the whole query, which start(), end(), range() and step() stand for.
struct QueryTimes {
  TimeMs start = 0;
  TimeMs end = 0;
  DurationMs step = 0;  // 0 for instant queries
};

/// `spec` in nanoseconds. kExecution with upstream's text when an expression is not finite, or not
/// above 0 unless `may_be_negative`.
Result<std::int64_t> resolve_duration(const DurationSpec& spec, const QueryTimes& times,
                                      bool may_be_negative);

/// Whether every duration in `root` has a value: upstream settles them before it evaluates
/// anything, so their errors come before all others. The errors of resolve_duration(), the first of
/// the tree.
Result<void> check_durations(const Expr& root, const QueryTimes& times);

/// For every node whether its value is the same at all steps, because all selectors in it are fixed
/// with @.
using Invariance = std::unordered_map<const Expr*, bool>;
/// Linear in the tree; the pointers are those of `root` and below.
Invariance find_invariant(const Expr& root);

/// Parentheses taken off.
const Expr& unwrap(const Expr& expr);

/// The labels that absent() gives: those that the selector's matchers fix, each named once.
model::Labels labels_of_absent(const Expr& argument);

}  // namespace narthex::query
