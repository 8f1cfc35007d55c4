// Formatting as Go's package fmt does it, over the closed set of template values.
//
// A directive is read in fmt's order: flags, [index], width, precision, [index], verb. What a type
// does with a verb is decided by format_value(); a verb that a type does not know, a missing
// operand, one too many are no errors but text such as %!d(string=hi), as fmt writes it. Widths
// count characters, not bytes.
//
// Bounds: a width or precision above 1 MiB is refused before anything is padded, and the whole is
// measured after each directive, so a template cannot ask for more than twice what it may have.
#include "alerting/template/printf.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/str.h"
#include "base/utf8.h"

namespace narthex::alerting::tmpl {
namespace {

constexpr int kWidthMax = 1'000'000;  // copied from fmt: beyond it no further digit is read

Error too_long() {
  return Error(Code::kLimit, "a string exceeds 1 MiB");
}

struct Spec {
  bool minus = false;
  bool plus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  std::optional<int> width;
  std::optional<int> precision;
  std::string_view verb;  // one character, possibly of several bytes
};

std::size_t rune_count(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The prefix of `text` that holds `count` characters.
std::string_view first_runes(std::string_view text, std::size_t count) {
  std::size_t i = 0;
  for (; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts && count-- == 0) break;
  }
  return text.substr(0, i);
}

std::string pad(std::string text, const Spec& spec, bool zero_fill = false) {
  const std::size_t count = rune_count(text);
  const auto width = static_cast<std::size_t>(spec.width.value_or(0));
  if (count >= width) return text;
  const std::size_t missing = width - count;
  if (spec.minus) return text + std::string(missing, ' ');
  if (!zero_fill) return std::string(missing, ' ') + text;
  const bool has_sign =
      !text.empty() && std::string_view("+- ").find(text[0]) != std::string_view::npos;
  return text.insert(has_sign ? 1 : 0, std::string(missing, '0'));
}

std::string sign_of(bool negative, const Spec& spec) {
  if (negative) return "-";
  return spec.plus ? "+" : spec.space ? " " : "";
}

std::string bad_verb(const Spec& spec, const Value& value) {
  if (value.is_none()) return concat("%!", spec.verb, "(<nil>)");
  return concat("%!", spec.verb, "(", value.type_name(), "=", value.to_text(), ")");
}

std::string float_digits(double size, char verb, const Spec& spec) {
  const bool shortest = (verb == 'v' || verb == 'g') && !spec.precision;
  if (shortest) return format_float(size, FloatStyle::kGeneral);
  const int precision = spec.precision.value_or(6);
  if (verb == 'f' || verb == 'F') return fmt::format("{:.{}f}", size, precision);
  if (verb == 'e') return fmt::format("{:.{}e}", size, precision);
  return fmt::format("{:.{}g}", size, std::max(precision, 1));
}

std::string format_number(double value, const Spec& spec) {
  char verb = spec.verb[0];
  const bool upper = verb == 'E' || verb == 'G';
  if (upper) verb = verb == 'E' ? 'e' : 'g';
  if (std::isnan(value)) return pad(spec.plus ? "+NaN" : "NaN", spec);
  if (std::isinf(value)) return pad(value > 0 ? "+Inf" : "-Inf", spec);
  std::string text =
      sign_of(std::signbit(value), spec) + float_digits(std::fabs(value), verb, spec);
  if (upper) {
    for (char& c : text) c = c == 'e' ? 'E' : c;
  }
  return pad(std::move(text), spec, spec.zero && !spec.minus);
}

std::string rune_text(std::uint64_t rune) {
  if (rune > 0x10FFFF) rune = 0xFFFD;
  std::string out;
  append_utf8(out, static_cast<std::uint32_t>(rune));
  return out;
}

// An integer as sign and size.
std::optional<std::string> format_integer(bool negative, std::uint64_t size, const Spec& spec) {
  std::string digits;
  switch (spec.verb[0]) {
    case 'v':
    case 'd':
      digits = fmt::format("{}", size);
      break;
    case 'x':
      digits = fmt::format("{}{:x}", spec.sharp ? "0x" : "", size);
      break;
    case 'X':
      digits = fmt::format("{}{:X}", spec.sharp ? "0X" : "", size);
      break;
    case 'o':
      digits = fmt::format("{}{:o}", spec.sharp ? "0" : "", size);
      break;
    case 'b':
      digits = fmt::format("{:b}", size);
      break;
    case 'c':
      return pad(rune_text(size), spec);
    case 'q':
      return pad(concat("'", rune_text(size), "'"), spec);
    case 'U':
      return pad(fmt::format("U+{:04X}", size), spec);
    default:
      return std::nullopt;
  }
  const bool zero_fill = spec.zero && !spec.minus && !spec.precision;
  if (spec.precision && digits.size() < static_cast<std::size_t>(*spec.precision)) {
    digits.insert(0, static_cast<std::size_t>(*spec.precision) - digits.size(), '0');
  }
  return pad(sign_of(negative, spec) + digits, spec, zero_fill);
}

std::string hex_text(std::string_view text, bool upper) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return out;
}

std::optional<std::string> format_text(std::string_view text, const Spec& spec) {
  const auto limit = static_cast<std::size_t>(spec.precision.value_or(kWidthMax));
  switch (spec.verb[0]) {
    case 'v':
    case 's':
      return pad(std::string(first_runes(text, limit)), spec, spec.zero && !spec.minus);
    case 'q': {
      const std::string_view shown = first_runes(text, limit);
      const bool raw = spec.sharp && shown.find('`') == std::string_view::npos;
      return pad(raw ? concat("`", shown, "`") : quote(shown), spec);
    }
    case 'x':
      return pad(hex_text(text.substr(0, limit), false), spec);
    case 'X':
      return pad(hex_text(text.substr(0, limit), true), spec);
    default:
      return std::nullopt;
  }
}

std::string format_value(const Value& value, const Spec& spec) {
  const char verb = spec.verb[0];
  std::optional<std::string> out;
  if (verb == 'T') return pad(value.is_none() ? "<nil>" : std::string(value.type_name()), spec);
  if (value.is_none()) return verb == 'v' ? pad("<nil>", spec) : bad_verb(spec, value);
  if (const auto* number = value.as<double>()) {
    const bool known = std::string_view("vgGeEfF").find(verb) != std::string_view::npos;
    if (known) out = format_number(*number, spec);
  } else if (const auto* integer = value.as<std::int64_t>()) {
    const bool negative = *integer < 0;
    const auto bits = static_cast<std::uint64_t>(*integer);
    out = format_integer(negative, negative ? 0 - bits : bits, spec);
  } else if (const auto* byte = value.as<std::uint64_t>()) {
    out = format_integer(false, *byte, spec);
  } else if (const auto* text = value.as<std::string>()) {
    out = format_text(*text, spec);
  } else if (const auto* flag = value.as<bool>()) {
    if (verb == 'v' || verb == 't') out = pad(*flag ? "true" : "false", spec);
  } else if (verb == 'v' || verb == 's') {
    out = pad(value.to_text(), spec);
  } else if (verb == 'q') {
    out = pad(quote(value.to_text()), spec);
  }
  return out ? *std::move(out) : bad_verb(spec, value);
}

// Walks a format string and its arguments.
class Formatter {
 public:
  Formatter(std::string_view format, std::span<const Value> args) : format_(format), args_(args) {}

