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
  virtual void add(double amount = 1) = 0;
  virtual double value() const = 0;
};

/// Thread-safe.
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
  virtual void add(double amount) = 0;
  virtual double value() const = 0;
};

/// A histogram or a summary. Thread-safe.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void observe(double value) = 0;
};

/// The registry. Asking twice for one name and label set gives the same object; all live as long as
/// the registry. Thread-safe.
class Metrics {
 public:
  using LabelList = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& counter(std::string_view name, std::string_view help, LabelList labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, LabelList labels = {});
  /// A histogram with these upper bounds (+Inf is implied).
  Observer& histogram(std::string_view name, std::string_view help, std::vector<double> bounds,
                      LabelList labels = {});
  /// A summary with the 0.5, 0.9 and 0.99 quantiles over ten minutes.
  Observer& summary(std::string_view name, std::string_view help, LabelList labels = {});

  /// `refresh` runs before each exposition, to set gauges that are read rather than kept.
  void on_collect(std::function<void()> refresh);

  /// Text format 0.0.4.
  std::string expose();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex
