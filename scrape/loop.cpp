// The scrape loop: one target from its first tick to its farewell.
//
// When. Each target has a place of its own in the interval, from a hash of its identity and a seed
// of this server, so that targets spread and two replicas do not scrape in step. Ticks are counted
// on the monotonic clock from the first on, so a slow scrape shifts nothing; ticks that pass
// meanwhile are lost but for one. The time of the samples is the wall clock's, moved by at most 2
// ms (or 1 % of the interval) onto the ideal grid, because equal distances compress to nothing in
// the chunks.
//
// What. Fetching is a coroutine on an I/O thread; everything behind it, from inflating to
// appending, is one call on a CPU thread (process()), under ingest_mutex_. That lock is what a
// reload waits for before it hands this target's memory to another loop: retired_ set under it
// means that no sample is written any more.
//
// Failure has one shape: whatever went wrong (no answer, a bad page, a limit, memory, an
// exception), the series that had samples get stale markers, and the report says up 0 with the
// reason in last_error. An exception behind the point where the page was judged leaves the memory
// of the target in doubt, so it is forgotten: the next scrape is as a first one, only slower.
//
// Farewell. A target that goes gets stale markers two ticks later, at a time just behind its last
// sample, so that if it only moved to another job or server by then, the newer samples win and the
// markers are refused.
//
// Memory. Bodies and batches come from a pool and go back, so that thousands of idle targets hold
// none; what a body is counted for ends with the scrape (share), what parsing it takes is charged
// to an account of all scrapes.
#include "scrape/loop.h"

#include <algorithm>

#include "base/compress.h"
#include "base/exceptions.h"
#include "base/str.h"
#include "base/units.h"

