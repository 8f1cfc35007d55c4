// Pieces of a body, made on the CPU threads of a lane and sent on the connection's own.
//
// The two take turns: while a piece is on its way nothing is made, so a client that reads slowly
// costs one piece of memory and no thread. The state is shared with the response's stream, which
// may be dropped at any turn without having been run to its end.
#include "web/answer.h"

namespace narthex::web {
namespace {

struct Unsent {
  std::string piece;
  std::unique_ptr<BodyPieces> rest;
};

asio::awaitable<Result<void>> send(std::shared_ptr<Unsent> unsent, net::Executors& lane,
                                   net::http::BodySink& sink) {
  std::string& piece = unsent->piece;
  bool is_last = false;
  for (;;) {
    Result<void> sent = co_await sink.write(piece);
    if (!sent || is_last) co_return sent;
    piece.clear();
    auto make = [&] {
      Result<bool> made = unsent->rest->next(piece);
      if (!made || *made) unsent->rest.reset();  // here, for it may hold much
      return made;
    };
    Result<bool> made = co_await net::run_on(lane.cpu(), std::move(make));
    if (!made) co_return std::move(made).error();
    is_last = *made;
  }
}

}  // namespace

net::http::Response to_response(Answer answer, net::Executors& lane) {
  net::http::Response response = std::move(answer.response);
  if (answer.rest == nullptr) return response;
  auto unsent = std::make_shared<Unsent>(std::move(response.body), std::move(answer.rest));
  response.body.clear();
  response.stream = [unsent = std::move(unsent), &lane](net::http::BodySink& sink) {
    return send(unsent, lane, sink);
  };
  return response;
}

}  // namespace narthex::web
