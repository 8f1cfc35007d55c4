// Status endpoints: each asks its provider and writes what it says, members in upstream's order.
// What Go has and C++ has not (GOGC, GODEBUG) is empty; threads are shown as goroutines, processors
// as GOMAXPROCS.
#include "web/api/status_api.h"

#include "base/json.h"
#include "base/str.h"
#include "web/api/errors.h"
#include "web/api/params.h"
#include "web/api/targets_api.h"
#include "web/form.h"
#include "web/responses.h"

namespace narthex::web {
namespace {

constexpr std::int64_t kTsdbEntriesMax = 10'000;  // copied from upstream
constexpr std::int64_t kTsdbEntriesDefault = 10;

void write_build(JsonWriter& json, const BuildInfo& build) {
  json.begin_object().member("version", build.version).member("revision", build.revision);
  json.member("branch", build.branch).member("buildUser", build.build_user);
  json.member("buildDate", build.build_date).member("goVersion", build.compiler);
  json.member("narthexVersion", build.narthex_version).end_object();
}

void write_counts(JsonWriter& json, std::string_view key, const std::vector<NamedCount>& counts) {
  json.key(key).begin_array();
  for (const NamedCount& count : counts) {
    json.begin_object().member("name", count.name);
    json.key("value").unsigned_integer(count.value).end_object();
  }
  json.end_array();
}

Result<std::size_t> tsdb_limit(const Form& form) {
  const std::string_view text = form.get("limit");
  if (text.empty()) return kTsdbEntriesDefault;
  const auto limit = parse_integer(text);
  if (!limit || *limit < 1) return Error(Code::kInvalid, "limit must be a positive number");
  if (*limit > kTsdbEntriesMax) {
    return Error(Code::kInvalid, concat("limit must not exceed ", kTsdbEntriesMax));
  }
  return static_cast<std::size_t>(*limit);
}

}  // namespace

net::http::Response StatusApi::config(const net::http::Request&) const {
  if (!providers_.config_yaml) return not_implemented_response("status/config");
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().member("yaml", providers_.config_yaml()).end_object();
  return std::move(envelope).close();
}

net::http::Response StatusApi::flags(const net::http::Request&) const {
  if (!providers_.flags) return not_implemented_response("status/flags");
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object();
  for (const auto& [name, value] : providers_.flags()) json.member(name, value);
  json.end_object();
  return std::move(envelope).close();
}

net::http::Response StatusApi::runtime_info(const net::http::Request&) const {
  if (!providers_.runtime) return not_implemented_response("status/runtimeinfo");
  const RuntimeInfo info = providers_.runtime();
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().member("startTime", api_time_text(info.start_time));
  json.member("CWD", info.working_directory).member("hostname", info.host_name);
  json.member("serverTime", api_time_text(info.server_time));
  json.key("reloadConfigSuccess").boolean(info.reload_success);
  json.member("lastConfigTime", api_time_text(info.last_config_time));
  json.key("corruptionCount").integer(info.corruption_count);
  json.key("goroutineCount").integer(info.threads).key("GOMAXPROCS").integer(info.cpus);
  json.key("GOMEMLIMIT").integer(info.memory_limit_bytes).member("GOGC", "").member("GODEBUG", "");
  json.member("storageRetention", info.storage_retention).end_object();
  return std::move(envelope).close();
}

net::http::Response StatusApi::build_info(const net::http::Request&) const {
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  write_build(json, providers_.build);
  return std::move(envelope).close();
}

net::http::Response StatusApi::version(const net::http::Request&) const {
  std::string body;
  JsonWriter json(body);
  write_build(json, providers_.build);
  body += '\n';
  return text_response(200, std::move(body));  // so upstream calls it
}

net::http::Response StatusApi::tsdb(const net::http::Request& request) const {
  const Result<std::size_t> limit = tsdb_limit(Form(request));
  if (!limit) return error_response(limit.error());
  if (!providers_.tsdb) return not_implemented_response("status/tsdb");
  const Result<TsdbStatus> status = providers_.tsdb(*limit, request.client);
  if (!status) return error_response(status.error());
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().key("headStats").begin_object();
  json.key("numSeries").unsigned_integer(status->series);
  json.key("numLabelPairs").unsigned_integer(status->label_pairs);
  json.key("chunkCount").integer(status->chunks).key("minTime").integer(status->min_time);
  json.key("maxTime").integer(status->max_time).end_object();
  write_counts(json, "seriesCountByMetricName", status->series_by_metric);
  write_counts(json, "labelValueCountByLabelName", status->values_by_label);
  write_counts(json, "memoryInBytesByLabelName", status->bytes_by_label);
  write_counts(json, "seriesCountByLabelValuePair", status->series_by_pair);
  json.end_object();
  return std::move(envelope).close();
}

net::http::Response StatusApi::wal_replay(const net::http::Request&) const {
  WalReplayStatus status;
  if (providers_.wal_replay) status = providers_.wal_replay();
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_object().key("min").integer(status.min).key("max").integer(status.max);
  json.key("current").integer(status.current).end_object();
  return std::move(envelope).close();
}

net::http::Response StatusApi::notifications(const net::http::Request&) const {
  std::vector<Notification> notifications;
  if (providers_.notifications) notifications = providers_.notifications();
  SuccessEnvelope envelope;
  JsonWriter json(envelope.body());
  json.begin_array();
  for (const Notification& notification : notifications) {
    json.begin_object().member("text", notification.text);
    json.member("date", api_time_text(notification.date));
    json.key("active").boolean(notification.active).end_object();
  }
  json.end_array();
  return std::move(envelope).close();
}

}  // namespace narthex::web
