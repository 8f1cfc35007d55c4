// Form values of a request: from the URL's query and, on POST, PUT and PATCH, from an urlencoded
// body. Go's Request.Form: body values come first, malformed pairs are left out and reported by
// error().
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/http/message.h"

namespace narthex::web {

/// Immutable once built.
class Form {
 public:
  explicit Form(const http::Request& request);

  /// The first value of `name`, empty when absent. Lives as long as the form.
  std::string_view get(std::string_view name) const;
  /// The same, but only from the URL.
  std::string_view get_query(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;

  /// Text of the first malformed pair, as Go words it.
  const std::optional<std::string>& error() const { return error_; }

 private:
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  void parse(std::string_view text, Pairs& out);

  Pairs body_;
  Pairs query_;
  std::optional<std::string> error_;
};

}  // namespace narthex::web
