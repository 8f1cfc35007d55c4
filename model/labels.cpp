// Labels and their builder, over upstream's `stringlabels` layout.
//
// Everything walks the string from the front: sets have a dozen labels, and a walk over two hundred
// bytes in one cache line or three beats any index. A set is made by one append a text; what is not
// sorted goes through the builder, whose vector of pairs stays sorted as it changes.
//
// Comparing is by labels and not by bytes: a length stands in front of each text, so memcmp() of
// the strings would sort by length first. Equality needs no order, so there the bytes do.
#include "model/labels.h"

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/check.h"
#include "base/str.h"
#include "base/utf8.h"

namespace narthex::model {
namespace {

constexpr std::size_t kLongLength =
    0xFF;  // first byte of a four-byte length, fixed by upstream's layout

unsigned char byte_at(const char* at) {
  return static_cast<unsigned char>(*at);
}

std::string_view read_text(const char*& at) {
  std::size_t length = byte_at(at++);
  if (length == kLongLength) {
    length =
        byte_at(at) | (std::size_t{byte_at(at + 1)} << 8) | (std::size_t{byte_at(at + 2)} << 16);
    at += 3;
  }
  const std::string_view text(at, length);
  at += length;
  return text;
}

void append_text(std::string& out, std::string_view text) {
  NX_CHECK(text.size() <= kLabelTextBytesMax);
  if (text.size() < kLongLength) {
    out += static_cast<char>(text.size());
  } else {
    out += static_cast<char>(kLongLength);
    out += static_cast<char>(text.size() & 0xFF);
    out += static_cast<char>((text.size() >> 8) & 0xFF);
    out += static_cast<char>((text.size() >> 16) & 0xFF);
  }
  out += text;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Labels this long are shown by their beginning.
std::string_view head(std::string_view text) {
  return text.substr(0, 50);
}

}  // namespace

LabelView Labels::Iterator::operator*() const {
  const char* at = at_;
  const std::string_view name = read_text(at);
  return {name, read_text(at)};
}

Labels::Iterator& Labels::Iterator::operator++() {
  read_text(at_);
  read_text(at_);
  return *this;
}

Labels::Labels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  LabelsBuilder builder;
  for (const auto& [name, value] : pairs) builder.set(name, value);
  *this = builder.build();
}

Labels Labels::from_pairs(std::vector<std::pair<std::string, std::string>> pairs) {
  LabelsBuilder builder;
  for (const auto& [name, value] : pairs) builder.set(name, value);
  return builder.build();
}

Labels Labels::from_sorted(std::span<const LabelView> labels) {
  std::size_t bytes = 0;
  for (const auto [name, value] : labels) bytes += name.size() + value.size() + 2;
  Labels out;
  out.data_.reserve(bytes);
  for (const auto [name, value] : labels) {
    append_text(out.data_, name);
    append_text(out.data_, value);
  }
  return out;
}

Labels Labels::from_data(std::string data) {
  Labels labels;
  labels.data_ = std::move(data);
  return labels;
}

std::string_view Labels::get(std::string_view name) const {
  for (const LabelView label : *this) {
    if (label.name == name) return label.value;
  }
  return {};
}

bool Labels::has(std::string_view name) const {
  return !get(name).empty();
}

std::size_t Labels::size() const {
  return static_cast<std::size_t>(std::distance(begin(), end()));
}

std::uint64_t Labels::hash() const {
  return XXH64(data_.data(), data_.size(), 0);
}

std::string Labels::to_string() const {
  std::string out;
  const std::string_view metric = get(kMetricName);
  const bool plain = is_legacy_metric_name(metric);
  if (plain) out += metric;
  std::string inner;
  for (const auto [name, value] : *this) {
    if (name == kMetricName && plain) continue;
    if (!inner.empty()) inner += ", ";
    if (name == kMetricName) {
      inner += quote(value);
      continue;
    }
    inner += is_legacy_label_name(name) ? std::string(name) : quote(name);
    inner += '=';
    inner += quote(value);
  }
  if (!inner.empty() || out.empty()) out += '{' + inner + '}';
  return out;
}

std::string to_braced_string(const Labels& labels) {
  std::string out = "{";
  for (const auto [name, value] : labels) {
    if (out.size() > 1) out += ", ";
    out += is_legacy_label_name(name) ? std::string(name) : quote(name);
    out += '=';
    out += quote(value);
  }
  return out + "}";
}

std::strong_ordering operator<=>(const Labels& a, const Labels& b) {
  auto left = a.begin();
  auto right = b.begin();
  for (; left != a.end() && right != b.end(); ++left, ++right) {
    const LabelView x = *left;
    const LabelView y = *right;
    if (const int order = x.name.compare(y.name); order != 0) return order <=> 0;
    if (const int order = x.value.compare(y.value); order != 0) return order <=> 0;
  }
  return (left != a.end()) <=> (right != b.end());
}

void LabelsBuilder::reset(const Labels& base) {
  pairs_.clear();
  for (const auto [name, value] : base) pairs_.emplace_back(name, value);
}

LabelsBuilder& LabelsBuilder::set(std::string_view name, std::string_view value) {
  if (value.empty()) return remove(name);
  const auto at = std::ranges::lower_bound(pairs_, name, {},
                                           [](const auto& p) { return std::string_view(p.first); });
  if (at != pairs_.end() && at->first == name) {
    at->second = value;
  } else {
    pairs_.emplace(at, name, value);
  }
  return *this;
}

LabelsBuilder& LabelsBuilder::remove(std::string_view name) {
  std::erase_if(pairs_, [&](const auto& pair) { return pair.first == name; });
  return *this;
}

LabelsBuilder& LabelsBuilder::keep(const std::vector<std::string>& names) {
  std::erase_if(pairs_, [&](const auto& pair) {
    return std::ranges::find(names, pair.first) == names.end();
  });
  return *this;
}

std::string_view LabelsBuilder::get(std::string_view name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return value;
  }
  return {};
}

Labels LabelsBuilder::build() const {
  std::string data;
  for (const auto& [name, value] : pairs_) {
    append_text(data, name);
    append_text(data, value);
  }
  return Labels::from_data(std::move(data));
}

Result<void> LabelsBuilder::check(const LabelLimits& limits) const {
  const std::size_t text_max = std::min(limits.text_bytes, kLabelTextBytesMax);
  std::size_t bytes = 0;
  for (const auto& [name, value] : pairs_) {
    if (name.size() > text_max || value.size() > text_max) {
      return Error(
          Code::kLimit,
          concat("label ", quote(head(name)), " has a ", name.size() > text_max ? "name" : "value",
                 " of ", std::max(name.size(), value.size()), " bytes, limit: ", text_max));
    }
    bytes += name.size() + value.size();
  }
  if (bytes > limits.set_bytes) {
    return Error(Code::kLimit, concat("labels of ", quote(head(get(kMetricName))), " take ", bytes,
                                      " bytes, limit: ", limits.set_bytes));
  }
  return {};
}

Result<Labels> LabelsBuilder::build_within(const LabelLimits& limits) const {
  NX_TRY(check(limits));
  return build();
}

bool is_legacy_metric_name(std::string_view name) {
  if (name.empty() || (!is_letter(name.front()) && name.front() != ':')) return false;
  return std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == ':'; });
}

bool is_legacy_label_name(std::string_view name) {
  if (name.empty() || !is_letter(name.front())) return false;
  return std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

bool is_valid_name(std::string_view name) {
  return !name.empty() && is_valid_utf8(name);
}

}  // namespace narthex::model
