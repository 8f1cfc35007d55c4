// file_sd: reading lists of target groups from files, and noticing when they change.
//
// Two ways of noticing, because neither is enough. A watch on the directories tells within a tenth
// of a second, but sees nothing on network file systems, behind symbolic links, or of a directory
// that does not exist yet. So every refresh_interval all files are looked at, and every two seconds
// as long as some directory is not watched. Looking is cheap: a file whose bytes are the same is
// not decoded again.
//
// A file that cannot be read or decoded keeps its last good groups: half a file, written in place
// by a script, must not make a thousand targets vanish. The error is logged once, not at every
// look.
//
// Groups are named by path and place in the file, as upstream names them (`source`), so a file with
// fewer groups than before has to say which are gone: an empty group does.
//
// Sizes and depth are bounded, and decoding is strict: a misspelt key would otherwise silently be
// no label.
#include "discovery/file.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/exceptions.h"
#include "base/glob.h"
#include "base/mutex.h"
#include "base/regex.h"
#include "base/str.h"
#include "discovery/config.h"
#include "discovery/watch.h"

namespace narthex::discovery {
namespace {

namespace json = boost::json;

constexpr std::size_t kFileBytesMax = 64U << 20;  // docs/limits.md
constexpr std::size_t kDepthMax = 32;

Error bad(std::string_view path, std::string_view what) {
  return Error(Code::kInvalid, concat(path, ": ", what));
}

std::string source_of(std::string_view path, std::size_t index) {
  return concat(path, ":", index);
}

// As Go's encoding/json compares keys: any case of the letters, and the two characters that fold to
// one of them.
bool is_key(std::string_view key, std::string_view name) {
  std::string folded;
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key.substr(i).starts_with("\u017f")) {
      folded += 's';
      ++i;
    } else {
      folded += key[i];
    }
  }
  return equals_ignore_case(folded, name);
}

// A string or null, which is an empty one.
Result<std::string> decode_json_text(std::string_view path, std::string_view what,
                                     const json::value& value) {
  if (value.is_null()) return std::string();
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  return bad(path, concat("json: ", what, " must be strings"));
}

Result<TargetGroup> decode_json_group(std::string_view path, const json::value& value) {
  if (value.is_null()) return bad(path, "nil target group item found");
  if (!value.is_object()) return bad(path, "json: cannot unmarshal item into target group");
  std::vector<std::string> targets;
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& field : value.get_object()) {
    const bool is_targets = is_key(field.key(), "targets");
    if (!is_targets && !is_key(field.key(), "labels")) {
      return bad(path, concat("json: unknown field ", quote(std::string_view(field.key()))));
    }
    (is_targets ? targets.clear() : labels.clear());  // of a key that repeats the last one counts
    if (field.value().is_null()) continue;
    if (is_targets && field.value().is_array()) {
      for (const json::value& target : field.value().get_array()) {
        NX_TRY_ASSIGN(targets.emplace_back(), decode_json_text(path, "targets", target));
      }
    } else if (!is_targets && field.value().is_object()) {
      for (const auto& label : field.value().get_object()) {
        NX_TRY_ASSIGN(std::string text, decode_json_text(path, "labels", label.value()));
        labels.emplace_back(std::string_view(label.key()), std::move(text));
      }
    } else {
      return bad(path, concat("json: cannot unmarshal field ", std::string_view(field.key())));
    }
  }
  auto group = make_group(targets, labels);
  if (!group) return std::move(group).error().with(path);
  return group;
}

Result<std::vector<TargetGroup>> decode_json(std::string_view path, std::string_view content) {
  json::parse_options options;
  options.max_depth = kDepthMax;
  json::error_code error;
  const json::value document =
      json::parse(json::string_view(content.data(), content.size()), error, {}, options);
  if (error) return bad(path, concat("json: ", error.message()));
  std::vector<TargetGroup> groups;
  if (document.is_null()) return groups;
  if (!document.is_array()) return bad(path, "json: expected a list of target groups");
  for (const json::value& item : document.get_array()) {
    NX_TRY_ASSIGN(groups.emplace_back(), decode_json_group(path, item));
  }
  return groups;
}

Result<std::vector<TargetGroup>> decode_yaml(std::string_view path, std::string_view content) {
  NX_TRY_ASSIGN(const yaml::Node document, yaml::parse(content, path));
  NX_TRY_ASSIGN(const std::vector<yaml::Node> items, document.as_list());
  std::vector<TargetGroup> groups;
  for (const yaml::Node& item : items) {
    if (item.is_null()) return item.error("nil target group item found");
    NX_TRY_ASSIGN(groups.emplace_back(), decode_group(item));
  }
  return groups;
}

