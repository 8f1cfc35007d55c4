// Form values of a request: from the URL's query and from its body. Go's Request.Form: values of an
// urlencoded body (of POST, PUT and PATCH) come before the query's, those of a multipart body
// behind them; malformed pairs are left out and reported by error(), a malformed multipart body
// counts for nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http/message.h"
#include "web/multipart.h"

namespace narthex::web {

/// Immutable once built.
class Form {
 public:
  /// Decodes all of it at once; refers to nothing of the request afterwards. More than 10,000 pairs
  /// in one place count for nothing, with an error().
  explicit Form(const net::http::Request& request);

  /// The first value of `name`, empty when absent. Lives as long as the form.
  std::string_view get(std::string_view name) const;
  /// The same, but only from the URL.
  std::string_view get_query(std::string_view name) const;
  /// All values of `name`: the body's, the query's, those of multipart parts.
  std::vector<std::string> all(std::string_view name) const;

  /// Text of the first malformed pair, as Go words it.
  const std::optional<std::string>& error() const { return error_; }

 private:
  void parse(std::string_view text, FormPairs& out);

  FormPairs body_;
  FormPairs query_;
  FormPairs parts_;
  std::optional<std::string> error_;
};

}  // namespace narthex::web
