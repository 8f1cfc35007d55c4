// Plain structs for one HTTP request and its response, so that handlers and clients never see
// Beast.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "net/http/body.h"

namespace narthex::net::http {

/// Header fields in order of arrival. Names compare without case.
class Headers {
 public:
  /// Behind those that are there, also of the same name. Neither may hold CR, LF or NUL: who sends
  /// them sees to it.
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// Replaces every field of that name by one.
  void set(std::string name, std::string value);
  /// The first field's value, empty when absent. Lives as long as the field.
  std::string_view get(std::string_view name) const;
  /// All of that name, in order. They live as long as the fields.
  std::vector<std::string_view> get_all(std::string_view name) const;
  /// Whether `token` is an element of the comma-separated lists in the fields of that name.
  bool has_token(std::string_view name, std::string_view token) const;
  /// With any value, the empty one too. fields() are all, as they came.
  bool contains(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// A request as the router sees it: `path` is percent-decoded, `query` is raw (after '?').
/// `escaped_path` is the path as the client wrote it, when that is a proper escaping of `path`.
struct Request {
  std::string method;
  std::string path;
  std::string escaped_path = {};
  std::string query;
  Headers headers;
  std::string body;
  std::string peer_address;
  StopToken client = {};  // stops when the client goes away before it has its answer
};

/// Writes a response's body, once, after the head is sent. Its error cuts the connection, so that
/// what is missing shows.
using BodyStream = std::function<boost::asio::awaitable<Result<void>>(BodySink&)>;

/// An answer with its whole body or, if there is a `stream`, one whose body that writes.
struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  BodyStream stream = {};
  std::shared_ptr<const void> held = {};  // kept until the response is sent
};

}  // namespace narthex::net::http
