// The body of POST /api/v2/alerts. Go's encoder leaves out annotations and the generator's URL when
// they are empty, and nothing else: the times are always there, in milliseconds and UTC.
#include "alerting/notify/payload.h"

#include "base/json.h"

namespace narthex::alerting {
namespace {

template <typename Pairs>
void write_object(JsonWriter& json, const Pairs& pairs) {
  json.begin_object();
  for (const auto& [name, value] : pairs) json.member(name, value);
  json.end_object();
}

}  // namespace

std::string encode_alerts(std::span<const Alert> alerts) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (const Alert& alert : alerts) {
    json.begin_object();
    if (!alert.annotations.empty()) write_object(json.key("annotations"), alert.annotations);
    json.member("endsAt", model::format_rfc3339_ms(alert.ends_at));
    json.member("startsAt", model::format_rfc3339_ms(alert.starts_at));
    if (!alert.generator_url.empty()) json.member("generatorURL", alert.generator_url);
    write_object(json.key("labels"), alert.labels);
    json.end_object();
  }
  json.end_array();
  return out;
}

}  // namespace narthex::alerting
