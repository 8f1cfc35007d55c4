// Walks over the syntax tree, and its destruction, without recursion: a chain of ten thousand
// additions is ten thousand levels deep, and a destructor that recursed would end the process.
#include "query/promql/ast.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/budget.h"
#include "base/str.h"

namespace narthex::query {

void ExprDelete::operator()(Expr* expr) const {
  const MemoryScope uncharged(nullptr);  // a destructor cannot be refused memory
  std::vector<std::unique_ptr<Expr>> pending;
  pending.emplace_back(expr);
  while (!pending.empty()) {
    const std::unique_ptr<Expr> node = std::move(pending.back());
    pending.pop_back();
    if (!node) continue;
    for (ExprPtr& child : node->children) pending.emplace_back(child.release());
  }
}

std::vector<const Expr*> post_order(const Expr& expr) {
  std::vector<const Expr*> order;
  std::vector<const Expr*> pending{&expr};
  while (!pending.empty()) {
    const Expr* node = pending.back();
    pending.pop_back();
    order.push_back(node);
    for (const ExprPtr& child : node->children) pending.push_back(child.get());
  }
  std::ranges::reverse(order);
  return order;
}

std::vector<const model::Matchers*> selectors_of(const Expr& expr) {
  std::vector<const model::Matchers*> out;
  for (const Expr* node : post_order(expr)) {
    if (const auto* vector = node->as<VectorSelector>()) out.push_back(&vector->matchers);
    if (const auto* matrix = node->as<MatrixSelector>()) out.push_back(&matrix->selector.matchers);
  }
  return out;
}

std::string write_duration(
    const DurationExpr& expr,
    const std::function<std::vector<DurationPart>(const DurationNode&)>& parts) {
  std::string out;
  std::vector<DurationPart> pending{{.node = static_cast<std::int32_t>(expr.size()) - 1}};
  while (!pending.empty()) {
    const DurationPart part = std::move(pending.back());
    pending.pop_back();
    out += part.text;
    if (part.node == DurationNode::kNone) continue;
    for (DurationPart& next :
         std::views::reverse(parts(expr[static_cast<std::size_t>(part.node)]))) {
      pending.push_back(std::move(next));
    }
  }
  return out;
}

std::string line_and_column(std::string_view text, std::int32_t offset) {
  if (text.empty()) return "unknown position";
  if (offset < 0 || static_cast<std::size_t>(offset) > text.size()) return "invalid position";
  const std::string_view before = text.substr(0, static_cast<std::size_t>(offset));
  const auto line = 1 + std::ranges::count(before, '\n');
  const std::size_t last_break = before.rfind('\n');
  const std::size_t column =
      last_break == std::string_view::npos ? before.size() + 1 : before.size() - last_break;
  return concat(line, ":", column);
}

}  // namespace narthex::query
