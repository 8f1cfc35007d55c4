// Metrics over prometheus-cpp, wrapped so that no other file includes it.
//
// The library hands out the same object for the same labels but never forgets one safely while
// somebody may still use it. So nothing is removed: retire() hides series from the exposition by a
// label and its value, and asking for one again shows them again. The maps here keep the wrappers,
// by name and labels, for as long as the registry lives.
#include "base/metrics.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <set>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/summary.h>
#include <prometheus/text_serializer.h>

namespace narthex {
namespace {

class CounterOf final : public Counter {
 public:
  explicit CounterOf(prometheus::Counter& inner) : inner_(inner) {}
  void add(double amount) override { inner_.Increment(amount); }
  double value() const override { return inner_.Value(); }

 private:
  prometheus::Counter& inner_;
};

class GaugeOf final : public Gauge {
 public:
  explicit GaugeOf(prometheus::Gauge& inner) : inner_(inner) {}
  void set(double value) override { inner_.Set(value); }
  void add(double amount) override { inner_.Increment(amount); }
  double value() const override { return inner_.Value(); }

 private:
  prometheus::Gauge& inner_;
};

template <typename Inner>
class ObserverOf final : public Observer {
 public:
  explicit ObserverOf(Inner& inner) : inner_(inner) {}
  void observe(double value) override { inner_.Observe(value); }

 private:
  Inner& inner_;
};

prometheus::Labels to_labels(Metrics::LabelList labels) {
  prometheus::Labels out;
  for (const auto& [name, value] : labels) out.emplace(name, value);
  return out;
}

// 0xFF is in no UTF-8 text, so no two label sets have the same key.
std::string key_of(std::string_view name, Metrics::LabelList labels) {
  std::string key(name);
  for (const auto& [label, value] : labels)
    key.append("\xff").append(label).append("\xff").append(value);
  return key;
}

}  // namespace

struct Metrics::State {
  // Leaf. Held for look-ups only, never while refreshers run: those take locks of their own.
  std::mutex mutex;
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  std::map<std::string, std::unique_ptr<Counter>> counters;
  std::map<std::string, std::unique_ptr<Gauge>> gauges;
  std::map<std::string, std::unique_ptr<Observer>> observers;
  std::vector<std::function<void()>> refreshers;
  std::set<std::pair<std::string, std::string>> retired;  // label name and value

  void revive(Metrics::LabelList labels) {
    if (retired.empty()) return;
    for (const auto& [name, value] : labels) retired.erase({std::string(name), std::string(value)});
  }
  bool is_hidden(const prometheus::ClientMetric& metric) const {
    return std::any_of(metric.label.begin(), metric.label.end(), [this](const auto& label) {
      return retired.contains({label.name, label.value});
    });
  }
  void hide(std::vector<prometheus::MetricFamily>& families) const {
    if (retired.empty()) return;
    for (prometheus::MetricFamily& family : families) {
      std::erase_if(family.metric, [this](const auto& metric) { return is_hidden(metric); });
    }
    std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
  }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string_view name, std::string_view help, LabelList labels) {
  const std::lock_guard lock(state_->mutex);
  state_->revive(labels);
  auto& slot = state_->counters[key_of(name, labels)];
  if (!slot) {
    auto& family = prometheus::BuildCounter()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(state_->registry);
    slot = std::make_unique<CounterOf>(family.Add(to_labels(labels)));
  }
  return *slot;
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, LabelList labels) {
  const std::lock_guard lock(state_->mutex);
  state_->revive(labels);
  auto& slot = state_->gauges[key_of(name, labels)];
  if (!slot) {
    auto& family = prometheus::BuildGauge()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(state_->registry);
    slot = std::make_unique<GaugeOf>(family.Add(to_labels(labels)));
  }
  return *slot;
}

Observer& Metrics::histogram(std::string_view name, std::string_view help,
                             std::vector<double> bounds, LabelList labels) {
  const std::lock_guard lock(state_->mutex);
  state_->revive(labels);
  auto& slot = state_->observers[key_of(name, labels)];
  if (!slot) {
    auto& family = prometheus::BuildHistogram()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(state_->registry);
    slot =
        std::make_unique<ObserverOf<prometheus::Histogram>>(family.Add(to_labels(labels), bounds));
  }
  return *slot;
}

Observer& Metrics::summary(std::string_view name, std::string_view help, LabelList labels,
                           Spread spread) {
  const std::lock_guard lock(state_->mutex);
  state_->revive(labels);
  auto& slot = state_->observers[key_of(name, labels)];
  if (!slot) {
    auto& family = prometheus::BuildSummary()
                       .Name(std::string(name))
                       .Help(std::string(help))
                       .Register(state_->registry);
    prometheus::Summary::Quantiles quantiles = {{0.5, 0.05}, {0.9, 0.01}, {0.99, 0.001}};
    if (spread == Spread::kBoth) {
      quantiles.insert(quantiles.begin(), {{0.01, 0.001}, {0.05, 0.005}});
    }
    slot = std::make_unique<ObserverOf<prometheus::Summary>>(
        family.Add(to_labels(labels), quantiles, std::chrono::minutes(10), 5));
  }
  return *slot;
}

void Metrics::retire(std::string_view label, std::string_view value) {
  const std::lock_guard lock(state_->mutex);
  state_->retired.emplace(label, value);
}

void Metrics::on_collect(std::function<void()> refresh) {
  const std::lock_guard lock(state_->mutex);
  state_->refreshers.push_back(std::move(refresh));
}

std::string Metrics::expose(const std::vector<std::string>& names) {
  std::vector<std::function<void()>> refreshers;
  {
    const std::lock_guard lock(state_->mutex);
    refreshers = state_->refreshers;
  }
  for (const auto& refresh : refreshers) refresh();
  std::vector<prometheus::MetricFamily> families = state_->registry.Collect();
  {
    const std::lock_guard lock(state_->mutex);
    state_->hide(families);
  }
  if (!names.empty()) {
    std::erase_if(families, [&names](const prometheus::MetricFamily& family) {
      return std::find(names.begin(), names.end(), family.name) == names.end();
    });
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace narthex
