// Runs a handler to its end from plain test code.
#pragma once

#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "base/executors.h"
#include "base/http/message.h"
#include "web/http_server.h"

namespace narthex::test {

/// Blocks until `handler` has answered `request`.
inline http::Response await_response(Executors& executors, const web::HttpHandler& handler,
                                     const http::Request& request) {
  return asio::co_spawn(executors.io(), handler(request), asio::use_future).get();
}

/// A request as the session would build it; `target` is `path` or `path?query`, not escaped.
inline http::Request make_request(std::string method, std::string_view target) {
  http::Request request;
  request.method = std::move(method);
  const std::size_t mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  if (mark != std::string_view::npos) request.query = std::string(target.substr(mark + 1));
  request.headers.add("Host", "localhost");
  return request;
}

}  // namespace narthex::test
