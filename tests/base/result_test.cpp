// Errors keep their code and grow their message outwards.
#include "base/result.h"

#include <gtest/gtest.h>

namespace narthex {
namespace {

Result<int> fails() {
  return Error(Code::kNotFound, "segment is gone");
}

Result<int> passes_on() {
  NX_TRY_ASSIGN(const int value, fails());
  return value + 1;
}

TEST(Error, KeepsCodeAndPrependsContext) {
  Result<int> result = passes_on();

  ASSERT_FALSE(result);
  const Error error = std::move(result).error().with("wal");
  EXPECT_EQ(error.cause(), Cause::kNone);
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.message(), "wal: segment is gone");
}

TEST(Error, KeepsItsCause) {
  const Error error(Code::kLimit, "too long", Cause::kBodySize);
  const Error copy = Error(error).with("scrape");

  EXPECT_EQ(copy.cause(), Cause::kBodySize);
  EXPECT_EQ(copy.message(), "scrape: too long");
}

}  // namespace
}  // namespace narthex
