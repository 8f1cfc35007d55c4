// Whole conversations with the server over a socket pair: no port is opened.
#include <future>
#include <poll.h>
#include <semaphore>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/log.h"
#include "base/str.h"
#include "net/executors.h"
#include "net/http/server.h"
#include "tests/support/fake_clock.h"

namespace narthex::net::http {
namespace {

constexpr int kPatienceMs = 20'000;

asio::awaitable<Response> echo(const Request& request) {
  Response response;
  response.body = request.method + " " + request.path + "?" + request.query + " " + request.body;
  response.headers.add("X-Evil", "a\r\nInjected: yes");
  co_return response;
}

// The client's end. Closes when destroyed.
class Peer {
 public:
  explicit Peer(HttpServer& server, std::string address = "192.0.2.1") {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    socket_ = pair[0];
    server.adopt(pair[1], std::move(address));
  }
  ~Peer() { ::close(socket_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  /// False when the server has closed, or does not take all within kPatienceMs.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      pollfd ready{.fd = socket_, .events = POLLOUT, .revents = 0};
      if (::poll(&ready, 1, kPatienceMs) != 1) return false;
      const ssize_t count =
          ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// Reads until `mark` has come `count` times, or the server closes.
  std::string read_until(std::string_view mark, int count = 1) {
    std::string text;
    while (occurrences(text, mark) < count && read_some(text)) {
    }
    return text;
  }
  std::string read_all() { return read_until("\x01never"); }

 private:
  static int occurrences(const std::string& text, std::string_view mark) {
    int found = 0;
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
      ++found;
    }
    return found;
  }
  bool read_some(std::string& text) {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kPatienceMs) != 1) return false;
    char scratch[4096];
    const ssize_t count = ::recv(socket_, scratch, sizeof scratch, 0);
    if (count <= 0) return false;
    text.append(scratch, static_cast<std::size_t>(count));
    return true;
  }
  int socket_ = -1;
};

class HttpSessionTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (server_) server_->stop(std::chrono::seconds(5));
    server_.reset();
    executors_.stop();
  }
  HttpServer& start_streaming(HttpServerOptions options, StreamHandler handler) {
    const auto is_vital = [](const Request& r) { return r.path == "/-/healthy"; };
    server_ = std::make_unique<HttpServer>(std::move(options), std::move(handler), executors_,
                                           clock_, null_log(), metrics_, is_vital);
    return *server_;
  }
  HttpServer& start(HttpServerOptions options = {}, HttpHandler handler = echo) {
    return start_streaming(std::move(options), whole_bodies(std::move(handler)));
  }
  /// Answers "/busy" once release_ is set.
  HttpServer& start_busy(HttpServerOptions options) {
    auto work = [this] { released_.wait(); };
    auto handler = [this, work](const Request& request) -> asio::awaitable<Response> {
      if (request.path == "/busy") {
        entered_.release();
        co_await run_on(executors_.cpu(), work);
      }
      Response response = co_await echo(request);
      co_return response;
    };
    return start(std::move(options), handler);
  }
  void occupy(Peer& peer) {
    peer.send("GET /busy HTTP/1.1\r\nHost: h\r\n\r\n");
    entered_.acquire();
  }

  /// Until the one I/O thread has done what was given to it.
  void settle() {
    std::promise<void> reached;
    asio::post(executors_.io(), [&] { reached.set_value(); });
    reached.get_future().wait();
  }

  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
  std::counting_semaphore<> entered_{0};

  Executors executors_{1, 1};
  test::FakeClock clock_;
  Metrics metrics_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpSessionTest, KeepsTheConnectionAndAnswersInOrder) {
  Peer peer(start());

  peer.send(
      "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\nPOST /c HTTP/1.1\r\nHost: h\r\nContent-Length: "
      "3\r\n\r\nxyz");
  const std::string text = peer.read_until("POST /c? xyz");

  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
  EXPECT_NE(text.find("Content-Length: 9\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"), std::string::npos) << text;
  EXPECT_LT(text.find("GET /a?b "), text.find("POST /c? xyz"));
}

TEST_F(HttpSessionTest, NeverSplitsAHeader) {
  Peer peer(start());

  peer.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string text = peer.read_all();

  EXPECT_NE(text.find("X-Evil: aInjected: yes\r\n"), std::string::npos) << text;
  EXPECT_NE(text.find("Connection: close\r\n"), std::string::npos) << text;
}

TEST_F(HttpSessionTest, SpeaksHttp10) {
  Peer peer(start());

  peer.send("GET / HTTP/1.0\r\n\r\n");
  const std::string text = peer.read_all();

  EXPECT_TRUE(text.starts_with("HTTP/1.0 200 OK\r\n")) << text;
}

