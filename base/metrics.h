// Narthex's own metrics. Names are upstream's, so that its dashboards and alerts work unchanged;
// label values come from closed sets, never from requests. The one file that knows prometheus-cpp
// is metrics.cpp.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace narthex {

/// Only grows. Thread-safe.
class Counter {
 public:
  virtual ~Counter() = default;
  /// `amount` is not negative. value() is for tests.
  virtual void add(double amount = 1) = 0;
  virtual double value() const = 0;
};

/// Thread-safe.
class Gauge {
 public:
  virtual ~Gauge() = default;
  /// The last set() wins; add() may be negative. value() is for tests.
  virtual void set(double value) = 0;
  virtual void add(double amount) = 0;
  virtual double value() const = 0;
};

/// A histogram or a summary. Thread-safe.
class Observer {
 public:
  virtual ~Observer() = default;
  /// In the unit of the metric's name, seconds nearly always.
  virtual void observe(double value) = 0;
};

/// Which quantiles a summary shows: what is slow, or what is early and late.
enum class Spread : unsigned char { kUpper, kBoth };

/// The registry. Asking twice for one name and label set gives the same object; all live as long as
/// the registry. Thread-safe.
class Metrics {
 public:
  /// Names and values; the order makes another series, so keep one order per name.
  using LabelList = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// Empty, but for what parts ask for.
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The counter or gauge of this name and these labels, made at the first call. `help` counts at
  /// that call only. One name is of one kind and has one set of label names: the caller's duty.
  Counter& counter(std::string_view name, std::string_view help, LabelList labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, LabelList labels = {});
  /// A histogram with these upper bounds (+Inf is implied).
  Observer& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                      LabelList labels = {});
  /// A summary over ten minutes with the 0.5, 0.9 and 0.99 quantiles, kBoth: 0.01 and 0.05 too.
  Observer& summary(std::string_view name, std::string_view help, LabelList labels = {},
                    Spread spread = Spread::kUpper);

  /// Hides every series with this label, such as those of a rule group that is no more, until one
  /// of them is asked for again. What was handed out stays usable.
  void retire(std::string_view label, std::string_view value);

  /// `refresh` runs before each exposition, to set gauges that are read rather than kept.
  void on_collect(std::function<void()> refresh);

  /// Text format 0.0.4, of all families or of those named.
  std::string expose(const std::vector<std::string>& names = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex
