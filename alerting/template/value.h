// Values of the template language: what Go's reflection sees in upstream's template data, as a
// closed set of types. Immutable; copies share. Thread-safe to read.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/time.h"

namespace narthex::alerting::tmpl {

class Value;

using StringMap = std::map<std::string, std::string>;  // a missing key is ""

/// What `args` makes: a map whose missing keys are no value.
class AnyMap;

/// One sample of a query's result.
struct Sample {
  StringMap labels;  // with __name__
  double value = 0;
  std::size_t bytes = 0;  // of the labels, about
};
using SampleList = std::vector<std::shared_ptr<const Sample>>;

/// What alert templates start from: `.Labels`, `.Value` and the rest.
struct AlertData;

/// Go's time.Duration.
struct DurationValue {
  std::int64_t ns = 0;
};
/// Go's *time.Time, in UTC.
struct TimeValue {
  model::TimeMs ms = 0;
};
/// The absence of a value: a missing map key, nil.
struct NoValue {};

/// One value: no value, a plain one, or a shared container. Cheap to copy but for strings.
class Value {
 public:
  using Variant = std::variant<NoValue, bool, std::int64_t, std::uint64_t, double, std::string,
                               DurationValue, TimeValue, std::shared_ptr<const StringMap>,
                               std::shared_ptr<const AnyMap>, std::shared_ptr<const Sample>,
                               std::shared_ptr<const SampleList>, std::shared_ptr<const AlertData>>;

  Value() = default;
  /// From any of the types themselves.
  template <typename T>
    requires std::is_constructible_v<Variant, T>
  Value(T value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): a sum type
  Value(const char* text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)

  /// The value as this type, null when it is another.
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value_);
  }
  bool is_none() const { return std::holds_alternative<NoValue>(value_); }

  /// As Go names it: "float64", "map[string]string".
  std::string_view type_name() const;
  /// Not the zero of its type, as if and with ask.
  bool truth() const;
  /// Go's %v.
  std::string to_text() const;

  /// The field, map entry or method's result `name`. Errors: kExecution as Go words them.
  Result<Value> field(std::string_view name) const;

  /// About what its text would take, so that values that share parts count them each time.
  std::size_t weight() const;

 private:
  Variant value_;
};

/// Bounded in depth and weight, because values that hold values are walked by recursion. Immutable.
class AnyMap {
 public:
  using Entries = std::map<std::string, Value>;

  /// kLimit when it would be deeper or heavier than templates may make one.
  static Result<AnyMap> create(Entries entries);

  const Entries& entries() const { return entries_; }
  std::size_t weight() const { return weight_; }

 private:
  Entries entries_;
  int depth_ = 1;
  std::size_t weight_ = 0;
};

/// Templates see the fields as .Labels, .ExternalLabels, .ExternalURL and .Value.
struct AlertData {
  StringMap labels;
  StringMap external_labels;
  std::string external_url;
  double value = 0;
};

/// float64, string, integers and durations (as seconds) to a number; kExecution otherwise.
Result<double> to_number(const Value& value);

/// Go's default text of a time, such as `2026-01-02 03:04:05.678 +0000 UTC`.
std::string time_text(model::TimeMs time);
/// Go's text of a duration, such as `1h2m3.5s`.
std::string duration_text(std::int64_t ns);

}  // namespace narthex::alerting::tmpl
