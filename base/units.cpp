// Byte sizes as upstream's alecthomas/units reads and writes them: a sum of numbers with units, in
// doubles, powers of two whatever the spelling.
#include "base/units.h"

#include <array>

#include "base/str.h"

namespace narthex {
namespace {

constexpr std::array<std::string_view, 7> kPrefixes = {"", "K", "M", "G", "T", "P", "E"};

// The unit's size; 0 when unknown.
double unit_bytes(std::string_view unit) {
  double size = 1;
  for (std::size_t i = 0; i < kPrefixes.size(); ++i, size *= 1024) {
    if (unit == concat(kPrefixes[i], "B") || (i > 0 && unit == concat(kPrefixes[i], "iB"))) {
      return size;
    }
  }
  return 0;
}

}  // namespace

// Numbers with units, summed up, as upstream's flag library reads 1GiB512MiB: prefixes are powers
// of 1024 with or without the i.
Result<std::int64_t> parse_bytes(std::string_view text) {
  const auto invalid = [&] { return Error(Code::kInvalid, concat("units: invalid ", text)); };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return invalid();
  double total = 0;
  while (!rest.empty()) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    double number = 0;
    if (digits == 0 || !parse_float(rest.substr(0, digits), number)) return invalid();
    rest.remove_prefix(digits);
    const std::size_t letters = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view unit = rest.substr(0, letters);
    const double size = unit_bytes(unit);
    if (size == 0) {
      return Error(Code::kInvalid, concat("units: unknown unit ", unit, " in ", text));
    }
    total += number * size;
    rest.remove_prefix(letters);
  }
  if (total >= 9.2e18) return Error(Code::kInvalid, "units: overflow parsing unit");
  return static_cast<std::int64_t>(negative ? -total : total);
}

std::string format_bytes(std::int64_t bytes) {
  if (bytes == 0) return "0B";
  std::string out;
  for (std::size_t i = 0; i < kPrefixes.size() && bytes != 0; ++i, bytes /= 1024) {
    const std::int64_t part = bytes % 1024;
    if (part != 0) out = concat(part, kPrefixes[i], i == 0 ? "B" : "iB") + out;
  }
  return out;
}

}  // namespace narthex
