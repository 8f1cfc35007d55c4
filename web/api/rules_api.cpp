// Rule endpoints: filters, pages of groups, and JSON in upstream's order of members.
//
// A page begins with the group whose token is asked for and ends before the one after
// `group_limit`, whose token is the next page's. Tokens are hashes of names, not places, so a
// reload between two pages does no harm unless it removes that very group; then the answer says so.
// Groups without a rule that the filters take are left out and do not count.
#include "web/api/rules_api.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <openssl/sha.h>

#include "base/json.h"
#include "base/str.h"
#include "web/api/errors.h"
#include "web/api/params.h"
#include "web/api/result_json.h"
#include "web/api/targets_api.h"
#include "web/form.h"

namespace narthex::web {
namespace {

using alerting::AlertSnapshot;
using alerting::GroupSnapshot;
using alerting::RuleSnapshot;

// What a request wants to see.
struct Filter {
  std::set<std::string> rule_names;
  std::set<std::string> group_names;
  std::set<std::string> files;
  std::vector<model::Matchers> matcher_sets;
  bool alerting = true;
  bool recording = true;
  bool exclude_alerts = false;
  std::int64_t group_limit = -1;
  std::string next_token;

  bool takes(const GroupSnapshot& group) const {
    return (group_names.empty() || group_names.contains(group.name)) &&
           (files.empty() || files.contains(group.file));
  }
  bool takes(const RuleSnapshot& rule) const {
    if (rule.is_alert ? !alerting : !recording) return false;
    if (!rule_names.empty() && !rule_names.contains(rule.name)) return false;
    if (matcher_sets.empty()) return true;
    model::LabelsBuilder labels;
    for (const auto& [name, value] : rule.labels) labels.set(name, value);
    const auto matches = [own = labels.build()](const model::Matchers& set) {
      return model::matches_all(set, own);
    };
    return std::ranges::any_of(matcher_sets, matches);
  }
};

Error invalid(std::string message) {
  return Error(Code::kInvalid, std::move(message));
}

std::set<std::string> set_of(const Form& form, std::string_view name) {
  const std::vector<std::string> values = form.all(name);
  return {values.begin(), values.end()};
}

// Go's strconv.ParseBool.
Result<bool> parse_bool(std::string_view text) {
  const std::string lower = to_lower_ascii(text);
  if (lower == "1" || lower == "t" || lower == "true") return true;
  if (lower.empty() || lower == "0" || lower == "f" || lower == "false") return false;
  return invalid(concat("error converting exclude_alerts: strconv.ParseBool: parsing ",
                        quote(lower), ": invalid syntax"));
}

Result<void> read_page(const Form& form, Filter& filter) {
  const std::string_view limit = form.get_query("group_limit");
  filter.next_token = std::string(form.get_query("group_next_token"));
  if (limit.empty()) {
    if (filter.next_token.empty()) return {};
    return invalid_parameter(
        "group_next_token",
        invalid("group_limit needs to be present in order to paginate over the groups"));
  }
  const auto parsed = parse_integer(limit);
  using Limits = std::numeric_limits<std::int32_t>;
  const bool too_large = parsed && (*parsed > Limits::max() || *parsed < Limits::min());
  if (!parsed || too_large) {
    const bool out_of_range = too_large || parsed.error().cause() == Cause::kOutOfRange;
    return invalid_parameter(
        "group_limit",
        invalid(concat("group_limit needs to be a valid number: strconv.ParseInt: parsing ",
                       quote(limit), ": ",
                       out_of_range ? "value out of range" : "invalid syntax")));
  }
  if (*parsed <= 0) {
    return invalid_parameter("group_limit", invalid("group_limit needs to be greater than 0"));
  }
  filter.group_limit = *parsed;
  return {};
}

Result<Filter> read_filter(const Form& form, const StopToken& client) {
  if (form.error()) return invalid(concat("error parsing form values: ", *form.error()));
  Filter filter;
  filter.rule_names = set_of(form, "rule_name[]");
  filter.group_names = set_of(form, "rule_group[]");
  filter.files = set_of(form, "file[]");
  NX_TRY_ASSIGN(filter.matcher_sets, matchers_parameter(form, client));
  const std::string type = to_lower_ascii(form.get_query("type"));
  if (!type.empty() && type != "alert" && type != "record") {
    return invalid_parameter("type", invalid(concat("not supported value ", quote(type))));
  }
  filter.alerting = type != "record";
  filter.recording = type != "alert";
  const auto exclude = parse_bool(form.get_query("exclude_alerts"));
  if (!exclude) return invalid_parameter("exclude_alerts", exclude.error());
  filter.exclude_alerts = *exclude;
  NX_TRY(read_page(form, filter));
  return filter;
}

template <typename Pairs>
void write_object(JsonWriter& json, std::string_view key, const Pairs& pairs) {
  json.key(key).begin_object();
  for (const auto& [name, value] : pairs) json.key(name).plain_string(value);
  json.end_object();
}

void write_alert(JsonWriter& json, const AlertSnapshot& alert) {
  json.begin_object();
  write_object(json, "labels", alert.labels);
  write_object(json, "annotations", alert.annotations);
  json.member("state", alerting::alert_state_name(alert.state));
  json.member("activeAt", api_time_text(alert.active_at));
  if (alert.keep_firing_since) {
    json.member("keepFiringSince", api_time_text(*alert.keep_firing_since));
  }
  json.member("value", format_float(alert.value, FloatStyle::kExponent)).end_object();
}

double seconds(model::DurationMs duration) {
  return static_cast<double>(duration) / 1000;
}

// What alerting and recording rules both end with.
void write_outcome(JsonWriter& json, const RuleSnapshot& rule) {
  json.member("health", alerting::rule_health_name(rule.health));
  if (!rule.last_error.empty()) json.member("lastError", rule.last_error);
  json.key("evaluationTime").number(rule.evaluation_seconds);
  json.member("lastEvaluation", api_time_text(rule.last_evaluation));
  json.member("type", rule.is_alert ? "alerting" : "recording").end_object();
}

void write_rule(JsonWriter& json, const RuleSnapshot& rule, bool exclude_alerts) {
  json.begin_object();
  if (rule.is_alert) json.member("state", alerting::alert_state_name(rule.state));
  json.member("name", rule.name).member("query", rule.query);
  if (rule.is_alert) {
    json.key("duration").number(seconds(rule.hold));
    json.key("keepFiringFor").number(seconds(rule.keep_firing_for));
  }
  write_object(json, "labels", rule.labels);
  if (rule.is_alert) {
    write_object(json, "annotations", rule.annotations);
    json.key("alerts");
    if (exclude_alerts) {
      json.null();
    } else {
      json.begin_array();
      for (const AlertSnapshot& alert : rule.alerts) write_alert(json, alert);
      json.end_array();
    }
  }
  write_outcome(json, rule);
}

void write_group(JsonWriter& json, const GroupSnapshot& group, const Filter& filter) {
  json.begin_object().member("name", group.name).member("file", group.file);
  json.key("rules").begin_array();
  for (const RuleSnapshot& rule : group.rules) {
    if (filter.takes(rule)) write_rule(json, rule, filter.exclude_alerts);
  }
  json.end_array().key("interval").number(seconds(group.interval));
  json.key("limit").integer(group.limit).key("evaluationTime").number(group.evaluation_seconds);
  json.member("lastEvaluation", api_time_text(group.last_evaluation)).end_object();
}

}  // namespace

std::string rule_group_token(std::string_view file, std::string_view group) {
  const std::string text = concat(file, ";", group);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  std::string out;
  for (const unsigned char byte : digest) out += fmt::format("{:02x}", byte);
  return out;
}

net::http::Response RulesApi::rules(const net::http::Request& request) const {
  const Result<Filter> filter = read_filter(Form(request), request.client);
  if (!filter) return error_response(filter.error());
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().key("groups").begin_array();
  bool found_token = filter->next_token.empty();
  std::int64_t count = 0;
  std::optional<std::string> next;
  for (const GroupSnapshot& group : groups_()) {
    found_token = found_token || filter->next_token == rule_group_token(group.file, group.name);
    const auto takes_rule = [&filter](const RuleSnapshot& rule) { return filter->takes(rule); };
    if (!found_token || !filter->takes(group) || !std::ranges::any_of(group.rules, takes_rule)) {
      continue;
    }
    if (filter->group_limit > 0 && count == filter->group_limit) {
      next = rule_group_token(group.file, group.name);
      break;
    }
    ++count;
    write_group(json, group, *filter);
  }
  if (!found_token) {
    return error_response(invalid_parameter(
        "group_next_token", invalid(concat("invalid group_next_token '", filter->next_token,
                                           "'. were rule groups changed?"))));
  }
  json.end_array();
  if (next) json.member("groupNextToken", *next);
  json.end_object();
  return std::move(envelope).close();
}

net::http::Response RulesApi::alerts(const net::http::Request&) const {
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().key("alerts").begin_array();
  for (const GroupSnapshot& group : groups_()) {
    for (const RuleSnapshot& rule : group.rules) {
      for (const AlertSnapshot& alert : rule.alerts) write_alert(json, alert);
    }
  }
  json.end_array().end_object();
  return std::move(envelope).close();
}

}  // namespace narthex::web