  Result<std::string> run() {
    while (at_ < format_.size()) {
      if (out_.size() > kFormattedBytesMax) return too_long();
      const std::size_t percent = std::min(format_.find('%', at_), format_.size());
      out_ += format_.substr(at_, percent - at_);
      at_ = percent;
      if (at_ < format_.size() && !directive()) return too_long();
    }
    if (!reordered_ && used_ < args_.size()) append_extra();
    if (out_.size() > kFormattedBytesMax) return too_long();
    return std::move(out_);
  }

 private:
  // False when it asks for more than can be.
  bool directive() {
    ++at_;
    Spec spec;
    read_flags(spec);
    read_index();
    read_size(spec.width, spec, true);
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      spec.precision = 0;
      read_index();
      read_size(spec.precision, spec, false);
    }
    read_index();
    if (at_ >= format_.size()) {
      out_ += "%!(NOVERB)";
      return true;
    }
    constexpr auto kSizeMax = static_cast<int>(kFormattedBytesMax);
    if (spec.width.value_or(0) > kSizeMax || spec.precision.value_or(0) > kSizeMax) return false;
    std::size_t length = 1;
    while (at_ + length < format_.size() &&
           (static_cast<unsigned char>(format_[at_ + length]) & 0xC0) == 0x80) {
      ++length;
    }
    spec.verb = format_.substr(at_, length);
    at_ += length;
    if (spec.verb == "%") {
      out_ += '%';
    } else if (bad_index_) {
      out_ += concat("%!", spec.verb, "(BADINDEX)");
    } else if (used_ >= args_.size()) {
      out_ += concat("%!", spec.verb, "(MISSING)");
    } else {
      out_ += format_value(args_[used_++], spec);
    }
    bad_index_ = false;
    return true;
  }

