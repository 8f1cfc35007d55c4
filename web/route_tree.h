// The paths of one method as a radix tree, and what upstream's router makes of a path that has no
// route: which slash at its end, or which letters' case, would lead to one. Mirrors
// julienschmidt/httprouter 1.3.0 (tree.go, getValue and findCaseInsensitivePath), whose redirects
// depend on where edges end: so the tree has the same edges. Case is that of ASCII.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace narthex::web {

/// Filled first, then immutable.
class RouteTree {
 public:
  using Id = std::uint32_t;

  /// What find() knows of a path.
  struct Match {
    std::optional<Id> route;
    bool wants_other_slash = false;  // without a route: one slash more or less is to be tried
  };

  RouteTree();
  ~RouteTree();
  RouteTree(const RouteTree&) = delete;
  RouteTree& operator=(const RouteTree&) = delete;

  /// `pattern` starts with a slash. A segment `:x` stands for any segment, a last `*x` for
  /// everything that follows its slash. Where one stands, no other text may.
  void add(std::string_view pattern, Id route);

  /// The route of `path`, which starts with a slash; case and slashes count.
  Match find(std::string_view path) const;

  /// The path as its route spells it, with a slash more or less where that takes it there. As
  /// upstream's, it is sometimes a path without a route.
  std::optional<std::string> find_in_other_case(std::string_view path) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace narthex::web
