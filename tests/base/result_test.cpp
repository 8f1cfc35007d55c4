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
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.message(), "wal: segment is gone");
}

}  // namespace
}  // namespace narthex
