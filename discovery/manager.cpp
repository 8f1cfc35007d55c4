// The discovery manager: which providers run, for whom, and what they have found.
//
// The problem: a reload names hundreds of providers anew, nearly all of them as they were. Stopping
// and starting those would lose their targets for as long as they need to find them again, and a
// reload that fails half way must leave what was there.
//
// So a provider is known by its configuration. apply() builds the next set beside the present one:
// an equal configuration takes the running provider over, and is shared when several consumers have
// it; a new one is started, and has published what it knows before anyone sees it. Only when all of
// that has worked are the sets exchanged, under mutex_ and in one step, and the providers that
// nobody names any more stopped. If anything throws on the way, those that were started are stopped
// and nothing has changed.
//
// Equality is decided by ProviderConfig::equals(), the fingerprint (a hash of the printed
// configuration) only finds candidates.
//
// Snapshots. Providers publish into their entry under mutex_, which clears the snapshot and counts
// the version up; the next consumer that asks makes a new one. A burst of updates costs nothing
// until somebody looks.
//
// Locks: apply_mutex_ (5) may wait for disks and for providers to stop, and is never taken by a
// provider; mutex_ (16) is held for moments and is what publishing takes.
#include "discovery/manager.h"

#include <algorithm>

#include "base/check.h"

namespace narthex::discovery {
namespace {

// Of equal configurations it is the same.
std::size_t fingerprint(const ProviderConfig& config) {
  yaml::Writer out;
  out.open_list(config.key());
  config.emit_items(out);
  return std::hash<std::string>()(out.text());
}

}  // namespace

Manager::Manager(Context context, std::string name)
    : context_(context),
      name_(std::move(name)),
      updates_(context.metrics.counter("prometheus_sd_updates_total",
                                       "Total number of update events sent to the SD consumers.",
                                       {{"name", name_}})),
      directories_(context.executors, context.metrics, context.log) {
  register_metrics(context.metrics);
}

Manager::~Manager() {
  const MutexLock applying(apply_mutex_);
  NX_CHECK(running_.empty());
}

std::shared_ptr<Manager::Entry> Manager::find(const Running& running, std::size_t fingerprint,
                                              const ProviderConfig& config) {
  const auto [first, end] = running.equal_range(fingerprint);
  const auto at =
      std::find_if(first, end, [&](const auto& known) { return *known.second->config == config; });
  return at == end ? nullptr : at->second;
}

std::shared_ptr<Manager::Entry> Manager::start(std::shared_ptr<const ProviderConfig> config) {
  auto entry = std::make_shared<Entry>();
  entry->config = std::move(config);
  entry->provider = entry->config->make({context_, directories_});
  try {
    entry->provider->start([this, raw = entry.get()](std::vector<TargetGroup> groups) {
      update(*raw, std::move(groups));
    });
  } catch (...) {
    net::until_memory([&] { entry->provider->stop(); });
    throw;
  }
  return entry;
}

// What each consumer has of `next`, which takes the providers of running_ that go on.
std::map<std::string, Manager::Entries> Manager::start_all(const DiscoveryConfigs& configs,
                                                           Running& next) {
  std::map<std::string, Entries> sets;
  for (const auto& [name, config] : configs) {
    Entries& set = sets[name];
    for (const auto& provider : config.providers) {
      const std::size_t print = fingerprint(*provider);
      std::shared_ptr<Entry> entry = find(next, print, *provider);
      if (!entry) {
        entry = find(running_, print, *provider);
        const auto place = next.emplace(print, entry);  // before it starts: this may lack memory
        if (!entry) {
          try {
            place->second = entry = start(provider);
          } catch (...) {
            next.erase(place);
            throw;
          }
        }
      }
      set.push_back(std::move(entry));
    }
  }
  return sets;
}

void Manager::stop_others(const Running& running, const Running& kept) noexcept {
  for (const auto& [print, entry] : running) {
    const auto [first, end] = kept.equal_range(print);
    if (std::any_of(first, end, [&](const auto& other) { return other.second == entry; })) continue;
    net::until_memory([&] { entry->provider->stop(); });
  }
}

// New providers have said what they know before anyone is told of them, and old ones are asked to
// the end: no consumer sees a moment without its targets.
void Manager::apply(const DiscoveryConfigs& configs) {
  const MutexLock applying(apply_mutex_);
  if (stopped_) return;
  Running next;
  std::map<std::string, Entries> sets;
  try {
    sets = start_all(configs, next);
  } catch (...) {
    stop_others(next, running_);
    throw;
  }
  running_.swap(next);
  {
    const MutexLock lock(mutex_);
    sets_.swap(sets);
    snapshot_ = nullptr;
    version_.fetch_add(1, std::memory_order_release);
  }
  stop_others(next, running_);
  for (const auto& [name, set] : sets) {
    if (!configs.contains(name)) context_.metrics.retire("config", name);
  }
  snapshot();
}

void Manager::stop() {
  const MutexLock applying(apply_mutex_);
  stopped_ = true;
  stop_others(running_, {});
  running_.clear();
  directories_.stop();
}

void Manager::update(Entry& entry, std::vector<TargetGroup> groups) {
  const MutexLock lock(mutex_);
  snapshot_ = nullptr;
  version_.fetch_add(1, std::memory_order_release);
  for (TargetGroup& group : groups) {
    std::string source = group.source;
    if (group.targets.empty()) {
      entry.groups.erase(source);
    } else {
      entry.groups.insert_or_assign(std::move(source), std::move(group));
    }
  }
}

std::shared_ptr<const TargetSets> Manager::snapshot() {
  const MutexLock lock(mutex_);
  return snapshot_locked();
}

// Made when somebody asks, not at every change: files may change faster than anybody looks.
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
