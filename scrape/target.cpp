// Target construction, in upstream's order (scrape/target.go, PopulateLabels): defaults,
// relabelling, checks, then the label sets that are kept. The order decides what relabelling sees
// and which of two faults is reported.
#include "scrape/target.h"

#include "base/str.h"
#include "base/units.h"
#include "base/utf8.h"

namespace narthex::scrape {
namespace {

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kParamPrefix = "__param_";

Error invalid(std::string message) {
  return Error(Code::kInvalid, std::move(message));
}

void set_default(model::LabelsBuilder& labels, std::string_view name, std::string_view value) {
  if (labels.get(name).empty()) labels.set(name, value);
}

void set_defaults(model::LabelsBuilder& labels, const ScrapeConfig& config) {
  set_default(labels, "job", config.job_name);
  set_default(labels, "__scrape_interval__", model::format_duration(config.scrape_interval));
  set_default(labels, "__scrape_timeout__", model::format_duration(config.scrape_timeout));
  set_default(labels, "__metrics_path__", config.metrics_path);
  set_default(labels, "__scheme__", config.scheme);
  set_default(labels, "__convert_classic_histograms_to_nhcb__", "false");
  set_default(labels, "__always_scrape_classic_histograms__",
              config.always_scrape_classic_histograms ? "true" : "false");
  set_default(labels, "__scrape_native_histograms__", "false");
  for (const auto& [name, values] : config.params) {
    if (!values.empty()) set_default(labels, concat(kParamPrefix, name), values.front());
  }
}

// Upstream keeps a target whose address makes no URL: each of its scrapes fails.
void set_url(const model::LabelsBuilder& labels, const ScrapeConfig& config, Target& out) {
  std::map<std::string, std::vector<std::string>> params = config.params;
  for (const auto& [name, value] : labels.pairs()) {
    if (!name.starts_with(kParamPrefix)) continue;
    std::vector<std::string>& values = params[name.substr(kParamPrefix.size())];
    if (values.empty())
      values.push_back(value);
    else
      values.front() = value;
  }
  out.url_text =
      net::http::make_url_text(labels.get("__scheme__"), labels.get(kAddress),
                               labels.get("__metrics_path__"), net::http::encode_query(params));
  Result<net::http::Url> url = net::http::parse_url(out.url_text);
  if (url)
    out.url = *std::move(url);
  else
    out.fault = url.error().message();
}

Result<void> check_bools(const model::LabelsBuilder& labels) {
  static constexpr std::string_view kBools[] = {"1", "t", "T", "TRUE",  "true",  "True",
                                                "0", "f", "F", "FALSE", "false", "False"};
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"__convert_classic_histograms_to_nhcb__", "convert classic histograms to nhcb"},
      {"__always_scrape_classic_histograms__", "always scrape classic histograms"},
      {"__scrape_native_histograms__", "scrape native histograms"}};
  for (const auto& [name, what] : kNames) {
    const std::string_view value = labels.get(name);
    if (value.empty()) continue;
    if (std::find(std::begin(kBools), std::end(kBools), value) == std::end(kBools)) {
      return invalid(concat("error parsing ", what, ": strconv.ParseBool: parsing ", quote(value),
                            ": invalid syntax"));
    }
    const bool on = value.find_first_of("1tT") == 0;
    if (on && name != "__always_scrape_classic_histograms__") {
      return Error(Code::kUnavailable, concat("not implemented yet: ", name));
    }
  }
  return {};
}

Result<model::DurationMs> positive_duration(const model::LabelsBuilder& labels,
                                            std::string_view name, std::string_view what) {
  Result<model::DurationMs> value = model::parse_duration(labels.get(name));
  if (!value) return std::unexpected(std::move(value).error().with(concat("error parsing ", what)));
  if (*value == 0) return invalid(concat(what, " cannot be 0"));
  return value;
}

}  // namespace

std::uint64_t fnv1a(std::string_view text, std::uint64_t state) {
  for (const char c : text) {
    state ^= static_cast<unsigned char>(c);
    state *= 0x100000001b3ULL;
  }
  return state;
}

std::int64_t Target::offset_ns(std::int64_t now_ns, std::uint64_t seed) const {
  const std::int64_t interval_ns = interval * kNsPerMs;
  const std::int64_t base = interval_ns - now_ns % interval_ns;
  const auto offset =
      static_cast<std::int64_t>((hash ^ seed) % static_cast<std::uint64_t>(interval_ns));
  const std::int64_t next = base + offset;
  return next > interval_ns ? next - interval_ns : next;
}

Result<std::optional<Target>> make_target(const model::Labels& target, const model::Labels& group,
                                          const ScrapeConfig& config,
                                          const model::Relabeler& relabeler,
                                          model::Labels& discovered) {
  model::LabelsBuilder labels(target);
  for (const auto& [name, value] : group) set_default(labels, name, value);
  set_defaults(labels, config);
  NX_TRY_ASSIGN(discovered, labels.build_within());
  NX_TRY_ASSIGN(const bool kept, relabeler.apply(labels));
  if (!kept || labels.pairs().empty()) return std::nullopt;

  const std::string address(labels.get(kAddress));
  if (address.empty()) return invalid("no address");
  if (address.find('/') != std::string::npos)
    return invalid(concat(quote(address), " is not a valid hostname"));
  Target out;
  NX_TRY_ASSIGN(out.interval, positive_duration(labels, "__scrape_interval__", "scrape interval"));
  NX_TRY_ASSIGN(out.timeout, positive_duration(labels, "__scrape_timeout__", "scrape timeout"));
  if (out.timeout > out.interval) {
    return invalid(concat("scrape timeout cannot be greater than scrape interval (",
                          quote(labels.get("__scrape_timeout__")), " > ",
                          quote(labels.get("__scrape_interval__")), ")"));
  }
  NX_TRY(check_bools(labels));
  // Meta labels were for relabelling only. The other internal ones stay in all_labels, where what a
  // scrape needs is read, but not on the series.
  const std::vector<std::pair<std::string, std::string>> before = labels.pairs();
  for (const auto& [name, value] : before) {
    if (name.starts_with("__meta_"))
      labels.remove(name);
    else if (!is_valid_utf8(value))
      return invalid(concat("invalid label value for ", quote(name), ": ", quote(value)));
  }
  set_default(labels, "instance", address);
  set_url(labels, config, out);
  out.discovered_labels = discovered;
  NX_TRY_ASSIGN(out.all_labels, labels.build_within());
  for (const auto& [name, value] : before) {
    if (name.starts_with("__")) labels.remove(name);
  }
  out.labels = labels.build();
  if (out.labels.empty()) return std::nullopt;
  // As upstream's: a target that asks the same under the same labels keeps its place in the
  // interval, over reloads and restarts.
  out.hash = fnv1a(out.url_text, fnv1a(fmt::format("{:016}", out.all_labels.hash())));
  return out;
}

}  // namespace narthex::scrape
