// Wiring, and the order in which parts start, reload and stop.
//
// Two pairs of pools: scrapes, rules and notifications have their own CPU threads, so that no
// number of queries holds up an append (performance design, thread rules).
#include "server/lifecycle.h"

#include <algorithm>
#include <csignal>
#include <pthread.h>
#include <thread>
#include <unistd.h>

#include "alerting/notify/notifier.h"
#include "alerting/rules/manager.h"
#include "base/executors.h"
#include "base/mutex.h"
#include "base/str.h"
#include "query/engine.h"
#include "scrape/manager.h"
#include "server/late_store.h"
#include "server/memory_limits.h"
#include "server/process.h"
#include "tsdb/db.h"
#include "web/api/api.h"
#include "web/lifecycle_pages.h"
#include "web/page.h"

namespace narthex::server {
namespace {

constexpr auto kStopGrace = std::chrono::seconds(5);  // requests under way at a stop
constexpr std::int64_t kSyncIntervalNs =
    5'000'000'000;  // promise D2: at most 5 s lost with the machine's power
constexpr model::DurationMs kRetentionMs = 15LL * 24 * 60 * 60 * 1000;  // upstream's default

unsigned cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

query::ParserOptions parser_options(const Flags& flags) {
  query::ParserOptions options;
  options.experimental_functions = flags.has_feature("promql-experimental-functions");
  options.extended_range_selectors = flags.has_feature("promql-extended-range-selectors");
  options.fill_modifiers = flags.has_feature("promql-binop-fill-modifiers");
  return options;
}

query::EngineOptions engine_options(const Flags& flags, const Config& config) {
  query::EngineOptions options;
  options.lookback_ms = flags.lookback_ms;
  options.timeout_ms = flags.query_timeout_ms;
  options.samples_max = flags.query_samples_max;
  options.concurrency_max = flags.query_concurrency;
  const MemoryLimits memory = memory_limits(flags, machine_memory(real_file_system()));
  options.query_memory_max = memory.query;
  options.memory_max = memory.queries;
  options.rule_memory_max = memory.rules;
  options.subquery_step_ms = config.global.evaluation_interval_ms;
  options.parser = parser_options(flags);
  options.delayed_name_removal = flags.has_feature("promql-delayed-name-removal");
  return options;
}

// Upstream only warns of features it does not know, too.
std::vector<std::string> unknown_features(const Flags& flags) {
  std::vector<std::string> unknown = flags.features;
  for (const char* known : {"promql-experimental-functions", "promql-extended-range-selectors",
                            "promql-binop-fill-modifiers", "promql-delayed-name-removal"}) {
    std::erase(unknown, known);
  }
  return unknown;
}

scrape::ScrapeOptions scrape_options(const Flags& flags) {
  scrape::ScrapeOptions options;
  options.host_name = host_name();
  options.discovery_reload_interval = flags.discovery_reload_ms;
  options.align_timestamps = flags.adjust_timestamps;
  options.timestamp_tolerance = flags.timestamp_tolerance_ms;
  return options;
}

web::HttpServerOptions http_options(const Flags& flags) {
  web::HttpServerOptions options;
  options.listen_addresses = flags.listen_addresses;
  options.connections_max = flags.connections_max;
  options.body_timeout = std::chrono::milliseconds(flags.read_timeout_ms);
  return options;
}

tsdb::Options store_options(const Flags& flags, const Config& config) {
  tsdb::Options options;
  options.path = flags.storage_path;
  while (options.path.size() > 1 && options.path.ends_with('/')) options.path.pop_back();
  options.no_lockfile = flags.no_lockfile;
  options.head.wal_compression = flags.wal_compression;
  if (flags.wal_segment_bytes != 0) options.wal_segment_bytes = flags.wal_segment_bytes;
  options.retention_ms = config.retention_ms != 0 ? config.retention_ms : flags.retention_ms;
  if (options.retention_ms == 0) options.retention_ms = kRetentionMs;
  return options;
}

web::TsdbStatus tsdb_status(const tsdb::DbStatistics& s) {
  const auto counts = [](const std::vector<tsdb::NameCount>& in) {
    std::vector<web::NamedCount> out;
    for (const tsdb::NameCount& c : in) out.push_back({c.name, c.count});
    return out;
  };
  web::TsdbStatus status;
  status.series = s.registry.series;
  status.label_pairs = s.registry.label_pairs;
  status.chunks = static_cast<std::int64_t>(s.chunks);
  status.min_time = s.min_time;
  status.max_time = s.max_time;
  status.series_by_metric = counts(s.registry.series_by_metric_name);
  status.values_by_label = counts(s.registry.values_by_label_name);
  status.bytes_by_label = counts(s.registry.bytes_by_label_name);
  status.series_by_pair = counts(s.registry.series_by_label_pair);
  return status;
}

std::string port_of(const std::string& address) {
  return address.substr(address.rfind(':') + 1);
}

/// Scheme, host with port and path of `--web.external-url`, or of this host and its first listen
/// address.
struct ExternalUrl {
  std::string scheme = "http";
  std::string host;
  std::string path;  // without a slash at its end
  std::string text() const { return concat(scheme, "://", host, path); }
};

ExternalUrl external_url(const Flags& flags) {
  ExternalUrl url;
  std::string_view rest = flags.external_url;
  if (rest.empty()) {
    url.host = concat(host_name(), ":", port_of(flags.listen_addresses.front()));
    return url;
  }
  if (const std::size_t colon = rest.find("://"); colon != std::string_view::npos) {
    url.scheme = rest.substr(0, colon);
    rest.remove_prefix(colon + 3);
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  url.host = rest.substr(0, slash);
  url.path = rest.substr(slash);
  while (url.path.ends_with('/')) url.path.pop_back();
  return url;
}

alerting::NotifierOptions notifier_options(const Flags& flags) {
  alerting::NotifierOptions options;
  options.queue.capacity = flags.notification_queue;
  options.queue.batch_size = flags.notification_batch;
  options.drain_on_shutdown = flags.drain_notifications;
  options.discovery_reload_interval = flags.discovery_reload_ms;
  return options;
}

alerting::RuleOptions rule_options(const Flags& flags) {
  const ExternalUrl url = external_url(flags);
  alerting::RuleOptions options;
  options.external_url = url.text();
  options.path_prefix = url.path;
  options.resend_delay = flags.resend_delay_ms;
  options.outage_tolerance = flags.outage_tolerance_ms;
  options.grace_period = flags.grace_period_ms;
  options.parser = parser_options(flags);
  return options;
}

alerting::RulesConfig rules_config(const Config& config) {
  alerting::RulesConfig rules;
  rules.files = config.rule_files;
  rules.evaluation_interval = config.global.evaluation_interval_ms;
  rules.query_offset = config.global.rule_query_offset_ms;
  rules.external_labels = config.global.external_labels;
  return rules;
}

std::string route_prefix(const Flags& flags) {
  std::string prefix = flags.route_prefix.empty() ? external_url(flags).path : flags.route_prefix;
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.empty() && !prefix.starts_with('/')) prefix.insert(0, "/");
  return prefix;
}

web::RouterOptions router_options(const Flags& flags) {
  web::RouterOptions options;
  options.prefix = route_prefix(flags);
  if (flags.cors_origin != ".*") {
    if (auto regex = Regex::anchored(flags.cors_origin)) options.cors_origin = *std::move(regex);
  }
  return options;
}

}  // namespace

struct Server::Parts {
  Parts(Flags f, Config c, Log& l);

