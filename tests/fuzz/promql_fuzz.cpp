// Any bytes are a query or an error; a query's printed form parses again and prints the same.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "query/promql/ast.h"
#include "query/promql/parser.h"

namespace {

using namespace narthex::query;

bool is_whole(const DurationSpec& spec) {
  return !spec.expr.empty() || spec.ns % 1'000'000 == 0;
}

// Durations below a millisecond are printed as upstream prints them, which loses them.
bool has_whole_durations(const Expr& root) {
  for (const Expr* expr : post_order(root)) {
    if (const auto* v = expr->as<VectorSelector>(); v && !is_whole(v->time.offset)) return false;
    if (const auto* m = expr->as<MatrixSelector>()) {
      if (!is_whole(m->range) || !is_whole(m->selector.time.offset)) return false;
    }
    if (const auto* s = expr->as<SubqueryNode>()) {
      if (!is_whole(s->range) || !is_whole(s->step) || !is_whole(s->time.offset)) return false;
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr ParserOptions kAll{
      .experimental_functions = true, .extended_range_selectors = true, .fill_modifiers = true};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_expression(text, kAll);
  if (!parsed || !has_whole_durations(**parsed)) return 0;
  const std::string printed = to_string(**parsed);
  const auto again = parse_expression(printed, kAll);
  NX_CHECK(again.has_value());
  NX_CHECK(to_string(**again) == printed);
  NX_CHECK(parse_expression(to_pretty_string(**parsed), kAll).has_value());
  return 0;
}
