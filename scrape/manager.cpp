// The scrape manager: jobs become pools, and what discovery finds becomes their targets. Two ways
// lead to a sync: a commit, and discovery's news, at most every five seconds. Both run under one
// lock, so pools know no concurrency.
//
// A commit first starts discovery for the new configuration, which is where targets that are known
// at once come from, and only then touches pools; nothing in it can fail. Stopping cancels the
// loops without farewell: a server that restarts will go on with these series.
#include "scrape/manager.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "base/exceptions.h"
#include "base/mutex.h"
#include "base/str.h"
#include "discovery/follower.h"
#include "scrape/pool.h"

namespace narthex::scrape {

std::string_view health_name(Health health) {
  switch (health) {
    case Health::kUnknown:
      return "unknown";
    case Health::kUp:
      return "up";
    case Health::kDown:
      return "down";
  }
  return "unknown";
}

struct ScrapeManager::Prepared::State {
  std::vector<std::shared_ptr<const Job>> jobs;
  std::uint64_t offset_seed = 0;
};

ScrapeManager::Prepared::Prepared() = default;
ScrapeManager::Prepared::Prepared(Prepared&&) noexcept = default;
ScrapeManager::Prepared& ScrapeManager::Prepared::operator=(Prepared&&) noexcept = default;
ScrapeManager::Prepared::~Prepared() = default;

struct ScrapeManager::State {
  State(Context c, ScrapeOptions o)
      : context(c),
        options(std::move(o)),
        metrics(c.metrics),
        discovery({c.executors, c.fs, c.clock, c.metrics, c.log}, "scrape",
                  options.discovery_reload_interval, [this] { sync_when_changed(); }),
        tasks(c.executors, [this](std::string_view what) {
          report_exception(context.log, context.metrics, {"scrape", "a target's loop"}, what);
        }) {}

  LoopContext loop_context() {
    return {context.executors, context.appender, context.clock, context.log, metrics,
            batches,           bodies,           parsed,        options};
  }
  void sync_when_changed();
  void sync_all() NX_REQUIRES(mutex);

  Context context;
  ScrapeOptions options;
  ScrapeMetrics metrics;
  BatchPool batches;
  ByteBudget bodies{options.bodies_bytes_max};
  MemoryBudget parsed{"all scrapes", options.parsed_bytes_max};
  discovery::Follower discovery;
  net::TaskGroup tasks;
  mutable Mutex mutex;  // rank 4: one change of pools at a time
  std::map<std::string, std::unique_ptr<Pool>> pools NX_GUARDED_BY(mutex);
  std::uint64_t offset_seed NX_GUARDED_BY(mutex) = 0;
  bool stopped NX_GUARDED_BY(mutex) = false;
};

ScrapeManager::ScrapeManager(Context context, ScrapeOptions options)
    : state_(std::make_unique<State>(context, std::move(options))) {}

ScrapeManager::~ScrapeManager() {
  NX_CHECK(state_->tasks.size() == 0);
}

Result<ScrapeManager::Prepared> ScrapeManager::prepare(std::vector<ScrapeConfig> configs,
                                                       const model::Labels& external_labels) {
  Prepared prepared;
  prepared.state_ = std::make_unique<Prepared::State>();
  std::set<std::string> names;
  for (ScrapeConfig& config : configs) {
    if (!names.insert(config.job_name).second) {
      return Error(Code::kInvalid,
                   concat("found multiple scrape configs with job name ", quote(config.job_name)));
    }
    const std::string name = config.job_name;
    Result<std::shared_ptr<const Job>> job = Job::create(std::move(config));
    if (!job) {
      state_->metrics.pools_failed.add();
      return std::unexpected(std::move(job).error().with(concat("scrape config ", quote(name))));
    }
    prepared.state_->jobs.push_back(*std::move(job));
  }
  prepared.state_->offset_seed =
      fnv1a(concat(state_->options.host_name, external_labels.to_string()));
  return prepared;
}

void ScrapeManager::commit(Prepared prepared) {
  State& state = *state_;
  discovery::DiscoveryConfigs sets;
  std::map<std::string, std::shared_ptr<const Job>> jobs;
  for (auto& job : prepared.state_->jobs) {
    sets.emplace(job->config.job_name, job->config.discovery);
    jobs.emplace(job->config.job_name, std::move(job));
  }
  // Before the lock: it may wait for a disk.
  state.discovery.apply(sets);
  const MutexLock lock(state.mutex);
  if (state.stopped) return;
  state.offset_seed = prepared.state_->offset_seed;
  std::erase_if(state.pools, [&](const auto& entry) {
    if (jobs.contains(entry.first)) return false;
    entry.second->close();
    return true;
  });
  for (auto& [name, job] : jobs) {
    std::unique_ptr<Pool>& pool = state.pools[name];
    if (!pool) {
      state.metrics.pools.add();
      pool = std::make_unique<Pool>(state.loop_context(), state.tasks, std::move(job));
    } else if (pool->config() != job->config) {
      pool->reload(std::move(job));
    }
  }
  state.sync_all();
}

void ScrapeManager::State::sync_all() {
  const std::shared_ptr<const discovery::TargetSets> sets = discovery.groups();
  static const std::vector<discovery::TargetGroup> kNone;
  for (const auto& [name, pool] : pools) {
    const auto groups = sets->find(name);
    pool->sync(groups == sets->end() ? kNone : groups->second, offset_seed);
  }
}

void ScrapeManager::State::sync_when_changed() {
  const MutexLock lock(mutex);
  if (!stopped) sync_all();
}

void ScrapeManager::stop() {
  {
    const MutexLock lock(state_->mutex);
    if (state_->stopped) return;
    state_->stopped = true;
  }
  state_->discovery.stop();
  state_->tasks.stop();
  while (!state_->tasks.wait(std::chrono::seconds(10))) {
    state_->context.log.warn("scrapes are slow to stop", {{"running", state_->tasks.size()}});
  }
}

std::vector<ActiveTarget> ScrapeManager::active_targets() const {
  const MutexLock lock(state_->mutex);
  std::vector<ActiveTarget> out;
  for (const auto& [name, pool] : state_->pools) {
    std::vector<ActiveTarget> active = pool->active();
    std::ranges::sort(active, {},
                      [](const ActiveTarget& t) -> const model::Labels& { return t.labels; });
    std::ranges::move(active, std::back_inserter(out));
  }
  return out;
}

std::vector<DroppedTarget> ScrapeManager::dropped_targets() const {
  const MutexLock lock(state_->mutex);
  std::vector<DroppedTarget> out;
  for (const auto& [name, pool] : state_->pools) {
    for (const model::Labels& labels : pool->dropped())
      out.push_back({.discovered_labels = labels, .pool = name});
  }
  return out;
}

std::vector<PoolCounts> ScrapeManager::pool_counts() const {
  const MutexLock lock(state_->mutex);
  std::vector<PoolCounts> out;
  for (const auto& [name, pool] : state_->pools) out.push_back(pool->counts());
  return out;
}

std::vector<std::string> ScrapeManager::pools() const {
  const MutexLock lock(state_->mutex);
  std::vector<std::string> out;
  for (const auto& [name, pool] : state_->pools) out.push_back(name);
  return out;
}

std::vector<TargetMetadata> ScrapeManager::metadata(std::string_view family) const {
  const MutexLock lock(state_->mutex);
  std::vector<TargetMetadata> out;
  for (const auto& [name, pool] : state_->pools) pool->collect_metadata(family, out);
  return out;
}

}  // namespace narthex::scrape
