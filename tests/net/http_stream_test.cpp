// Client and server together, in plain text and over TLS: bodies that come and go in pieces hold a
// buffer, however long they are, and what is cut off shows.
#include <atomic>
#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/parallel.h"
#include "base/str.h"
#include "net/executors.h"
#include "net/http/body.h"
#include "net/http/client.h"
#include "net/http/server.h"
#include "tests/net/certificate.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace narthex::net::http {
namespace {

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kPieces = 1600;  // 100 MiB in all

// Counts what comes.
class CountingSink final : public BodySink {
 public:
  asio::awaitable<Result<void>> write(std::string_view bytes) override {
    total += bytes.size();
    largest = std::max(largest, bytes.size());
    if (on_write) on_write();
    if (pause_ns > 0) co_await sleep_for_ns(pause_ns);
    if (fails_after != 0 && total > fails_after) co_return Error(Code::kInvalid, "enough");
    co_return Result<void>();
  }
  std::size_t total = 0;
  std::size_t largest = 0;
  std::size_t fails_after = 0;
  std::int64_t pause_ns = 0;  // of each write
  std::function<void()> on_write;
};

class HttpStreamTest : public ::testing::TestWithParam<bool> {
 protected:
  template <typename Work>
  auto run(Work work) {
    return asio::co_spawn(asking_.io(), std::move(work), asio::use_future).get();
  }
  void SetUp() override {
    const test::Certificate made = test::make_certificate();
    HttpServerOptions options{.listen_addresses = {"127.0.0.1:0"}};
    std::optional<TlsContext> trust;
    if (GetParam()) {
      options.tls = *TlsContext::server({.certificate = made.certificate, .key = Secret(made.key)});
      trust = *TlsContext::client({.authorities = made.certificate});
    }
    auto handler = [this](Request& request, BodySource& body) { return answer(request, body); };
    server_.emplace(options, handler, serving_, clock_, null_log(), metrics_);
    ASSERT_TRUE(server_->listen());
    server_->start();
    client_.emplace(ClientConfig(), trust);
  }
  void TearDown() override {
    run([this]() -> asio::awaitable<int> {
      client_.reset();
      co_return 0;
    });
    server_->stop(std::chrono::seconds(5));
    server_.reset();
    serving_.stop();
    asking_.stop();
  }

  asio::awaitable<Response> answer(Request& request, BodySource& body) {
    Response response;
    if (request.path == "/count") {
      std::size_t total = 0;
      for (;;) {
        const Result<std::string_view> piece = co_await body.read();
        if (!piece) co_return response;
        if (piece->empty()) break;
        total += piece->size();
        largest_ = std::max(largest_.load(), piece->size());
      }
      response.body = std::to_string(total);
    } else if (request.path == "/endless" || request.path == "/large") {
      const bool ends = request.path == "/large";
      response.stream = [this, ends](BodySink& sink) { return send_pieces(sink, ends); };
    } else if (request.path == "/cut") {
      response.stream = [](BodySink& sink) -> asio::awaitable<Result<void>> {
        co_await sink.write("half of it");
        co_return Error(Code::kInternal, "no more");
      };
    } else if (request.path == "/nothing") {
      response.stream = [](BodySink&) -> asio::awaitable<Result<void>> {
        co_return Result<void>();
      };
    }
    co_return response;
  }

  asio::awaitable<Result<void>> send_pieces(BodySink& sink, bool ends) {
    const std::string piece(kPieceBytes, 'p');
    for (std::size_t i = 0; !ends || i < kPieces; ++i) {
      Result<void> written = co_await sink.write(piece);
      if (!written) {
        cut_ = true;
        co_return written;
      }
      sent_ += piece.size();
    }
    co_return Result<void>();
  }

  ClientRequest request(std::string_view path) {
    const std::string address = server_->addresses().front();
    return {.url = *parse_url(concat(GetParam() ? "https://" : "http://", address, path))};
  }
  Result<ClientResponse> fetch(ClientRequest asked) {
    return run([&] { return client_->fetch(std::move(asked), FetchLimits()); });
  }
  Result<ClientResponse> fetch_to(std::string_view path, BodySink& sink, FetchLimits limits) {
    return run([&] { return client_->fetch_to(request(path), limits, sink); });
  }

  Executors serving_{1, 1};
  Executors asking_{1, 1};
  test::FakeClock clock_;
  Metrics metrics_;
  std::optional<HttpServer> server_;
  std::optional<Client> client_;
  std::atomic<std::size_t> sent_{0};
  std::atomic<bool> cut_{false};
  std::atomic<std::size_t> largest_{0};
};

TEST_P(HttpStreamTest, HoldsOneBufferOfALargeAnswer) {
  CountingSink sink;
  std::size_t ahead = 0;  // what the server has sent and nobody has taken: the sockets' memory
  sink.on_write = [&] {
    ahead = std::max(ahead, sent_.load() - std::min(sink.total, sent_.load()));
  };

  const Result<ClientResponse> response =
      fetch_to("/large", sink, {.body_bytes_max = std::size_t{1} << 30});

  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(sink.total, kPieces * kPieceBytes);
  EXPECT_LE(sink.largest, 2 * kPieceBytes);
  EXPECT_LT(ahead, 20U << 20);
  ASSERT_TRUE(fetch(request("/nothing"))) << "the connection goes on";
}

TEST_P(HttpStreamTest, BoundsAStreamedBodyAsAWholeOne) {
  CountingSink sink;

  const Result<ClientResponse> response = fetch_to("/large", sink, {.body_bytes_max = 1'000'000});

  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code(), Code::kLimit);
  EXPECT_LE(sink.total, 1'000'000U);
}

