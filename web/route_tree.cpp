// A radix tree of paths. Children of a node differ in their first byte; a `:x` child has no
// siblings; a `*x` is a child "/" that takes whatever follows.
//
// Why a tree at all, for so few routes: upstream's redirects are by-products of its own tree. A
// path that ends inside an edge, and lacks just the slash at the end of it, is redirected; the same
// path is not where the edge is cut elsewhere by another route. Clients see those answers, so the
// tree is cut where httprouter cuts, and find() looks at the same places. What is left out is the
// order of children by use, and the names of parameters: they change no answer.
//
// find_in_other_case() walks the same tree by all children that agree up to case, and takes the
// first that leads to an end, spelling the path as the edges do.
#include "web/route_tree.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/str.h"

namespace narthex::web {

struct RouteTree::Node {
  std::string label;
  std::optional<Id> route;
  bool takes_rest = false;
  std::vector<std::unique_ptr<Node>> children;
  std::unique_ptr<Node> parameter;  // then there are no children

  const Node* child(char first) const {
    for (const auto& child : children) {
      if (child->label.front() == first) return child.get();
    }
    return nullptr;
  }
  /// Whether a slash behind this node makes a route.
  bool has_route_at_slash() const {
    const Node* slash = child('/');
    return slash != nullptr && slash->label == "/" && slash->route.has_value();
  }
  /// Whether `rest` lacks only the slash that ends this node's route.
  bool lacks_slash(std::string_view rest) const {
    return route && label.ends_with('/') && label.size() == rest.size() + 1;
  }

  Node& add_text(std::string_view text);
  void split(std::size_t length);
  bool respell(std::string_view rest, std::string& out) const;
  bool respell_parameter(std::string_view rest, std::string& out) const;
};

// Keeps `length` bytes of the label; the rest moves into a child with all that was here.
void RouteTree::Node::split(std::size_t length) {
  auto tail = std::make_unique<Node>();
  tail->label = label.substr(length);
  tail->route = std::exchange(route, std::nullopt);
  tail->takes_rest = std::exchange(takes_rest, false);
  tail->children = std::exchange(children, {});
  tail->parameter = std::move(parameter);
  label.resize(length);
  children.push_back(std::move(tail));
}

// The node below this one where `text` ends, made as needed.
RouteTree::Node& RouteTree::Node::add_text(std::string_view text) {
  if (text.empty()) return *this;
  NX_CHECK(parameter == nullptr && !takes_rest);
  for (const auto& child : children) {
    if (child->label.front() != text.front()) continue;
    const auto common = std::ranges::mismatch(child->label, text).in1 - child->label.begin();
    const auto length = static_cast<std::size_t>(common);
    if (length < child->label.size()) child->split(length);
    return child->add_text(text.substr(length));
  }
  children.push_back(std::make_unique<Node>());
  children.back()->label = text;
  return *children.back();
}

RouteTree::RouteTree() : root_(std::make_unique<Node>()) {}
RouteTree::~RouteTree() = default;

void RouteTree::add(std::string_view pattern, Id route) {
  Node* node = root_.get();
  while (!pattern.empty()) {
    const std::size_t mark = std::min(pattern.find_first_of(":*"), pattern.size());
    const bool takes_rest = mark < pattern.size() && pattern[mark] == '*';
    // The slash before `*x` is an edge of its own, as httprouter has it.
    if (takes_rest) {
      node = &node->add_text(pattern.substr(0, mark - 1));
      node = &node->add_text("/");
      node->takes_rest = true;
      break;
    }
    node = &node->add_text(pattern.substr(0, mark));
    pattern.remove_prefix(mark);
    if (pattern.empty()) break;
    if (node->parameter == nullptr) node->parameter = std::make_unique<Node>();
    node = node->parameter.get();
    pattern.remove_prefix(std::min(pattern.find('/'), pattern.size()));
  }
  node->route = route;
}

RouteTree::Match RouteTree::find(std::string_view path) const {
  const Node* node = root_.get();
  std::string_view rest = path;
  while (true) {
    if (!rest.starts_with(node->label)) {
      // Ends within the edge, one slash short of a route; or is the lone slash behind a node.
      const bool lacks = node->lacks_slash(rest) && node->label.starts_with(rest);
      return {.route = {}, .wants_other_slash = rest == "/" || lacks};
    }
    rest.remove_prefix(node->label.size());
    if (node->takes_rest || (rest.empty() && node->route)) return {.route = node->route};
    if (rest.empty()) {
      const bool is_slash = node->label == "/" && node->parameter != nullptr;
      return {.route = {}, .wants_other_slash = is_slash || node->has_route_at_slash()};
    }
    if (node->parameter == nullptr) {
      const Node* next = node->child(rest.front());
      if (next == nullptr) return {.route = {}, .wants_other_slash = rest == "/" && node->route};
      node = next;
      continue;
    }
    node = node->parameter.get();
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
    if (rest.empty() && node->route) return {.route = node->route};
    if (rest.empty()) return {.route = {}, .wants_other_slash = node->has_route_at_slash()};
    if (node->children.empty()) return {.route = {}, .wants_other_slash = rest == "/"};
    node = node->children.front().get();
  }
}

bool RouteTree::Node::respell_parameter(std::string_view rest, std::string& out) const {
  const std::size_t end = std::min(rest.find('/'), rest.size());
  out += rest.substr(0, end);
  rest.remove_prefix(end);
  if (!rest.empty()) {
    return children.empty() ? rest == "/" : children.front()->respell(rest, out);
  }
  if (route) return true;
  if (has_route_at_slash()) out += '/';
  return has_route_at_slash();
}

// The first byte of `rest` is that of the label up to case: the parent chose by it.
bool RouteTree::Node::respell(std::string_view rest, std::string& out) const {
  const auto same = [this](std::string_view text) {
    return text.empty() || equals_ignore_case(text.substr(1), label.substr(1, text.size() - 1));
  };
  if (rest.size() < label.size() || !same(rest.substr(0, label.size()))) {
    if (rest == "/") return true;
    if (!lacks_slash(rest) || !same(rest)) return false;
    out += label;
    return true;
  }
  out += label;
  rest.remove_prefix(label.size());
  if (takes_rest) out += rest;
  if (takes_rest || (rest.empty() && route)) return true;
  if (rest.empty()) {
    if (has_route_at_slash()) out += '/';
    return has_route_at_slash();
  }
  if (parameter != nullptr) return parameter->respell_parameter(rest, out);
  const std::size_t length = out.size();
  for (const auto& next : children) {
    if (!equals_ignore_case(next->label.substr(0, 1), rest.substr(0, 1))) continue;
    if (next->respell(rest, out)) return true;
    out.resize(length);
  }
  return rest == "/" && route.has_value();
}

std::optional<std::string> RouteTree::find_in_other_case(std::string_view path) const {
  std::string out;
  if (!root_->respell(path, out)) return std::nullopt;
  return out;
}

}  // namespace narthex::web
