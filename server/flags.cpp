// One table of flags; parsing over CLI11. tidy: the table is the file.
#include "server/flags.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include <CLI/CLI.hpp>

#include "base/str.h"
#include "base/units.h"

namespace narthex::server {
namespace {

enum class Kind : unsigned char { kText, kBool, kList };
enum class Use : unsigned char {
  kHonoured,
  kNoEffect,        // tunes Go's runtime or something Narthex has no need of
  kNotImplemented,  // refused unless it has its default
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
    {"config.auto-reload-interval", Kind::kText, "30s", Use::kNotImplemented,
     "Interval of that check."},
    {"web.listen-address", Kind::kList, "0.0.0.0:9090", Use::kHonoured,
     "Address to listen on; may be repeated."},
    {"auto-gomaxprocs", Kind::kBool, "true", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit", Kind::kBool, "true", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit.ratio", Kind::kText, "0.9", Use::kNoEffect, "No effect."},
    {"auto-gomemlimit.refresh-interval", Kind::kText, "0s", Use::kNoEffect, "No effect."},
    {"web.config.file", Kind::kText, "", Use::kNotImplemented, "TLS and authentication."},
    {"web.read-timeout", Kind::kText, "5m", Use::kHonoured, "Longest time to read a request."},
    {"web.max-connections", Kind::kText, "512", Use::kHonoured, "Most connections at once."},
    {"web.max-notifications-subscribers", Kind::kText, "16", Use::kNoEffect,
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
    {"web.search.max-limit", Kind::kText, "10000", Use::kNoEffect, "Cap of the search API."},
    {"storage.tsdb.path", Kind::kText, "data/", Use::kHonoured, "Data directory."},
    {"storage.tsdb.min-block-duration", Kind::kText, "2h", Use::kNotImplemented,
     "Range of a head block."},
    {"storage.tsdb.max-block-duration", Kind::kText, "", Use::kNotImplemented, "Longest block."},
    {"storage.tsdb.max-block-chunk-segment-size", Kind::kText, "0B", Use::kNotImplemented,
     "Chunk file size."},
    {"storage.tsdb.wal-segment-size", Kind::kText, "0B", Use::kHonoured,
     "WAL segment size, 10MB to 256MB."},
    {"storage.tsdb.retention.time", Kind::kText, "0s", Use::kHonoured,
     "How long samples are kept; 0 is 15d."},
    {"storage.tsdb.retention.size", Kind::kText, "0B", Use::kNotImplemented, "Most bytes to keep."},
    {"storage.tsdb.no-lockfile", Kind::kBool, "false", Use::kHonoured,
     "Do not lock the data directory."},
    {"storage.tsdb.allow-overlapping-compaction", Kind::kBool, "true", Use::kNoEffect,
     "Merge overlapping blocks."},
    {"storage.tsdb.wal-compression", Kind::kBool, "true", Use::kHonoured, "Compress WAL records."},
    {"storage.tsdb.wal-compression-type", Kind::kText, "snappy", Use::kNotImplemented,
     "snappy or zstd."},
    {"storage.tsdb.head-chunks-write-queue-size", Kind::kText, "0", Use::kNoEffect, "No effect."},
    {"storage.tsdb.samples-per-chunk", Kind::kText, "120", Use::kNotImplemented,
     "Samples in a full chunk."},
    {"storage.tsdb.delayed-compaction.max-percent", Kind::kText, "10", Use::kNoEffect,
     "Compaction delay."},
    {"storage.tsdb.delay-compact-file.path", Kind::kText, "", Use::kNotImplemented,
     "Thanos shipper file."},
    {"storage.tsdb.block-reload-interval", Kind::kText, "1m", Use::kNoEffect,
     "Block directory rescan."},
    {"storage.remote.flush-deadline", Kind::kText, "1m", Use::kNoEffect,
     "Remote write flush at the end."},
    {"storage.remote.read-sample-limit", Kind::kText, "50000000", Use::kNoEffect,
     "Samples per remote read."},
    {"storage.remote.read-concurrent-limit", Kind::kText, "10", Use::kNoEffect,
     "Remote reads at once."},
    {"storage.remote.read-max-bytes-in-frame", Kind::kText, "1048576", Use::kNoEffect,
     "Remote read frame."},
    {"rules.alert.for-outage-tolerance", Kind::kText, "1h", Use::kHonoured,
     "Longest outage to restore `for` over."},
    {"rules.alert.for-grace-period", Kind::kText, "10m", Use::kHonoured,
     "Least time before a restored alert fires."},
    {"rules.alert.resend-delay", Kind::kText, "1m", Use::kHonoured,
     "Least time between sends of an alert."},
    {"rules.max-concurrent-evals", Kind::kText, "4", Use::kNoEffect, "Needs concurrent-rule-eval."},
    {"scrape.adjust-timestamps", Kind::kBool, "true", Use::kHonoured,
     "Snap timestamps to the schedule."},
    {"scrape.timestamp-tolerance", Kind::kText, "2ms", Use::kHonoured, "Farthest snap."},
    {"scrape.discovery-reload-interval", Kind::kText, "5s", Use::kHonoured,
     "Least time between target updates."},
    {"alertmanager.notification-queue-capacity", Kind::kText, "10000", Use::kHonoured,
     "Alerts queued each."},
    {"alertmanager.notification-batch-size", Kind::kText, "256", Use::kHonoured,
     "Most alerts in one request."},
    {"alertmanager.drain-notification-queue-on-shutdown", Kind::kBool, "true", Use::kHonoured,
     "Send at the end."},
    {"query.lookback-delta", Kind::kText, "5m", Use::kHonoured,
     "How far an instant selector looks back."},
    {"query.timeout", Kind::kText, "2m", Use::kHonoured, "Longest run of a query."},
    {"query.max-concurrency", Kind::kText, "20", Use::kHonoured, "Queries at once."},
    {"query.max-samples", Kind::kText, "50000000", Use::kHonoured, "Samples a query may hold."},
    {"enable-feature", Kind::kList, "", Use::kHonoured, "Features, comma separated."},
    {"agent", Kind::kBool, "false", Use::kNotImplemented, "Agent mode."},
    {"log.level", Kind::kText, "info", Use::kHonoured, "debug, info, warn or error."},
    {"log.format", Kind::kText, "logfmt", Use::kHonoured, "logfmt or json."},
};

using Values = std::map<std::string, std::string, std::less<>>;

// Parsed text by flag name, lists joined by commas.
Result<Values> parse_texts(const std::vector<std::string>& arguments, std::string& help,
                           bool& wants_help, bool& wants_version) {
  CLI::App app("Narthex, a monitoring server that takes the place of Prometheus", "narthex");
  app.set_help_flag();
  app.add_flag("-h,--help", wants_help, "Print this help.");
  app.add_flag("--version", wants_version, "Print the version.");
  std::map<std::string_view, std::vector<std::string>> given;
  std::map<std::string_view, bool> switches;
  for (const FlagRow& row : kFlags) {
    const std::string name = concat("--", row.name);
    const std::string help_text =
        concat(row.help, row.use == Use::kNotImplemented ? " (not implemented yet)" : "");
    if (row.kind == Kind::kBool) {
      bool& target = switches[row.name];
      target = row.fallback == "true";
      app.add_flag(concat(name, ",!--no-", row.name), target, help_text);
    } else {
      auto* option = app.add_option(name, given[row.name], help_text)->allow_extra_args(false);
      if (row.kind == Kind::kText) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
      option->default_str(std::string(row.fallback));
    }
  }
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    return Error(Code::kInvalid, concat("Error parsing command line arguments: ", error.what()));
  }
  help = app.help();
  Values values;
  for (const FlagRow& row : kFlags) {
    const std::string name(row.name);
    if (row.kind == Kind::kBool) {
      values[name] = switches[row.name] ? "true" : "false";
    } else {
      values[name] =
          given[row.name].empty() ? std::string(row.fallback) : join(given[row.name], ",");
    }
  }
  return values;
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

