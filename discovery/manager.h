// Keeps target groups up to date. A set of groups (one per scrape job or Alertmanager block) comes
// from one or more providers: static groups at once, files re-read when their directory changes and
// every refresh_interval. Consumers look at version() and take a snapshot.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "discovery/config.h"
#include "discovery/watch.h"
#include "net/executors.h"

namespace narthex::discovery {

using TargetSets = std::map<std::string, std::vector<TargetGroup>>;

/// Keeps the groups of one `file_sd_configs` item. Not thread-safe; reads files, so not on an I/O
/// thread.
class FileProvider {
 public:
  FileProvider(FileConfig config, FileSystem& fs, Log& log, Counter& read_errors);

  /// Re-reads what changed. A file that cannot be read or decoded keeps its groups; one that is
  /// gone loses them. True when the groups are other ones now.
  bool refresh();
  const FileConfig& config() const { return config_; }
  /// Where a change may make refresh() return true.
  std::set<std::string> directories() const;
  void collect(std::vector<TargetGroup>& out) const;

 private:
  struct File {
    std::string content;
    std::vector<TargetGroup> groups;
    bool failed = false;
  };
  std::vector<std::string> matching_paths() const;
  bool refresh_file(const std::string& path);

  FileConfig config_;
  FileSystem& fs_;
  Log& log_;
  Counter& read_errors_;
  std::map<std::string, File> files_;
};

/// The groups that a file_sd file holds; the name decides between JSON and YAML. Errors: kInvalid.
Result<std::vector<TargetGroup>> decode_file(std::string_view path, std::string_view content);

/// Thread-safe.
class Manager {
 public:
  struct Context {
    net::Executors& executors;
    FileSystem& fs;
    const Clock& clock;
    Metrics& metrics;
    Log& log;
  };

  /// `name` is "scrape" or "notify": it labels the metrics.
  Manager(Context context, std::string name);
  /// stop() must have been called.
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// From now on these sets. Static groups and readable files are in the next snapshot; a provider
  /// whose configuration is equal keeps what it knows. Reads files: not on an I/O thread.
  void apply(const std::map<std::string, DiscoveryConfig>& sets);
  void stop();

  /// Grows with every change.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const TargetSets> snapshot() const;

 private:
  struct Set {
    DiscoveryConfig config;
    std::vector<std::shared_ptr<FileProvider>> files;
  };
  asio::awaitable<void> watch_loop();
  asio::awaitable<void> refresh_loop();
  void refresh();
  void watch_directories() NX_REQUIRES(mutex_);
  void publish() NX_REQUIRES(mutex_);

  Context context_;
  std::string name_;
  Counter& read_errors_;
  Counter& updates_;
  Counter& watch_errors_;
  net::TaskGroup tasks_;
  std::atomic<model::DurationMs> refresh_interval_{0};  // relaxed: only its own value matters
  std::atomic<std::uint64_t> version_{
      0};  // release when a snapshot is published, acquire by readers
  mutable Mutex mutex_;
  std::map<std::string, Set> sets_ NX_GUARDED_BY(mutex_);
  std::shared_ptr<const TargetSets> snapshot_ NX_GUARDED_BY(mutex_);
  DirectoryWatch watch_ NX_GUARDED_BY(mutex_);
  bool running_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::discovery
