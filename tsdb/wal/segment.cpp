// Names and checksums of the WAL. Segments must be numbered without a gap: a missing one is lost
// data that no checksum can show.
#include "tsdb/wal/segment.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/format.h>
#include <isa-l/crc.h>

#include "base/str.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kCheckpointPrefix = "checkpoint.";

bool parse_number(std::string_view text, std::uint32_t& number) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() && !text.empty();
}

Result<void> sync_file(FileSystem& fs, const std::string& path) {
  NX_TRY_ASSIGN(const std::unique_ptr<WritableFile> file, fs.open_append(path));
  NX_TRY(file->sync());
  return file->close();
}

}  // namespace

Result<std::vector<WalSegment>> list_wal_segments(FileSystem& fs, const std::string& dir) {
  NX_TRY_ASSIGN(const auto entries, fs.list(dir));
  std::vector<WalSegment> segments;
  for (const DirectoryEntry& entry : entries) {
    std::uint32_t number = 0;
    if (entry.is_directory || !parse_number(entry.name, number)) continue;
    segments.push_back({number, dir + "/" + entry.name, entry.size});
  }
  std::ranges::sort(segments, {}, &WalSegment::number);
  for (std::size_t i = 1; i < segments.size(); ++i) {
    if (segments[i].number == segments[i - 1].number + 1) continue;
    return Error(Code::kCorrupt,
                 concat(dir, ": segments are not sequential: ", segments[i - 1].number,
                        " is followed by ", segments[i].number));
  }
  return segments;
}

Result<void> sync_wal_segments(FileSystem& fs, const std::string& dir) {
  NX_TRY_ASSIGN(const std::vector<WalSegment> segments, list_wal_segments(fs, dir));
  Result<void> all;
  for (const WalSegment& segment : segments) {
    Result<void> synced = sync_file(fs, segment.path);
    if (all) all = std::move(synced);
  }
  return all;
}

std::string wal_segment_path(const std::string& dir, std::uint32_t number) {
  return fmt::format("{}/{:08}", dir, number);
}

Result<WalCheckpoint> find_wal_checkpoint(FileSystem& fs, const std::string& dir) {
  NX_TRY_ASSIGN(const auto entries, fs.list(dir));
  WalCheckpoint newest;
  for (const DirectoryEntry& entry : entries) {
    std::uint32_t number = 0;
    if (!entry.is_directory || !entry.name.starts_with(kCheckpointPrefix)) continue;
    if (!parse_number(std::string_view(entry.name).substr(kCheckpointPrefix.size()), number))
      continue;
    if (newest.path.empty() || number >= newest.covers) newest = {dir + "/" + entry.name, number};
  }
  return newest;
}

std::uint32_t wal_crc(const void* data, std::size_t bytes) {
  // isa-l takes int lengths and a buffer it does not change; fragments are below 32 KiB.
  auto* buffer = static_cast<unsigned char*>(const_cast<void*>(data));  // NOLINT: isa-l's signature
  return ~crc32_iscsi(buffer, static_cast<int>(bytes), 0xFFFFFFFFU);
}

}  // namespace narthex::tsdb
