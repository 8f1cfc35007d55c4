// status/config, flags, runtimeinfo, buildinfo, tsdb, walreplay, notifications and /version: what
// the server says of itself. It knows nothing by itself; server/ fills the providers. Plain
// functions for the CPU pool.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/time.h"
#include "net/http/message.h"

namespace narthex::web {

/// What the binary is; fields that the build did not know are empty.
struct BuildInfo {
  std::string version = "3.14.0";  // the Prometheus whose API this is
  std::string narthex_version;
  std::string revision;
  std::string branch;
  std::string build_user;
  std::string build_date;
  std::string compiler;  // shown as goVersion
};

/// The process at one moment. Times in milliseconds since 1970; 0, never, is shown as Go's zero
/// time.
struct RuntimeInfo {
  model::TimeMs start_time = 0;
  std::string working_directory;
  std::string host_name;
  model::TimeMs server_time = 0;
  bool reload_success = true;
  model::TimeMs last_config_time = 0;
  std::int64_t corruption_count = 0;
  std::int64_t threads = 0;  // shown as goroutineCount
  std::int64_t cpus = 0;     // shown as GOMAXPROCS
  std::int64_t memory_limit_bytes = 0;
  std::string storage_retention;  // "15d", "15d or 512MiB"
};

/// A row of a list: how many, or how many bytes, belong to a name.
struct NamedCount {
  std::string name;
  std::uint64_t value = 0;
};

/// Lists are in descending order and as long as asked for.
struct TsdbStatus {
  std::uint64_t series = 0;
  std::uint64_t label_pairs = 0;
  std::int64_t chunks = 0;
  model::TimeMs min_time = 0;
  model::TimeMs max_time = 0;
  std::vector<NamedCount> series_by_metric;
  std::vector<NamedCount> values_by_label;
  std::vector<NamedCount> bytes_by_label;
  std::vector<NamedCount> series_by_pair;  // name is `label=value`
};

/// Numbers of segments: the first, the last, and the one being read.
struct WalReplayStatus {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t current = 0;
};

/// A message to those who look at the server; no longer `active` once its cause is gone.
struct Notification {
  std::string text;
  model::TimeMs date = 0;
  bool active = true;
};

/// Called from several threads. An unset function answers "not implemented yet".
struct StatusProviders {
  BuildInfo build;
  std::function<std::string()> config_yaml;  // secrets hidden
  std::function<std::map<std::string, std::string>()> flags;
  std::function<RuntimeInfo()> runtime;
  std::function<Result<TsdbStatus>(std::size_t limit, const StopToken& stop)> tsdb;
  std::function<WalReplayStatus()> wal_replay;
  std::function<std::vector<Notification>()> notifications;
};

/// Thread-safe.
class StatusApi {
 public:
  explicit StatusApi(StatusProviders providers) : providers_(std::move(providers)) {}

  /// One endpoint each. `limit` of tsdb is in [1, 10,000], 10 by default: bad_data otherwise.
  /// walreplay is all zeros and notifications are none without their providers.
  net::http::Response config(const net::http::Request& request) const;
  net::http::Response flags(const net::http::Request& request) const;
  net::http::Response runtime_info(const net::http::Request& request) const;
  net::http::Response build_info(const net::http::Request& request) const;
  net::http::Response tsdb(const net::http::Request& request) const;
  net::http::Response wal_replay(const net::http::Request& request) const;
  net::http::Response notifications(const net::http::Request& request) const;
  /// Build information without envelope.
  net::http::Response version(const net::http::Request& request) const;

 private:
  StatusProviders providers_;
};

}  // namespace narthex::web
