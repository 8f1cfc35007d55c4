// One target's life: wait for its place in the interval, fetch on an I/O thread, read and append on
// a CPU thread, report; and stale markers when it is gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/byte_budget.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "model/storage.h"
#include "net/executors.h"
#include "net/http/client.h"
#include "scrape/ingest/ingest.h"
#include "scrape/manager.h"
#include "scrape/metrics.h"
#include "scrape/target.h"

namespace narthex::scrape {

/// The scratch memory of scrapes that run, handed from one to the next. Thread-safe.
class BatchPool {
 public:
  /// An empty batch. give() takes it back; a very large one is dropped instead.
  std::unique_ptr<Batch> take();
  void give(std::unique_ptr<Batch> batch);
  /// Memory for a response's body, apart from batches because a slow target holds it for long.
  std::string take_body();
  void give_body(std::string body);

 private:
  Mutex mutex_;  // leaf
  std::vector<std::string> idle_bodies_ NX_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Batch>> idle_ NX_GUARDED_BY(mutex_);
};

/// A job's configuration as its loops need it. Immutable.
struct Job {
  ScrapeConfig config;
  std::shared_ptr<const model::Relabeler> target_relabeler;
  std::shared_ptr<const model::Relabeler> metric_relabeler;
  std::string accept;

  /// Compiles the relabelling rules. kInvalid, kLimit: as Relabeler::create().
  static Result<std::shared_ptr<const Job>> create(ScrapeConfig config);
  /// What a target of this job with that timeout treats samples by.
  IngestRules rules(model::DurationMs timeout) const;
};

/// The Accept header for these protocols: the first has the most weight, anything else the least.
std::string accept_header(const std::vector<Protocol>& protocols, NameEscaping escaping);
/// Which parser a response's Content-Type asks for. kInvalid with upstream's text for none of ours.
Result<exposition::Format> choose_format(std::string_view content_type,
                                         std::optional<Protocol> fallback);

/// What all loops share; all references outlive them.
struct LoopContext {
  net::Executors& executors;
  model::Appender& appender;
  const Clock& clock;
  Log& log;
  ScrapeMetrics& metrics;
  BatchPool& batches;
  ByteBudget& bodies;
  MemoryBudget& parsed;
  const ScrapeOptions& options;
};

/// Held by shared_ptr: by its pool, and by its coroutine. Thread-safe.
class TargetLoop {
 public:
  /// Nothing runs before run() is spawned. `offset_seed` is the server's: see Target::offset_ns().
  TargetLoop(LoopContext context, std::shared_ptr<const Job> job, Target target,
             std::uint64_t offset_seed);

  /// Scrapes until cancelled.
  asio::awaitable<void> run();
  /// Some time after run() ended: stale markers for everything, unless somebody writes those series
  /// by then.
  asio::awaitable<void> say_farewell(model::TimeMs stopped);

  /// One scrape's work behind the fetch. `share` counts the body, inflated too. Public for tests.
  /// Runs on the CPU pool.
  void process(Result<net::http::ClientResponse> response, model::TimeMs time,
               std::int64_t started_ns, BudgetShare* share = nullptr);
  /// What each scrape asks for: URL, Accept, timeout. The client adds what the job configures.
  net::http::ClientRequest request() const;

  /// No sample is written from now on but by say_farewell().
  void retire();
  /// Retires, and hands what it remembers to `next`, which is the same target under a changed
  /// configuration.
  void retire_into(TargetLoop& next);

  /// While set, scrapes fail with it and nothing is fetched.
  void set_forced_error(std::string error);

  /// What discovery says of the target now: it may change while its own labels stay.
  void set_discovered_labels(model::Labels labels);

  const Target& target() const { return target_; }
  /// What the targets page shows, as the last scrape left it.
  ActiveTarget snapshot() const;
  /// Appends what the last good page said of `family`, or of all when it is empty. Waits for a
  /// scrape that is being processed.
  void collect_metadata(std::string_view family, std::vector<TargetMetadata>& out) const;

 private:
  struct Status {
    std::string error;
    model::TimeMs last_scrape = 0;
    double duration_seconds = 0;
    Health health = Health::kUnknown;
  };
  asio::awaitable<bool> scrape(model::TimeMs time);
  asio::awaitable<Result<net::http::ClientResponse>> fetch(BudgetShare* share);
  void write(Result<net::http::ClientResponse>& response, model::TimeMs time,
             std::int64_t started_ns) NX_REQUIRES(ingest_mutex_);
  Error report_exception_now() const;
  Result<ScrapeCounts> read(Result<net::http::ClientResponse>& response, model::TimeMs time,
                            Batch& batch, std::int64_t& body_bytes) NX_REQUIRES(ingest_mutex_);
  Result<void> decode_body(net::http::ClientResponse& response, Batch& batch) const
      NX_REQUIRES(ingest_mutex_);
  void count_failure(const Error& error, std::int64_t body_bytes) const;
  void count_rejected(const ScrapeCounts& counts, const RejectedRows& rejected)
      NX_REQUIRES(ingest_mutex_);
  void write_farewell(model::TimeMs time);
  std::size_t body_bytes_max() const;
  std::string forced_error() const;

  LoopContext context_;
  std::shared_ptr<const Job> job_;
  Target target_;
  std::uint64_t offset_seed_;
  Observer& interval_length_;
  net::http::Client client_;  // used by run() only

  mutable Mutex ingest_mutex_;  // rank 12: held for the CPU part of a scrape
  Ingest ingest_ NX_GUARDED_BY(ingest_mutex_);
  bool retired_ NX_GUARDED_BY(ingest_mutex_) = false;
  BudgetShare* share_ NX_GUARDED_BY(ingest_mutex_) = nullptr;  // of the scrape being processed
  std::int64_t last_warning_ns_ NX_GUARDED_BY(ingest_mutex_) = 0;
  exposition::Format format_ NX_GUARDED_BY(ingest_mutex_) = exposition::Format::kPrometheus;

  mutable Mutex status_mutex_;  // leaf
  Status status_ NX_GUARDED_BY(status_mutex_);
  std::string forced_error_ NX_GUARDED_BY(status_mutex_);
  model::Labels discovered_labels_ NX_GUARDED_BY(status_mutex_);
};

}  // namespace narthex::scrape