TEST_P(HttpStreamTest, TheSinkEndsTheFetchAndTheServerSeesIt) {
  CountingSink sink;
  sink.fails_after = 1'000'000;

  const Result<ClientResponse> response =
      fetch_to("/endless", sink, {.body_bytes_max = std::size_t{1} << 40});

  ASSERT_FALSE(response);
  EXPECT_NE(response.error().message().find("enough"), std::string::npos);
  for (int i = 0; i < 2000 && !cut_; ++i) run([] { return sleep_for_ns(1'000'000); });
  EXPECT_TRUE(cut_);
}

TEST_P(HttpStreamTest, GoesOnPastItsTimeoutWhileBytesCome) {
  CountingSink sink;
  sink.fails_after = 50U << 20;
  sink.pause_ns = 1'000'000;

  const Result<ClientResponse> response =
      fetch_to("/endless", sink,
               {.timeout = std::chrono::milliseconds(300),
                .body_bytes_max = std::size_t{1} << 40,
                .idle_timeout = std::chrono::milliseconds(5000)});

  ASSERT_FALSE(response);
  EXPECT_NE(response.error().message().find("enough"), std::string::npos);
}

TEST_P(HttpStreamTest, AnAnswerThatFailsIsCutOff) {
  const Result<ClientResponse> response = fetch(request("/cut"));

  ASSERT_FALSE(response);
  EXPECT_NE(response.error().message(), "");
}

// As upstream's notifier takes Alertmanager's word: a success is one whatever becomes of its body.
TEST_P(HttpStreamTest, MayIgnoreTheBodyOfASuccess) {
  for (const std::string_view path : {"/cut", "/large", "/nothing", "/endless"}) {
    const Result<ClientResponse> response = run([&] {
      return client_->fetch(request(path), {.timeout = std::chrono::milliseconds(500),
                                            .body_bytes_max = 1000,
                                            .ignores_body = true});
    });

    ASSERT_TRUE(response) << path << ": " << response.error().message();
    EXPECT_EQ(response->status, 200);
  }
}

TEST_P(HttpStreamTest, AStreamMayBeEmpty) {
  const Result<ClientResponse> response = fetch(request("/nothing"));

  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "");
  EXPECT_EQ(response->headers.get("Transfer-Encoding"), "chunked");
}

TEST_P(HttpStreamTest, AnswersHeadWithoutTheStream) {
  ClientRequest asked = request("/large");
  asked.method = "HEAD";

  const Result<ClientResponse> response = fetch(std::move(asked));

  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(sent_, 0U);
}

TEST_P(HttpStreamTest, ReadsARequestInPieces) {
  ClientRequest asked = request("/count");
  asked.method = "POST";
  asked.body.assign(10'000'000, 'b');

  const Result<ClientResponse> response = fetch(std::move(asked));

  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->body, "10000000");
  EXPECT_LE(largest_, 4 * kPieceBytes);
}

// What is left of it must not be taken for the next request.
TEST_P(HttpStreamTest, ClosesBehindABodyThatNobodyRead) {
  ClientRequest asked = request("/nothing");
  asked.method = "POST";
  asked.body = "GET /large HTTP/1.1\r\nHost: h\r\n\r\n";

  const Result<ClientResponse> response = fetch(std::move(asked));

  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->headers.get("Connection"), "close");
  EXPECT_TRUE(fetch(request("/nothing")));
  EXPECT_EQ(sent_, 0U);
}

// As container runtimes listen.
TEST_P(HttpStreamTest, ReachesAUnixSocket) {
  using Unix = asio::local::stream_protocol;
  const test::TempDir dir;
  Unix::acceptor acceptor(serving_.io(), Unix::endpoint(dir.path() + "/docker.sock"));
  ClientRequest asked = request("/nothing");
  asked.socket_path = dir.path() + "/docker.sock";
  Result<ClientResponse> response;

  run_beside([&] { server_->adopt(acceptor.accept().release(), "@"); },
             [&] { response = fetch(asked); });

  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  asked.socket_path = dir.path() + "/none";
  EXPECT_NE(fetch(asked).error().message().find("dial unix"), std::string::npos);
  asked.socket_path.assign(200, 'x');
  EXPECT_NE(fetch(asked).error().message().find("path too long"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Kinds, HttpStreamTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Tls" : "Plain"; });

TEST(WholeBodies, SaysWhyABodyIsRefused) {
  class Refusing final : public BodySource {
   public:
    explicit Refusing(Code code) : code_(code) {}
    asio::awaitable<Result<std::string_view>> read() override {
      co_return Error(code_, "what is wrong");
    }
    Result<void> hold(std::size_t) override { return {}; }

   private:
    Code code_;
  };
  Executors executors(1, 1);
  const StreamHandler handler = whole_bodies([](const Request&) -> asio::awaitable<Response> {
    ADD_FAILURE() << "there is no body";
    co_return Response();
  });
  const auto status_of = [&](Code code) {
    Refusing body(code);
    Request request;
    const Response response =
        asio::co_spawn(executors.io(), handler(request, body), asio::use_future).get();
    EXPECT_EQ(response.body, "what is wrong\n");
    return response.status;
  };

  EXPECT_EQ(status_of(Code::kLimit), 413);
  EXPECT_EQ(status_of(Code::kUnavailable), 503);
  EXPECT_EQ(status_of(Code::kCorrupt), 400);
  executors.stop();
}

}  // namespace
}  // namespace narthex::net::http
