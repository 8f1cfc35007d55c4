// Wiring, and the order in which parts start, reload and stop.
//
// Parts. All exist from the constructor to the destructor, whatever the phase. Before the store is
// open they meet kUnavailable from LateStore, after stop() they do nothing; so no request, signal
// or order of them finds one missing. Pools apart for scrapes, rules, queries and control routes,
// so that none waits for another; on a busy core the system serves them in that order
// (docs/concurrency.md).
//
// Start: metrics; a first configuration, prepared and put aside; the listener, so that health and
// progress can be asked during a replay, and everything else gets 503; the store; then the newest
// good configuration is committed, rules start, and the gate opens.
//
// Reload: the file is read and every part prepares, which may fail and changes nothing; then every
// part commits, which has no errors. While the server starts the result waits for the store
// instead. Reading holds files_mutex only, which may wait for a disk; the change itself holds
// reload_mutex, for which stop() waits, too.
//
// Stop, in an order in which nobody misses what was stopped before: no new connections; scrapes and
// rules end, who write; queries are cancelled; requests get their grace; the store is closed and
// with it the log, which is what must not be lost; only then notifications drain, because an
// Alertmanager that hangs can take longer than whoever sent the signal is willing to wait; last the
// threads.
//
// Rejected: making parts in start(). Requests come as soon as the listener is there, and every
// handler would have to ask whether its part is.
#include "server/lifecycle.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <thread>

#include "alerting/notify/notifier.h"
#include "alerting/rules/manager.h"
#include "base/exceptions.h"
#include "base/metrics_refresh.h"
#include "base/mutex.h"
#include "base/str.h"
#include "net/executors.h"
#include "query/engine.h"
#include "scrape/manager.h"
#include "server/late_store.h"
#include "server/memory_limits.h"
#include "server/metrics.h"
#include "server/process.h"
#include "server/signals.h"
#include "server/wiring.h"
#include "tsdb/db.h"
#include "web/api/api.h"
#include "web/lifecycle_pages.h"
#include "web/page.h"

namespace narthex::server {
namespace {

constexpr auto kStopGrace = std::chrono::seconds(5);     // requests under way at a stop
constexpr std::int64_t kSyncIntervalNs = 5'000'000'000;  // docs/promises.md, D2

// Of the CPU threads. A thread of niceness 5 gets a third of what one of niceness 0 gets, one of 10
// a ninth; on a core with nothing else to do, all of it.
constexpr int kRulesNice = 5;
constexpr int kQueriesNice = 10;
constexpr unsigned kControlThreads = 4;  // a few status pages beside /metrics

unsigned cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

// Of instant and of range queries. More than the cores, so that a short query seldom waits for the
// end of long ones; not many more, for each that waits for a core in the middle of its work holds
// memory, and now and then a lock that others want.
unsigned query_threads(const Flags& flags) {
  return static_cast<unsigned>(std::clamp<std::size_t>(flags.query_concurrency, 2, 2 * cores()));
}

// A replay is told to stop by hand only.
StopToken cancellable(const Clock& clock) {
  return {clock, std::numeric_limits<std::int64_t>::max()};
}

}  // namespace

struct Server::Parts {
  enum class Phase : unsigned char { kStarting, kRunning, kStopping };
  /// A configuration that every part has agreed to.
  struct Prepared {
    Config config;
    alerting::Notifier::Prepared alerts;
    scrape::ScrapeManager::Prepared targets;
    alerting::RuleManager::Prepared groups;
  };

  Parts(Flags f, Config c, Log& l);

  net::ExecutorOptions executor_options(unsigned io_threads, unsigned cpu_threads, int cpu_nice);
  void add_routes();
  web::StatusProviders status_providers();
  web::RuntimeInfo runtime_info();
  alerting::RuleContext rule_context();
  Config current_config();
  Result<Prepared> prepare(Config next);
  Result<Prepared> prepare_file();
  void commit(Prepared next);
  Result<void> go_live();
  Result<void> start(std::function<Result<void>()> reload);
  Result<void> check_running();
  Result<void> take(Prepared next) NX_REQUIRES(reload_mutex);
  Result<void> listen(std::function<Result<void>()> reload);
  Result<void> open_store();
  void note_reload(bool ok);
  void publish_metrics();
  asio::awaitable<void> sync_loop();

  const Flags flags;
  Log& log;
  FileSystem& fs = real_file_system();
  SystemClock clock;
  Metrics metrics;
  const model::TimeMs start_time = clock.now_ms();

