// What can be told without a network: addresses, /etc/hosts, deadlines and cancelling.
#include "net/resolver.h"

#include <future>

#include <gtest/gtest.h>

#include "net/executors.h"

namespace narthex::net {
namespace {

using Clock = std::chrono::steady_clock;
using Addresses = std::vector<asio::ip::address>;

class ResolverTest : public ::testing::Test {
 protected:
  ~ResolverTest() override {
    tasks_.stop();
    EXPECT_TRUE(tasks_.wait(std::chrono::seconds(10)));
    executors_.stop();
  }
  TaskHandle start(std::string host, Clock::duration patience) {
    auto task = [this, host, deadline = Clock::now() + patience]() -> asio::awaitable<void> {
      Result<Addresses> found = co_await resolve(host, deadline);
      found_.set_value(std::move(found));
    };
    return tasks_.spawn(task);
  }
  Result<Addresses> found() { return found_.get_future().get(); }

  Executors executors_{1, 1};
  TaskGroup tasks_{executors_};
  std::promise<Result<Addresses>> found_;
};

TEST_F(ResolverTest, AnAddressIsItsOwnAnswer) {
  start("2001:db8::1", std::chrono::seconds(10));

  EXPECT_EQ(found().value(), Addresses{asio::ip::make_address("2001:db8::1")});
}

TEST_F(ResolverTest, ReadsTheHostsFile) {
  start("localhost", std::chrono::seconds(10));

  const Addresses addresses = found().value();
  ASSERT_FALSE(addresses.empty());
  for (const asio::ip::address& address : addresses) EXPECT_TRUE(address.is_loopback());
}

TEST_F(ResolverTest, RefusesWhatIsNoName) {
  start(std::string(300, 'x'), std::chrono::seconds(10));

  EXPECT_NE(found().error().message().find(": no such host"), std::string::npos);
}

TEST_F(ResolverTest, KeepsItsDeadline) {
  start("name.invalid", Clock::duration::zero());

  EXPECT_EQ(found().error().code(), Code::kTimeout);
}

}  // namespace
}  // namespace narthex::net
