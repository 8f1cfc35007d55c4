// The table of flags, and how each kind of text is read. Texts are read twice: once to check and
// show them, whatever the flag does, and once more into the field of Flags behind the flag.
#include "server/options.h"

#include <algorithm>
#include <cmath>

#include "base/str.h"
#include "base/units.h"
#include "query/functions/go_math.h"

namespace narthex::server {
namespace {

constexpr Option kOptions[] = {
    {"config.file", Kind::kText, "prometheus.yml", Use::kHonoured, "Main configuration file.",
     &Flags::config_file},
    {"config.auto-reload", Kind::kBool, "false", Use::kNotImplemented,
     "Reload when the file changes."},
    {"config.auto-reload-interval", Kind::kDuration, "30s", Use::kNotImplemented,
     "Interval of that check."},
    {"web.listen-address", Kind::kList, "0.0.0.0:9090", Use::kHonoured,
     "Address to listen on; may be repeated.", &Flags::listen_addresses},
    {"auto-gomaxprocs", Kind::kBool, "true", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit", Kind::kBool, "true", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit.ratio", Kind::kText, "0.9", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit.refresh-interval", Kind::kDuration, "0s", Use::kUnshown, "No effect."},
    {"web.config.file", Kind::kText, "", Use::kNotImplemented, "TLS and authentication."},
    {"web.read-timeout", Kind::kDuration, "5m", Use::kHonoured, "Longest time to read a request.",
     &Flags::read_timeout_ms},
    {"web.max-connections", Kind::kCount, "512", Use::kHonoured, "Most connections at once.",
     &Flags::connections_max},
    {"web.max-notifications-subscribers", Kind::kCount, "16", Use::kNoEffect,
     "Live notification subscribers."},
    {"web.external-url", Kind::kText, "", Use::kHonoured,
     "URL under which others reach this server.", &Flags::external_url},
    {"web.route-prefix", Kind::kText, "", Use::kHonoured,
     "Prefix of all paths; default: that of the external URL.", &Flags::route_prefix},
    {"web.user-assets", Kind::kText, "", Use::kNotImplemented, "Directory served at /user."},
    {"web.enable-lifecycle", Kind::kBool, "false", Use::kHonoured, "Reload and quit over HTTP.",
     &Flags::enable_lifecycle},
    {"web.enable-admin-api", Kind::kBool, "false", Use::kNotImplemented,
     "Deleting and snapshots over HTTP."},
    {"web.enable-remote-write-receiver", Kind::kBool, "false", Use::kNotImplemented,
     "Accept remote write."},
    {"web.remote-write-receiver.accepted-protobuf-messages", Kind::kList,
     "prometheus.WriteRequest,io.prometheus.write.v2.Request", Use::kNoEffect,
     "Messages that receiver accepts."},
    {"web.enable-otlp-receiver", Kind::kBool, "false", Use::kNotImplemented,
     "Accept OTLP metrics."},
    {"web.console.templates", Kind::kText, "consoles", Use::kNoEffect,
     "Console templates (not implemented yet)."},
    {"web.console.libraries", Kind::kText, "console_libraries", Use::kNoEffect,
     "Console libraries."},
    {"web.page-title", Kind::kText, "Prometheus Time Series Collection and Processing Server",
     Use::kNoEffect, "Title of the page."},
    {"web.cors.origin", Kind::kText, ".*", Use::kHonoured,
     "Allowed origins, anchored regular expression.", &Flags::cors_origin},
    {"web.search.max-limit", Kind::kCount, "10000", Use::kNoEffect, "Cap of the search API."},
    {"storage.tsdb.path", Kind::kText, "data/", Use::kHonoured, "Data directory.",
     &Flags::storage_path},
    {"storage.tsdb.min-block-duration", Kind::kDuration, "2h", Use::kNotImplemented,
     "Range of a head block."},
    {"storage.tsdb.max-block-duration", Kind::kText, "", Use::kNotImplemented, "Longest block."},
    {"storage.tsdb.max-block-chunk-segment-size", Kind::kBytes, "0B", Use::kNotImplemented,
     "Chunk file size."},
    {"storage.tsdb.wal-segment-size", Kind::kBytes, "0B", Use::kHonoured,
     "WAL segment size, 10MB to 256MB.", &Flags::wal_segment_bytes},
    {"storage.tsdb.retention.time", Kind::kDuration, "0s", Use::kHonoured,
     "How long samples are kept; 0 is 15d.", &Flags::retention_ms},
    {"storage.tsdb.retention.size", Kind::kBytes, "0B", Use::kNotImplemented,
     "Most bytes to keep."},
    {"storage.tsdb.no-lockfile", Kind::kBool, "false", Use::kHonoured,
     "Do not lock the data directory.", &Flags::no_lockfile},
    {"storage.tsdb.allow-overlapping-compaction", Kind::kBool, "true", Use::kNoEffect,
     "Merge overlapping blocks."},
    {"storage.tsdb.wal-compression", Kind::kBool, "true", Use::kHonoured, "Compress WAL records.",
     &Flags::wal_compression},
    {"storage.tsdb.wal-compression-type", Kind::kText, "snappy", Use::kNotImplemented,
     "snappy or zstd."},
    {"storage.tsdb.head-chunks-write-queue-size", Kind::kCount, "0", Use::kNoEffect, "No effect."},
    {"storage.tsdb.samples-per-chunk", Kind::kCount, "120", Use::kNotImplemented,
     "Samples in a full chunk."},
    {"storage.tsdb.delayed-compaction.max-percent", Kind::kCount, "10", Use::kNoEffect,
     "Compaction delay."},
    {"storage.tsdb.delay-compact-file.path", Kind::kText, "", Use::kNotImplemented,
     "Thanos shipper file."},
    {"storage.tsdb.block-reload-interval", Kind::kDuration, "1m", Use::kNoEffect,
     "Block directory rescan."},
    {"storage.agent.path", Kind::kText, "data-agent/", Use::kAgent, "Data directory of an agent."},
    {"storage.agent.wal-segment-size", Kind::kBytes, "0B", Use::kAgent, "WAL segment size."},
    {"storage.agent.wal-compression", Kind::kBool, "true", Use::kAgent, "Compress WAL records."},
    {"storage.agent.wal-compression-type", Kind::kText, "snappy", Use::kAgent, "snappy or zstd."},
    {"storage.agent.wal-truncate-frequency", Kind::kDuration, "0s", Use::kAgent,
     "WAL truncation period."},
    {"storage.agent.retention.min-time", Kind::kDuration, "5m", Use::kAgent,
     "Least age of what a truncation removes."},
    {"storage.agent.retention.max-time", Kind::kDuration, "4h", Use::kAgent,
     "Age of what is removed in any case."},
    {"storage.agent.checkpoint-from-in-memory-series", Kind::kBool, "false", Use::kAgent,
     "Make checkpoints from memory."},
    {"storage.agent.checkpoint-batch-size", Kind::kCount, "1000", Use::kAgent,
     "Series in a checkpoint record."},
    {"storage.agent.no-lockfile", Kind::kBool, "false", Use::kAgent,
     "Do not lock the data directory."},
    {"storage.remote.flush-deadline", Kind::kDuration, "1m", Use::kNoEffect,
     "Remote write flush at the end."},
    {"storage.remote.read-sample-limit", Kind::kCount, "50000000", Use::kNoEffect,
     "Samples per remote read."},
    {"storage.remote.read-concurrent-limit", Kind::kCount, "10", Use::kNoEffect,
     "Remote reads at once."},
    {"storage.remote.read-max-bytes-in-frame", Kind::kCount, "1048576", Use::kNoEffect,
     "Remote read frame."},
    {"rules.alert.for-outage-tolerance", Kind::kDuration, "1h", Use::kHonoured,
     "Longest outage to restore `for` over.", &Flags::outage_tolerance_ms},
    {"rules.alert.for-grace-period", Kind::kDuration, "10m", Use::kHonoured,
     "Least time before a restored alert fires.", &Flags::grace_period_ms},
    {"rules.alert.resend-delay", Kind::kDuration, "1m", Use::kHonoured,
     "Least time between sends of an alert.", &Flags::resend_delay_ms},
    {"rules.max-concurrent-evals", Kind::kCount, "4", Use::kNoEffect,
     "Needs concurrent-rule-eval."},
    {"scrape.adjust-timestamps", Kind::kBool, "true", Use::kHonoured,
     "Snap timestamps to the schedule.", &Flags::adjust_timestamps},
    {"scrape.timestamp-tolerance", Kind::kDuration, "2ms", Use::kHonoured, "Farthest snap.",
     &Flags::timestamp_tolerance_ms},
    {"scrape.discovery-reload-interval", Kind::kDuration, "5s", Use::kHonoured,
     "Least time between target updates.", &Flags::discovery_reload_ms},
    {"alertmanager.notification-queue-capacity", Kind::kCount, "10000", Use::kHonoured,
     "Alerts queued each.", &Flags::notification_queue},
    {"alertmanager.notification-batch-size", Kind::kCount, "256", Use::kHonoured,
     "Most alerts in one request.", &Flags::notification_batch},
    {"alertmanager.drain-notification-queue-on-shutdown", Kind::kBool, "true", Use::kHonoured,
     "Send at the end.", &Flags::drain_notifications},
    {"query.lookback-delta", Kind::kDuration, "5m", Use::kHonoured,
     "How far an instant selector looks back.", &Flags::lookback_ms},
    {"query.timeout", Kind::kDuration, "2m", Use::kHonoured, "Longest run of a query.",
     &Flags::query_timeout_ms},
    {"query.max-concurrency", Kind::kCount, "20", Use::kHonoured, "Queries at once.",
     &Flags::query_concurrency},
    {"query.max-samples", Kind::kInteger, "50000000", Use::kHonoured, "Samples a query may hold.",
     &Flags::query_samples_max},
    {"narthex.query.memory", Kind::kMemory, "auto", Use::kHonoured,
     "Most memory of one query: a size, 0 for no limit, auto for a fifth of the machine's.",
     &Flags::query_memory_bytes},
    {"narthex.query.memory-total", Kind::kMemory, "auto", Use::kHonoured,
     "Most memory of all queries together; auto is a third of the machine's.",
     &Flags::queries_memory_bytes},
    {"narthex.rules.memory-total", Kind::kMemory, "auto", Use::kHonoured,
     "Most memory of all rules' queries together; auto is a sixth of the machine's.",
     &Flags::rules_memory_bytes},
    {"enable-feature", Kind::kList, "", Use::kHonoured, "Features, comma separated.",
     &Flags::features},
    {"agent", Kind::kBool, "false", Use::kNotImplemented, "Agent mode."},
    {"log.level", Kind::kChoice, "info", Use::kHonoured, "debug, info, warn or error.",
     &Flags::log_level},
    {"log.format", Kind::kChoice, "logfmt", Use::kHonoured, "logfmt or json.", &Flags::log_format},
    {"write-documentation", Kind::kBool, "false", Use::kNotImplemented,
     "Print documentation of the flags."},
};

static_assert(std::ranges::all_of(kOptions, [](const Option& option) {
  return (option.use == Use::kHonoured) != std::holds_alternative<std::monostate>(option.field);
}));

Result<std::int64_t> parse_integer(std::string_view text) {
  double value = 0;  // as upstream, 5e7 and 1_000 are numbers too
  if (!query::go::parse_float(text, value) || std::fabs(value) > 1e18 ||
      value != std::floor(value)) {
    return Error(Code::kInvalid, "not a number");
  }
  return static_cast<std::int64_t>(value);
}

Result<std::size_t> parse_count(std::string_view text) {
  NX_TRY_ASSIGN(const std::int64_t value, parse_integer(text));
  if (value < 0) return Error(Code::kInvalid, "not a number");
  return static_cast<std::size_t>(value);
}

// A size of the kind: bytes, a count, or an integer, of which what is below 0 acts as 0.
Result<std::size_t> parse_size(Kind kind, std::string_view text) {
  if (kind == Kind::kCount) return parse_count(text);
  if (kind == Kind::kBytes) {
    NX_TRY_ASSIGN(const std::int64_t bytes, parse_bytes(text));
    return static_cast<std::size_t>(bytes);
  }
  NX_TRY_ASSIGN(const std::int64_t value, parse_integer(text));
  return static_cast<std::size_t>(std::max<std::int64_t>(value, 0));
}

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> parts;
  for (const std::string_view part : split(text, ',')) {
    if (!part.empty()) parts.emplace_back(part);
  }
  return parts;
}

// One call for each type of field.
struct Store {
  Kind kind;
  std::string_view text;
  Flags& flags;

