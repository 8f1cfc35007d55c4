// The targets of one job: keeps a loop for each, starts and ends loops as discovery changes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "discovery/config.h"
#include "net/executors.h"
#include "scrape/loop.h"

namespace narthex::scrape {

/// Not thread-safe: the manager's lock guards it.
class Pool {
 public:
  /// `tasks` and everything in `context` outlive the pool.
  Pool(LoopContext context, net::TaskGroup& tasks, std::shared_ptr<const Job> job);

  /// Makes the loops fit these groups.
  void sync(const std::vector<discovery::TargetGroup>& groups, std::uint64_t offset_seed);
  /// The next sync() restarts every loop under `job`.
  void reload(std::shared_ptr<const Job> job);
  /// Ends every loop; with staleness markers later.
  void close();

  const ScrapeConfig& config() const { return job_->config; }
  /// In order of the targets' hashes.
  std::vector<ActiveTarget> active() const;
  const std::vector<model::Labels>& dropped() const { return dropped_; }
  PoolCounts counts() const;
  /// As TargetLoop's, of each target in turn.
  void collect_metadata(std::string_view family, std::vector<TargetMetadata>& out) const;

 private:
  struct Running {
    std::shared_ptr<TargetLoop> loop;
    net::TaskHandle task;
  };
  using Loops = std::map<std::uint64_t, Running>;  // by the target's hash

  std::map<std::uint64_t, Target> make_targets(const std::vector<discovery::TargetGroup>& groups);
  void end(const Running& running);
  void check_target_limit();
  void publish(std::int64_t sync_ns) const;

  LoopContext context_;
  net::TaskGroup& tasks_;
  std::shared_ptr<const Job> job_;
  Loops loops_;
  std::map<std::uint64_t, Running> outgoing_;  // by labels and URL, until the next sync
  std::vector<model::Labels> dropped_;
  std::size_t dropped_count_ = 0;
};

/// Do both configurations give every key the same meaning, so that templates survive the change?
bool keeps_meaning(const ScrapeConfig& a, const ScrapeConfig& b);

}  // namespace narthex::scrape
