// What the command line asks for, by the table of options.
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
#include "server/options.h"

namespace narthex::server {
namespace {

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
  for (const Option& row : options()) {
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
  for (const Option& row : options()) {
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
  for (const Option& row : options()) {
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
  for (const Option& row : options()) {
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
  for (const Option& row : options()) switches[row.name] = row.kind == Kind::kBool;
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
