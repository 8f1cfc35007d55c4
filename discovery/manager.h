// Runs the providers of all consumers of one kind (the scrape jobs, or the blocks of Alertmanagers)
// and keeps what they found. Providers with equal configurations are one, and outlive a reload that
// does not change them. Who consumes looks at version() and takes a snapshot; see Follower.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "discovery/config.h"
#include "discovery/watch.h"

namespace narthex::discovery {

/// By consumer: the groups of its providers, in their order and sorted by source.
using TargetSets = std::map<std::string, std::vector<TargetGroup>>;
/// By consumer: its configuration.
using DiscoveryConfigs = std::map<std::string, DiscoveryConfig>;

/// Thread-safe.
class Manager {
 public:
  /// `name` is "scrape" or "notify": it labels the metrics.
  Manager(Context context, std::string name);
  /// stop() must have been called.
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// From now on these configurations. What can be known at once, such as static groups and
  /// readable files, is in the next snapshot. When it throws, the ones before stay. After stop()
  /// nothing. Not on an I/O thread.
  void apply(const DiscoveryConfigs& configs);
  /// Ends all providers. Called twice: nothing. Not on an I/O thread.
  void stop();

  /// Grows with every change.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// What is known now. The same object until something changes; never null.
  std::shared_ptr<const TargetSets> snapshot();

 private:
  struct Entry {
    std::shared_ptr<const ProviderConfig> config;
    std::unique_ptr<Provider> provider;
    std::map<std::string, TargetGroup> groups;  // by source, under mutex_
  };
  using Entries = std::vector<std::shared_ptr<Entry>>;
  using Running = std::multimap<std::size_t, std::shared_ptr<Entry>>;  // by fingerprint

  static std::shared_ptr<Entry> find(const Running& running, std::size_t fingerprint,
                                     const ProviderConfig& config);
  std::shared_ptr<Entry> start(std::shared_ptr<const ProviderConfig> config);
  std::map<std::string, Entries> start_all(const DiscoveryConfigs& configs, Running& next)
      NX_REQUIRES(apply_mutex_);
  static void stop_others(const Running& running, const Running& kept) noexcept;
  void update(Entry& entry, std::vector<TargetGroup> groups);
  std::shared_ptr<const TargetSets> snapshot_locked() NX_REQUIRES(mutex_);

  Context context_;
  std::string name_;
  Counter& updates_;
  DirectoryWatcher directories_;
  Mutex apply_mutex_;                            // rank 5: one change of configuration at a time
  Running running_ NX_GUARDED_BY(apply_mutex_);  // each provider once
  bool stopped_ NX_GUARDED_BY(apply_mutex_) = false;
  std::atomic<std::uint64_t> version_{0};  // release when groups changed, acquire by readers
  Mutex mutex_;                            // rank 16: who has which groups
  std::map<std::string, Entries> sets_ NX_GUARDED_BY(mutex_);
  std::shared_ptr<const TargetSets> snapshot_ NX_GUARDED_BY(mutex_);  // null: to be made anew
};

}  // namespace narthex::discovery