  void count(std::string_view name, std::size_t& out) {
    const std::string& digits = text(name);
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    if (end.ec != std::errc() || end.ptr != digits.data() + digits.size())
      fail(name, "not a number");
  }

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
    if (!error_) {
      error_ = Error(Code::kInvalid, concat("Error parsing command line arguments: --", name, "=",
                                            text(name), ": ", why));
    }
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
  in.parse("storage.tsdb.wal-segment-size", flags.wal_segment_bytes, parse_bytes);
  flags.wal_compression = in.flag("storage.tsdb.wal-compression");
  flags.no_lockfile = in.flag("storage.tsdb.no-lockfile");
  in.parse("query.lookback-delta", flags.lookback_ms, model::parse_duration);
  in.parse("query.timeout", flags.query_timeout_ms, model::parse_duration);
  in.count("query.max-concurrency", flags.query_concurrency);
  in.count("query.max-samples", flags.query_samples_max);
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

}  // namespace

bool Flags::has_feature(std::string_view name) const {
  return std::ranges::find(features, name) != features.end();
}

std::string_view own_version() {
  return "0.1.0";
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  bool wants_help = false;
  bool wants_version = false;
  NX_TRY_ASSIGN(const Values values, parse_texts(arguments, line.text, wants_help, wants_version));
  if (wants_version) {
    line.text =
        concat("narthex, version ", own_version(), " (speaks the API of Prometheus 3.14.0)\n");
  }
  line.exit = wants_help || wants_version;
  if (line.exit) return line;
  NX_TRY(refuse_unimplemented(values));
  NX_TRY(fill(values, line.flags));
  line.flags.all.insert(values.begin(), values.end());
  return line;
}

}  // namespace narthex::server