  void add_routes();
  web::StatusProviders status_providers();
  web::RuntimeInfo runtime_info();
  Result<void> apply(Config next);
  Result<void> listen(std::function<Result<void>()> reload);
  Result<void> open_store();
  void make_managers();
  void note_reload(bool ok);
  void publish_build_info();
  asio::awaitable<void> sync_loop();

  const Flags flags;
  Log& log;
  FileSystem& fs = real_file_system();
  SystemClock clock;
  Metrics metrics;
  const model::TimeMs start_time = clock.now_ms();

  Mutex reload_mutex;  // rank 1: one reload at a time
  Mutex mutex;         // rank 2: what /status shows
  Config config NX_GUARDED_BY(mutex);
  bool reload_ok NX_GUARDED_BY(mutex) = true;
  model::TimeMs config_time NX_GUARDED_BY(mutex) = 0;

  Executors ingest{std::min(cores(), 8U), std::max(2U, cores())};
  Executors serving{std::min(cores(), 4U), std::max(2U, cores())};
  LateStore store;
  std::unique_ptr<tsdb::Db> db;
  query::Engine engine;
  std::unique_ptr<scrape::ScrapeManager> scraping;
  std::unique_ptr<alerting::Notifier> notifier;
  std::unique_ptr<alerting::RuleManager> rules;
  TaskGroup background;

