// Labels of series: what upstream's mutateSampleLabels and relabelling do, in their order, with
// limits that hold even where the configuration names none. It runs once for every new line, not
// for every sample.
#include "scrape/ingest/series_labels.h"

#include <algorithm>

#include "base/str.h"

namespace narthex::scrape {
namespace {

// docs/limits.md. They hold also where the configuration names none.
constexpr std::size_t kLabelsMax = 512;
constexpr std::size_t kNameBytesMax = 1024;

std::string_view head(std::string_view text) {
  return text.substr(0, 50);
}

bool has_label(const exposition::ExposedLabels& labels, std::string_view name) {
  return std::any_of(labels.begin(), labels.end(), [&](const auto& l) { return l.first == name; });
}

bool is_valid(const model::LabelsBuilder& labels, NameValidation scheme) {
  for (const auto& [name, value] : labels.pairs()) {
    if (scheme == NameValidation::kUtf8) {
      if (!model::is_valid_name(name)) return false;
      if (name == model::kMetricName && !model::is_valid_name(value)) return false;
    } else {
      if (!model::is_legacy_label_name(name)) return false;
      if (name == model::kMetricName && !model::is_legacy_metric_name(value)) return false;
    }
  }
  return true;
}

// The limits that hold before the job's own are looked at, and that its own may only raise.
model::LabelLimits hard_limits(const ScrapeLimits& limits) {
  model::LabelLimits out;
  out.text_bytes = std::max<std::size_t>(
      {out.text_bytes, std::min<std::uint64_t>(limits.label_name_bytes, model::kLabelTextBytesMax),
       std::min<std::uint64_t>(limits.label_value_bytes, model::kLabelTextBytesMax)});
  out.set_bytes = std::max(out.set_bytes, 4 * out.text_bytes);
  return out;
}

}  // namespace

SeriesLabels::SeriesLabels(IngestRules rules, model::Labels target_labels)
    : rules_(std::move(rules)),
      target_labels_(std::move(target_labels)),
      // Never nobody.
      owner_(static_cast<model::SeriesOwner>(target_labels_.hash()) | 1) {}

// `builder` becomes what the store sees before relabelling.
void SeriesLabels::add_target_labels(const exposition::ExposedLabels& exposed,
                                     model::LabelsBuilder& builder) const {
  builder.reset(model::Labels());
  for (const auto& [name, value] : exposed) {
    if (!value.empty()) builder.set(name, value);
  }
  if (rules_.honor_labels) {
    for (const auto& [name, value] : target_labels_) {
      // An exposed label wins even when it is empty.
      if (!has_label(exposed, name)) builder.set(name, value);
    }
    return;
  }
  std::vector<std::pair<std::string, std::string>> conflicts;
  for (const auto& [name, value] : target_labels_) {
    const std::string_view taken = builder.get(name);
    if (!taken.empty()) conflicts.emplace_back(name, taken);
    builder.set(name, value);
  }
  // Shorter names first, as upstream: "exported_" before one may collide with another.
  std::ranges::sort(conflicts, {}, [](const auto& label) {
    return std::pair(label.first.size(), std::string_view(label.first));
  });
  for (const auto& [name, value] : conflicts) {
    std::string free = concat("exported_", name);
    while (!builder.get(free).empty()) free.insert(0, "exported_");
    builder.set(free, value);
  }
}

Result<bool> SeriesLabels::make(const exposition::ExposedLabels& exposed,
                                model::LabelsBuilder& builder, model::Labels& out) const {
  const std::size_t count_max = std::max<std::size_t>(kLabelsMax, rules_.limits.labels);
  if (exposed.size() > count_max) {
    return Error(Code::kLimit, concat("a series has more than ", count_max, " labels"));
  }
  for (std::size_t i = 1; i < exposed.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (exposed[i].first != exposed[k].first) continue;
      if (exposed[i].second.empty() || exposed[k].second.empty()) continue;
      return Error(Code::kInvalid, concat("label name ", quote(exposed[i].first),
                                          " is not unique: invalid sample"));
    }
  }
  add_target_labels(exposed, builder);
  const model::LabelLimits limits = hard_limits(rules_.limits);
  if (rules_.relabeler) {
    NX_TRY_ASSIGN(const bool kept, rules_.relabeler->apply(builder, limits));
    if (!kept) return false;
  }
  if (builder.pairs().empty()) return false;
  if (builder.get(model::kMetricName).empty()) {
    return Error(Code::kInvalid, "missing metric name (__name__ label)");
  }
  if (!is_valid(builder, rules_.name_validation)) {
    NX_TRY_ASSIGN(out, builder.build_within(limits));
    return Error(Code::kInvalid, concat("invalid metric name or label names: ", out.to_string()));
  }
  NX_TRY(check_limits(builder, limits));
  NX_TRY_ASSIGN(out, builder.build_within(limits));
  return true;
}

Result<void> SeriesLabels::check_limits(const model::LabelsBuilder& labels,
                                        const model::LabelLimits& hard) const {
  const ScrapeLimits& limits = rules_.limits;
  const std::string_view metric = labels.get(model::kMetricName);
  const std::size_t count = labels.pairs().size();
  const std::size_t count_max = limits.labels == 0 ? kLabelsMax : limits.labels;
  if (count > count_max) {
    return Error(Code::kLimit,
                 concat("label_limit exceeded (metric: ", head(metric),
                        ", number of labels: ", count, ", limit: ", count_max, ")"),
                 Cause::kLabelLimit);
  }
  const std::size_t name_max =
      limits.label_name_bytes == 0 ? kNameBytesMax : limits.label_name_bytes;
  const std::size_t value_max =
      limits.label_value_bytes == 0 ? hard.text_bytes : limits.label_value_bytes;
  for (const auto& [name, value] : labels.pairs()) {
    if (name.size() > name_max) {
      return Error(Code::kLimit,
                   concat("label_name_length_limit exceeded (metric: ", head(metric),
                          ", label name: ", head(name), ", length: ", name.size(),
                          ", limit: ", name_max, ")"),
                   Cause::kLabelLimit);
    }
    if (value.size() > value_max) {
      return Error(Code::kLimit,
                   concat("label_value_length_limit exceeded (metric: ", head(metric),
                          ", label name: ", head(name), ", value: ", quote(head(value)),
                          ", length: ", value.size(), ", limit: ", value_max, ")"),
                   Cause::kLabelLimit);
    }
  }
  return {};
}

}  // namespace narthex::scrape
