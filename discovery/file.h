// file_sd_configs: lists of target groups in JSON or YAML files, named by patterns. They are read
// when their directory changes and, for what no watch sees, every refresh_interval.
#pragma once

#include <map>
#include <set>
#include <string>

#include "discovery/provider.h"
#include "model/time.h"

namespace narthex::discovery {

/// One item of the list.
class FileConfig final : public ProviderConfig {
 public:
  /// Its name in a configuration file.
  static constexpr std::string_view kKey = "file_sd_configs";

  std::vector<std::string> files;  // paths with at most one *, in the last element
  model::DurationMs refresh_interval = 5 * 60 * 1000;  // upstream's default

  std::string_view key() const override { return kKey; }
  bool equals(const ProviderConfig& other) const override;
  void emit_items(yaml::Writer& out) const override;
  std::shared_ptr<const ProviderConfig> in_directory(std::string_view directory) const override;
  Result<std::vector<TargetGroup>> look(FileSystem& fs) const override;
  std::unique_ptr<Provider> make(const ProviderContext& context) const override;
};

/// Appends an item for each of the list in `map`, if there is one. Errors go to `map`: no files, or
/// a path with a star before its last element or another ending than json, yml, yaml.
void decode_file_configs(yaml::MapReader& map, DecodeOptions options, ProviderConfigs& out);
/// So that the counters are there, at 0, before the first error.
void register_file_metrics(Metrics& metrics);

/// The groups that a file holds; its name decides between JSON and YAML. Errors: kInvalid with path
/// and, for YAML, line; kLimit.
Result<std::vector<TargetGroup>> decode_file(std::string_view path, std::string_view content);

/// The files of one configuration as they were when last read. Thread-compatible; reads files, so
/// not on an I/O thread.
class FileSet {
 public:
  /// Nothing is read yet. All references outlive it; `read_errors` counts files, once for each bad
  /// content.
  FileSet(std::vector<std::string> patterns, FileSystem& fs, Log& log, Counter& read_errors);

  /// Re-reads what changed and appends the groups that are other ones now, those that are gone
  /// without targets. A file that cannot be read or decoded keeps its groups. When it throws, what
  /// it appended stands and the rest comes with the next call.
  void refresh(std::vector<TargetGroup>& changed);
  /// Where a change may give refresh() something to say.
  std::set<std::string> directories() const;

 private:
  struct File {
    std::string content;
    std::size_t groups = 0;
    bool failed = false;
  };
  std::vector<std::string> matching_paths() const;
  void refresh_file(const std::string& path, std::vector<TargetGroup>& changed);

  std::vector<std::string> patterns_;
  FileSystem& fs_;
  Log& log_;
  Counter& read_errors_;
  std::map<std::string, File> files_;
};

}  // namespace narthex::discovery
