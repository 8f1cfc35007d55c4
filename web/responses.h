// Plain answers that every part of web gives, and compression of all others. Texts are upstream's.
#pragma once

#include <string>
#include <string_view>

#include "net/executors.h"
#include "net/http/message.h"

namespace narthex::web {

/// `text/plain; charset=utf-8`; nothing has no type.
net::http::Response text_response(int status, std::string text);

/// What Go's http.Error makes: text, a line feed, and nosniff. For other clients than the API's.
net::http::Response error_text_response(int status, std::string_view text);

/// What Go's http.Redirect makes of a path: GET gets a line of HTML.
net::http::Response redirect_response(const net::http::Request& request, int status,
                                      std::string_view path);

/// Compresses the body as the request's Accept-Encoding allows, when it has 1 KiB or more, and says
/// Vary in any case. The first of gzip and deflate in the list counts; weights are ignored, as
/// upstream does.
void compress_body(const net::http::Request& request, net::http::Response& response);

/// The same for a response that streams; each piece is compressed on the CPU pool of `lane`, which
/// outlives the response.
void compress_stream(const net::http::Request& request, net::http::Response& response,
                     const net::Executors& lane);

}  // namespace narthex::web