namespace narthex::scrape {
namespace {

constexpr std::size_t kBodyBytesMax = 256U << 20;    // docs/limits.md
constexpr std::size_t kFreeBodyBytes = 4U << 20;     // of each scrape, not counted against all
constexpr std::size_t kIdleBatchesMax = 4;           // one for each CPU thread that scrapes, about
constexpr std::size_t kIdleBodyBytesMax = 8U << 20;  // larger scratch is not kept
constexpr std::int64_t kWarningGapNs = 60'000'000'000;
constexpr std::string_view kBodyLimitText = "body size limit exceeded";

std::string_view escaping_text(NameEscaping escaping) {
  switch (escaping) {
    case NameEscaping::kAllowUtf8:
      return "allow-utf-8";
    case NameEscaping::kUnderscores:
      return "underscores";
    case NameEscaping::kDots:
      return "dots";
    case NameEscaping::kValues:
      return "values";
  }
  return "allow-utf-8";
}

std::string_view media_type(Protocol protocol) {
  switch (protocol) {
    case Protocol::kPrometheusProto:
      return "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
             "encoding=delimited";
    case Protocol::kPrometheusText004:
      return "text/plain;version=0.0.4";
    case Protocol::kPrometheusText100:
      return "text/plain;version=1.0.0";
    case Protocol::kOpenMetrics001:
      return "application/openmetrics-text;version=0.0.1";
    case Protocol::kOpenMetrics100:
      return "application/openmetrics-text;version=1.0.0";
  }
  return "";
}

Result<exposition::Format> format_of(Protocol protocol) {
  if (protocol == Protocol::kPrometheusProto) {
    return Error(Code::kUnavailable, "not implemented yet: protobuf exposition");
  }
  const bool open = protocol == Protocol::kOpenMetrics001 || protocol == Protocol::kOpenMetrics100;
  return open ? exposition::Format::kOpenMetrics : exposition::Format::kPrometheus;
}

}  // namespace

std::unique_ptr<Batch> BatchPool::take() {
  const MutexLock lock(mutex_);
  if (idle_.empty()) return std::make_unique<Batch>();
  std::unique_ptr<Batch> batch = std::move(idle_.back());
  idle_.pop_back();
  return batch;
}

void BatchPool::give(std::unique_ptr<Batch> batch) {
  batch->reset();
  if (batch->body.capacity() > kIdleBodyBytesMax) return;
  const MutexLock lock(mutex_);
  if (idle_.size() < kIdleBatchesMax) idle_.push_back(std::move(batch));
}

std::string BatchPool::take_body() {
  const MutexLock lock(mutex_);
  if (idle_bodies_.empty()) return {};
  std::string body = std::move(idle_bodies_.back());
  idle_bodies_.pop_back();
  return body;
}

void BatchPool::give_body(std::string body) {
  if (body.capacity() > kIdleBodyBytesMax) return;
  const MutexLock lock(mutex_);
  if (idle_bodies_.size() < kIdleBatchesMax) idle_bodies_.push_back(std::move(body));
}

Result<std::shared_ptr<const Job>> Job::create(ScrapeConfig config) {
  auto job = std::make_shared<Job>();
  NX_TRY_ASSIGN(auto targets, model::Relabeler::create(config.relabel_rules));
  NX_TRY_ASSIGN(auto metrics, model::Relabeler::create(config.metric_relabel_rules));
  job->target_relabeler = std::make_shared<model::Relabeler>(std::move(targets));
  job->metric_relabeler = std::make_shared<model::Relabeler>(std::move(metrics));
  job->accept = accept_header(config.scrape_protocols, config.name_escaping);
  job->config = std::move(config);
  return job;
}

IngestRules Job::rules(model::DurationMs timeout) const {
  return IngestRules{.honor_labels = config.honor_labels,
                     .honor_timestamps = config.honor_timestamps,
                     .track_timestamps_staleness = config.track_timestamps_staleness,
                     .name_validation = config.name_validation,
                     .limits = config.limits,
                     .extra_scrape_metrics = config.extra_scrape_metrics,
                     .timeout = timeout,
                     .relabeler = metric_relabeler};
}

std::string accept_header(const std::vector<Protocol>& protocols, NameEscaping escaping) {
  std::string out;
  int weight = 6;
  for (const Protocol protocol : protocols) {
    out += media_type(protocol);
    if (protocol == Protocol::kPrometheusText100 || protocol == Protocol::kOpenMetrics100) {
      out += concat(";escaping=", escaping_text(escaping));
    }
    out += concat(";q=0.", weight--, ",");
  }
  return out + concat("*/*;q=0.", weight);
}

Result<exposition::Format> choose_format(std::string_view content_type,
                                         std::optional<Protocol> fallback) {
  const std::string type = to_lower_ascii(trim(content_type.substr(0, content_type.find(';'))));
  if (type == "text/plain") return exposition::Format::kPrometheus;
  if (type == "application/openmetrics-text") return exposition::Format::kOpenMetrics;
  if (type == "application/vnd.google.protobuf") return format_of(Protocol::kPrometheusProto);
  if (fallback) return format_of(*fallback);
  if (trim(content_type).empty()) {
    return Error(Code::kInvalid,
                 "non-compliant scrape target sending blank Content-Type and no "
                 "fallback_scrape_protocol specified for target");
  }
  return Error(Code::kInvalid, concat("received unsupported Content-Type ", quote(content_type),
                                      " and no fallback_scrape_protocol specified for target"));
}

TargetLoop::TargetLoop(LoopContext context, std::shared_ptr<const Job> job, Target target,
                       std::uint64_t offset_seed)
    : context_(context),
      job_(std::move(job)),
      target_(std::move(target)),
      offset_seed_(offset_seed),
      interval_length_(context.metrics.registry.summary(
          "prometheus_target_interval_length_seconds", "Actual intervals between scrapes.",
          {{"interval", model::format_duration(target_.interval)}}, Spread::kBoth)),
      client_(job_->config.client),
      ingest_(job_->rules(target_.timeout), target_.labels),
      discovered_labels_(target_.discovered_labels) {}

net::http::ClientRequest TargetLoop::request() const {
  net::http::ClientRequest request{.url = target_.url};
  request.headers.add("Accept", job_->accept);
  request.headers.add("Accept-Encoding", job_->config.enable_compression ? "gzip" : "identity");
  request.headers.add("User-Agent", context_.options.user_agent);
  request.headers.add(
      "X-Prometheus-Scrape-Timeout-Seconds",
      format_float(static_cast<double>(target_.timeout) / 1000, FloatStyle::kFixed));
  return request;
}

std::size_t TargetLoop::body_bytes_max() const {
  const std::int64_t limit = job_->config.limits.body_size_bytes;
  return limit > 0 ? static_cast<std::size_t>(limit) : kBodyBytesMax;
}

asio::awaitable<void> TargetLoop::run() {
  const Clock& clock = context_.clock;
  const std::int64_t wait_ns = target_.offset_ns(clock.now_ms() * kNsPerMs, offset_seed_);
  const bool waited = co_await net::sleep_for_ns(wait_ns);
  if (!waited) co_return;
  const std::int64_t interval_ns = target_.interval * kNsPerMs;
  const model::DurationMs tolerance =
      std::min(target_.interval / 100, context_.options.timestamp_tolerance);
  std::int64_t tick_ns = clock.monotonic_ns();
  std::int64_t last_ns = 0;
  model::TimeMs ideal = clock.now_ms();
  for (;;) {
    const std::int64_t started_ns = clock.monotonic_ns();
    if (last_ns != 0) interval_length_.observe(to_seconds(started_ns - last_ns));
    last_ns = started_ns;
    model::TimeMs time = clock.now_ms();
    // The clock may have stepped, or ticks were lost: the grid moves on by whole intervals.
    if (time > ideal) ideal += (time - ideal) / target_.interval * target_.interval;
    const bool near = time >= ideal && time - ideal <= tolerance;
    if (context_.options.align_timestamps && near) time = ideal;
    const bool go_on = co_await scrape(time);
    if (!go_on) co_return;
    // A scrape that took longer than the interval: the tick that passed comes at once, others are
    // lost.
    const std::int64_t now_ns = clock.monotonic_ns();
    tick_ns += interval_ns;
    if (now_ns > tick_ns) tick_ns += (now_ns - tick_ns) / interval_ns * interval_ns;
    if (now_ns < tick_ns) {
      const bool slept = co_await net::sleep_for_ns(tick_ns - now_ns);
      if (!slept) co_return;
    }
  }
}

// The exception being handled; logged and counted.
Error TargetLoop::report_exception_now() const {
  const std::string what = concat("scraping ", target_.url.to_string());
  return report_current_exception(context_.log, context_.metrics.registry, {"scrape", what});
}

// kCancelled when the loop is to end.
asio::awaitable<Result<net::http::ClientResponse>> TargetLoop::fetch(BudgetShare* share) {
  if (std::string forced = forced_error(); !forced.empty()) {
    co_return Error(Code::kLimit, std::move(forced));
  }
  if (!target_.fault.empty()) co_return Error(Code::kInvalid, target_.fault);
  const net::http::FetchLimits limits{.timeout = std::chrono::milliseconds(target_.timeout),
                                      .body_bytes_max = body_bytes_max(),
                                      .share = share};
  try {
    Result<net::http::ClientResponse> response =
        co_await client_.fetch(request(), limits, context_.batches.take_body());
    co_return response;
  } catch (...) {
    if (describe_exception(std::current_exception()).empty()) throw;  // cancelled
    client_.close();
    co_return report_exception_now();
  }
}

// False when the loop is to end.
asio::awaitable<bool> TargetLoop::scrape(model::TimeMs time) {
  const std::int64_t started_ns = context_.clock.monotonic_ns();
  BudgetShare share(&context_.bodies, kFreeBodyBytes);
  Result<net::http::ClientResponse> response = co_await fetch(&share);
  if (!response && response.error().code() == Code::kCancelled) co_return false;
  auto work = [this, &response, time, started_ns, &share] {
    process(std::move(response), time, started_ns, &share);
  };
  co_await net::run_on(context_.executors.cpu(), std::move(work));
  co_return true;
}

Result<void> TargetLoop::decode_body(net::http::ClientResponse& response, Batch& batch) const {
  if (response.status != 200) {
    return Error(Code::kUnavailable,
                 concat("server returned HTTP status ", response.status_line()));
  }
  if (!equals_ignore_case(response.headers.get("Content-Encoding"), "gzip")) {
    batch.body.swap(response.body);
    return {};
  }
  return gunzip(response.body, body_bytes_max(), batch.body, share_);
}

Result<ScrapeCounts> TargetLoop::read(Result<net::http::ClientResponse>& response,
                                      model::TimeMs time, Batch& batch, std::int64_t& body_bytes) {
  const bool too_large = !response && response.error().cause() == Cause::kBodySize;
  if (too_large) body_bytes = -1;
  if (too_large) return Error(Code::kLimit, std::string(kBodyLimitText));
  if (!response) return std::unexpected(response.error());
  if (Result<void> decoded = decode_body(*response, batch); !decoded) {
    if (decoded.error().code() != Code::kLimit) return std::unexpected(std::move(decoded).error());
    body_bytes = -1;
    return Error(Code::kLimit, std::string(kBodyLimitText));
  }
  // As upstream, a body of exactly the limit is too large.
  if (batch.body.size() >= body_bytes_max()) {
    body_bytes = -1;
    return Error(Code::kLimit, std::string(kBodyLimitText));
  }
  body_bytes = static_cast<std::int64_t>(batch.body.size());
  if (!batch.body.empty()) {
    NX_TRY_ASSIGN(format_, choose_format(response->headers.get("Content-Type"),
                                         job_->config.fallback_protocol));
  } else {
    format_ = exposition::Format::kPrometheus;
  }
  batch.open(format_);
  MemoryAccount account(context_.parsed, 0);
  const MemoryScope charged(&account);
  try {
    return ingest_.stage(time, context_.appender, batch);
  } catch (const MemoryRefused&) {
    return account.refusal();
  }
}

void TargetLoop::count_failure(const Error& error, std::int64_t body_bytes) const {
  if (body_bytes < 0) context_.metrics.exceeded_body_size_limit.add();
  if (error.cause() == Cause::kSampleLimit) context_.metrics.exceeded_sample_limit.add();
  if (error.cause() == Cause::kLabelLimit) context_.metrics.exceeded_label_limits.add();
  context_.log.debug(
      "scrape failed",
      {{"scrape_pool", job_->config.job_name}, {"target", target_.url_text}, {"error", error}});
}

void TargetLoop::count_rejected(const ScrapeCounts& counts, const RejectedRows& rejected) {
  const std::size_t duplicate = counts.duplicates + rejected.duplicate;
  const std::size_t out_of_bounds = counts.out_of_bounds + rejected.out_of_bounds;
  if (duplicate + rejected.out_of_order + out_of_bounds + counts.refused == 0) return;
  context_.metrics.duplicate_timestamp.add(static_cast<double>(duplicate));
  context_.metrics.out_of_order.add(static_cast<double>(rejected.out_of_order));
  context_.metrics.out_of_bounds.add(static_cast<double>(out_of_bounds));
  const std::int64_t now_ns = context_.clock.monotonic_ns();
  if (last_warning_ns_ != 0 && now_ns - last_warning_ns_ < kWarningGapNs) return;
  last_warning_ns_ = now_ns;
  context_.log.warn("samples of a scrape were dropped", {{"scrape_pool", job_->config.job_name},
                                                         {"target", target_.url_text},
                                                         {"duplicate", duplicate},
                                                         {"out_of_order", rejected.out_of_order},
                                                         {"out_of_bounds", out_of_bounds},
                                                         {"new_series_refused", counts.refused}});
}

void TargetLoop::process(Result<net::http::ClientResponse> response, model::TimeMs time,
                         std::int64_t started_ns, BudgetShare* share) {
  const MutexLock lock(ingest_mutex_);
  if (retired_) return;
  share_ = share;
  try {
    write(response, time, started_ns);
  } catch (...) {
    ingest_.forget();
    const Error error = report_exception_now();
    const MutexLock status_lock(status_mutex_);
    status_ = Status{.error = error.message(), .last_scrape = time, .health = Health::kDown};
  }
}

void TargetLoop::write(Result<net::http::ClientResponse>& response, model::TimeMs time,
                       std::int64_t started_ns) {
  std::unique_ptr<Batch> batch = context_.batches.take();
  ScrapeOutcome outcome;
  Result<ScrapeCounts> counts = Error(Code::kInternal, {});
  try {
    counts = read(response, time, *batch, outcome.body_bytes);
  } catch (...) {  // a failed scrape like any other
    batch = context_.batches.take();
    counts = report_exception_now();
  }
  std::string error;
  if (counts) {
    outcome.up = true;
    outcome.counts = *counts;
  } else {
    error = counts.error().message();
    count_failure(counts.error(), outcome.body_bytes);
    // As upstream: how far the body was read, which for a sample limit is all of it.
    outcome.counts.scraped = batch->counts.scraped;
    outcome.counts.added = batch->counts.added;
    batch->reset();
    ingest_.stage_failure(*batch);
  }
  outcome.duration_seconds = to_seconds(context_.clock.monotonic_ns() - started_ns);
  std::optional<Error> report_error;
  const Result<RejectedRows> rejected =
      ingest_.write(outcome, time, context_.appender, *batch, report_error);
  if (report_error) error = report_error->message();
  if (rejected) {
    count_rejected(outcome.counts, *rejected);
  } else {
    error = rejected.error().message();
    context_.log.error("cannot append a scrape", {{"scrape_pool", job_->config.job_name},
                                                  {"target", target_.url_text},
                                                  {"error", rejected.error()}});
  }
  context_.batches.give(std::move(batch));
  if (response) context_.batches.give_body(std::move(response->body));
  const MutexLock status_lock(status_mutex_);
  status_ = Status{.error = std::move(error),
                   .last_scrape = time,
                   .duration_seconds = outcome.duration_seconds,
                   .health = Health::kUp};
  if (!status_.error.empty()) status_.health = Health::kDown;
}

// Two ticks and a bit later, so that a target that only moved has written newer samples by then:
// those refuse the markers.
asio::awaitable<void> TargetLoop::say_farewell(model::TimeMs stopped) {
  const std::int64_t interval_ns = target_.interval * kNsPerMs;
  const bool waited = co_await net::sleep_for_ns(2 * interval_ns + interval_ns / 10);
  if (!waited) co_return;
  auto work = [this, stopped] { write_farewell(stopped + target_.interval); };
  co_await net::run_on(context_.executors.cpu(), std::move(work));
}

void TargetLoop::write_farewell(model::TimeMs time) {
  const MutexLock lock(ingest_mutex_);
  std::unique_ptr<Batch> batch = context_.batches.take();
  if (!ingest_.write_farewell(time, context_.appender, *batch)) {
    context_.log.warn("cannot write staleness markers", {{"target", target_.url_text}});
  }
  context_.batches.give(std::move(batch));
}

void TargetLoop::retire() {
  const MutexLock lock(ingest_mutex_);
  retired_ = true;
}

void TargetLoop::retire_into(TargetLoop& next) {
  const MutexLock lock(ingest_mutex_);
  retired_ = true;
  // The old loop's lock first, always: nobody else takes two.
  const MutexLock next_lock(next.ingest_mutex_);
  next.ingest_.adopt(std::move(ingest_));
}

void TargetLoop::set_forced_error(std::string error) {
  const MutexLock lock(status_mutex_);
  forced_error_ = std::move(error);
}

void TargetLoop::set_discovered_labels(model::Labels labels) {
  const MutexLock lock(status_mutex_);
  discovered_labels_ = std::move(labels);
}

std::string TargetLoop::forced_error() const {
  const MutexLock lock(status_mutex_);
  return forced_error_;
}

ActiveTarget TargetLoop::snapshot() const {
  const MutexLock lock(status_mutex_);
  return ActiveTarget{.discovered_labels = discovered_labels_,
                      .labels = target_.labels,
                      .pool = job_->config.job_name,
                      .url = target_.url_text,
                      .last_error = status_.error,
                      .last_scrape = status_.last_scrape,
                      .last_duration_seconds = status_.duration_seconds,
                      .health = status_.health,
                      .interval = std::string(target_.all_labels.get("__scrape_interval__")),
                      .timeout = std::string(target_.all_labels.get("__scrape_timeout__"))};
}

// The template holds the metadata lines as they were written: nothing else needs to be kept for
// this.
void TargetLoop::collect_metadata(std::string_view family, std::vector<TargetMetadata>& out) const {
  const MutexLock lock(ingest_mutex_);
  std::map<std::string, model::Metadata, std::less<>> families;
  ingest_.collect_metadata(format_, families);
  for (auto& [name, metadata] : families) {
    if (!family.empty() && name != family) continue;
    out.push_back(
        TargetMetadata{.target = target_.labels, .family = name, .metadata = std::move(metadata)});
  }
}

}  // namespace narthex::scrape
