// Decoding and checking of scrape configuration.
#include "scrape/config.h"

#include <algorithm>
#include <array>

#include "base/str.h"
#include "base/units.h"
#include "model/relabel_config.h"

namespace narthex::scrape {
namespace {

using yaml::MapReader;
using yaml::Node;
using yaml::Shown;

struct ProtocolName {
  Protocol protocol;
  std::string_view name;
};
constexpr std::array<ProtocolName, 5> kProtocols = {{
    {Protocol::kOpenMetrics001, "OpenMetricsText0.0.1"},
    {Protocol::kOpenMetrics100, "OpenMetricsText1.0.0"},
    {Protocol::kPrometheusProto, "PrometheusProto"},
    {Protocol::kPrometheusText004, "PrometheusText0.0.4"},
    {Protocol::kPrometheusText100, "PrometheusText1.0.0"},
}};

const std::vector<Protocol>& default_protocols() {
  static const std::vector<Protocol> protocols = {
      Protocol::kOpenMetrics100, Protocol::kOpenMetrics001, Protocol::kPrometheusText100,
      Protocol::kPrometheusText004};
  return protocols;
}

constexpr std::array<std::string_view, 4> kEscapingNames = {"allow-utf-8", "underscores", "dots",
                                                            "values"};

std::string_view escaping_name(NameEscaping escaping) {
  return kEscapingNames[static_cast<std::size_t>(escaping)];
}

std::string_view validation_name(NameValidation validation) {
  return validation == NameValidation::kUtf8 ? "utf8" : "legacy";
}

Result<NameValidation> parse_validation(std::string_view text) {
  if (text == "utf8") return NameValidation::kUtf8;
  if (text == "legacy") return NameValidation::kLegacy;
  return Error(Code::kInvalid, concat("unrecognized ValidationScheme: ", quote(text)));
}

Result<NameEscaping> parse_escaping(std::string_view text) {
  for (std::size_t i = 0; i < kEscapingNames.size(); ++i) {
    if (kEscapingNames[i] == text) return static_cast<NameEscaping>(i);
  }
  return Error(Code::kInvalid,
               concat("unknown scrape config name escaping method specified, must be one of "
                      "'allow-utf-8', 'underscores', 'dots', or 'values', got ",
                      quote(text)));
}

std::vector<std::string> names_of(const std::vector<Protocol>& protocols) {
  std::vector<std::string> names;
  for (const Protocol protocol : protocols) names.emplace_back(protocol_name(protocol));
  return names;
}

// `whose` ends the messages: " for global config" or " for scrape config with job name ...".
void decode_protocols(MapReader& map, const std::string& whose,
                      std::optional<std::vector<Protocol>>& out) {
  if (!map.has("scrape_protocols")) return;
  std::vector<std::string> names;
  map.read("scrape_protocols", names);
  const Node place = map.place("scrape_protocols");
  if (place.is_null()) return;
  out.emplace();
  if (names.empty()) map.fail(place, concat("scrape_protocols cannot be empty", whose));
  for (const std::string& name : names) {
    const Result<Protocol> protocol = parse_protocol(name);
    if (!protocol) {
      map.fail(place, concat("scrape_protocols: ", protocol.error().message(), whose));
      return;
    }
    if (std::find(out->begin(), out->end(), *protocol) != out->end()) {
      map.fail(place, concat("duplicated protocol in scrape_protocols, got [", join(names, " "),
                             "]", whose));
    }
    if (*protocol == Protocol::kPrometheusProto) {
      map.fail(place, "not implemented yet: PrometheusProto");
    }
    out->push_back(*protocol);
  }
}

constexpr std::string_view kValidationKey = "metric_name_validation_scheme";
constexpr std::string_view kEscapingKey = "metric_name_escaping_scheme";

yaml::Fields<ScrapeLimits> limit_fields() {
  yaml::Fields<ScrapeLimits> fields;
  fields.add("body_size_limit", &ScrapeLimits::body_size_bytes, parse_bytes, format_bytes,
             Shown::kUnlessZero);
  fields.add("sample_limit", &ScrapeLimits::samples, Shown::kUnlessZero);
  fields.add("target_limit", &ScrapeLimits::targets, Shown::kUnlessZero);
  fields.add("label_limit", &ScrapeLimits::labels, Shown::kUnlessZero);
  fields.add("label_name_length_limit", &ScrapeLimits::label_name_bytes, Shown::kUnlessZero);
  fields.add("label_value_length_limit", &ScrapeLimits::label_value_bytes, Shown::kUnlessZero);
  return fields;
}

// Upstream prints it elsewhere.
yaml::Fields<ScrapeLimits> dropped_limit_field() {
  yaml::Fields<ScrapeLimits> fields;
  fields.add("keep_dropped_targets", &ScrapeLimits::keep_dropped_targets, Shown::kUnlessZero);
  return fields;
}

NameEscaping natural_escaping(NameValidation validation) {
  return validation == NameValidation::kLegacy ? NameEscaping::kUnderscores
                                               : NameEscaping::kAllowUtf8;
}

std::string whose(const ScrapeConfig& config) {
  return concat(" for scrape config with job name ", quote(config.job_name));
}

void read_params(MapReader& map, ScrapeConfig& out) {
  map.with("params", [&](const Node& node) -> Result<void> {
    NX_TRY_ASSIGN(const auto pairs, node.as_map());
    for (const auto& [name, value] : pairs) {
      NX_TRY_ASSIGN(out.params[name], value.as_strings());
    }
    return {};
  });
}
void print_params(yaml::Writer& out, const ScrapeConfig& config) {
  if (config.params.empty()) return;
  out.open_map("params");
  for (const auto& [name, values] : config.params) out.field(name, values);
  out.close();
}

void read_protocols(MapReader& map, ScrapeConfig& out) {
  std::optional<std::vector<Protocol>> protocols;
  decode_protocols(map, whose(out), protocols);
  if (protocols) out.scrape_protocols = *std::move(protocols);
}
void print_protocols(yaml::Writer& out, const ScrapeConfig& config) {
  out.field("scrape_protocols", names_of(config.scrape_protocols));
}

void read_fallback(MapReader& map, ScrapeConfig& out) {
  constexpr std::string_view kKey = "fallback_scrape_protocol";
  map.parse(kKey, out.fallback_protocol,
            [&](std::string_view text) -> Result<std::optional<Protocol>> {
              if (text.empty()) return std::nullopt;
              auto protocol = parse_protocol(text);
              if (protocol) return *protocol;
              return std::move(protocol).error().with(concat("invalid ", kKey, whose(out)));
            });
  if (out.fallback_protocol == Protocol::kPrometheusProto) {
    map.fail(map.place(kKey), "not implemented yet: PrometheusProto");
  }
}
void print_fallback(yaml::Writer& out, const ScrapeConfig& config) {
  if (!config.fallback_protocol) return;
  out.field("fallback_scrape_protocol", protocol_name(*config.fallback_protocol));
}

// What has no value of its own yet is read into a job that has its globals'.
ScrapeConfig with_globals(const ScrapeGlobals& globals) {
  ScrapeConfig config;
  config.scrape_protocols = globals.scrape_protocols.value_or(default_protocols());
  config.always_scrape_classic_histograms = globals.always_scrape_classic_histograms;
  config.extra_scrape_metrics = globals.extra_scrape_metrics;
  config.name_validation = globals.name_validation;
  return config;
}

void check_times(MapReader& map, const ScrapeGlobals& globals, ScrapeConfig& out) {
  if (out.scrape_interval == 0) out.scrape_interval = globals.scrape_interval;
  if (out.scrape_timeout > out.scrape_interval) {
    map.fail(map.place("scrape_timeout"),
             concat("scrape timeout greater than scrape interval", whose(out)));
  }
  if (out.scrape_timeout == 0) {
    out.scrape_timeout = std::min(globals.scrape_timeout, out.scrape_interval);
  }
}

bool has_text(const MapReader& map, std::string_view key) {
  return map.has(key) && !map.place(key).as_string().value_or("").empty();
}

void check_names(MapReader& map, const ScrapeGlobals& globals, ScrapeConfig& out) {
  if (!has_text(map, kEscapingKey)) {
    const NameEscaping natural = natural_escaping(out.name_validation);
    const bool own = has_text(map, kValidationKey);
    out.name_escaping = own ? natural : globals.name_escaping.value_or(natural);
  }
  if (out.name_escaping == NameEscaping::kAllowUtf8 &&
      out.name_validation == NameValidation::kLegacy) {
    map.fail(map.place(kEscapingKey),
             "utf8 metric names requested but validation scheme is not set to UTF8");
  }
}

void add_request_fields(yaml::Fields<ScrapeConfig>& fields) {
  using Config = ScrapeConfig;
  fields.add("metrics_path", &Config::metrics_path, Shown::kUnlessZero);
  fields.add("scheme", &Config::scheme, Shown::kUnlessZero);
  fields.add_check([](MapReader& map, Config& out) {
    if (out.scheme == "https") map.fail(map.place("scheme"), "not implemented yet: scheme https");
  });
  fields.add("enable_compression", &Config::enable_compression);
  fields.add_fixed("scrape_failure_log_file", std::string(), Shown::kUnlessZero);
}

void add_label_fields(yaml::Fields<ScrapeConfig>& fields) {
  using Config = ScrapeConfig;
  const auto legacy = [](const Config& config) {
    return config.name_validation == NameValidation::kLegacy;
  };
  model::add_relabel_rules(fields, "relabel_configs", &Config::relabel_rules,
                           "target relabeling rule in scrape config", legacy);
  model::add_relabel_rules(fields, "metric_relabel_configs", &Config::metric_relabel_rules,
                           "metric relabeling rule in scrape config", legacy);
}

yaml::Fields<ScrapeConfig> scrape_fields() {
  using Config = ScrapeConfig;
  yaml::Fields<Config> fields;
  fields.add("job_name", &Config::job_name);
  fields.add("honor_labels", &Config::honor_labels, Shown::kUnlessZero);
  fields.add("honor_timestamps", &Config::honor_timestamps);
  fields.add("track_timestamps_staleness", &Config::track_timestamps_staleness);
  fields.add(read_params, print_params);
  fields.add("scrape_interval", &Config::scrape_interval, model::parse_duration,
             model::format_duration);
  fields.add("scrape_timeout", &Config::scrape_timeout, model::parse_duration,
             model::format_duration);
  fields.add(read_protocols, print_protocols).add(read_fallback, print_fallback);
  fields.add_fixed("scrape_native_histograms", false);
  fields.add_kept("always_scrape_classic_histograms", &Config::always_scrape_classic_histograms);
  fields.add_fixed("convert_classic_histograms_to_nhcb", false);
  add_request_fields(fields);
  fields.add_inlined(&Config::limits, limit_fields());
  fields.add("native_histogram_bucket_limit", &Config::native_histogram_bucket_limit,
             Shown::kUnlessZero);
  fields.add("native_histogram_min_bucket_factor", &Config::native_histogram_min_bucket_factor,
             Shown::kUnlessZero);
  fields.add_inlined(&Config::limits, dropped_limit_field());
  fields.add_kept(kValidationKey, &Config::name_validation, parse_validation, validation_name);
  fields.add_kept(kEscapingKey, &Config::name_escaping, parse_escaping, escaping_name);
  fields.add_kept("extra_scrape_metrics", &Config::extra_scrape_metrics);
  fields.add_inlined(&Config::client, net::http::client_fields());
  add_label_fields(fields);
  fields.add(
      [](MapReader& map, Config& out) {
        discovery::decode_discovery(map, {.plain_hosts = out.relabel_rules.empty()}, out.discovery);
      },
      [](yaml::Writer& out, const Config& from) { discovery::emit(out, from.discovery); });
  return fields;
}

}  // namespace

std::string_view protocol_name(Protocol protocol) {
  for (const ProtocolName& entry : kProtocols) {
    if (entry.protocol == protocol) return entry.name;
  }
  return "unknown";
}

Result<Protocol> parse_protocol(std::string_view text) {
  for (const ProtocolName& entry : kProtocols) {
    if (entry.name == text) return entry.protocol;
  }
  return Error(Code::kInvalid,
               concat("unknown scrape protocol ", text,
                      ", supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto "
                      "PrometheusText0.0.4 PrometheusText1.0.0]"));
}

ScrapeGlobals unset_globals() {
  return {.scrape_interval = 0, .scrape_timeout = 0, .name_escaping = std::nullopt};
}

yaml::Fields<ScrapeGlobals> global_fields_head() {
  yaml::Fields<ScrapeGlobals> fields;
  fields.add("scrape_interval", &ScrapeGlobals::scrape_interval, model::parse_duration,
             model::format_duration);
  fields.add("scrape_timeout", &ScrapeGlobals::scrape_timeout, model::parse_duration,
             model::format_duration);
  fields.add(
      [](MapReader& map, ScrapeGlobals& out) {
        decode_protocols(map, " for global config", out.scrape_protocols);
      },
      [](yaml::Writer& out, const ScrapeGlobals& from) {
        if (from.scrape_protocols) out.field("scrape_protocols", names_of(*from.scrape_protocols));
      });
  return fields;
}

yaml::Fields<ScrapeGlobals> global_fields_tail() {
  yaml::Fields<ScrapeGlobals> fields;
  fields.add_inlined(&ScrapeGlobals::limits, limit_fields());
  fields.add_inlined(&ScrapeGlobals::limits, dropped_limit_field());
  using Globals = ScrapeGlobals;
  fields.add_kept(kValidationKey, &Globals::name_validation, parse_validation, validation_name);
  fields.add_kept(kEscapingKey, &Globals::name_escaping, parse_escaping, escaping_name);
  fields.add_fixed("scrape_native_histograms", false);
  fields.add_fixed("convert_classic_histograms_to_nhcb", false, Shown::kNever);
  fields.add("always_scrape_classic_histograms", &ScrapeGlobals::always_scrape_classic_histograms,
             Shown::kUnlessZero);
  fields.add("extra_scrape_metrics", &ScrapeGlobals::extra_scrape_metrics);
  fields.add_fixed("scrape_failure_log_file", std::string(), Shown::kNever);
  return fields;
}

void check_globals(MapReader& map, ScrapeGlobals& globals) {
  const ScrapeGlobals defaults;
  if (globals.scrape_interval == 0) globals.scrape_interval = defaults.scrape_interval;
  if (globals.scrape_timeout > globals.scrape_interval) {
    map.fail(map.place("scrape_timeout"), "global scrape timeout greater than scrape interval");
  }
  if (globals.scrape_timeout == 0) {
    globals.scrape_timeout = std::min(defaults.scrape_timeout, globals.scrape_interval);
  }
}

Result<ScrapeConfig> decode_scrape_config(const Node& node, const ScrapeGlobals& globals) {
  if (node.is_null()) return node.error("empty or null scrape config section");
  ScrapeConfig out = with_globals(globals);
  MapReader map(node, "config.ScrapeConfig");
  scrape_fields().read(map, out);
  if (map.ok() && out.job_name.empty()) map.fail(node, "job_name is empty");
  limit_fields().inherit(out.limits, globals.limits);
  dropped_limit_field().inherit(out.limits, globals.limits);
  check_times(map, globals, out);
  check_names(map, globals, out);
  NX_TRY(map.finish());
  return out;
}

void emit(yaml::Writer& out, const ScrapeConfig& config) {
  scrape_fields().print(out, config);
}

}  // namespace narthex::scrape
