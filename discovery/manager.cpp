// The discovery manager: one task that waits for changes, one that looks at files in any case.
#include "discovery/manager.h"

#include <algorithm>

#include "base/check.h"
#include "base/exceptions.h"

namespace narthex::discovery {
namespace {

// A file is often written in several steps; what comes within this time is looked at once.
constexpr std::int64_t kSettleNs = 100'000'000;
// Between looks at a directory that cannot be watched: it does not exist yet, for one.
constexpr model::DurationMs kUnwatchedInterval = 2'000;

}  // namespace

Manager::Manager(Context context, std::string name)
    : context_(context),
      name_(std::move(name)),
      read_errors_(context.metrics.counter("prometheus_sd_file_read_errors_total",
                                           "The number of File-SD read errors.")),
      updates_(context.metrics.counter("prometheus_sd_updates_total",
                                       "Total number of update events sent to the SD consumers.",
                                       {{"name", name_}})),
      watch_errors_(context.metrics.counter(
          "prometheus_sd_file_watcher_errors_total",
          "The number of File-SD errors caused by filesystem watch failures.")),
      tasks_(context.executors,
             [this](std::string_view what) {
               report_exception(context_.log, context_.metrics, {"discovery", name_}, what);
             }),
      snapshot_(std::make_shared<const TargetSets>()) {
  if (!watch_.available()) watch_errors_.add();
}

Manager::~Manager() {
  NX_CHECK(tasks_.size() == 0);
}

void Manager::apply(const std::map<std::string, DiscoveryConfig>& sets) {
  const MutexLock lock(mutex_);
  std::vector<std::shared_ptr<FileProvider>> known;
  for (const auto& [name, set] : sets_)
    known.insert(known.end(), set.files.begin(), set.files.end());
  for (const auto& [name, set] : sets_) {
    if (!sets.contains(name)) context_.metrics.retire("config", name);
  }
  sets_.clear();
  bool has_files = false;
  for (const auto& [name, config] : sets) {
    Set& set = sets_[name];
    set.config = config;
    for (const FileConfig& file : config.files) {
      const auto same =
          std::ranges::find_if(known, [&](const auto& p) { return p->config() == file; });
      std::shared_ptr<FileProvider> provider =
          same != known.end()
              ? *same
              : std::make_shared<FileProvider>(file, context_.fs, context_.log, read_errors_);
      if (same == known.end()) {
        provider->refresh();
        known.push_back(provider);  // equal configurations share one provider
      }
      set.files.push_back(std::move(provider));
      has_files = true;
    }
  }
  publish();
  watch_directories();
  if (!has_files || running_) return;
  running_ = true;
  tasks_.spawn([this] { return refresh_loop(); }, net::AfterException::kRestart);
  if (!watch_.available()) return;
  tasks_.spawn([this] { return watch_loop(); }, net::AfterException::kRestart);
}

void Manager::stop() {
  tasks_.stop();
  while (!tasks_.wait(std::chrono::seconds(10))) context_.log.warn("discovery is slow to stop");
}

asio::awaitable<void> Manager::watch_loop() NX_NO_THREAD_SAFETY_ANALYSIS {
  for (;;) {
    co_await watch_.wait();
    const bool go_on = co_await net::sleep_for_ns(kSettleNs);
    if (!go_on) co_return;
    auto work = [this] { refresh(); };
    co_await net::run_on(context_.executors.cpu(), std::move(work));
  }
}

// Short sleeps, so that an interval that becomes shorter counts at once.
asio::awaitable<void> Manager::refresh_loop() {
  std::int64_t last_ns = context_.clock.monotonic_ns();
  for (;;) {
    const bool go_on = co_await net::sleep_for_ns(kUnwatchedInterval * 1'000'000);
    if (!go_on) co_return;
    const std::int64_t now_ns = context_.clock.monotonic_ns();
    if (now_ns - last_ns < refresh_interval_.load(std::memory_order_relaxed) * 1'000'000) continue;
    last_ns = now_ns;
    auto work = [this] { refresh(); };
    co_await net::run_on(context_.executors.cpu(), std::move(work));
  }
}

void Manager::refresh() {
  const MutexLock lock(mutex_);
  if (watch_.available()) watch_.drain();  // before reading: what changes from here on counts anew
  std::vector<FileProvider*> done;
  bool changed = false;
  for (const auto& [name, set] : sets_) {
    for (const auto& provider : set.files) {
      if (std::ranges::find(done, provider.get()) != done.end()) continue;
      done.push_back(provider.get());
      changed |= provider->refresh();
    }
  }
  if (changed) publish();
  watch_directories();
}

void Manager::watch_directories() {
  std::set<std::string> directories;
  model::DurationMs interval = FileConfig().refresh_interval;
  for (const auto& [name, set] : sets_) {
    for (const auto& provider : set.files) {
      directories.merge(provider->directories());
      interval = std::min(interval, provider->config().refresh_interval);
    }
  }
  if (!watch_.watch(directories)) interval = std::min(interval, kUnwatchedInterval);
  refresh_interval_.store(interval, std::memory_order_relaxed);
}

void Manager::publish() {
  auto next = std::make_shared<TargetSets>();
  for (const auto& [name, set] : sets_) {
    std::vector<TargetGroup>& groups = (*next)[name];
    for (const auto& provider : set.files) provider->collect(groups);
    groups.insert(groups.end(), set.config.static_groups.begin(), set.config.static_groups.end());
    std::size_t targets = 0;
    for (const TargetGroup& group : groups) targets += group.targets.size();
    context_.metrics
        .gauge("prometheus_sd_discovered_targets", "Current number of discovered targets.",
               {{"name", name_}, {"config", name}})
        .set(static_cast<double>(targets));
  }
  snapshot_ = std::move(next);
  updates_.add();
  version_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const TargetSets> Manager::snapshot() const {
  const MutexLock lock(mutex_);
  return snapshot_;
}

}  // namespace narthex::discovery