  Result<void> operator()(std::monostate /*none*/) const { return {}; }
  Result<void> operator()(bool Flags::* field) const {
    flags.*field = text == "true";
    return {};
  }
  Result<void> operator()(std::string Flags::* field) const {
    flags.*field = text;
    return {};
  }
  Result<void> operator()(std::vector<std::string> Flags::* field) const {
    flags.*field = parse_list(text);
    return {};
  }
  Result<void> operator()(model::DurationMs Flags::* field) const {
    NX_TRY_ASSIGN(flags.*field, model::parse_duration(text));
    return {};
  }
  Result<void> operator()(std::size_t Flags::* field) const {
    NX_TRY_ASSIGN(flags.*field, parse_size(kind, text));
    return {};
  }
  Result<void> operator()(std::optional<std::size_t> Flags::* field) const {
    if (text == "auto") return {};
    NX_TRY_ASSIGN(flags.*field, parse_size(Kind::kBytes, text));
    return {};
  }
  Result<void> operator()(LogLevel Flags::* field) const {
    NX_TRY_ASSIGN(flags.*field, parse_log_level(text));
    return {};
  }
  Result<void> operator()(LogFormat Flags::* field) const {
    NX_TRY_ASSIGN(flags.*field, parse_log_format(text));
    return {};
  }
};

}  // namespace

std::span<const Option> options() {
  return kOptions;
}

Result<std::string> shown_text(Kind kind, std::string_view text) {
  if (kind == Kind::kDuration) {
    NX_TRY_ASSIGN(const model::DurationMs value, model::parse_duration(text));
    return model::format_duration(value);
  }
  if (kind == Kind::kBytes) {
    NX_TRY_ASSIGN(const std::int64_t value, parse_bytes(text));
    return format_bytes(value);
  }
  if (kind == Kind::kInteger) {
    NX_TRY_ASSIGN(const std::int64_t value, parse_integer(text));
    return concat(value);
  }
  if (kind == Kind::kCount) {
    NX_TRY_ASSIGN(const std::size_t value, parse_count(text));
    return concat(value);
  }
  return std::string(text);
}

Result<void> store_option(const Option& option, std::string_view text, Flags& flags) {
  return std::visit(Store{option.kind, text, flags}, option.field);
}

}  // namespace narthex::server
