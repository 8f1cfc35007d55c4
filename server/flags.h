// The command line, spelled as Prometheus 3.14 spells it. Every flag of upstream is known: one
// whose feature does not exist yet is refused when it is set to anything but its default, never
// ignored in silence.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fs.h"
#include "base/log.h"
#include "base/result.h"
#include "model/time.h"

namespace narthex::server {

/// Values by field. Their defaults are those of the table in server/options.cpp.
struct Flags {
  std::string config_file;
  std::vector<std::string> listen_addresses;
  std::string external_url;
  std::string route_prefix;
  std::string cors_origin;
  bool enable_lifecycle = false;
  std::size_t connections_max = 0;
  model::DurationMs read_timeout_ms = 0;
  std::string storage_path;
  model::DurationMs retention_ms = 0;  // unless the file says
  std::size_t wal_segment_bytes = 0;   // 0: 128 MiB
  bool wal_compression = false;
  bool no_lockfile = false;
  model::DurationMs lookback_ms = 0;
  model::DurationMs query_timeout_ms = 0;
  std::size_t query_concurrency = 0;
  std::size_t query_samples_max = 0;
  std::optional<std::size_t> query_memory_bytes;    // none: of what the machine has; 0: no limit
  std::optional<std::size_t> queries_memory_bytes;  // likewise
  std::optional<std::size_t> rules_memory_bytes;    // likewise
  model::DurationMs outage_tolerance_ms = 0;
  model::DurationMs grace_period_ms = 0;
  model::DurationMs resend_delay_ms = 0;
  std::size_t notification_queue = 0;
  std::size_t notification_batch = 0;
  bool drain_notifications = false;
  model::DurationMs discovery_reload_ms = 0;
  bool adjust_timestamps = false;
  model::DurationMs timestamp_tolerance_ms = 0;
  std::vector<std::string> features;
  LogLevel log_level = {};
  LogFormat log_format = {};

  /// Every flag with its value, for /api/v1/status/flags.
  std::map<std::string, std::string> all;

  /// Whether --enable-feature names it, known or not.
  bool has_feature(std::string_view name) const;
};

/// What the command line asks for: to run, or only to print `text` (on standard error unless
/// `status` is 0) and to exit with `status`.
struct CommandLine {
  Flags flags;
  bool exit = false;
  int status = 0;
  std::string text;
};

/// Statuses are upstream's: 1 for what is no flag at all, 3 for a flag of agent mode, and kInvalid,
/// whose text goes to standard error and which the caller exits with 2 for, when a value is bad.
/// `fs` is read for arguments of the form @file.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, FileSystem& fs);

/// Narthex's own version.
std::string_view own_version();

}  // namespace narthex::server
