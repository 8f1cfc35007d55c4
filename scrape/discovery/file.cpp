// file_sd: lists of target groups in JSON or YAML files, named by patterns.
#include <algorithm>
#include <fnmatch.h>

#include <boost/json.hpp>

#include "base/str.h"
#include "scrape/discovery/manager.h"

namespace narthex::discovery {
namespace {

namespace json = boost::json;

constexpr std::size_t kFileBytesMax = 64U << 20;  // docs: limits of discovery
constexpr std::size_t kDepthMax = 32;

Error bad(std::string_view path, std::string_view what) {
  return Error(Code::kInvalid, concat(path, ": ", what));
}

Result<TargetGroup> decode_json_group(std::string_view path, const json::value& value) {
  if (value.is_null()) return bad(path, "nil target group item found");
  if (!value.is_object()) return bad(path, "json: cannot unmarshal item into target group");
  std::vector<std::string> targets;
  std::vector<std::pair<std::string, std::string>> labels;
  for (const auto& field : value.get_object()) {
    if (field.key() == "targets" && field.value().is_array()) {
      for (const json::value& target : field.value().get_array()) {
        if (!target.is_string()) return bad(path, "json: targets must be strings");
        targets.emplace_back(std::string_view(target.get_string()));
      }
    } else if (field.key() == "labels" && field.value().is_object()) {
      for (const auto& label : field.value().get_object()) {
        if (!label.value().is_string()) return bad(path, "json: labels must be strings");
        labels.emplace_back(std::string_view(label.key()),
                            std::string_view(label.value().get_string()));
      }
    } else if (!field.value().is_null()) {
      return bad(path, concat("json: unknown field ", quote(std::string_view(field.key()))));
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
    if (pattern.find_first_of("*?[") == std::string::npos) {
      if (fs_.exists(pattern)) paths.push_back(pattern);
      continue;
    }
    const std::size_t slash = pattern.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : pattern.substr(0, slash);
    const std::string name = slash == std::string::npos ? pattern : pattern.substr(slash + 1);
    const auto entries = fs_.list(directory);
    if (!entries) continue;
    for (const DirectoryEntry& entry : *entries) {
      if (fnmatch(name.c_str(), entry.name.c_str(), FNM_PATHNAME) != 0) continue;
      paths.push_back(slash == std::string::npos ? entry.name : concat(directory, "/", entry.name));
    }
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
