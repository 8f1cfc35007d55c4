// Remote write, receiving: what arrives is stored; what is damaged or forged is refused without
// harm.
#include "remote/receive/write_handler.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/metrics.h"
#include "remote/wire/write_v1.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tsdb/db.h"

namespace narthex::remote {
namespace {

using model::Labels;

class ReceiveWrite : public testing::Test {
 protected:
  model::SampleColumns read(const std::string& name) {
    const auto querier = *db_->querier({0, 1LL << 60});
    const auto set = *querier->select({model::Matcher::equal("__name__", name)}, {});
    model::SampleColumns out;
    if (set->size() == 1) EXPECT_TRUE(set->read(0, {0, 1LL << 60}, out));
    return out;
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  Metrics metrics_;
  std::unique_ptr<tsdb::Db> db_ =
      *tsdb::Db::open({.path = dir_.path()}, real_file_system(), clock_, metrics_, null_log());
  const model::TimeMs t_ = clock_.now_ms();
};

TEST_F(ReceiveWrite, StoresEverySample) {
  const std::string body =
      encode_write_request({{Labels{{"__name__", "a"}, {"x", "1"}}, {{t_, 1}, {t_ + 1, 2}}},
                            {Labels{{"__name__", "b"}}, {{t_, 3}}}});

  const auto report = receive_write(*db_, body);

  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->samples, 3U);
  EXPECT_EQ(read("a").values, (std::vector<double>{1, 2}));
  EXPECT_EQ(read("b").values, (std::vector<double>{3}));
}

TEST_F(ReceiveWrite, LeavesOutSeriesWithoutNameOrWithBadText) {
  const auto report = receive_write(
      *db_, encode_write_request({{Labels{{"x", "1"}}, {{t_, 1}}},
                                  {Labels{{"__name__", "c"}, {"x", "\xff"}}, {{t_, 1}}},
                                  {Labels{{"__name__", "d"}}, {{t_, 1}}}}));

  ASSERT_TRUE(report);
  EXPECT_EQ(report->skipped_series, 2U);
  EXPECT_EQ(report->samples, 1U);
}

TEST_F(ReceiveWrite, NamesOutOfOrderSamplesAndKeepsTheOthers) {
  ASSERT_TRUE(receive_write(*db_, encode_write_request({{Labels{{"__name__", "a"}}, {{t_, 1}}}})));

  const auto report =
      receive_write(*db_, encode_write_request({{Labels{{"__name__", "a"}}, {{t_ - 5, 1}}},
                                                {Labels{{"__name__", "b"}}, {{t_, 2}}}}));

  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), Code::kInvalid);
  EXPECT_NE(report.error().message().find("out of order"), std::string::npos);
  EXPECT_EQ(read("b").size(), 1U);
}

TEST_F(ReceiveWrite, RefusesDamageAndBombs) {
  const std::string body = encode_write_request({{Labels{{"__name__", "a"}}, {{t_, 1}}}});
  for (std::size_t size = 0; size < body.size(); ++size) {
    (void)receive_write(*db_, std::string_view(body).substr(0, size));  // any answer, no crash
  }
  EXPECT_FALSE(receive_write(*db_, "rubbish"));
  // A header that declares 4 GiB must be refused before anything is allocated.
  const auto bomb = receive_write(*db_, std::string("\xff\xff\xff\xff\x0f") + std::string(20, 'x'));
  ASSERT_FALSE(bomb);
  EXPECT_EQ(bomb.error().code(), Code::kLimit);
}

}  // namespace
}  // namespace narthex::remote