  void read_flags(Spec& spec) {
    for (; at_ < format_.size(); ++at_) {
      switch (format_[at_]) {
        case '-':
          spec.minus = true;
          break;
        case '+':
          spec.plus = true;
          break;
        case '#':
          spec.sharp = true;
          break;
        case ' ':
          spec.space = true;
          break;
        case '0':
          spec.zero = true;
          break;
        default:
          return;
      }
    }
  }

  // `[n]`: the next operand is the n-th.
  void read_index() {
    if (at_ >= format_.size() || format_[at_] != '[') return;
    reordered_ = true;
    const std::size_t close = format_.find(']', at_);
    if (close == std::string_view::npos) {
      bad_index_ = true;
      ++at_;
      return;
    }
    std::size_t index = 0;
    for (const char c : format_.substr(at_ + 1, close - at_ - 1)) {
      if (c < '0' || c > '9' || index > args_.size()) index = args_.size() + 1;
      if (index <= args_.size()) index = index * 10 + static_cast<std::size_t>(c - '0');
    }
    at_ = close + 1;
    bad_index_ = index == 0 || index > args_.size();
    if (!bad_index_) used_ = index - 1;
  }

  void read_size(std::optional<int>& size, Spec& spec, bool is_width) {
    if (at_ < format_.size() && format_[at_] == '*') {
      ++at_;
      const auto* given = used_ < args_.size() ? args_[used_].as<std::int64_t>() : nullptr;
      if (used_ < args_.size()) ++used_;
      if (given == nullptr || *given > kWidthMax || *given < -kWidthMax) {
        out_ += is_width ? "%!(BADWIDTH)" : "%!(BADPREC)";
        size.reset();
        return;
      }
      if (is_width && *given < 0) spec.minus = true;
      size = static_cast<int>(std::abs(*given));
      return;
    }
    int value = 0;
    bool any = false;
    for (; at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9'; ++at_) {
      if (value > kWidthMax) {  // as fmt: the rest of the format is not looked at
        at_ = format_.size();
        return;
      }
      value = value * 10 + (format_[at_] - '0');
      any = true;
    }
    if (any) size = value;
  }

  void append_extra() {
    out_ += "%!(EXTRA ";
    for (std::size_t i = used_; i < args_.size() && out_.size() <= kFormattedBytesMax; ++i) {
      if (i > used_) out_ += ", ";
      const Value& value = args_[i];
      out_ += value.is_none() ? "<nil>" : concat(value.type_name(), "=", value.to_text());
    }
    out_ += ')';
  }

  std::string_view format_;
  std::span<const Value> args_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
  bool reordered_ = false;
  bool bad_index_ = false;
  std::string out_;
};

std::string plain_text(const Value& value) {
  return value.is_none() ? "<nil>" : value.to_text();
}

}  // namespace

Result<std::string> go_sprintf(std::string_view format, std::span<const Value> args) {
  return Formatter(format, args).run();
}

Result<std::string> go_sprint(std::span<const Value> args) {
  std::string out;
  bool after_string = true;
  for (const Value& value : args) {
    const bool is_string = value.as<std::string>() != nullptr;
    if (!out.empty() && !is_string && !after_string) out += ' ';
    after_string = is_string;
    out += plain_text(value);
    if (out.size() > kFormattedBytesMax) return too_long();
  }
  return out;
}

Result<std::string> go_sprintln(std::span<const Value> args) {
  std::string out;
  for (std::size_t i = 0; i < args.size(); ++i) {
    out += concat(i == 0 ? "" : " ", plain_text(args[i]));
    if (out.size() > kFormattedBytesMax) return too_long();
  }
  return out + "\n";
}

}  // namespace narthex::alerting::tmpl
