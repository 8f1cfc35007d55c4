// Jobs come, change and go as configurations are committed; one that is refused changes nothing.
#include "scrape/manager.h"

#include <gtest/gtest.h>

#include "base/str.h"
#include "tests/support/fake_appender.h"
#include "tests/support/fake_clock.h"

namespace narthex::scrape {
namespace {

using Names = std::vector<std::string>;

class ManagerTest : public testing::Test {
 protected:
  ~ManagerTest() override {
    manager_.stop();
    executors_.stop();
  }

  static ScrapeConfig job(std::string_view name, std::string_view more = "") {
    const auto node = yaml::parse(concat("job_name: ", name, "\nscrape_interval: 1h\n", more), "j");
    return *decode_scrape_config(*node, {});
  }

  Result<void> use(std::vector<ScrapeConfig> jobs) {
    NX_TRY_ASSIGN(auto prepared, manager_.prepare(std::move(jobs), {}));
    manager_.commit(std::move(prepared));
    return {};
  }

  net::Executors executors_{1, 1};
  test::FakeAppender store_;
  test::FakeClock clock_;
  Metrics metrics_;
  ScrapeManager manager_{{executors_, store_, real_file_system(), clock_, metrics_, null_log()},
                         {}};
};

TEST_F(ManagerTest, HasTheJobsOfTheLastCommitSorted) {
  ASSERT_TRUE(use({job("b"), job("a")}));
  EXPECT_EQ(manager_.pools(), (Names{"a", "b"}));

  ASSERT_TRUE(use({job("c"), job("b", "metrics_path: /other\n")}));

  EXPECT_EQ(manager_.pools(), (Names{"b", "c"}));
  EXPECT_EQ(manager_.pool_counts().size(), 2U);
}

TEST_F(ManagerTest, PreparingChangesNothing) {
  ASSERT_TRUE(use({job("a")}));

  ASSERT_TRUE(manager_.prepare({job("b")}, {}));

  EXPECT_EQ(manager_.pools(), Names{"a"});
}

TEST_F(ManagerTest, RefusesAJobNameThatComesTwice) {
  ASSERT_TRUE(use({job("a")}));

  const Result<void> used = use({job("b"), job("c"), job("b")});

  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code(), Code::kInvalid);
  EXPECT_EQ(used.error().message(), "found multiple scrape configs with job name \"b\"");
  EXPECT_EQ(manager_.pools(), Names{"a"});
}

TEST_F(ManagerTest, ACommitAfterStopStartsNothing) {
  manager_.stop();
  manager_.stop();

  ASSERT_TRUE(use({job("a")}));

  EXPECT_EQ(manager_.pools(), Names{});
  EXPECT_EQ(store_.batches(), 0U);
}

TEST(Health, HasUpstreamsNames) {
  EXPECT_EQ(health_name(Health::kUnknown), "unknown");
  EXPECT_EQ(health_name(Health::kUp), "up");
  EXPECT_EQ(health_name(Health::kDown), "down");
}

}  // namespace
}  // namespace narthex::scrape
