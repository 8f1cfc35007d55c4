// Rows whose series is gone, resolved and appended once more.
#include "model/append_again.h"

#include <gtest/gtest.h>

#include "tests/support/fake_appender.h"

namespace narthex::model {
namespace {

class AppendAgainTest : public testing::Test {
 protected:
  // The report after both tries.
  Result<AppendReport> append(const FloatBatch& batch) {
    NX_TRY_ASSIGN(AppendReport report, appender_.append(batch));
    const auto resolve = [&](std::size_t row) -> Result<std::optional<SeriesHandle>> {
      asked_.push_back(row);
      if (leave_) return std::nullopt;
      return appender_.resolve(labels_[row], kNoOwner);
    };
    NX_TRY(append_again(batch, resolve, appender_, report));
    return report;
  }

  test::FakeAppender appender_;
  std::vector<Labels> labels_ = {Labels{{"a", "1"}}, Labels{{"a", "2"}}, Labels{{"a", "3"}}};
  std::vector<SeriesHandle> series_ = {*appender_.resolve(labels_[0], kNoOwner),
                                       *appender_.resolve(labels_[1], kNoOwner),
                                       *appender_.resolve(labels_[2], kNoOwner)};
  std::vector<double> values_ = {1, 2, 3};
  std::vector<std::size_t> asked_;
  bool leave_ = false;
};

TEST_F(AppendAgainTest, WritesOnlyRowsThatAreGone) {
  appender_.forget(R"({a="2"})");

  const auto report = append({.series = series_, .values = values_, .time = 5});

  ASSERT_TRUE(report);
  EXPECT_EQ(asked_, std::vector<std::size_t>{1});
  EXPECT_EQ(report->verdicts, std::vector<RowVerdict>(3, RowVerdict::kAppended));
  EXPECT_EQ(report->appended, 3U);
  EXPECT_EQ(report->gone, 0U);
  EXPECT_EQ(appender_.newest(R"({a="2"})"), 2);
  EXPECT_EQ(appender_.samples(R"({a="1"})").size(), 1U);
}

TEST_F(AppendAgainTest, KeepsTheTimesOfRows) {
  appender_.forget(R"({a="3"})");
  const std::vector<TimeMs> times = {7, 8, 9};

  ASSERT_TRUE(append({.series = series_, .values = values_, .times = times}));

  EXPECT_EQ(appender_.samples(R"({a="3"})").back().time, 9);
}

TEST_F(AppendAgainTest, LeavesRowsThatNothingResolves) {
  leave_ = true;
  appender_.forget(R"({a="1"})");

  const auto report = append({.series = series_, .values = values_, .time = 5});

  ASSERT_TRUE(report);
  EXPECT_EQ(report->verdicts[0], RowVerdict::kGone);
  EXPECT_EQ(report->gone, 1U);
  EXPECT_EQ(appender_.batches(), 1U);
}

TEST_F(AppendAgainTest, LeavesTheReportWhereResolvingFails) {
  appender_.forget(R"({a="1"})");
  auto report = *appender_.append({.series = series_, .values = values_, .time = 5});
  const auto fail = [](std::size_t) -> Result<std::optional<SeriesHandle>> {
    return Error(Code::kLimit, "no new series");
  };

  const auto again =
      append_again({.series = series_, .values = values_, .time = 5}, fail, appender_, report);

  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), Code::kLimit);
  EXPECT_EQ(report.gone, 1U);
}

}  // namespace
}  // namespace narthex::model
