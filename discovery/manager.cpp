// The discovery manager.
#include "discovery/manager.h"

#include <algorithm>

#include "base/check.h"

namespace narthex::discovery {

Manager::Manager(Context context, std::string name)
    : context_(context),
      name_(std::move(name)),
      updates_(context.metrics.counter("prometheus_sd_updates_total",
                                       "Total number of update events sent to the SD consumers.",
                                       {{"name", name_}})),
      directories_(context.executors, context.metrics, context.log) {}

Manager::~Manager() {
  const MutexLock applying(apply_mutex_);
  NX_CHECK(running_.empty());
}

std::shared_ptr<Manager::Entry> Manager::start(std::shared_ptr<const ProviderConfig> config) {
  auto entry = std::make_shared<Entry>();
  entry->config = std::move(config);
  entry->provider = entry->config->make({context_.executors, context_.fs, context_.clock,
                                         context_.metrics, context_.log, directories_});
  entry->provider->start([this, raw = entry.get()](std::vector<TargetGroup> groups) {
    update(*raw, std::move(groups));
  });
  return entry;
}

// New providers have said what they know before anyone is told of them, and old ones are asked to
// the end: no consumer sees a moment without its targets.
void Manager::apply(const DiscoveryConfigs& configs) {
  const MutexLock applying(apply_mutex_);
  if (stopped_) return;
  Entries before = running_;
  running_.clear();
  std::map<std::string, Entries> next;
  for (const auto& [name, config] : configs) {
    Entries& set = next[name];
    for (const auto& provider : config.providers) {
      const auto is_same = [&](const auto& entry) { return *entry->config == *provider; };
      auto known = std::ranges::find_if(running_, is_same);
      if (known == running_.end()) {
        const auto kept = std::ranges::find_if(before, is_same);
        running_.push_back(kept != before.end() ? *kept : start(provider));
        if (kept != before.end()) before.erase(kept);
        known = running_.end() - 1;
      }
      set.push_back(*known);
    }
  }
  {
    const MutexLock lock(mutex_);
    for (const auto& [name, set] : sets_) {
      if (!next.contains(name)) context_.metrics.retire("config", name);
    }
    sets_ = std::move(next);
    snapshot_ = nullptr;
    version_.fetch_add(1, std::memory_order_release);
    snapshot_locked();
  }
  for (const auto& entry : before) entry->provider->stop();
}

void Manager::stop() {
  const MutexLock applying(apply_mutex_);
  stopped_ = true;
  for (const auto& entry : running_) entry->provider->stop();
  running_.clear();
  directories_.stop();
}

void Manager::update(Entry& entry, std::vector<TargetGroup> groups) {
  const MutexLock lock(mutex_);
  for (TargetGroup& group : groups) {
    std::string source = group.source;
    if (group.targets.empty()) {
      entry.groups.erase(source);
    } else {
      entry.groups.insert_or_assign(std::move(source), std::move(group));
    }
  }
  snapshot_ = nullptr;
  version_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const TargetSets> Manager::snapshot() {
  const MutexLock lock(mutex_);
  return snapshot_locked();
}

std::shared_ptr<const TargetSets> Manager::snapshot_locked() {
  if (snapshot_) return snapshot_;
  auto next = std::make_shared<TargetSets>();
  for (const auto& [name, entries] : sets_) {
    std::vector<TargetGroup>& groups = (*next)[name];
    std::size_t targets = 0;
    for (const auto& entry : entries) {
      for (const auto& [source, group] : entry->groups) {
        groups.push_back(group);
        targets += group.targets.size();
      }
    }
    context_.metrics
        .gauge("prometheus_sd_discovered_targets", "Current number of discovered targets.",
               {{"name", name_}, {"config", name}})
        .set(static_cast<double>(targets));
  }
  snapshot_ = std::move(next);
  updates_.add();
  return snapshot_;
}

}  // namespace narthex::discovery
