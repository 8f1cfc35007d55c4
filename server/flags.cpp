// One table of flags, and what their texts mean. tidy: the table is the file.
#include "server/flags.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/fs.h"
#include "base/regex.h"
#include "base/str.h"
#include "base/units.h"
#include "net/http/url.h"
#include "server/arguments.h"

namespace narthex::server {
namespace {

enum class Kind : unsigned char { kText, kBool, kList, kDuration, kCount, kInteger, kBytes };
enum class Use : unsigned char {
  kHonoured,
  kNoEffect,        // tunes Go's runtime or something Narthex has no need of
  kNotImplemented,  // refused unless it has its default
  kAgent,           // refused outside agent mode
};

struct FlagRow {
  std::string_view name;
  Kind kind;
  std::string_view fallback;
  Use use;
  std::string_view help;
};

constexpr FlagRow kFlags[] = {
    {"config.file", Kind::kText, "prometheus.yml", Use::kHonoured, "Main configuration file."},
    {"config.auto-reload", Kind::kBool, "false", Use::kNotImplemented,
     "Reload when the file changes."},
    {"config.auto-reload-interval", Kind::kDuration, "30s", Use::kNotImplemented,
     "Interval of that check."},
    {"web.listen-address", Kind::kList, "0.0.0.0:9090", Use::kHonoured,
     "Address to listen on; may be repeated."},
    {"auto-gomaxprocs", Kind::kBool, "true", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit", Kind::kBool, "true", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit.ratio", Kind::kText, "0.9", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit.refresh-interval", Kind::kDuration, "0s", Use::kNoEffect, "No effect."},
    {"web.config.file", Kind::kText, "", Use::kNotImplemented, "TLS and authentication."},
    {"web.read-timeout", Kind::kDuration, "5m", Use::kHonoured, "Longest time to read a request."},
    {"web.max-connections", Kind::kCount, "512", Use::kHonoured, "Most connections at once."},
    {"web.max-notifications-subscribers", Kind::kCount, "16", Use::kNoEffect,
     "Live notification subscribers."},
    {"web.external-url", Kind::kText, "", Use::kHonoured,
     "URL under which others reach this server."},
    {"web.route-prefix", Kind::kText, "", Use::kHonoured,
     "Prefix of all paths; default: that of the external URL."},
    {"web.user-assets", Kind::kText, "", Use::kNotImplemented, "Directory served at /user."},
    {"web.enable-lifecycle", Kind::kBool, "false", Use::kHonoured, "Reload and quit over HTTP."},
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
     "Allowed origins, anchored regular expression."},
    {"web.search.max-limit", Kind::kCount, "10000", Use::kNoEffect, "Cap of the search API."},
    {"storage.tsdb.path", Kind::kText, "data/", Use::kHonoured, "Data directory."},
    {"storage.tsdb.min-block-duration", Kind::kDuration, "2h", Use::kNotImplemented,
     "Range of a head block."},
    {"storage.tsdb.max-block-duration", Kind::kText, "", Use::kNotImplemented, "Longest block."},
    {"storage.tsdb.max-block-chunk-segment-size", Kind::kBytes, "0B", Use::kNotImplemented,
     "Chunk file size."},
    {"storage.tsdb.wal-segment-size", Kind::kBytes, "0B", Use::kHonoured,
     "WAL segment size, 10MB to 256MB."},
    {"storage.tsdb.retention.time", Kind::kDuration, "0s", Use::kHonoured,
     "How long samples are kept; 0 is 15d."},
    {"storage.tsdb.retention.size", Kind::kBytes, "0B", Use::kNotImplemented,
     "Most bytes to keep."},
    {"storage.tsdb.no-lockfile", Kind::kBool, "false", Use::kHonoured,
     "Do not lock the data directory."},
    {"storage.tsdb.allow-overlapping-compaction", Kind::kBool, "true", Use::kNoEffect,
     "Merge overlapping blocks."},
    {"storage.tsdb.wal-compression", Kind::kBool, "true", Use::kHonoured, "Compress WAL records."},
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
     "Longest outage to restore `for` over."},
    {"rules.alert.for-grace-period", Kind::kDuration, "10m", Use::kHonoured,
     "Least time before a restored alert fires."},
    {"rules.alert.resend-delay", Kind::kDuration, "1m", Use::kHonoured,
     "Least time between sends of an alert."},
    {"rules.max-concurrent-evals", Kind::kCount, "4", Use::kNoEffect,
     "Needs concurrent-rule-eval."},
    {"scrape.adjust-timestamps", Kind::kBool, "true", Use::kHonoured,
     "Snap timestamps to the schedule."},
    {"scrape.timestamp-tolerance", Kind::kDuration, "2ms", Use::kHonoured, "Farthest snap."},
    {"scrape.discovery-reload-interval", Kind::kDuration, "5s", Use::kHonoured,
     "Least time between target updates."},
    {"alertmanager.notification-queue-capacity", Kind::kCount, "10000", Use::kHonoured,
     "Alerts queued each."},
    {"alertmanager.notification-batch-size", Kind::kCount, "256", Use::kHonoured,
     "Most alerts in one request."},
    {"alertmanager.drain-notification-queue-on-shutdown", Kind::kBool, "true", Use::kHonoured,
     "Send at the end."},
    {"query.lookback-delta", Kind::kDuration, "5m", Use::kHonoured,
     "How far an instant selector looks back."},
    {"query.timeout", Kind::kDuration, "2m", Use::kHonoured, "Longest run of a query."},
    {"query.max-concurrency", Kind::kCount, "20", Use::kHonoured, "Queries at once."},
    {"query.max-samples", Kind::kInteger, "50000000", Use::kHonoured, "Samples a query may hold."},
    {"narthex.query.memory", Kind::kText, "auto", Use::kHonoured,
     "Most memory of one query: a size, 0 for no limit, auto for a fifth of the machine's."},
    {"narthex.query.memory-total", Kind::kText, "auto", Use::kHonoured,
     "Most memory of all queries together; auto is a third of the machine's."},
    {"narthex.rules.memory-total", Kind::kText, "auto", Use::kHonoured,
     "Most memory of all rules' queries together; auto is a sixth of the machine's."},
    {"enable-feature", Kind::kList, "", Use::kHonoured, "Features, comma separated."},
    {"agent", Kind::kBool, "false", Use::kNotImplemented, "Agent mode."},
    {"log.level", Kind::kText, "info", Use::kHonoured, "debug, info, warn or error."},
    {"log.format", Kind::kText, "logfmt", Use::kHonoured, "logfmt or json."},
    {"write-documentation", Kind::kBool, "false", Use::kNotImplemented,
     "Print documentation of the flags."},
};

using Values = std::map<std::string, std::string, std::less<>>;

Error bad_value(std::string_view name, std::string_view text, std::string_view why) {
  return Error(Code::kInvalid,
               concat("Error parsing command line arguments: --", name, "=", text, ": ", why));
}

Result<std::int64_t> parse_integer(std::string_view text) {
  double value = 0;  // as upstream, 5e7 is a number too
  if (!parse_float(text, value) || std::fabs(value) > 1e18 || value != std::floor(value)) {
    return Error(Code::kInvalid, "not a number");
  }
  return static_cast<std::int64_t>(value);
}

Result<std::size_t> parse_count(std::string_view text) {
  NX_TRY_ASSIGN(const std::int64_t value, parse_integer(text));
  if (value < 0) return Error(Code::kInvalid, "not a number");
  return static_cast<std::size_t>(value);
}

// None for "auto".
Result<std::optional<std::size_t>> parse_memory(std::string_view text) {
  if (text == "auto") return std::nullopt;
  NX_TRY_ASSIGN(const std::int64_t bytes, parse_bytes(text));
  return static_cast<std::size_t>(bytes);
}

// The value as upstream shows it: durations, sizes and numbers in their shortest form.
Result<std::string> normalise(Kind kind, std::string_view text) {
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

// Text by flag name, lists joined by commas.
Result<Values> read_values(const Arguments& arguments) {
  Values values;
  for (const FlagRow& row : kFlags) {
    const std::string name(row.name);
    const auto found = arguments.given.find(row.name);
    if (found == arguments.given.end()) {
      values[name] = row.fallback;
      continue;
    }
    if (found->second.size() > 1 && row.kind != Kind::kList) {
      return Error(Code::kInvalid, concat("Error parsing command line arguments: flag '", name,
                                          "' cannot be repeated"));
    }
    const std::string text = join(found->second, ",");
    Result<std::string> value = normalise(row.kind, text);
    if (!value) return bad_value(name, text, value.error().message());
    values[name] = *std::move(value);
  }
  return values;
}

std::string help_text() {
  std::string out =
      "usage: narthex [<flags>]\n\n"
      "Narthex, a monitoring server that takes the place of Prometheus\n\n\nFlags:\n"
      "  -h, --help\n        Print this help.\n      --version\n        Print the version.\n";
  for (const FlagRow& row : kFlags) {
    const bool is_switch = row.kind == Kind::kBool;
    out += concat("      --", is_switch ? "[no-]" : "", row.name);
    if (!is_switch) out += concat("=", row.fallback.empty() ? "\"\"" : row.fallback);
    if (row.kind == Kind::kList) out += " ...";
    const bool absent = row.use == Use::kNotImplemented || row.use == Use::kAgent;
    out += concat("\n        ", row.help, absent ? " (not implemented yet)\n" : "\n");
  }
  return out;
}

/// Reads typed values; the first error stays.
class Reader {
 public:
  explicit Reader(const Values& values) : values_(values) {}

  const std::string& text(std::string_view name) const { return values_.find(name)->second; }
  bool flag(std::string_view name) const { return text(name) == "true"; }

  template <typename T, typename Parse>
  void parse(std::string_view name, T& out, Parse convert) {
    auto value = convert(std::string_view(text(name)));
    if (value) {
      out = static_cast<T>(*value);
    } else {
      fail(name, value.error().message());
    }
  }

  void count(std::string_view name, std::size_t& out) { parse(name, out, parse_count); }

  void list(std::string_view name, std::vector<std::string>& out) const {
    out.clear();
    for (const std::string_view part : split(text(name), ',')) {
      if (!part.empty()) out.emplace_back(part);
    }
  }

  Result<void> finish() {
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  void fail(std::string_view name, std::string_view why) {
    if (!error_) error_ = bad_value(name, text(name), why);
  }

  const Values& values_;
  std::optional<Error> error_;
};

Result<void> refuse_unimplemented(const Values& values) {
  for (const FlagRow& row : kFlags) {
    if (row.use == Use::kNotImplemented && values.find(row.name)->second != row.fallback) {
      return Error(
          Code::kInvalid,
          concat("Error parsing command line arguments: not implemented yet: --", row.name));
    }
  }
  return {};
}

Result<void> fill(const Values& values, Flags& flags) {
  Reader in(values);
  flags.config_file = in.text("config.file");
  in.list("web.listen-address", flags.listen_addresses);
  flags.external_url = in.text("web.external-url");
  flags.route_prefix = in.text("web.route-prefix");
  flags.cors_origin = in.text("web.cors.origin");
  flags.page_title = in.text("web.page-title");
  flags.enable_lifecycle = in.flag("web.enable-lifecycle");
  flags.enable_remote_write_receiver = in.flag("web.enable-remote-write-receiver");
  in.count("web.max-connections", flags.connections_max);
  in.parse("web.read-timeout", flags.read_timeout_ms, model::parse_duration);
  flags.storage_path = in.text("storage.tsdb.path");
  in.parse("storage.tsdb.retention.time", flags.retention_ms, model::parse_duration);
  if (flags.retention_ms == 0) flags.retention_ms = Flags{}.retention_ms;
  in.parse("storage.tsdb.wal-segment-size", flags.wal_segment_bytes, parse_bytes);
  flags.wal_compression = in.flag("storage.tsdb.wal-compression");
  flags.no_lockfile = in.flag("storage.tsdb.no-lockfile");
  in.parse("query.lookback-delta", flags.lookback_ms, model::parse_duration);
  in.parse("query.timeout", flags.query_timeout_ms, model::parse_duration);
  in.count("query.max-concurrency", flags.query_concurrency);
  std::int64_t samples_max = 0;
  in.parse("query.max-samples", samples_max, parse_integer);
  // Upstream refuses every query then; 0 means no limit to the engine.
  flags.query_samples_max = static_cast<std::size_t>(std::max<std::int64_t>(samples_max, 1));
  in.parse("narthex.query.memory", flags.query_memory_bytes, parse_memory);
  in.parse("narthex.query.memory-total", flags.queries_memory_bytes, parse_memory);
  in.parse("narthex.rules.memory-total", flags.rules_memory_bytes, parse_memory);
  in.parse("rules.alert.for-outage-tolerance", flags.outage_tolerance_ms, model::parse_duration);
  in.parse("rules.alert.for-grace-period", flags.grace_period_ms, model::parse_duration);
  in.parse("rules.alert.resend-delay", flags.resend_delay_ms, model::parse_duration);
  in.count("alertmanager.notification-queue-capacity", flags.notification_queue);
  in.count("alertmanager.notification-batch-size", flags.notification_batch);
  flags.drain_notifications = in.flag("alertmanager.drain-notification-queue-on-shutdown");
  in.parse("scrape.discovery-reload-interval", flags.discovery_reload_ms, model::parse_duration);
  flags.adjust_timestamps = in.flag("scrape.adjust-timestamps");
  in.parse("scrape.timestamp-tolerance", flags.timestamp_tolerance_ms, model::parse_duration);
  in.list("enable-feature", flags.features);
  in.parse("log.level", flags.log_level, parse_log_level);
  in.parse("log.format", flags.log_format, parse_log_format);
  NX_TRY(in.finish());
  constexpr std::uint64_t kMib = 1024 * 1024;
  if (flags.wal_segment_bytes != 0 &&
      (flags.wal_segment_bytes < 10 * kMib || flags.wal_segment_bytes > 256 * kMib)) {
    return Error(Code::kInvalid,
                 "flag 'storage.tsdb.wal-segment-size' must be set between 10MB and 256MB");
  }
  return {};
}

constexpr std::uint64_t kPortMax = 65'535;

Result<void> check_addresses(const Flags& flags) {
  const auto fail = [&flags](std::string_view why) {
    return Error(Code::kInvalid,
                 concat("parse external URL ", quote(flags.external_url), ": ", why));
  };
  const std::string_view url = flags.external_url;
  for (const std::string& listen : flags.listen_addresses) {
    const std::string_view port = std::string_view(listen).substr(listen.rfind(':') + 1);
    std::uint64_t number = 0;
    for (const char c : port) {
      if (c < '0' || c > '9') break;
      number =
          std::min<std::uint64_t>(number * 10 + static_cast<std::uint64_t>(c - '0'), kPortMax + 1);
    }
    if (number > kPortMax) {
      return Error(Code::kInvalid, concat("listen tcp: address ", port, ": invalid port"));
    }
  }
  const std::string& address = flags.listen_addresses.front();
  if (url.empty() && address.find(':') == std::string::npos) {
    return fail(concat("address ", address, ": missing port in address"));
  }
  if (url.empty()) return {};
  constexpr std::string_view kQuotes = "\"'";
  if (kQuotes.contains(url.front()) || kQuotes.contains(url.back())) {
    return fail("URL must not begin or end with quotes");
  }
  if (const Result<void> checked = net::http::check_url(url); !checked) {
    return fail(checked.error().message());
  }
  return {};
}

Result<void> check_origin(const Flags& flags) {
  const auto regex = Regex::anchored(flags.cors_origin);
  if (regex) return {};
  return Error(Code::kInvalid, concat("could not compile CORS regex string ",
                                      quote(flags.cors_origin), ": ", regex.error().message()));
}

// Outside agent mode, its flags are an error of their own status.
std::string agent_flags(const Arguments& arguments) {
  std::string names;
  for (const FlagRow& row : kFlags) {
    if (row.use != Use::kAgent || !arguments.given.contains(row.name)) continue;
    names += concat(names.empty() ? "" : " ", "\"--", row.name, "\"");
  }
  return names;
}

std::map<std::string, std::string> shown_flags(const Values& values, const Flags& flags) {
  std::map<std::string, std::string> all(values.begin(), values.end());
  all["storage.tsdb.retention.time"] = model::format_duration(flags.retention_ms);
  all.erase("auto-gomemlimit.refresh-interval");  // 3.14.0 does not have it yet
  return all;
}

CommandLine ends_with(int status, std::string text) {
  CommandLine line;
  line.exit = true;
  line.status = status;
  line.text = std::move(text);
  return line;
}

}  // namespace

bool Flags::has_feature(std::string_view name) const {
  return std::ranges::find(features, name) != features.end();
}

std::string_view own_version() {
  return "0.1.0";
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, FileSystem& fs) {
  std::map<std::string_view, bool> switches = {{"help", true}, {"version", true}};
  for (const FlagRow& row : kFlags) switches[row.name] = row.kind == Kind::kBool;
  const Result<Arguments> split = split_arguments(arguments, switches, fs);
  if (!split) {
    return ends_with(1, concat("Error parsing command line arguments: ", split.error().message(),
                               "\nnarthex: error: ", split.error().message(), "\n"));
  }
  if (split->given.contains("help")) return ends_with(0, help_text());
  if (split->given.contains("version")) {
    return ends_with(
        0, concat("narthex, version ", own_version(), " (speaks the API of Prometheus 3.14.0)\n"));
  }
  NX_TRY_ASSIGN(const Values values, read_values(*split));
  NX_TRY(refuse_unimplemented(values));
  if (const std::string names = agent_flags(*split); !names.empty()) {
    return ends_with(
        3, concat("The following flag(s) can only be used in agent mode: [", names, "]\n"));
  }
  CommandLine line;
  NX_TRY(fill(values, line.flags));
  NX_TRY(check_addresses(line.flags));
  NX_TRY(check_origin(line.flags));
  line.flags.all = shown_flags(values, line.flags);
  return line;
}

}  // namespace narthex::server
