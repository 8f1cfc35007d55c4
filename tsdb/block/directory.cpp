// Finding blocks by what upstream takes for one: a directory named by a ULID, with a meta.json of
// version 1. Everything else in the data directory (wal, lock, leftovers of compactions) is not
// ours to judge.
#include "tsdb/block/directory.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/str.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kUlidLength = 26;  // fixed by the ULID specification

bool is_base32(char c) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  return kAlphabet.find(c) != std::string_view::npos;
}

std::uint64_t number_at(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_int64()) return 0;
  return static_cast<std::uint64_t>(value->get_int64());
}

}  // namespace

bool is_ulid(std::string_view text) {
  return text.size() == kUlidLength && text.front() <= '7' && std::ranges::all_of(text, is_base32);
}

Result<BlockMeta> parse_block_meta(std::string_view json) {
  boost::system::error_code error;
  const boost::json::value root =
      boost::json::parse(boost::json::string_view(json.data(), json.size()), error);
  if (error || !root.is_object()) return Error(Code::kCorrupt, "meta.json is not a JSON object");
  const boost::json::object& object = root.get_object();
  const auto* ulid = object.if_contains("ulid");
  const auto* min_time = object.if_contains("minTime");
  const auto* max_time = object.if_contains("maxTime");
  if (number_at(object, "version") != 1)
    return Error(Code::kCorrupt, "meta.json is not of version 1");
  if (ulid == nullptr || !ulid->is_string() || min_time == nullptr || !min_time->is_int64() ||
      max_time == nullptr || !max_time->is_int64()) {
    return Error(Code::kCorrupt, "meta.json lacks ulid, minTime or maxTime");
  }
  BlockMeta meta;
  meta.ulid = std::string(ulid->get_string());
  meta.min_time = min_time->get_int64();
  meta.max_time = max_time->get_int64();
  if (const auto* stats = object.if_contains("stats"); stats != nullptr && stats->is_object()) {
    meta.samples = number_at(stats->get_object(), "numSamples");
    meta.series = number_at(stats->get_object(), "numSeries");
  }
  return meta;
}

Result<std::vector<BlockMeta>> list_blocks(FileSystem& fs, const std::string& dir) {
  NX_TRY_ASSIGN(const auto entries, fs.list(dir));
  std::vector<BlockMeta> blocks;
  for (const DirectoryEntry& entry : entries) {
    if (!entry.is_directory || !is_ulid(entry.name)) continue;
    const std::string path = concat(dir, "/", entry.name, "/meta.json");
    NX_TRY_ASSIGN(const std::string text, fs.read_file(path));
    Result<BlockMeta> meta = parse_block_meta(text);
    if (!meta) return std::move(meta).error().with(path);
    blocks.push_back(*std::move(meta));
  }
  std::ranges::sort(blocks, {}, &BlockMeta::min_time);
  return blocks;
}

}  // namespace narthex::tsdb