  Mutex files_mutex;   // rank 0: one reading of the configuration's files at a time
  Mutex reload_mutex;  // rank 1: one change of configuration or phase at a time; waits for no file
  Phase phase NX_GUARDED_BY(reload_mutex) = Phase::kStarting;
  std::optional<Prepared> waiting NX_GUARDED_BY(reload_mutex);  // for the store to open
  Mutex mutex;                                                  // rank 2: what /status shows
  Config config NX_GUARDED_BY(mutex);
  bool reload_ok NX_GUARDED_BY(mutex) = true;
  model::TimeMs config_time NX_GUARDED_BY(mutex) = 0;

  // Who goes first on a busy core: docs/concurrency.md.
  net::Executors ingest{executor_options(std::min(cores(), 8U), std::max(2U, cores()), 0)};
  net::Executors ruling{executor_options(1, std::max(2U, cores()), kRulesNice)};
  net::Executors serving{
      executor_options(std::min(cores(), 4U), query_threads(flags), kQueriesNice)};
  net::Executors ranging{executor_options(1, query_threads(flags), kQueriesNice)};
  net::Executors reading{executor_options(1, std::max(2U, cores()), kQueriesNice)};
  net::Executors control{executor_options(1, kControlThreads, 0)};
  net::Executors reloading{
      executor_options(1, 1, 0)};  // in turn; a file that hangs costs only reloads
  LateStore store;
  const StopToken start_stop = cancellable(clock);
  tsdb::ReplayProgress replay;
  std::unique_ptr<tsdb::Db> db;  // set by start() before anybody can pass the gate
  query::Engine engine;
  scrape::ScrapeManager scraping;
  alerting::Notifier notifier;
  alerting::RuleManager rules;
  net::TaskGroup background;