// Groups that a file no longer holds.
void add_gone(std::string_view path, std::size_t first, std::size_t end,
              std::vector<TargetGroup>& out) {
  for (std::size_t i = first; i < end; ++i) {
    out.push_back({.targets = {}, .labels = {}, .source = source_of(path, i)});
  }
}

constexpr std::string_view kFilePattern = R"([^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML))";

Result<FileConfig> decode_config(const yaml::Node& node, const Regex& pattern) {
  FileConfig config;
  yaml::MapReader map(node, "file.SDConfig");
  map.read("files", config.files);
  map.parse("refresh_interval", config.refresh_interval, model::parse_duration);
  NX_TRY(map.finish());
  if (config.files.empty()) {
    return node.error("file service discovery config must contain at least one path name");
  }
  for (const std::string& path : config.files) {
    if (pattern.matches(path)) continue;
    return node.error(concat("path name ", quote(path), " is not valid for file discovery"));
  }
  return config;
}

// Between looks at a directory that cannot be watched: it does not exist yet, for one.
constexpr model::DurationMs kUnwatchedInterval = 2'000;

Counter& read_errors_of(Metrics& metrics) {
  return metrics.counter("prometheus_sd_file_read_errors_total",
                         "The number of File-SD read errors.");
}

class FileProvider final : public Provider {
 public:
  FileProvider(const FileConfig& config, const ProviderContext& context)
      : context_(context),
        refresh_interval_(config.refresh_interval),
        tasks_(context.executors,
               [context](std::string_view what) {
                 report_exception(context.log, context.metrics, {"discovery", FileConfig::kKey},
                                  what);
               }),
        set_(config.files, context.fs, context.log, read_errors_of(context.metrics)) {}

  void start(Publish publish) override {
    publish_ = std::move(publish);
    refresh();
    tasks_.spawn([this] { return refresh_loop(); }, net::AfterException::kRestart);
  }

  void stop() override {
    tasks_.stop();
    while (!tasks_.wait(std::chrono::seconds(10))) {
      context_.log.warn("file discovery is slow to stop");
    }
    context_.directories.forget(this);
  }

 private:
  // What an exception keeps from being read or published is tried again soon.
  void refresh() {
    const MutexLock lock(mutex_);
    watched_.store(false, std::memory_order_relaxed);
    const bool all = context_.directories.watch(this, set_.directories(), [this] { refresh(); });
    set_.refresh(unpublished_);
    if (!unpublished_.empty()) publish_(unpublished_);
    unpublished_.clear();
    watched_.store(all, std::memory_order_relaxed);
  }

  // Short sleeps, for directories may come to be watched, or no longer.
  asio::awaitable<void> refresh_loop() {
    std::int64_t last_ns = context_.clock.monotonic_ns();
    for (;;) {
      const bool go_on = co_await net::sleep_for_ns(model::to_nanoseconds(kUnwatchedInterval));
      if (!go_on) co_return;
      const model::DurationMs interval = watched_.load(std::memory_order_relaxed)
                                             ? refresh_interval_
                                             : std::min(refresh_interval_, kUnwatchedInterval);
      const std::int64_t now_ns = context_.clock.monotonic_ns();
      if (now_ns - last_ns < model::to_nanoseconds(interval)) continue;
      last_ns = now_ns;
      auto work = [this] { refresh(); };
      co_await net::run_on(context_.executors.cpu(), std::move(work));
    }
  }

  const ProviderContext context_;
  const model::DurationMs refresh_interval_;
  Publish publish_;  // set before the first task
  net::TaskGroup tasks_;
  std::atomic<bool> watched_{false};  // relaxed: a lone value
  Mutex mutex_;                       // rank 7: one look at the files at a time
  FileSet set_ NX_GUARDED_BY(mutex_);
  std::vector<TargetGroup> unpublished_ NX_GUARDED_BY(mutex_);
};

}  // namespace

Result<std::vector<TargetGroup>> decode_file(std::string_view path, std::string_view content) {
  if (content.size() > kFileBytesMax) {
    return Error(Code::kLimit, concat(path, ": larger than ", kFileBytesMax, " bytes"));
  }
  const bool is_json = to_lower_ascii(path).ends_with(".json");
  NX_TRY_ASSIGN(std::vector<TargetGroup> groups,
                is_json ? decode_json(path, content) : decode_yaml(path, content));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].source = source_of(path, i);
    model::LabelsBuilder labels(groups[i].labels);
    labels.set("__meta_filepath", path);
    auto built = labels.build_within();
    if (!built) return std::move(built).error().with(path);
    groups[i].labels = *std::move(built);
  }
  return groups;
}

