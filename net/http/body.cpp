// Reading a whole body from its source. The text's capacity is what is held, not its length:
// strings grow by doubling, and what counts is the memory.
#include "net/http/body.h"

namespace narthex::net::http {

boost::asio::awaitable<Result<std::string>> read_all(BodySource& source) {
  std::string whole;
  for (;;) {
    Result<std::string_view> piece = co_await source.read();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) co_return whole;
    whole.append(*piece);
    Result<void> held = source.hold(whole.capacity());
    if (!held) co_return std::unexpected(std::move(held).error());
  }
}

}  // namespace narthex::net::http
