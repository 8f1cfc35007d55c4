// The discovery manager: one task that looks at files.
#include "scrape/discovery/manager.h"

#include <algorithm>

#include "base/check.h"

namespace narthex::discovery {

Manager::Manager(Context context, std::string name)
    : context_(context),
      name_(std::move(name)),
      read_errors_(context.metrics.counter("prometheus_sd_file_read_errors_total",
                                           "The number of File-SD read errors.")),
      updates_(context.metrics.counter("prometheus_sd_updates_total",
                                       "Total number of update events sent to the SD consumers.",
                                       {{"name", name_}})),
      tasks_(context.executors,
             [this](std::string_view what) {
               context_.log.error("discovery task failed", {{"error", what}});
             }),
      snapshot_(std::make_shared<const TargetSets>()) {}

Manager::~Manager() {
  NX_CHECK(tasks_.size() == 0);
}

void Manager::apply(const std::map<std::string, DiscoveryConfig>& sets) {
  const MutexLock lock(mutex_);
  std::vector<std::shared_ptr<FileProvider>> known;
  for (const auto& [name, set] : sets_)
    known.insert(known.end(), set.files.begin(), set.files.end());
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
  if (has_files && !polling_) {
    polling_ = true;
    tasks_.spawn([this] { return poll_loop(); });
  }
}

void Manager::stop() {
  tasks_.stop();
  if (!tasks_.wait(std::chrono::seconds(10))) context_.log.warn("discovery is slow to stop");
}

asio::awaitable<void> Manager::poll_loop() {
  for (;;) {
    const bool go_on = co_await sleep_for_ns(FileProvider::kPollInterval * 1'000'000);
    if (!go_on) co_return;
    auto work = [this] { poll(); };
    co_await run_on(context_.executors.cpu(), std::move(work));
  }
}

void Manager::poll() {
  const MutexLock lock(mutex_);
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
