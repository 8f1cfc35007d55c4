// The same conversation over TCP, a Unix socket and TLS.
#include "net/stream.h"

#include <future>
#include <limits>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "net/executors.h"
#include "tests/net/certificate.h"
#include "tests/support/temp_dir.h"

namespace narthex::net {
namespace {

using asio::ip::tcp;
using Unix = asio::local::stream_protocol;
using ErrorCode = Stream::ErrorCode;

enum class Kind : unsigned char { kTcp, kUnix, kTls };

Stream::Time soon(int milliseconds) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
}

// Two ends of one connection; the test talks from its own thread.
class StreamTest : public ::testing::TestWithParam<Kind> {
 protected:
  template <typename Work>
  auto run(Work work) {
    return asio::co_spawn(executors_.io(), std::move(work), asio::use_future).get();
  }
  void SetUp() override {
    if (GetParam() == Kind::kUnix) {
      connect_ends(Unix::endpoint(dir_.path() + "/socket"));
    } else {
      connect_ends(tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
    }
    if (GetParam() == Kind::kTls) start_tls("localhost");
  }
  void TearDown() override {
    run([this]() -> asio::awaitable<int> {
      server_.reset();
      client_.reset();
      co_return 0;
    });
    executors_.stop();
  }

  template <typename Endpoint>
  void connect_ends(const Endpoint& at) {
    typename Endpoint::protocol_type::acceptor acceptor(executors_.io(), at);
    const Endpoint real = acceptor.local_endpoint();
    const ErrorCode error = run([&]() -> asio::awaitable<ErrorCode> {
      client_.emplace(executors_.io());
      co_return co_await client_->connect({Stream::Endpoint(real)});
    });
    ASSERT_FALSE(error) << error.message();
    auto socket = acceptor.accept();
    server_.emplace(executors_.io());
    ASSERT_FALSE(server_->adopt(socket.release()));
  }

  void start_tls(std::string host) {
    const test::Certificate made = test::make_certificate();
    auto server = TlsContext::server({.certificate = made.certificate, .key = Secret(made.key)});
    auto client = TlsContext::client({.authorities = made.certificate});
    ASSERT_TRUE(server && client);
    auto other = asio::co_spawn(executors_.io(), server_->start_tls(*server), asio::use_future);
    tls_error_ = run([&] { return client_->start_tls(*client, host); });
    if (tls_error_) {
      run([this]() -> asio::awaitable<int> {
        client_->close();
        co_return 0;
      });
    }
    EXPECT_EQ(static_cast<bool>(other.get()), static_cast<bool>(tls_error_));
  }

  std::string read_at(Stream& stream, std::size_t bytes) {
    return run([&]() -> asio::awaitable<std::string> {
      std::string text(bytes, '\0');
      std::size_t size = 0;
      while (size < bytes) {
        auto [error, count] = co_await stream.read_some(std::span(text).subspan(size));
        if (error) break;
        size += count;
      }
      text.resize(size);
      co_return text;
    });
  }
  ErrorCode send(Stream& stream, Stream::Pieces pieces) {
    return run([&]() -> asio::awaitable<ErrorCode> {
      auto [error, count] = co_await stream.write(pieces, std::chrono::seconds(20));
      co_return error;
    });
  }

  const test::TempDir dir_;
  Executors executors_{1, 1};
  SystemClock clock_;
  std::optional<Stream> client_;
  std::optional<Stream> server_;
  ErrorCode tls_error_;
};

TEST_P(StreamTest, CarriesBytesBothWays) {
  EXPECT_FALSE(send(*client_, {"hello, ", "server"}));
  EXPECT_EQ(read_at(*server_, 13), "hello, server");
  EXPECT_FALSE(send(*server_, {"", "hello, client"}));
  EXPECT_EQ(read_at(*client_, 13), "hello, client");
}

TEST_P(StreamTest, CarriesMoreThanASocketHolds) {
  const std::string first(3'000'000, 'a');
  const std::string second(5'000'000, 'b');

  run_beside([&] { EXPECT_FALSE(send(*client_, {first, second})); },
             [&] { EXPECT_EQ(read_at(*server_, first.size() + second.size()), first + second); });
}

TEST_P(StreamTest, EndsAtItsDeadline) {
  const ErrorCode error = run([&]() -> asio::awaitable<ErrorCode> {
    char byte = 0;
    server_->expires_at(soon(20));
    auto [failure, count] = co_await server_->read_some({&byte, 1});
    co_return failure;
  });

  EXPECT_TRUE(Stream::is_timeout(error)) << error.message();
}

// A peer that takes nothing ends a write however much it has to send; one that takes a little now
// and then does not.
TEST_P(StreamTest, StallsOnlyWithoutProgress) {
  const std::string text(20'000'000, 'x');
  const ErrorCode error = run([&]() -> asio::awaitable<ErrorCode> {
    auto [failure, count] = co_await server_->write({text, {}}, std::chrono::milliseconds(50));
    co_return failure;
  });

  EXPECT_TRUE(Stream::is_timeout(error)) << error.message();
}

TEST_P(StreamTest, SeesTheEnd) {
  const ErrorCode error = run([&]() -> asio::awaitable<ErrorCode> {
    client_->expires_at(soon(500));
    co_await client_->finish();
    char byte = 0;
    auto [failure, count] = co_await server_->read_some({&byte, 1});
    co_return failure;
  });

  EXPECT_EQ(error, asio::error::eof) << error.message();
}

// Also behind bytes that nobody reads: a request sent before its answer was there.
class PeerWatchTest : public StreamTest {
 protected:
  bool sees_it_leave(std::string_view unread) {
    if (!unread.empty()) EXPECT_FALSE(send(*client_, {unread, {}}));
    const StopToken peer(clock_, std::numeric_limits<std::int64_t>::max());
    std::optional<PeerWatch> watch;
    run([&]() -> asio::awaitable<int> {
      watch.emplace(*server_, peer);
      co_return 0;
    });
    run([] { return sleep_for_ns(100'000'000); });
    EXPECT_TRUE(peer.check()) << "it is still there";
    run([&]() -> asio::awaitable<int> {
      client_->expires_at(soon(500));
      if (unread.empty()) co_await client_->finish();
      client_->close();
      co_return 0;
    });
    bool seen = false;
    for (int i = 0; i < 1000 && !seen; ++i) {
      run([] { return sleep_for_ns(1'000'000); });
      seen = !peer.check();
    }
    run([&]() -> asio::awaitable<int> {
      watch.reset();
      co_return 0;
    });
    return seen;
  }
};

TEST_P(PeerWatchTest, SeesAnIdlePeerLeave) {
  EXPECT_TRUE(sees_it_leave(""));
}
TEST_P(PeerWatchTest, SeesAPeerLeaveBehindWhatItSent) {
  EXPECT_TRUE(sees_it_leave("GET / HTTP/1.1\r\n"));
}

TEST(TlsContext, SaysWhatIsWrong) {
  const test::Certificate made = test::make_certificate();
  const test::Certificate other = test::make_certificate();
  const auto text = [](const Result<TlsContext>& context) {
    return context ? std::string() : context.error().message();
  };

  EXPECT_EQ(text(TlsContext::server({})), "tls: a server needs a certificate");
  EXPECT_NE(text(TlsContext::client({.authorities = "rubbish"})).find("certificate authorities"),
            std::string::npos);
  EXPECT_NE(text(TlsContext::client({.certificate = "rubbish", .key = Secret(made.key)}))
                .find("tls: certificate: "),
            std::string::npos);
  EXPECT_NE(text(TlsContext::server({.certificate = made.certificate, .key = Secret(other.key)})),
            "");
}

// Whoever does not show that it is the host that was meant gets nothing.
class TlsStreamTest : public StreamTest {
 protected:
  void SetUp() override { connect_ends(tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)); }
};

TEST_P(TlsStreamTest, ChecksTheHost) {
  start_tls("127.0.0.1");
  EXPECT_FALSE(tls_error_) << tls_error_.message();
}
TEST_P(TlsStreamTest, RefusesAnotherHost) {
  start_tls("other.example");
  EXPECT_TRUE(tls_error_);
}

INSTANTIATE_TEST_SUITE_P(Kinds, TlsStreamTest, ::testing::Values(Kind::kTls));

constexpr auto name_of = [](const ::testing::TestParamInfo<Kind>& info) {
  constexpr const char* kNames[] = {"Tcp", "Unix", "Tls"};
  return std::string(kNames[static_cast<int>(info.param)]);
};
const auto kKinds = ::testing::Values(Kind::kTcp, Kind::kUnix, Kind::kTls);
INSTANTIATE_TEST_SUITE_P(Kinds, StreamTest, kKinds, name_of);
INSTANTIATE_TEST_SUITE_P(Kinds, PeerWatchTest, kKinds, name_of);

}  // namespace
}  // namespace narthex::net