  web::QueryApi query_api;
  web::SeriesApi series_api{store};
  web::RulesApi rules_api{[this] { return rules->groups(); }};
  std::unique_ptr<web::TargetsApi> targets_api;
  std::unique_ptr<web::StatusApi> status_api;
  web::Router router;
  std::unique_ptr<web::HttpServer> http;
};

Server::Parts::Parts(Flags f, Config c, Log& l)
    : flags(std::move(f)),
      log(l),
      config(std::move(c)),
      engine(engine_options(flags, config), clock, metrics),
      background(ingest),
      query_api([this](const query::QueryRequest& r,
                       const StopToken& stop) { return engine.run(store, r, stop); },
                engine.options().parser, clock),
      router(router_options(flags), serving, clock, metrics) {}

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
  info.last_config_time = config_time;
  info.storage_retention = model::format_duration(store_options(flags, config).retention_ms);
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
  providers.flags = [this] { return flags.all; };
  providers.runtime = [this] { return runtime_info(); };
  providers.tsdb = [this](std::size_t limit) -> Result<web::TsdbStatus> {
    return tsdb_status(db->statistics(limit));
  };
  return providers;
}

void Server::Parts::add_routes() {
  const ExternalUrl url = external_url(flags);
  // Gated routes answer 503 until every part is there, so these look through the pointers.
  web::TargetsSource source;
  source.active = [this] { return scraping->active_targets(); };
  source.dropped = [this] { return scraping->dropped_targets(); };
  source.counts = [this] { return scraping->pool_counts(); };
  source.pools = [this] { return scraping->pools(); };
  source.alertmanagers = [this] { return notifier->active_alertmanagers(); };
  source.dropped_alertmanagers = [this] { return notifier->dropped_alertmanagers(); };
  source.metadata = [this](std::string_view family) { return scraping->metadata(family); };
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
                      serving);
  web::add_page_routes(router);
}

void Server::Parts::publish_build_info() {
  metrics
      .gauge("prometheus_build_info", "What this server is and whose API it speaks.",
             {{"version", "3.14.0"},
              {"narthex_version", own_version()},
              {"goos", "linux"},
              {"revision", ""}})
      .set(1);
  publish_process_metrics(metrics, fs);
  metrics.on_collect([this] {
    const bool ready = router.readiness() == web::Router::Readiness::kReady;
    metrics.gauge("prometheus_ready", "Whether startup was fully completed.").set(ready ? 1 : 0);
  });
}

// All parts prepare before any commits: a bad file changes nothing.
Result<void> Server::Parts::apply(Config next) {
  const model::Labels& external = next.global.external_labels;
  NX_TRY_ASSIGN(alerting::Notifier::Prepared alerts, notifier->prepare(next.alerting, external));
  NX_TRY_ASSIGN(scrape::ScrapeManager::Prepared targets,
                scraping->prepare(next.scrape_configs, external));
  NX_TRY_ASSIGN(alerting::RuleManager::Prepared groups, rules->prepare(rules_config(next)));
  notifier->commit(std::move(alerts));
  scraping->commit(std::move(targets));
  rules->commit(std::move(groups));
  const MutexLock lock(mutex);
  config = std::move(next);
  return {};
}

void Server::Parts::make_managers() {
  scraping = std::make_unique<scrape::ScrapeManager>(
      scrape::ScrapeManager::Context{ingest, *db, fs, clock, metrics, log}, scrape_options(flags));
  notifier = std::make_unique<alerting::Notifier>(
      alerting::Notifier::Context{ingest, fs, clock, metrics, log}, notifier_options(flags));
  alerting::RuleContext context{
      .run_query = [this](
                       const query::QueryRequest& r,
                       StopToken stop) { return engine.run(store, r, stop, query::Lane::kRules); },
      .send = [this](std::vector<alerting::Alert> alerts) { notifier->send(std::move(alerts)); },
      .appender = *db,
      .store = store,
      .clock = clock,
      .metrics = metrics,
      .log = log,
      .options = rule_options(flags)};
  rules = std::make_unique<alerting::RuleManager>(std::move(context), ingest, fs);
}

asio::awaitable<void> Server::Parts::sync_loop() {
  for (;;) {
    const bool go_on = co_await sleep_for_ns(kSyncIntervalNs);
    if (!go_on) co_return;
    auto sync = [this] { return db->sync(); };
    const Result<void> synced = co_await run_on(ingest.cpu(), std::move(sync));
    if (!synced) log.error("wal sync failed", {{"err", synced.error()}});
  }
}

Result<void> Server::Parts::listen(std::function<Result<void>()> reload) {
  web::LifecycleHooks hooks;
  hooks.enabled = flags.enable_lifecycle;
  hooks.reload = std::move(reload);
  hooks.quit = [] { ::kill(::getpid(), SIGTERM); };
  web::add_lifecycle_routes(router, std::move(hooks), serving, metrics);
  add_routes();
  auto handler = [this](const http::Request& request) { return router.handle(request); };
  http =
      std::make_unique<web::HttpServer>(http_options(flags), handler, serving, clock, log, metrics);
  NX_TRY(http->listen());
  http->start();
  log.info("listening", {{"address", join(http->addresses(), ",")}});
  return {};
}

