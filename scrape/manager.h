// All scraping: turns scrape configurations into pools of targets, scrapes each target on its own
// coroutine and appends what it finds. The only header of scrape/ that server and web need.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/metadata.h"
#include "model/storage.h"
#include "model/time.h"
#include "net/executors.h"
#include "scrape/config.h"

namespace narthex::scrape {

/// Settings of flags, the same for all jobs and for the life of the process.
struct ScrapeOptions {
  std::string user_agent = "Prometheus/3.14.0";
  /// Fully qualified; with the external labels the seed of the offsets that spread scrapes over the
  /// interval.
  std::string host_name;
  model::DurationMs discovery_reload_interval = 5'000;  // upstream's default
  bool align_timestamps = true;
  model::DurationMs timestamp_tolerance = 2;  // upstream's default
  /// Of the bodies of all scrapes under way, as far as one has more than 4 MiB.
  std::size_t bodies_bytes_max = std::size_t{1} << 30;
  /// Of what all scrapes under way make of their bodies: rows, new lines, texts. 0: no limit.
  std::size_t parsed_bytes_max = std::size_t{1} << 30;
};

/// Of the last scrape; kUnknown before the first.
enum class Health : unsigned char { kUnknown, kUp, kDown };
/// "unknown", "up", "down".
std::string_view health_name(Health health);

/// A target at one moment.
struct ActiveTarget {
  model::Labels discovered_labels;  // before relabelling
  model::Labels labels;             // visible ones
  std::string pool;
  std::string url;
  std::string last_error;         // empty after a good scrape
  model::TimeMs last_scrape = 0;  // 0: never
  double last_duration_seconds = 0;
  Health health = Health::kUnknown;
  std::string interval;  // this and the next as the labels write them: "90s" stays "90s"
  std::string timeout;
};

/// One that relabelling dropped, as discovery found it.
struct DroppedTarget {
  model::Labels discovered_labels;
  std::string pool;
};

/// How many targets a job has.
struct PoolCounts {
  std::string pool;
  std::size_t active = 0;
  std::size_t dropped = 0;  // counts all, also those above keep_dropped_targets
};

/// What one active target says about one metric family.
struct TargetMetadata {
  model::Labels target;
  std::string family;
  model::Metadata metadata;
};

/// Thread-safe.
class ScrapeManager {
 public:
  /// Everything must outlive the manager.
  struct Context {
    net::Executors& executors;
    model::Appender& appender;
    FileSystem& fs;
    const Clock& clock;
    Metrics& metrics;
    Log& log;
  };

  /// Nothing is scraped before the first commit.
  ScrapeManager(Context context, ScrapeOptions options);
  /// stop() must have been called.
  ~ScrapeManager();
  ScrapeManager(const ScrapeManager&) = delete;
  ScrapeManager& operator=(const ScrapeManager&) = delete;

  /// A checked configuration, ready to be committed.
  class Prepared {
   public:
    Prepared();
    Prepared(Prepared&&) noexcept;
    Prepared& operator=(Prepared&&) noexcept;
    ~Prepared();

   private:
    friend class ScrapeManager;
    struct State;
    std::unique_ptr<State> state_;
  };

  /// Changes nothing. kInvalid for a repeated job name or a rule that does not compile.
  Result<Prepared> prepare(std::vector<ScrapeConfig> configs, const model::Labels& external_labels);

  /// Takes effect at once: pools whose configuration is equal go on undisturbed, others restart,
  /// removed ones end with staleness markers. The first commit starts scraping.
  void commit(Prepared prepared);

  /// Ends all scraping and waits for what runs, without staleness markers. Not on an I/O thread.
  /// Called twice: nothing.
  void stop();

  /// Snapshots of what is scraped, what relabelling dropped (as many as keep_dropped_targets
  /// allows) and how many there are of each; sorted by pool, targets then by labels.
  std::vector<ActiveTarget> active_targets() const;
  std::vector<DroppedTarget> dropped_targets() const;
  std::vector<PoolCounts> pool_counts() const;
  /// Job names, sorted.
  std::vector<std::string> pools() const;
  /// Of all active targets; of one metric family when `family` is not empty.
  std::vector<TargetMetadata> metadata(std::string_view family = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::scrape