bool FileConfig::equals(const ProviderConfig& other) const {
  const auto& file = static_cast<const FileConfig&>(other);
  return files == file.files && refresh_interval == file.refresh_interval;
}

void FileConfig::emit_items(yaml::Writer& out) const {
  out.open_item().field("files", files);
  out.field("refresh_interval", model::format_duration(refresh_interval)).close();
}

std::shared_ptr<const ProviderConfig> FileConfig::in_directory(std::string_view directory) const {
  auto out = std::make_shared<FileConfig>(*this);
  for (std::string& path : out->files) path = join_directory(directory, path);
  return out;
}

Result<std::vector<TargetGroup>> FileConfig::look(FileSystem& fs) const {
  std::vector<TargetGroup> out;
  for (const std::string& pattern : files) {
    NX_TRY_ASSIGN(const std::vector<std::string> paths, glob(fs, pattern));
    for (const std::string& path : paths) {
      NX_TRY_ASSIGN(const std::string text, fs.read_file(path));
      NX_TRY_ASSIGN(const auto found, decode_file(path, text));
      out.insert(out.end(), found.begin(), found.end());
    }
  }
  return out;
}

std::unique_ptr<Provider> FileConfig::make(const ProviderContext& context) const {
  return std::make_unique<FileProvider>(*this, context);
}

void decode_file_configs(yaml::MapReader& map, DecodeOptions, ProviderConfigs& out) {
  static const Result<Regex> pattern = Regex::anchored(kFilePattern);
  map.each(FileConfig::kKey, [&](const yaml::Node& node) -> Result<void> {
    if (node.is_null()) return node.error("empty or null section in file_sd_configs");
    NX_TRY_ASSIGN(FileConfig config, decode_config(node, *pattern));
    out.push_back(std::make_shared<FileConfig>(std::move(config)));
    return {};
  });
}

void register_file_metrics(Metrics& metrics) {
  read_errors_of(metrics);
}

FileSet::FileSet(std::vector<std::string> patterns, FileSystem& fs, Log& log, Counter& read_errors)
    : patterns_(std::move(patterns)), fs_(fs), log_(log), read_errors_(read_errors) {}

std::set<std::string> FileSet::directories() const {
  std::set<std::string> out;
  for (const std::string& pattern : patterns_) {
    const std::size_t slash = pattern.rfind('/');
    out.insert(slash == std::string::npos ? "."
                                          : pattern.substr(0, std::max<std::size_t>(slash, 1)));
  }
  return out;
}

std::vector<std::string> FileSet::matching_paths() const {
  std::vector<std::string> paths;
  for (const std::string& pattern : patterns_) {
    const auto found = glob(fs_, pattern);
    if (found) paths.insert(paths.end(), found->begin(), found->end());
    if (!found)
      log_.error("cannot expand pattern", {{"pattern", pattern}, {"error", found.error()}});
  }
  std::ranges::sort(paths);
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

void FileSet::refresh_file(const std::string& path, std::vector<TargetGroup>& changed) {
  Result<std::string> content = fs_.read_file(path);
  const auto known = files_.find(path);
  if (content && known != files_.end() && known->second.content == *content) return;
  Result<std::vector<TargetGroup>> groups =
      content ? decode_file(path, *content) : std::unexpected(content.error());
  File& file = files_[path];
  if (!groups) {
    const bool is_news = !file.failed || (content && file.content != *content);
    file.failed = true;
    if (content) file.content = *std::move(content);  // tried: say it once
    if (is_news) {
      read_errors_.add();
      log_.error("cannot read target file, keeping its targets",
                 {{"path", path}, {"error", groups.error()}});
    }
    return;
  }
  const std::size_t count = groups->size();
  add_gone(path, count, file.groups, changed);
  std::ranges::move(*groups, std::back_inserter(changed));
  file = File{.content = *std::move(content), .groups = count};
}

void FileSet::refresh(std::vector<TargetGroup>& changed) {
  const std::vector<std::string> paths = matching_paths();
  for (const std::string& path : paths) refresh_file(path, changed);
  std::erase_if(files_, [&](const auto& entry) {
    if (std::ranges::binary_search(paths, entry.first)) return false;
    add_gone(entry.first, 0, entry.second.groups, changed);
    return true;
  });
}

}  // namespace narthex::discovery