Result<void> Server::Parts::open_store() {
  tsdb::Options options;
  {
    const MutexLock lock(mutex);
    options = store_options(flags, config);
  }
  NX_TRY_ASSIGN(db, tsdb::Db::open(std::move(options), fs, clock, metrics, log));
  store.set(db.get());
  background.spawn([this] { return sync_loop(); });
  return {};
}

void Server::Parts::note_reload(bool ok) {
  metrics
      .gauge("prometheus_config_last_reload_successful",
             "Whether the last configuration reload succeeded.")
      .set(ok ? 1 : 0);
  const MutexLock lock(mutex);
  reload_ok = ok;
  if (!ok) return;
  config_time = clock.now_ms();
  metrics
      .gauge("prometheus_config_last_reload_success_timestamp_seconds",
             "Timestamp of the last successful configuration reload.")
      .set(static_cast<double>(config_time) / 1000);
}

Result<void> Server::start() {
  Parts& p = *parts_;
  p.publish_build_info();
  NX_TRY(p.listen([this] { return reload(); }));
  NX_TRY(p.open_store());
  p.make_managers();
  Config config;
  {
    const MutexLock lock(p.mutex);
    config = p.config;
  }
  NX_TRY(p.apply(std::move(config)));
  p.note_reload(true);
  p.rules->start();
  p.router.set_readiness(web::Router::Readiness::kReady);
  p.log.info("server is ready to receive web requests");
  return {};
}

Result<void> Server::reload() {
  Parts& p = *parts_;
  const MutexLock one_at_a_time(p.reload_mutex);
  const std::string file = concat(" (--config.file=", quote(p.flags.config_file), ")");
  Result<Config> config = load_config(p.flags.config_file, p.fs);
  Result<void> applied;
  if (!config) {
    applied = std::move(config).error().with(concat("couldn't load configuration", file));
  } else if (applied = p.apply(*std::move(config)); !applied) {
    applied = std::move(applied).error().with(
        concat("one or more errors occurred while applying the new configuration", file));
  }
  p.note_reload(applied.has_value());
  if (applied) {
    p.log.info("completed loading of configuration file", {{"file", p.flags.config_file}});
  } else {
    p.log.error("error reloading config", {{"err", applied.error()}});
  }
  return applied;
}

void Server::stop() {
  Parts& p = *parts_;
  p.router.set_readiness(web::Router::Readiness::kStopping);
  if (p.http) p.http->drain();
  if (p.scraping) p.scraping->stop();
  if (p.rules) p.rules->stop();
  if (p.notifier) p.notifier->stop();
  p.query_api.cancel_all();
  p.background.stop();
  p.background.wait(kStopGrace);
  if (p.http) p.http->stop(kStopGrace);
  p.store.set(nullptr);
  if (p.db) {
    const Result<void> closed = p.db->close();
    if (!closed) p.log.error("closing the store failed", {{"err", closed.error()}});
  }
  p.ingest.stop();
  p.serving.stop();
  p.log.info("see you next time");
}

namespace {

// Signals are taken by sigwait on the main thread; every other thread inherits the blocked mask.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

// With the rule files looked at too: at a start nothing is made before all is known to be good.
Result<Config> load_all(const Flags& flags) {
  FileSystem& fs = real_file_system();
  NX_TRY_ASSIGN(Config config, load_config(flags.config_file, fs));
  for (const std::string& file : config.rule_files) {
    NX_TRY(check_rule_file(file, parser_options(flags), fs));
  }
  return config;
}

void serve_signals(const sigset_t& set, Server& server, Log& log) {
  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (number == SIGHUP) {
      (void)server.reload();  // logged there
      continue;
    }
    log.info("received a signal, stopping",
             {{"signal", number == SIGINT ? "interrupt" : "terminated"}});
    return;
  }
}

}  // namespace

int run_server(const Flags& flags) {
  const sigset_t signals = block_signals();
  Log log(flags.log_level, flags.log_format);
  Result<Config> config = load_all(flags);
  if (!config) {
    log.error("error loading config", {{"file", flags.config_file}, {"err", config.error()}});
    return 1;
  }
  for (const std::string& feature : unknown_features(flags)) {
    log.warn("not implemented yet: the feature is ignored", {{"feature", feature}});
  }
  log.info("starting narthex", {{"version", own_version()}, {"api", "3.14.0"}});
  Server server(flags, *std::move(config), log);
  const Result<void> started = server.start();
  if (started) {
    serve_signals(signals, server, log);
  } else {
    log.error("cannot start", {{"err", started.error()}});
  }
  server.stop();
  return started ? 0 : 1;
}

}  // namespace narthex::server