TEST_F(HttpSessionTest, SendsNoBodyForHead) {
  Peer peer(start());

  peer.send("HEAD /abc HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string text = peer.read_all();

  EXPECT_NE(text.find("Content-Length: 11\r\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\n\r\n")) << text;
}

TEST_F(HttpSessionTest, ReadsChunkedBodies) {
  Peer peer(start());

  peer.send(
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: dropped\r\n\r\n");

  EXPECT_NE(peer.read_until("abcde").find("abcde"), std::string::npos);
}

TEST_F(HttpSessionTest, ClosesAfterAFramingFault) {
  Peer peer(start());

  peer.send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string text = peer.read_all();

  EXPECT_TRUE(text.starts_with("HTTP/1.1 400 Bad Request\r\n")) << text;
  EXPECT_EQ(text.find("smuggled"), std::string::npos) << text;
}

TEST_F(HttpSessionTest, RefusesLargeBodies) {
  Peer peer(start({.body_bytes_max = 10}));

  peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n");

  EXPECT_TRUE(peer.read_all().starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpSessionTest, RefusesLargeChunkExtensions) {
  Peer peer(start());

  peer.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
            std::string(300, 'e') + "\r\na\r\n0\r\n\r\n");

  EXPECT_TRUE(peer.read_all().starts_with("HTTP/1.1 400 "));
}

TEST_F(HttpSessionTest, CutsSlowHeads) {
  Peer peer(start({.header_timeout = std::chrono::milliseconds(1)}));

  peer.send("GET / HTTP/1.1\r\nHo");

  EXPECT_EQ(peer.read_all(), "");
}

TEST_F(HttpSessionTest, ClosesIdleConnections) {
  Peer peer(start({.idle_timeout = std::chrono::milliseconds(1)}));

  EXPECT_EQ(peer.read_all(), "");
}

TEST_F(HttpSessionTest, SaysContinue) {
  Peer peer(start());

  peer.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(peer.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  peer.send("ok");

  EXPECT_NE(peer.read_until("ok").find("200 OK"), std::string::npos);
}

constexpr std::string_view kGet = "GET /other HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kHealth = "GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(HttpSessionTest, RefusesRequestsAboveTheLimitButVitalOnes) {
  HttpServer& server = start_busy({.connections_max = 1});
  Peer busy(server);
  occupy(busy);
  Peer other(server);
  Peer probe(server);

  other.send(kGet);
  probe.send(kHealth);

  EXPECT_TRUE(other.read_all().starts_with("HTTP/1.1 503 "));
  const std::string health = probe.read_all();
  EXPECT_TRUE(health.starts_with("HTTP/1.1 200 ")) << health;
  EXPECT_NE(health.find("Connection: close"), std::string::npos) << health;
  release_.set_value();
  EXPECT_NE(busy.read_until("/busy").find("200 OK"), std::string::npos);
}

TEST_F(HttpSessionTest, IdleConnectionsGiveWayToNewOnes) {
  HttpServer& server = start_busy({.connections_max = 2});
  Peer first(server);
  Peer second(server);
  for (Peer* peer : {&first, &second}) {
    peer->send(kGet);
    peer->read_until("/other");
    settle();
  }

  Peer third(server);
  third.send(kGet);

  EXPECT_NE(third.read_until("/other").find("200 OK"), std::string::npos);
  EXPECT_EQ(first.read_all(), "") << "the one that waited longest is closed";
  second.send(kGet);
  EXPECT_NE(second.read_until("/other").find("200 OK"), std::string::npos);
  release_.set_value();
}

// Whoever fills the reserve with heads that do not end loses his places to those who ask something.
TEST_F(HttpSessionTest, TheReserveCannotBeHeld) {
  HttpServer& server = start_busy({.connections_max = 1, .connections_reserve = 2});
  Peer busy(server);
  occupy(busy);
  std::vector<std::unique_ptr<Peer>> slow;
  for (int i = 0; i < 4; ++i) {
    slow.push_back(std::make_unique<Peer>(server));
    slow.back()->send("GET / HTTP/1.1\r\nX");
    settle();
    if (i >= 2) EXPECT_EQ(slow[static_cast<std::size_t>(i - 2)]->read_all(), "") << i;
    settle();
  }

  Peer probe(server);
  probe.send(kHealth);

  EXPECT_TRUE(probe.read_all().starts_with("HTTP/1.1 200 "));
  release_.set_value();
}

TEST_F(HttpSessionTest, OneAddressDoesNotTakeTheLastPlaces) {
  HttpServer& server = start_busy({.connections_max = 8, .connections_per_address_max = 2});
  std::vector<std::unique_ptr<Peer>> greedy;
  for (int i = 0; i < 7; ++i) {
    greedy.push_back(std::make_unique<Peer>(server));
    occupy(*greedy.back());
  }

  Peer more(server);
  Peer modest(server, "192.0.2.2");
  more.send(kGet);
  modest.send(kGet);

  EXPECT_TRUE(more.read_all().starts_with("HTTP/1.1 503 "));
  EXPECT_NE(modest.read_until("/other").find("200 OK"), std::string::npos);
  release_.set_value();
}

// What is not a head, a body or data is bounded too, while it comes.
TEST_F(HttpSessionTest, CutsWhatGrowsWithoutEnd) {
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  struct Growing {
    std::string_view name;
    std::string start;
    std::string more;
    std::string_view status;
  };
  HttpServer& server = start();
  for (const Growing& g :
       {Growing{"a request line", "GET /", "x", "414"},
        Growing{"a field", "GET / HTTP/1.1\r\nX: ", "x", "431"},
        Growing{"fields", "GET / HTTP/1.1\r\n", "X: xxxxxxxxxxx\r\n", "431"},
        Growing{"a chunk's size", chunked, "0", "400"},
        Growing{"a chunk's extension", chunked + "1;", "x", "400"},
        Growing{"extensions", chunked, "1;" + std::string(200, 'x') + "\r\na\r\n", "400"},
        Growing{"a trailer", chunked + "0\r\nX: ", "x", "400"},
        Growing{"trailers", chunked + "0\r\n", "X: x\r\n", "400"},
        Growing{"a body", chunked, "400\r\n" + std::string(1024, 'b') + "\r\n", "413"}}) {
    SCOPED_TRACE(g.name);
    Peer peer(server);
    std::string block;
    while (block.size() < 64 * 1024) block += g.more;

    peer.send(g.start);
    int blocks = 0;
    while (blocks < 400 && peer.send(block)) ++blocks;

    EXPECT_LT(blocks, 400) << "more than 25 MiB were taken";
    EXPECT_TRUE(peer.read_all().starts_with(concat("HTTP/1.1 ", g.status)));
  }
}

TEST_F(HttpSessionTest, BoundsTheBodiesOfAllRequests) {
  HttpServer& server = start_busy({.bodies_bytes_max = 300'000});
  const std::string body(150'000, 'b');
  const std::string head = "POST /busy HTTP/1.1\r\nHost: h\r\nContent-Length: 150000\r\n\r\n";
  Peer first(server);
  first.send(head + body);
  entered_.acquire();

  Peer second(server);
  second.send(head + body);

  EXPECT_TRUE(second.read_all().starts_with("HTTP/1.1 503 "));
  release_.set_value();
  EXPECT_NE(first.read_until("bbb").find("200 OK"), std::string::npos);
}

TEST_F(HttpSessionTest, DrainClosesIdleConnectionsAndFinishesRequests) {
  std::promise<void> entered;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  auto work = [&] {
    entered.set_value();
    released.wait();
  };
  auto handler = [this, work](const Request& request) -> asio::awaitable<Response> {
    co_await run_on(executors_.cpu(), work);
    Response response = co_await echo(request);
    co_return response;
  };
  HttpServer& server = start({}, handler);
  Peer idle(server);
  Peer busy(server);
  busy.send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.get_future().wait();

  server.drain();
  EXPECT_EQ(idle.read_all(), "");
  release.set_value();

  const std::string text = busy.read_all();
  EXPECT_NE(text.find("GET /late?"), std::string::npos) << text;
  EXPECT_NE(text.find("Connection: close"), std::string::npos) << text;
}

TEST_F(HttpSessionTest, TellsARequestThatItsClientLeft) {
  std::promise<void> entered;
  std::promise<bool> left;
  auto handler = [&](const Request& request) -> asio::awaitable<Response> {
    auto work = [&] {
      entered.set_value();
      const auto patience =
          std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
      while (request.client.check() && std::chrono::steady_clock::now() < patience) {
        std::this_thread::yield();
      }
      left.set_value(!request.client.check());
    };
    co_await run_on(executors_.cpu(), work);
    co_return Response{};
  };
  HttpServer& server = start({}, handler);
  {
    Peer peer(server);
    peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    entered.get_future().wait();
  }
  EXPECT_TRUE(left.get_future().get());
}

TEST_F(HttpSessionTest, StopCutsWhatDoesNotFinish) {
  auto handler = [](const Request&) -> asio::awaitable<Response> {
    co_await sleep_for_ns(3'600'000'000'000);
    co_return Response{};
  };
  std::promise<void> entered;
  auto counted = [&entered, handler](const Request& request) {
    entered.set_value();
    return handler(request);
  };
  HttpServer& server = start({}, counted);
  Peer peer(server);
  peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.get_future().wait();

  server.stop(std::chrono::milliseconds(1));

  EXPECT_EQ(peer.read_all(), "");
}

TEST_F(HttpSessionTest, NamesTheAddressItCannotHave) {
  HttpServer& server = start({.listen_addresses = {"127.0.0.1"}});
  EXPECT_EQ(server.listen().error().message(),
            "listen tcp: address 127.0.0.1: missing port in address");
}

}  // namespace
}  // namespace narthex::net::http
