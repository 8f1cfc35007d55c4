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

// An empty text means: not set.
Result<std::optional<NameValidation>> parse_validation(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text == "utf8") return NameValidation::kUtf8;
  if (text == "legacy") return NameValidation::kLegacy;
  return Error(Code::kInvalid, concat("unrecognized ValidationScheme: ", quote(text)));
}

Result<std::optional<NameEscaping>> parse_escaping(std::string_view text) {
  if (text.empty()) return std::nullopt;
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

// Known fields whose feature is missing: an error only when they ask for it.
void refuse_when_true(MapReader& map, std::string_view key) {
  bool wanted = false;
  map.read(key, wanted);
  if (wanted) map.fail(map.place(key), concat("not implemented yet: ", key));
}

// Null is as good as absent: `out` keeps what it inherits.
void read_inherited(MapReader& map, std::string_view key, bool& out) {
  const bool inherited = out;
  map.read(key, out);
  if (map.place(key).is_null()) out = inherited;
}

void decode_limits(MapReader& map, ScrapeLimits& out) {
  map.parse("body_size_limit", out.body_size_bytes, parse_bytes);
  map.read("sample_limit", out.samples).read("target_limit", out.targets);
  map.read("label_limit", out.labels);
  map.read("label_name_length_limit", out.label_name_bytes);
  map.read("label_value_length_limit", out.label_value_bytes);
  map.read("keep_dropped_targets", out.keep_dropped_targets);
}

void inherit_limits(ScrapeLimits& out, const ScrapeLimits& globals) {
  const auto inherit = [](auto& own, auto global) {
    if (own == 0) own = global;
  };
  inherit(out.body_size_bytes, globals.body_size_bytes);
  inherit(out.samples, globals.samples);
  inherit(out.targets, globals.targets);
  inherit(out.labels, globals.labels);
  inherit(out.label_name_bytes, globals.label_name_bytes);
  inherit(out.label_value_bytes, globals.label_value_bytes);
  inherit(out.keep_dropped_targets, globals.keep_dropped_targets);
}

void decode_times(MapReader& map, const ScrapeGlobals& globals, ScrapeConfig& out) {
  map.parse("scrape_interval", out.scrape_interval, model::parse_duration);
  map.parse("scrape_timeout", out.scrape_timeout, model::parse_duration);
  if (out.scrape_interval == 0) out.scrape_interval = globals.scrape_interval;
  if (out.scrape_timeout > out.scrape_interval) {
    map.fail(map.place("scrape_timeout"),
             concat("scrape timeout greater than scrape interval for scrape config with job name ",
                    quote(out.job_name)));
  }
  if (out.scrape_timeout == 0) {
    out.scrape_timeout = std::min(globals.scrape_timeout, out.scrape_interval);
  }
}

void decode_names(MapReader& map, const ScrapeGlobals& globals, ScrapeConfig& out) {
  std::optional<NameValidation> validation;
  std::optional<NameEscaping> escaping;
  map.parse("metric_name_validation_scheme", validation, parse_validation);
  map.parse("metric_name_escaping_scheme", escaping, parse_escaping);
  out.name_validation = validation.value_or(globals.name_validation);
  const auto natural = [](NameValidation scheme) {
    return scheme == NameValidation::kLegacy ? NameEscaping::kUnderscores
                                             : NameEscaping::kAllowUtf8;
  };
  const NameEscaping inherited =
      validation ? natural(*validation)
                 : globals.name_escaping.value_or(natural(globals.name_validation));
  out.name_escaping = escaping.value_or(inherited);
  if (out.name_escaping == NameEscaping::kAllowUtf8 &&
      out.name_validation == NameValidation::kLegacy) {
    map.fail(map.place("metric_name_escaping_scheme"),
             "utf8 metric names requested but validation scheme is not set to UTF8");
  }
}

void decode_histograms(MapReader& map, const ScrapeGlobals& globals, ScrapeConfig& out) {
  refuse_when_true(map, "scrape_native_histograms");
  refuse_when_true(map, "convert_classic_histograms_to_nhcb");
  out.always_scrape_classic_histograms = globals.always_scrape_classic_histograms;
  read_inherited(map, "always_scrape_classic_histograms", out.always_scrape_classic_histograms);
  map.read("native_histogram_bucket_limit", out.native_histogram_bucket_limit);
  map.read("native_histogram_min_bucket_factor", out.native_histogram_min_bucket_factor);
}

void refuse_failure_log(MapReader& map) {
  std::string path;
  map.read("scrape_failure_log_file", path);
  if (!path.empty()) {
    map.fail(map.place("scrape_failure_log_file"), "not implemented yet: scrape_failure_log_file");
  }
}

void decode_request(MapReader& map, ScrapeConfig& out) {
  map.with("params", [&](const Node& node) -> Result<void> {
    NX_TRY_ASSIGN(const auto pairs, node.as_map());
    for (const auto& [name, value] : pairs) {
      NX_TRY_ASSIGN(out.params[name], value.as_strings());
    }
    return {};
  });
  map.read("metrics_path", out.metrics_path).read("scheme", out.scheme);
  if (out.scheme == "https") map.fail(map.place("scheme"), "not implemented yet: scheme https");
  map.read("enable_compression", out.enable_compression);
  decode_client_config(map, out.client);
}

void emit_limits(yaml::Writer& out, const ScrapeLimits& limits) {
  const auto number = [&](std::string_view key, std::uint64_t value) {
    if (value != 0) out.field(key, value);
  };
  if (limits.body_size_bytes != 0)
    out.field("body_size_limit", format_bytes(limits.body_size_bytes));
  number("sample_limit", limits.samples);
  number("target_limit", limits.targets);
  number("label_limit", limits.labels);
  number("label_name_length_limit", limits.label_name_bytes);
  number("label_value_length_limit", limits.label_value_bytes);
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

void decode_globals(MapReader& map, ScrapeGlobals& out) {
  out = ScrapeGlobals{.scrape_interval = 0, .scrape_timeout = 0, .name_escaping = std::nullopt};
  map.parse("scrape_interval", out.scrape_interval, model::parse_duration);
  map.parse("scrape_timeout", out.scrape_timeout, model::parse_duration);
  const ScrapeGlobals defaults;
  if (out.scrape_interval == 0) out.scrape_interval = defaults.scrape_interval;
  if (out.scrape_timeout > out.scrape_interval) {
    map.fail(map.place("scrape_timeout"), "global scrape timeout greater than scrape interval");
  }
  if (out.scrape_timeout == 0) {
    out.scrape_timeout = std::min(defaults.scrape_timeout, out.scrape_interval);
  }
  decode_protocols(map, " for global config", out.scrape_protocols);
  decode_limits(map, out.limits);
  std::optional<NameValidation> validation;
  map.parse("metric_name_validation_scheme", validation, parse_validation);
  out.name_validation = validation.value_or(NameValidation::kUtf8);
  map.parse("metric_name_escaping_scheme", out.name_escaping, parse_escaping);
  refuse_when_true(map, "scrape_native_histograms");
  refuse_when_true(map, "convert_classic_histograms_to_nhcb");
  map.read("always_scrape_classic_histograms", out.always_scrape_classic_histograms);
  map.read("extra_scrape_metrics", out.extra_scrape_metrics);
  refuse_failure_log(map);
}

void emit_globals_head(yaml::Writer& out, const ScrapeGlobals& globals) {
  out.field("scrape_interval", model::format_duration(globals.scrape_interval));
  out.field("scrape_timeout", model::format_duration(globals.scrape_timeout));
  if (globals.scrape_protocols) out.field("scrape_protocols", names_of(*globals.scrape_protocols));
}

void emit_globals_tail(yaml::Writer& out, const ScrapeGlobals& globals) {
  emit_limits(out, globals.limits);
  if (globals.limits.keep_dropped_targets != 0) {
    out.field("keep_dropped_targets", globals.limits.keep_dropped_targets);
  }
  out.field("metric_name_validation_scheme", validation_name(globals.name_validation));
  if (globals.name_escaping) {
    out.field("metric_name_escaping_scheme", escaping_name(*globals.name_escaping));
  }
  out.field("scrape_native_histograms", false);
  if (globals.always_scrape_classic_histograms) out.field("always_scrape_classic_histograms", true);
  out.field("extra_scrape_metrics", globals.extra_scrape_metrics);
}

Result<ScrapeConfig> decode_scrape_config(const Node& node, const ScrapeGlobals& globals) {
  if (node.is_null()) return node.error("empty or null scrape config section");
  ScrapeConfig out;
  MapReader map(node, "config.ScrapeConfig");
  map.read("job_name", out.job_name);
  if (map.ok() && out.job_name.empty()) map.fail(node, "job_name is empty");
  map.read("honor_labels", out.honor_labels).read("honor_timestamps", out.honor_timestamps);
  map.read("track_timestamps_staleness", out.track_timestamps_staleness);
  decode_times(map, globals, out);
  const std::string whose = concat(" for scrape config with job name ", quote(out.job_name));
  std::optional<std::vector<Protocol>> protocols;
  decode_protocols(map, whose, protocols);
  out.scrape_protocols =
      protocols ? *protocols : globals.scrape_protocols.value_or(default_protocols());
  map.parse(
      "fallback_scrape_protocol", out.fallback_protocol,
      [&](std::string_view text) -> Result<std::optional<Protocol>> {
        if (text.empty()) return std::nullopt;
        auto protocol = parse_protocol(text);
        if (protocol) return *protocol;
        return std::move(protocol).error().with(concat("invalid fallback_scrape_protocol", whose));
      });
  if (out.fallback_protocol == Protocol::kPrometheusProto) {
    map.fail(map.place("fallback_scrape_protocol"), "not implemented yet: PrometheusProto");
  }
  decode_histograms(map, globals, out);
  refuse_failure_log(map);
  decode_request(map, out);
  decode_limits(map, out.limits);
  inherit_limits(out.limits, globals.limits);
  decode_names(map, globals, out);
  out.extra_scrape_metrics = globals.extra_scrape_metrics;
  read_inherited(map, "extra_scrape_metrics", out.extra_scrape_metrics);
  const bool legacy = out.name_validation == NameValidation::kLegacy;
  model::decode_relabel_rules(map, "relabel_configs", "target relabeling rule in scrape config",
                              legacy, out.relabel_rules);
  model::decode_relabel_rules(map, "metric_relabel_configs",
                              "metric relabeling rule in scrape config", legacy,
                              out.metric_relabel_rules);
  discovery::decode_discovery(map, {.plain_hosts = out.relabel_rules.empty()}, out.discovery);
  NX_TRY(map.finish());
  return out;
}

void emit(yaml::Writer& out, const ScrapeConfig& config) {
  out.field("job_name", config.job_name);
  if (config.honor_labels) out.field("honor_labels", true);
  out.field("honor_timestamps", config.honor_timestamps);
  out.field("track_timestamps_staleness", config.track_timestamps_staleness);
  if (!config.params.empty()) {
    out.open_map("params");
    for (const auto& [name, values] : config.params) out.field(name, values);
    out.close();
  }
  out.field("scrape_interval", model::format_duration(config.scrape_interval));
  out.field("scrape_timeout", model::format_duration(config.scrape_timeout));
  out.field("scrape_protocols", names_of(config.scrape_protocols));
  if (config.fallback_protocol) {
    out.field("fallback_scrape_protocol", protocol_name(*config.fallback_protocol));
  }
  out.field("scrape_native_histograms", false);
  out.field("always_scrape_classic_histograms", config.always_scrape_classic_histograms);
  out.field("convert_classic_histograms_to_nhcb", false);
  if (!config.metrics_path.empty()) out.field("metrics_path", config.metrics_path);
  if (!config.scheme.empty()) out.field("scheme", config.scheme);
  out.field("enable_compression", config.enable_compression);
  emit_limits(out, config.limits);
  if (config.native_histogram_bucket_limit != 0) {
    out.field("native_histogram_bucket_limit", config.native_histogram_bucket_limit);
  }
  if (config.native_histogram_min_bucket_factor != 0) {
    out.field("native_histogram_min_bucket_factor", config.native_histogram_min_bucket_factor);
  }
  if (config.limits.keep_dropped_targets != 0) {
    out.field("keep_dropped_targets", config.limits.keep_dropped_targets);
  }
  out.field("metric_name_validation_scheme", validation_name(config.name_validation));
  out.field("metric_name_escaping_scheme", escaping_name(config.name_escaping));
  out.field("extra_scrape_metrics", config.extra_scrape_metrics);
  net::http::emit(out, config.client);
  model::emit_relabel_rules(out, "relabel_configs", config.relabel_rules);
  model::emit_relabel_rules(out, "metric_relabel_configs", config.metric_relabel_rules);
  discovery::emit(out, config.discovery);
}

}  // namespace narthex::scrape
