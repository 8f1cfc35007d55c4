// The store's door: closed before the store is open and after it is closed.
#include "server/late_store.h"

#include <limits>

#include <gtest/gtest.h>

namespace narthex::server {
namespace {

// What parts are given before there is a store.
class Store final : public model::Appender, public model::Queryable {
 public:
  Result<model::SeriesHandle> resolve(const model::Labels&, model::SeriesOwner) override {
    return model::SeriesHandle{7, 0};
  }
  model::TimeMs oldest_time() const override { return std::numeric_limits<model::TimeMs>::min(); }
  Result<model::AppendReport> append(const model::FloatBatch&) override {
    return model::AppendReport{};
  }
  Result<std::unique_ptr<model::Querier>> querier(model::TimeRange) override {
    return std::unique_ptr<model::Querier>();
  }
};

std::vector<Code> codes(LateStore& late) {
  const auto code = [](const auto& result) {
    return result ? Code::kInternal : result.error().code();
  };
  return {code(late.resolve({}, model::kNoOwner)), code(late.append({})), code(late.querier({}))};
}

TEST(LateStore, IsUnavailableUnlessOpen) {
  const std::vector<Code> closed(3, Code::kUnavailable);
  LateStore late;
  Store store;
  EXPECT_EQ(codes(late), closed);

  late.open(store);
  EXPECT_TRUE(late.resolve({}, model::kNoOwner));
  EXPECT_TRUE(late.append({}));
  EXPECT_TRUE(late.querier({}));

  late.close();
  EXPECT_EQ(codes(late), closed);
}

}  // namespace
}  // namespace narthex::server
