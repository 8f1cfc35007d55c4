// Runs a handler to its end from plain test code.
#pragma once

#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "net/executors.h"
#include "net/http/message.h"
#include "net/http/server.h"
#include "web/answer.h"

namespace narthex::test {

/// Blocks until `handler` has answered `request`.
inline net::http::Response await_response(net::Executors& executors,
                                          const net::http::HttpHandler& handler,
                                          const net::http::Request& request) {
  return asio::co_spawn(executors.io(), handler(request), asio::use_future).get();
}

/// A request as the session would build it; `target` is `path` or `path?query`, not escaped.
inline net::http::Request make_request(std::string method, std::string_view target) {
  net::http::Request request;
  request.method = std::move(method);
  const std::size_t mark = target.find('?');
  request.path = std::string(target.substr(0, mark));
  if (mark != std::string_view::npos) request.query = std::string(target.substr(mark + 1));
  request.headers.add("Host", "localhost");
  return request;
}

/// The answer with all its pieces.
inline net::http::Response whole(web::Answer answer) {
  net::http::Response response = std::move(answer.response);
  while (answer.rest != nullptr) {
    std::string piece;
    if (answer.rest->next(piece).value_or(true)) answer.rest.reset();
    response.body += piece;
  }
  return response;
}

}  // namespace narthex::test
