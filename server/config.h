// The whole configuration file: composes the folders' own config structs and owns what belongs to
// none of them
// (`global`'s rest, `rule_files`, `storage`, `runtime`). Strict, with upstream's defaults: an
// unknown field is an error with file, line and field; a known one whose feature does not exist yet
// is refused by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/config.h"
#include "base/fs.h"
#include "base/result.h"
#include "model/labels.h"
#include "model/time.h"
#include "query/promql/parser.h"
#include "scrape/config.h"

namespace narthex::server {

struct GlobalConfig {
  scrape::ScrapeGlobals scrape;
  model::DurationMs evaluation_interval_ms = 60'000;  // upstream's default
  model::DurationMs rule_query_offset_ms = 0;
  model::Labels external_labels;
  std::map<std::string, std::string> external_label_texts;  // the same, with those that are ""
};

inline constexpr model::DurationMs kRetentionMs = 15LL * 24 * 60 * 60 * 1000;  // upstream's default
inline constexpr std::int64_t kGcPercent = 75;                                 // the same

struct Config {
  GlobalConfig global;
  std::vector<std::string> rule_patterns;  // as written, made relative to the file's directory
  std::vector<std::string> rule_files;     // what the patterns match, sorted within each
  std::vector<scrape::ScrapeConfig> scrape_configs;
  alerting::AlertingConfig alerting;
  std::int64_t gc_percent = kGcPercent;  // shown, and without effect
  model::DurationMs out_of_order_window_ms = 0;
  model::DurationMs retention_ms = kRetentionMs;  // 0: for ever
  std::optional<std::int64_t> exemplars_max;
  std::string directory;  // of the file
  std::string yaml;       // normalised, defaults filled in, secrets hidden
};

/// Decodes `text`; `file` names it in errors and gives the directory for relative paths. Reads
/// nothing but directory listings for rule patterns. `retention_ms` holds where the file says
/// nothing. Errors: kInvalid.
Result<Config> parse_config(std::string_view text, const std::string& file, FileSystem& fs,
                            model::DurationMs retention_ms = kRetentionMs);

/// Reads and decodes `file`. Errors: kNotFound, kIo, kInvalid.
Result<Config> load_config(const std::string& file, FileSystem& fs,
                           model::DurationMs retention_ms = kRetentionMs);

/// Makes every static target, and those in the files of file_sd_configs, as scraping will: kInvalid
/// for the first that cannot be made. Scraping itself says so and goes on with the others.
Result<void> check_targets(const Config& config, FileSystem& fs);

/// Reads one of `rule_files` as applying the configuration will, and counts its rules. Errors:
/// kNotFound, kIo, kInvalid.
Result<std::size_t> check_rule_file(const std::string& file, const query::ParserOptions& options,
                                    FileSystem& fs);

/// The directory part of a path, "." when it has none.
std::string directory_of(std::string_view path);

}  // namespace narthex::server
