// A job's targets. A target is known by the hash of all its labels and its URL; sync() makes the
// set of loops fit the set of targets by that hash, and leaves alone what is in both.
//
// A reload that keeps the meaning of keys (only times, limits of samples or credentials differ)
// ends all loops but lets their successors take over what they remember: they wait in outgoing_, by
// what stays the same, until the sync that follows. What no successor took ends with stale markers
// like any target that is gone.
#include "scrape/pool.h"

#include "base/str.h"
#include "base/units.h"

namespace narthex::scrape {
namespace {

constexpr std::size_t kDroppedMax = 10'000;   // docs/limits.md, when the job names none
constexpr std::size_t kTargetsMax = 200'000;  // docs/limits.md

// What stays the same when only interval, timeout or credentials change.
std::uint64_t identity(const Target& target) {
  return fnv1a(target.url_text, target.labels.hash());
}

}  // namespace

bool keeps_meaning(const ScrapeConfig& a, const ScrapeConfig& b) {
  const auto reduced = [](ScrapeConfig config) {
    config.scrape_interval = 0;
    config.scrape_timeout = 0;
    config.limits.samples = 0;
    config.client = {};
    config.discovery = {};
    return config;
  };
  return reduced(a) == reduced(b);
}

Pool::Pool(LoopContext context, net::TaskGroup& tasks, std::shared_ptr<const Job> job)
    : context_(context), tasks_(tasks), job_(std::move(job)) {}

std::map<std::uint64_t, Target> Pool::make_targets(
    const std::vector<discovery::TargetGroup>& groups) {
  const ScrapeConfig& config = job_->config;
  const std::size_t keep =
      config.limits.keep_dropped_targets == 0 ? kDroppedMax : config.limits.keep_dropped_targets;
  std::map<std::uint64_t, Target> targets;
  dropped_.clear();
  dropped_count_ = 0;
  std::size_t failed = 0;
  for (const discovery::TargetGroup& group : groups) {
    for (const model::Labels& labels : group.targets) {
      model::Labels discovered;
      auto target = make_target(labels, group.labels, config, *job_->target_relabeler, discovered);
      if (!target || (*target && targets.size() >= kTargetsMax)) {
        if (++failed > 1) continue;  // one line for them all
        context_.log.error("cannot make a target",
                           {{"scrape_pool", config.job_name},
                            {"labels", discovered.to_string()},
                            {"error", target ? "too many targets" : target.error().message()}});
      } else if (*target) {
        const std::uint64_t hash = (*target)->hash;  // of equals the last is shown, as upstream
        targets.insert_or_assign(hash, **std::move(target));
      } else {
        ++dropped_count_;
        if (dropped_.size() < keep) dropped_.push_back(std::move(discovered));
      }
    }
  }
  context_.metrics.registry
      .counter("prometheus_target_sync_failed_total", "Total number of target sync failures.",
               {{"scrape_job", config.job_name}})
      .add(static_cast<double>(failed));
  return targets;
}

// Loops of targets that are gone end, those that stay learn their new labels before relabelling,
// new ones begin. After a reload `outgoing_` holds the loops of the job's former settings: a new
// loop for the same target takes over from its predecessor, and what then is left of them ends.
void Pool::sync(const std::vector<discovery::TargetGroup>& groups, std::uint64_t offset_seed) {
  const std::int64_t started_ns = context_.clock.monotonic_ns();
  std::map<std::uint64_t, Target> targets = make_targets(groups);
  for (auto it = loops_.begin(); it != loops_.end();) {
    if (targets.contains(it->first)) {
      ++it;
      continue;
    }
    end(it->second);
    it = loops_.erase(it);
  }
  for (auto& [hash, target] : targets) {
    if (const auto known = loops_.find(hash); known != loops_.end()) {
      known->second.loop->set_discovered_labels(std::move(target.discovered_labels));
      continue;
    }
    const std::uint64_t id = identity(target);
    auto loop = std::make_shared<TargetLoop>(context_, job_, std::move(target), offset_seed);
    if (const auto before = outgoing_.find(id); before != outgoing_.end()) {
      before->second.task.cancel();
      before->second.loop->retire_into(*loop);
      outgoing_.erase(before);
    }
    net::TaskHandle task =
        tasks_.spawn([loop] { return loop->run(); }, net::AfterException::kRestart);
    loops_.emplace(hash, Running{.loop = std::move(loop), .task = std::move(task)});
  }
  for (const auto& [id, running] : outgoing_) end(running);
  outgoing_.clear();
  check_target_limit();
  publish(context_.clock.monotonic_ns() - started_ns);
}

void Pool::publish(std::int64_t sync_ns) const {
  Metrics& metrics = context_.metrics.registry;
  const Metrics::LabelList label = {{"scrape_job", job_->config.job_name}};
  metrics
      .counter("prometheus_target_scrape_pool_sync_total",
               "Total number of syncs that were executed on a scrape pool.", label)
      .add();
  metrics
      .gauge("prometheus_target_scrape_pool_targets",
             "Current number of targets in this scrape pool.", label)
      .set(static_cast<double>(loops_.size()));
  metrics
      .gauge("prometheus_target_scrape_pool_target_limit",
             "Maximum number of targets allowed in this scrape pool.", label)
      .set(static_cast<double>(job_->config.limits.targets));
  metrics
      .summary("prometheus_target_sync_length_seconds", "Actual interval to sync the scrape pool.",
               label, Spread::kBoth)
      .observe(to_seconds(sync_ns));
}

void Pool::check_target_limit() {
  const std::uint64_t limit = job_->config.limits.targets;
  std::string error;
  if (limit != 0 && loops_.size() > limit) {
    context_.metrics.exceeded_target_limit.add();
    error = concat("target_limit exceeded (number of targets: ", loops_.size(), ", limit: ", limit,
                   ")");
  }
  for (const auto& [hash, running] : loops_) running.loop->set_forced_error(error);
}

void Pool::reload(std::shared_ptr<const Job> job) {
  const bool keep = keeps_meaning(job_->config, job->config);
  job_ = std::move(job);
  context_.metrics.pool_reloads.add();
  for (auto& [hash, running] : loops_) {
    if (keep)
      outgoing_.emplace(identity(running.loop->target()), std::move(running));
    else
      end(running);
  }
  loops_.clear();
}

void Pool::end(const Running& running) {
  running.task.cancel();
  running.loop->retire();
  tasks_.spawn([loop = running.loop, stopped = context_.clock.now_ms()] {
    return loop->say_farewell(stopped);
  });
}

void Pool::close() {
  for (const auto& [hash, running] : loops_) end(running);
  loops_.clear();
  context_.metrics.registry.retire("scrape_job", job_->config.job_name);
}

std::vector<ActiveTarget> Pool::active() const {
  std::vector<ActiveTarget> out;
  out.reserve(loops_.size());
  for (const auto& [hash, running] : loops_) out.push_back(running.loop->snapshot());
  return out;
}

PoolCounts Pool::counts() const {
  return PoolCounts{
      .pool = job_->config.job_name, .active = loops_.size(), .dropped = dropped_count_};
}

void Pool::collect_metadata(std::string_view family, std::vector<TargetMetadata>& out) const {
  for (const auto& [hash, running] : loops_) running.loop->collect_metadata(family, out);
}

}  // namespace narthex::scrape
