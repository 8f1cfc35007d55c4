// A job's targets as discovery changes.
#include "scrape/pool.h"

#include <gtest/gtest.h>

#include "tests/support/fake_appender.h"
#include "tests/support/fake_clock.h"

namespace narthex::scrape {
namespace {

class PoolTest : public testing::Test {
 protected:
  ~PoolTest() override {
    tasks_.stop();
    EXPECT_TRUE(tasks_.wait(std::chrono::seconds(10)));
    executors_.stop();
  }

  std::unique_ptr<Pool> make(std::string_view text) {
    const auto node = yaml::parse(text, "p.yml");
    auto config = decode_scrape_config(*node, {});
    return std::make_unique<Pool>(
        LoopContext{executors_, store_, clock_, null_log(), scrape_metrics_, batches_, bodies_,
                    parsed_, options_},
        tasks_, *Job::create(*std::move(config)));
  }
  static discovery::TargetGroup group(std::string_view meta) {
    discovery::TargetGroup out;
    out.targets = {model::Labels{{"__address__", "h:1"}, {"__meta_note", meta}}};
    return out;
  }

  net::Executors executors_{1, 1};
  test::FakeAppender store_;
  test::FakeClock clock_;
  Metrics metrics_;
  ScrapeMetrics scrape_metrics_{metrics_};
  BatchPool batches_;
  ByteBudget bodies_{std::size_t{1} << 30};
  MemoryBudget parsed_{"all scrapes", 2U << 20};
  ScrapeOptions options_;
  net::TaskGroup tasks_{executors_};
};

// Meta labels come and go without the target's own labels changing: the target stays, what was
// discovered of it is shown as it is now.
TEST_F(PoolTest, DiscoveredLabelsFollowDiscovery) {
  const auto pool = make("job_name: j\nscrape_interval: 1h\n");
  pool->sync({group("old")}, 0);
  ASSERT_EQ(pool->active().size(), 1U);
  EXPECT_EQ(pool->active()[0].discovered_labels.get("__meta_note"), "old");

  pool->sync({group("new")}, 0);

  ASSERT_EQ(pool->active().size(), 1U);
  EXPECT_EQ(pool->active()[0].discovered_labels.get("__meta_note"), "new");
  EXPECT_EQ(tasks_.size(), 1U);
}

TEST_F(PoolTest, OfEqualTargetsTheLastIsShown) {
  const auto pool = make("job_name: j\nscrape_interval: 1h\n");

  pool->sync({group("first"), group("last")}, 0);

  ASSERT_EQ(pool->active().size(), 1U);
  EXPECT_EQ(pool->active()[0].discovered_labels.get("__meta_note"), "last");
}

}  // namespace
}  // namespace narthex::scrape
