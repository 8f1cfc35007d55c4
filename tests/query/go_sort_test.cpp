// Go's sort, pinned by what Go 1.26 makes of the same inputs.
#include "query/go_sort.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace narthex::query {
namespace {

struct Item {
  double value = 0;
  std::size_t index = 0;
};

// Numbers of Knuth's MMIX generator, so that Go could be given the same ones.
class Numbers {
 public:
  std::uint64_t below(std::uint64_t end) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return (state_ >> 33U) % end;
  }

 private:
  std::uint64_t state_ = 42;
};

enum class Shape : std::uint8_t {
  kRandom,
  kAscending,
  kDescending,
  kNearlyAscending,
  kSawtooth,
  kWithNans,
  kSquares,
  kNans
};

double value_of(Shape shape, std::size_t i, std::size_t count, std::uint64_t kinds,
                Numbers& numbers) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const auto ascending = static_cast<double>(i);
  if (shape == Shape::kRandom) return static_cast<double>(numbers.below(kinds));
  if (shape == Shape::kAscending) return ascending;
  if (shape == Shape::kDescending) return static_cast<double>(count - i);
  if (shape == Shape::kNearlyAscending) {
    return numbers.below(16) == 0 ? static_cast<double>(numbers.below(count)) : ascending;
  }
  if (shape == Shape::kSawtooth) return static_cast<double>(i % kinds);
  if (shape == Shape::kSquares) return static_cast<double>(i * i % count);
  if (shape == Shape::kNans) return kNan;
  const auto value = static_cast<double>(numbers.below(kinds));
  return numbers.below(5) == 0 ? kNan : value;
}

// FNV-1a over the order.
std::uint64_t hash(const std::vector<Item>& items) {
  std::uint64_t h = 14695981039346656037U;
  for (const Item& item : items) h = (h ^ item.index) * 1099511628211U;
  return h;
}

// As upstream orders a heap: NaN is less than anything, itself included.
bool nan_first(const Item& a, const Item& b) {
  return std::isnan(a.value) || a.value < b.value;
}

TEST(GoSort, OrdersTiesAndNansAsGoDoes) {
  constexpr std::array<std::uint64_t, 8> kByGo{
      13316052827574075562U, 6160722253629206328U, 8545908364157478216U,  10954601168654498996U,
      310911953129227924U,   7370530949990501432U, 13645001877081334982U, 10769068079421206720U};
  constexpr std::array<std::size_t, 15> kCounts{0,  1,  2,  5,   12,  13,   20,  40,
                                                49, 50, 51, 100, 333, 1000, 5000};
  constexpr std::array<std::uint64_t, 5> kKinds{1, 2, 3, 10, 1000};
  Numbers numbers;
  for (std::size_t shape = 0; shape < kByGo.size(); ++shape) {
    SCOPED_TRACE(shape);
    std::uint64_t total = 0;
    for (const std::size_t count : kCounts) {
      for (const std::uint64_t kinds : kKinds) {
        std::vector<Item> items(count);
        for (std::size_t i = 0; i < count; ++i) {
          items[i] = {value_of(static_cast<Shape>(shape), i, count, kinds, numbers), i};
        }
        std::vector<Item> reversed = items;

        go_sort(items, nan_first);
        go_sort(reversed, [](const Item& a, const Item& b) { return nan_first(b, a); });

        total = total * 31 + hash(items);
        total = total * 31 + hash(reversed);
      }
    }
    EXPECT_EQ(total, kByGo[shape]);
  }
}

TEST(GoSearch, HalvesAsGoDoes) {
  std::vector<std::size_t> asked;

  const std::size_t found = go_search(5, [&](std::size_t i) {
    asked.push_back(i);
    return i >= 3;
  });

  EXPECT_EQ(found, 3U);
  EXPECT_EQ(asked, (std::vector<std::size_t>{2, 4, 3}));
}

}  // namespace
}  // namespace narthex::query
