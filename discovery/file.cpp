// file_sd: lists of target groups in JSON or YAML files, named by patterns.
#include <algorithm>

#include <boost/json.hpp>

#include "base/glob.h"
#include "base/str.h"
#include "discovery/manager.h"

namespace narthex::discovery {
namespace {

namespace json = boost::json;

constexpr std::size_t kFileBytesMax = 64U << 20;  // docs: limits of discovery
constexpr std::size_t kDepthMax = 32;

Error bad(std::string_view path, std::string_view what) {
  return Error(Code::kInvalid, concat(path, ": ", what));
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

}  // namespace

Result<std::vector<TargetGroup>> decode_file(std::string_view path, std::string_view content) {
  if (content.size() > kFileBytesMax) {
    return Error(Code::kLimit, concat(path, ": larger than ", kFileBytesMax, " bytes"));
  }
  const bool is_json = to_lower_ascii(path).ends_with(".json");
  NX_TRY_ASSIGN(std::vector<TargetGroup> groups,
                is_json ? decode_json(path, content) : decode_yaml(path, content));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].source = concat(path, ":", i);
    model::LabelsBuilder labels(groups[i].labels);
    labels.set("__meta_filepath", path);
    auto built = labels.build_within();
    if (!built) return std::move(built).error().with(path);
    groups[i].labels = *std::move(built);
  }
  return groups;
}

FileProvider::FileProvider(FileConfig config, FileSystem& fs, Log& log, Counter& read_errors)
    : config_(std::move(config)), fs_(fs), log_(log), read_errors_(read_errors) {}

std::set<std::string> FileProvider::directories() const {
  std::set<std::string> out;
  for (const std::string& pattern : config_.files) {
    const std::size_t slash = pattern.rfind('/');
    out.insert(slash == std::string::npos ? "."
                                          : pattern.substr(0, std::max<std::size_t>(slash, 1)));
  }
  return out;
}

std::vector<std::string> FileProvider::matching_paths() const {
  std::vector<std::string> paths;
  for (const std::string& pattern : config_.files) {
    const auto found = glob(fs_, pattern);
    if (found) paths.insert(paths.end(), found->begin(), found->end());
    if (!found)
      log_.error("cannot expand pattern", {{"pattern", pattern}, {"error", found.error()}});
  }
  std::ranges::sort(paths);
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

bool FileProvider::refresh_file(const std::string& path) {
  Result<std::string> content = fs_.read_file(path);
  const auto known = files_.find(path);
  if (content && known != files_.end() && known->second.content == *content) return false;
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
    return false;
  }
  file = File{.content = *std::move(content), .groups = *std::move(groups)};
  return true;
}

bool FileProvider::refresh() {
  const std::vector<std::string> paths = matching_paths();
  bool changed = false;
  for (const std::string& path : paths) changed |= refresh_file(path);
  const auto removed = std::erase_if(
      files_, [&](const auto& file) { return !std::ranges::binary_search(paths, file.first); });
  return changed || removed != 0;
}

void FileProvider::collect(std::vector<TargetGroup>& out) const {
  for (const auto& [path, file] : files_)
    out.insert(out.end(), file.groups.begin(), file.groups.end());
}

}  // namespace narthex::discovery