  web::QueryApi query_api;
  web::SeriesApi series_api{store};
  web::RulesApi rules_api{[this] { return rules.groups(); }};
  std::unique_ptr<web::TargetsApi> targets_api;
  std::unique_ptr<web::StatusApi> status_api;
  web::Router router;
  std::optional<MetricsRefresh> refresh;  // reads the router: ends first
  std::unique_ptr<net::http::HttpServer> http;
};

Server::Parts::Parts(Flags f, Config c, Log& l)
    : flags(std::move(f)),
      log(l),
      config(std::move(c)),
      engine(engine_options(flags, config), clock, metrics),
      scraping({ingest, store, fs, clock, metrics, log}, scrape_options(flags)),
      notifier({ingest, fs, clock, metrics, log}, notifier_options(flags)),
      rules(rule_context(), ruling, fs),
      background(ingest,
                 [this](std::string_view what) {
                   report_exception(log, metrics, {"storage", "syncing the log"}, what);
                 }),
      query_api([this](const query::QueryRequest& r,
                       const StopToken& stop) { return engine.run(store, r, stop); },
                engine.options().parser, clock),
      router(router_options(flags), serving, clock, metrics, log) {}

net::ExecutorOptions Server::Parts::executor_options(unsigned io_threads, unsigned cpu_threads,
                                                     int cpu_nice) {
  net::ExecutorOptions options;
  options.io_threads = io_threads;
  options.cpu_threads = cpu_threads;
  options.cpu_nice = cpu_nice;
  options.on_exception = [this](std::string_view what) {
    report_exception(log, metrics, {"io", "an I/O handler"}, what);
  };
  return options;
}

Server::Server(Flags flags, Config config, Log& log)
    : parts_(std::make_unique<Parts>(std::move(flags), std::move(config), log)) {}
Server::~Server() = default;

web::RuntimeInfo Server::Parts::runtime_info() {
  web::RuntimeInfo info;
  info.start_time = start_time;
  info.working_directory = working_directory();
  info.host_name = host_name();
  info.server_time = clock.now_ms();
  info.threads = static_cast<std::int64_t>(read_process_state(fs).threads);
  info.cpus = cores();
  const MutexLock lock(mutex);
  info.reload_success = reload_ok;
  info.last_config_time = config_time / 1000 * 1000;  // upstream counts seconds
  if (config.retention_ms != 0) {
    info.storage_retention = model::format_duration(config.retention_ms);
  }
  return info;
}

web::StatusProviders Server::Parts::status_providers() {
  web::StatusProviders providers;
  providers.build.narthex_version = own_version();
  providers.build.compiler = concat("clang ", __clang_major__);
  providers.config_yaml = [this] {
    const MutexLock lock(mutex);
    return config.yaml;
  };
  providers.flags = [all = effective_flags(flags, current_config())] { return all; };
  providers.runtime = [this] { return runtime_info(); };
  providers.tsdb = [this](std::size_t limit, const StopToken& stop) -> Result<web::TsdbStatus> {
    NX_TRY_ASSIGN(const tsdb::DbStatistics statistics, db->statistics(limit, stop));
    return tsdb_status(statistics);
  };
  providers.wal_replay = [this] {
    return web::WalReplayStatus{
        .min = replay.first.load(), .max = replay.last.load(), .current = replay.current.load()};
  };
  return providers;
}

void Server::Parts::add_routes() {
  const ExternalUrl url = external_url(flags);
  web::TargetsSource source = web::targets_source(scraping);
  source.alertmanagers = [this] { return notifier.active_alertmanagers(); };
  source.dropped_alertmanagers = [this] { return notifier.dropped_alertmanagers(); };
  const web::GlobalUrl global{port_of(flags.listen_addresses.front()), url.scheme, url.host};
  targets_api = std::make_unique<web::TargetsApi>(std::move(source), global);
  status_api = std::make_unique<web::StatusApi>(status_providers());
  web::add_api_routes(router,
                      {query_api,
                       series_api,
                       *targets_api,
                       *status_api,
                       &rules_api,
                       {&engine.memory(query::Lane::kApi), engine.options().query_memory_max}},
                      {serving, ranging, reading, control});
  web::add_page_routes(router, url.path);
}

void Server::Parts::publish_metrics() {
  publish_build(metrics);
  refresh.emplace(metrics, [this] {
    publish_process(metrics, read_process_state(fs));
    publish_readiness(metrics, router.readiness() == web::Router::Readiness::kReady);
  });
}

// All parts prepare before any commits: a bad file changes nothing.
Result<Server::Parts::Prepared> Server::Parts::prepare(Config next) {
  const model::Labels& external = next.global.external_labels;
  Prepared out;
  NX_TRY_ASSIGN(out.alerts, notifier.prepare(next.alerting, external));
  NX_TRY_ASSIGN(out.targets, scraping.prepare(next.scrape_configs, external));
  NX_TRY_ASSIGN(out.groups, rules.prepare(rules_config(next)));
  out.config = std::move(next);
  return out;
}

Result<Server::Parts::Prepared> Server::Parts::prepare_file() {
  const std::string file = concat(" (--config.file=", quote(flags.config_file), ")");
  Result<Config> next = load_config(flags.config_file, fs, flags.retention_ms);
  if (!next) {
    return std::unexpected(
        std::move(next).error().with(concat("couldn't load configuration", file)));
  }
  Result<Prepared> prepared = prepare(*std::move(next));
  if (!prepared) {
    return std::unexpected(std::move(prepared).error().with(
        concat("one or more errors occurred while applying the new configuration", file)));
  }
  return prepared;
}

void Server::Parts::commit(Prepared next) {
  engine.set_subquery_step(next.config.global.evaluation_interval_ms);
  notifier.commit(std::move(next.alerts));
  scraping.commit(std::move(next.targets));
  rules.commit(std::move(next.groups));
  const MutexLock lock(mutex);
  config = std::move(next.config);
}

Config Server::Parts::current_config() {
  const MutexLock lock(mutex);
  return config;
}

alerting::RuleContext Server::Parts::rule_context() {
  return {.run_query =
              [this](const query::QueryRequest& r, const StopToken& stop) {
                return engine.run(store, r, stop, query::Lane::kRules);
              },
          .send = [this](std::vector<alerting::Alert> alerts) { notifier.send(std::move(alerts)); },
          .appender = store,
          .store = store,
          .clock = clock,
          .metrics = metrics,
          .log = log,
          .options = rule_options(flags)};
}

asio::awaitable<void> Server::Parts::sync_loop() {
  for (;;) {
    const bool go_on = co_await net::sleep_for_ns(kSyncIntervalNs);
    if (!go_on) co_return;
    auto sync = [this] { return db->sync(); };
    const Result<void> synced = co_await net::run_on(ingest.cpu(), std::move(sync));
    if (!synced) log.error("wal sync failed", {{"err", synced.error()}});
  }
}

Result<void> Server::Parts::listen(std::function<Result<void>()> reload) {
  web::LifecycleHooks hooks;
  hooks.enabled = flags.enable_lifecycle;
  hooks.reload = std::move(reload);
  hooks.quit = send_terminate;
  web::add_lifecycle_routes(router, std::move(hooks), {control, reloading}, metrics);
  add_routes();
  auto handler = [this](const net::http::Request& request) { return router.handle(request); };
  auto is_vital = [this](const net::http::Request& request) { return router.is_vital(request); };
  http =
      std::make_unique<net::http::HttpServer>(http_options(flags), net::http::whole_bodies(handler),
                                              serving, clock, log, metrics, is_vital);
  NX_TRY(http->listen());
  http->start();
  log.info("listening", {{"address", join(http->addresses(), ",")}});
  return {};
}

Result<void> Server::Parts::open_store() {
  const tsdb::ReplayControl replaying{.stop = start_stop, .progress = &replay};
  NX_TRY_ASSIGN(db, tsdb::Db::open(store_options(flags, current_config()), fs, clock, metrics, log,
                                   replaying));
  store.open(*db);
  background.spawn([this] { return sync_loop(); }, net::AfterException::kRestart);
  return {};
}

void Server::Parts::note_reload(bool ok) {
  publish_reload_outcome(metrics, ok);
  const MutexLock lock(mutex);
  reload_ok = ok;
  if (!ok) return;
  config_time = clock.now_ms();
  publish_reload_time(metrics, config_time);
}

// The file is read again, as upstream does: it may have changed while the WAL was replayed. When it
// is bad now, the newest that was good is taken.
Result<void> Server::Parts::go_live() {
  const MutexLock in_turn(files_mutex);
  Result<Prepared> newest = prepare_file();
  const MutexLock one_at_a_time(reload_mutex);
  if (!start_stop.check()) return Error(Code::kCancelled, "stopped while starting");
  if (newest) waiting = *std::move(newest);
  commit(*std::move(waiting));
  waiting.reset();
  note_reload(true);
  if (!newest) {
    log.error("error loading config, an older one is used", {{"err", newest.error()}});
    note_reload(false);
  }
  rules.start();
  phase = Phase::kRunning;
  router.set_readiness(web::Router::Readiness::kReady);
  return {};
}

Result<void> Server::Parts::start(std::function<Result<void>()> reload) {
  publish_metrics();
  {
    const MutexLock one_at_a_time(reload_mutex);
    Result<Prepared> first = prepare(current_config());
    if (!first) return std::unexpected(std::move(first).error().with("error loading config"));
    waiting = *std::move(first);
    note_reload(true);  // as upstream: a long replay must not look like a bad configuration
  }
  NX_TRY(listen(std::move(reload)));
  NX_TRY(open_store());
  NX_TRY(go_live());
  log.info("server is ready to receive web requests");
  return {};
}

Result<void> Server::start() {
  auto work = [this] { return parts_->start([this] { return reload(); }); };
  return guarded(parts_->log, parts_->metrics, {"server", "starting"}, work);
}

void Server::cancel_start() {
  parts_->start_stop.cancel();
}

// Those that wait in turn when the server stops read no files any more.
Result<void> Server::Parts::check_running() {
  const MutexLock lock(reload_mutex);
  if (phase != Phase::kStopping) return {};
  return Error(Code::kUnavailable, "the server is stopping");
}

Result<void> Server::Parts::take(Prepared next) {
  if (phase == Phase::kStopping) return Error(Code::kUnavailable, "the server is stopping");
  const bool starting = phase == Phase::kStarting;
  if (starting) {
    waiting = std::move(next);
  } else {
    commit(std::move(next));
  }
  log.info("completed loading of configuration file",
           {{"file", flags.config_file}, {"takes_effect", starting ? "after replay" : "now"}});
  return {};
}

Result<void> Server::reload() {
  Parts& p = *parts_;
  const MutexLock in_turn(p.files_mutex);
  auto work = [&p]() -> Result<void> {
    NX_TRY(p.check_running());
    NX_TRY_ASSIGN(Parts::Prepared next, p.prepare_file());
    const MutexLock one_at_a_time(p.reload_mutex);
    return p.take(std::move(next));
  };
  Result<void> reloaded = guarded(p.log, p.metrics, {"server", "reloading"}, work);
  p.note_reload(reloaded.has_value());
  if (!reloaded) p.log.error("error reloading config", {{"err", reloaded.error()}});
  return reloaded;
}

void Server::reload_later() {
  Parts& p = *parts_;
  const auto work = [&]() -> Result<void> {
    asio::post(p.reloading.cpu(), [this] { (void)reload(); });  // logged there
    return {};
  };
  (void)guarded(p.log, p.metrics, {"server", "reloading"}, work);
}

// Samples first, notifications behind them: the order of the opening.
void Server::stop() {
  Parts& p = *parts_;
  {
    const MutexLock one_at_a_time(p.reload_mutex);
    p.phase = Parts::Phase::kStopping;
    p.router.set_readiness(web::Router::Readiness::kStopping);
  }
  if (p.http) p.http->drain();
  p.scraping.stop();
  p.rules.stop();
  p.query_api.cancel_all();
  p.background.stop();
  while (!p.background.wait(kStopGrace)) p.log.warn("syncing is slow to stop");
  if (p.http) p.http->stop(kStopGrace);
  p.store.close();
  if (p.db) {
    const Result<void> closed = p.db->close();
    if (!closed) p.log.error("closing the store failed", {{"err", closed.error()}});
  }
  p.notifier.stop();
  p.ingest.stop();
  p.ruling.stop();
  p.control.stop();
  p.reloading.stop();
  p.ranging.stop();
  p.reading.stop();
  p.serving.stop();
  p.log.info("see you next time");
}

}  // namespace narthex::server
