// What Go's reflection answers about template data, over a closed set of types: name, truth, text,
// fields. Texts and truth are visitors, so that a new type does not compile until it has them;
// names stand in a table in the variant's order. Durations and times are pointers upstream, which
// are true even when zero and have Go's methods.
#include "alerting/template/value.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/str.h"
#include "base/units.h"

namespace narthex::alerting::tmpl {
namespace {

constexpr int kMapDepthMax = 64;                              // docs/limits.md
constexpr std::size_t kMapWeightMax = std::size_t{64} << 20;  // docs/limits.md
constexpr std::size_t kPlainWeight = 16;                      // numbers, times, pointers

Error execution(std::string message) {
  return Error(Code::kExecution, std::move(message));
}

std::string map_text(const StringMap& map) {
  std::string out = "map[";
  for (const auto& [key, value] : map) out += concat(out.size() > 4 ? " " : "", key, ":", value);
  return out + "]";
}

std::string sample_text(const Sample& sample) {
  return concat("{", map_text(sample.labels), " ", format_float(sample.value, FloatStyle::kGeneral),
                "}");
}

struct TextOf {
  std::string operator()(const NoValue&) const { return "<no value>"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::to_string(value); }
  std::string operator()(std::uint64_t value) const { return fmt::to_string(value); }
  std::string operator()(double value) const { return format_float(value, FloatStyle::kGeneral); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const DurationValue& value) const { return duration_text(value.ns); }
  std::string operator()(const TimeValue& value) const { return time_text(value.ms); }
  std::string operator()(const std::shared_ptr<const StringMap>& map) const {
    return map_text(*map);
  }
  std::string operator()(const std::shared_ptr<const AnyMap>& map) const {
    std::string out = "map[";
    for (const auto& [key, value] : map->entries()) {
      const std::string text = value.is_none() ? "<nil>" : value.to_text();
      out += concat(out.size() > 4 ? " " : "", key, ":", text);
    }
    return out + "]";
  }
  std::string operator()(const std::shared_ptr<const Sample>& sample) const {
    return sample_text(*sample);
  }
  std::string operator()(const std::shared_ptr<const SampleList>& list) const {
    std::string out = "[";
    for (const auto& sample : *list) out += concat(out.size() > 1 ? " " : "", sample_text(*sample));
    return out + "]";
  }
  std::string operator()(const std::shared_ptr<const AlertData>& data) const {
    return concat("{", map_text(data->labels), " ", map_text(data->external_labels), " ",
                  data->external_url, " ", format_float(data->value, FloatStyle::kGeneral), "}");
  }
};

struct TruthOf {
  bool operator()(const NoValue&) const { return false; }
  bool operator()(bool value) const { return value; }
  bool operator()(std::int64_t value) const { return value != 0; }
  bool operator()(std::uint64_t value) const { return value != 0; }
  bool operator()(double value) const { return value != 0; }
  bool operator()(const std::string& value) const { return !value.empty(); }
  bool operator()(const DurationValue&) const { return true; }  // a pointer upstream
  bool operator()(const TimeValue&) const { return true; }
  bool operator()(const std::shared_ptr<const Sample>&) const { return true; }
  bool operator()(const std::shared_ptr<const AlertData>&) const { return true; }
  bool operator()(const std::shared_ptr<const AnyMap>& map) const {
    return !map->entries().empty();
  }
  template <typename T>
  bool operator()(const std::shared_ptr<const T>& container) const {
    return !container->empty();
  }
};

std::shared_ptr<const StringMap> share(const StringMap& map) {
  return std::make_shared<const StringMap>(map);
}

std::optional<Value> data_field(const AlertData& data, std::string_view name) {
  if (name == "Labels") return Value(share(data.labels));
  if (name == "ExternalLabels") return Value(share(data.external_labels));
  if (name == "ExternalURL") return Value(data.external_url);
  if (name == "Value") return Value(data.value);
  return std::nullopt;
}

std::optional<Value> sample_field(const Sample& sample, std::string_view name) {
  if (name == "Labels") return Value(share(sample.labels));
  if (name == "Value") return Value(sample.value);
  return std::nullopt;
}

// The methods of Go's types that templates are seen to use.
std::optional<Value> duration_method(DurationValue duration, std::string_view name) {
  const auto ns = static_cast<double>(duration.ns);
  if (name == "Seconds") return Value(ns / 1e9);
  if (name == "Minutes") return Value(ns / 6e10);
  if (name == "Hours") return Value(ns / 3.6e12);
  if (name == "Milliseconds") return Value(duration.ns / kNsPerMs);
  if (name == "Microseconds") return Value(duration.ns / 1'000);
  if (name == "Nanoseconds") return Value(duration.ns);
  if (name == "String") return Value(duration_text(duration.ns));
  return std::nullopt;
}

std::optional<Value> time_method(TimeValue time, std::string_view name) {
  using namespace std::chrono;
  const sys_time<milliseconds> point{milliseconds(time.ms)};
  const auto day_point = floor<days>(point);
  const year_month_day date(day_point);
  const hh_mm_ss<milliseconds> clock(point - day_point);
  const auto integer = [](auto value) { return Value(static_cast<std::int64_t>(value)); };
  if (name == "Unix") return integer(floor<seconds>(point).time_since_epoch().count());
  if (name == "UnixMilli") return integer(time.ms);
  if (name == "Year") return integer(static_cast<int>(date.year()));
  if (name == "Day") return integer(static_cast<unsigned>(date.day()));
  if (name == "Hour") return integer(clock.hours().count());
  if (name == "Minute") return integer(clock.minutes().count());
  if (name == "Second") return integer(clock.seconds().count());
  if (name == "UTC" || name == "Local") return Value(time);
  if (name == "String") return Value(time_text(time.ms));
  return std::nullopt;
}

}  // namespace

std::string_view Value::type_name() const {
  constexpr std::array<std::string_view, std::variant_size_v<Variant>> kNames = {
      "nil",
      "bool",
      "int",
      "uint8",
      "float64",
      "string",
      "*time.Duration",
      "*time.Time",
      "map[string]string",
      "map[string]interface {}",
      "*template.sample",
      "template.queryResult",
      "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
      "Value interface {} }"};
  return kNames[value_.index()];
}

bool Value::truth() const {
  return std::visit(TruthOf{}, value_);
}
std::string Value::to_text() const {
  return std::visit(TextOf{}, value_);
}

Result<Value> Value::field(std::string_view name) const {
  if (is_none()) return Value();
  if (const auto* map = as<std::shared_ptr<const StringMap>>()) {
    const auto found = (*map)->find(std::string(name));
    return Value(found == (*map)->end() ? std::string() : found->second);
  }
  if (const auto* map = as<std::shared_ptr<const AnyMap>>()) {
    const auto found = (*map)->entries().find(std::string(name));
    return found == (*map)->entries().end() ? Value() : found->second;
  }
  std::optional<Value> found;
  if (const auto* data = as<std::shared_ptr<const AlertData>>()) found = data_field(**data, name);
  if (const auto* sample = as<std::shared_ptr<const Sample>>())
    found = sample_field(**sample, name);
  if (const auto* duration = as<DurationValue>()) found = duration_method(*duration, name);
  if (const auto* time = as<TimeValue>()) found = time_method(*time, name);
  if (found) return *std::move(found);
  return execution(concat("can't evaluate field ", name, " in type ", type_name()));
}

std::size_t Value::weight() const {
  if (const auto* text = as<std::string>()) return text->size();
  if (const auto* map = as<std::shared_ptr<const AnyMap>>()) return (*map)->weight();
  if (const auto* sample = as<std::shared_ptr<const Sample>>()) return (*sample)->bytes;
  if (const auto* list = as<std::shared_ptr<const SampleList>>()) {
    std::size_t sum = 0;
    for (const auto& sample : **list) sum += kPlainWeight + sample->bytes;
    return sum;
  }
  return kPlainWeight;
}

Result<AnyMap> AnyMap::create(Entries entries) {
  AnyMap map;
  for (const auto& [key, value] : entries) {
    map.weight_ += key.size() + value.weight();
    const auto* inner = value.as<std::shared_ptr<const AnyMap>>();
    if (inner != nullptr) map.depth_ = std::max(map.depth_, (*inner)->depth_ + 1);
    if (map.depth_ > kMapDepthMax || map.weight_ > kMapWeightMax) {
      return Error(Code::kLimit, "arguments nested too deeply, or too many");
    }
  }
  map.entries_ = std::move(entries);
  return map;
}

Result<double> to_number(const Value& value) {
  if (const auto* number = value.as<double>()) return *number;
  if (const auto* number = value.as<std::int64_t>()) return static_cast<double>(*number);
  if (const auto* number = value.as<std::uint64_t>()) return static_cast<double>(*number);
  if (const auto* duration = value.as<DurationValue>()) {
    return static_cast<double>(duration->ns) / static_cast<double>(kNsPerSecond);
  }
  if (const auto* text = value.as<std::string>()) {
    double number = 0;
    if (parse_float(*text, number)) return number;
    return execution(concat("strconv.ParseFloat: parsing ", quote(*text), ": invalid syntax"));
  }
  return execution(concat("can't convert ", value.type_name(), " to float"));
}

std::string time_text(model::TimeMs time) {
  std::string text = model::format_rfc3339(time);  // 2026-01-02T03:04:05.678Z
  if (const std::size_t t = text.find('T'); t != std::string::npos) text[t] = ' ';
  if (text.ends_with('Z')) text.pop_back();
  return text + " +0000 UTC";
}

std::string duration_text(std::int64_t ns) {
  if (ns == 0) return "0s";
  const std::string sign = ns < 0 ? "-" : "";
  const std::uint64_t size =
      ns < 0 ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  const auto scaled = [&](std::uint64_t unit, std::string_view name) {
    const auto value = static_cast<double>(size) / static_cast<double>(unit);
    return concat(sign, format_float(value, FloatStyle::kFixed), name);
  };
  if (size < 1'000) return concat(sign, size, "ns");
  if (size < kNsPerMs) return scaled(1'000, "µs");
  if (size < kNsPerSecond) return scaled(kNsPerMs, "ms");
  const std::uint64_t minutes = size / (60ULL * kNsPerSecond);
  const double seconds =
      static_cast<double>(size % (60ULL * kNsPerSecond)) / static_cast<double>(kNsPerSecond);
  std::string out = sign;
  if (minutes >= 60) out += concat(minutes / 60, "h");
  if (minutes > 0) out += concat(minutes % 60, "m");
  return out + format_float(seconds, FloatStyle::kFixed) + "s";
}

}  // namespace narthex::alerting::tmpl
