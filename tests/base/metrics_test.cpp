// The registry: one object for one name and labels, and labels that come and go.
#include "base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/metrics_refresh.h"

namespace narthex {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, GivesTheSameObjectForTheSameLabels) {
  Metrics metrics;
  metrics.counter("c", "help", {{"x", "1"}}).add();
  metrics.counter("c", "help", {{"x", "1"}}).add(2);
  metrics.counter("c", "help", {{"x", "2"}}).add();

  EXPECT_THAT(metrics.expose(), HasSubstr("c{x=\"1\"} 3"));
  EXPECT_THAT(metrics.expose(), HasSubstr("c{x=\"2\"} 1"));
}

TEST(Metrics, ShowsTheQuantilesOfTheSpread) {
  Metrics metrics;
  metrics.summary("upper", "help").observe(1);
  metrics.summary("both", "help", {}, Spread::kBoth).observe(1);

  EXPECT_THAT(metrics.expose(), HasSubstr("both{quantile=\"0.01\"} 1"));
  EXPECT_THAT(metrics.expose(), HasSubstr("both{quantile=\"0.99\"} 1"));
  EXPECT_THAT(metrics.expose(), Not(HasSubstr("upper{quantile=\"0.01\"}")));
}

// A group that was removed must not look like one that has stopped.
TEST(Metrics, HidesWhatIsRetiredUntilItIsBack) {
  Metrics metrics;
  Gauge& gone = metrics.gauge("g", "help", {{"group", "a"}});
  gone.set(1);
  metrics.gauge("g", "help", {{"group", "b"}}).set(2);
  metrics.gauge("only", "help", {{"group", "a"}}).set(3);

  metrics.retire("group", "a");
  gone.set(4);
  EXPECT_THAT(metrics.expose(), Not(HasSubstr("group=\"a\"")));
  EXPECT_THAT(metrics.expose(), Not(HasSubstr("# TYPE only")));
  EXPECT_THAT(metrics.expose(), HasSubstr("g{group=\"b\"} 2"));

  EXPECT_EQ(&metrics.gauge("g", "help", {{"group", "a"}}), &gone);
  EXPECT_THAT(metrics.expose(), HasSubstr("g{group=\"a\"} 4"));
}

TEST(Metrics, ShowsOnlyWhatIsNamed) {
  Metrics metrics;
  metrics.counter("a", "help");
  metrics.counter("b", "help");

  EXPECT_EQ(metrics.expose({"b", "c"}), "# HELP b help\n# TYPE b counter\nb 0\n");
}

TEST(Metrics, RefreshesBeforeItShows) {
  Metrics metrics;
  metrics.on_collect([&] { metrics.gauge("g", "help").add(1); });

  EXPECT_THAT(metrics.expose(), HasSubstr("g 1"));
  EXPECT_THAT(metrics.expose(), HasSubstr("g 2"));
}

TEST(MetricsRefresh, EndsBeforeTheRegistry) {
  Metrics metrics;
  {
    const MetricsRefresh refresh(metrics, [&] { metrics.gauge("g", "help").add(1); });
    EXPECT_THAT(metrics.expose(), HasSubstr("g 1"));
  }
  EXPECT_THAT(metrics.expose(), HasSubstr("g 1"));
}

}  // namespace
}  // namespace narthex
