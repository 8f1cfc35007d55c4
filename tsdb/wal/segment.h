// What a WAL directory looks like: segments named by eight digits, and the framing of records in 32
// KiB pages. Format: docs/formats/wal.md.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fs.h"
#include "base/result.h"

namespace narthex::tsdb {

/// Sizes in bytes. No fragment crosses the end of a page; a segment may be a little shorter than
/// its size, and longer only for a record that is.
inline constexpr std::size_t kWalPageBytes = 32 * 1024;    // fixed by docs/formats/wal.md
inline constexpr std::size_t kWalFragmentHeaderBytes = 7;  // fixed by docs/formats/wal.md
inline constexpr std::uint64_t kWalSegmentBytes =
    128ULL * 1024 * 1024;  // copied from upstream's default

/// The low three bits of a fragment's first byte: where in its record it stands.
enum class WalFragment : std::uint8_t {
  kPadding = 0,
  kFull = 1,
  kFirst = 2,
  kMiddle = 3,
  kLast = 4
};
/// The bits of a fragment's first byte: its kind, how the record is packed, and what must be zero.
/// Fixed by docs/formats/wal.md.
inline constexpr std::uint8_t kWalFragmentMask = 0x07;
inline constexpr std::uint8_t kWalSnappy = 0x08;
inline constexpr std::uint8_t kWalZstd = 0x10;
inline constexpr std::uint8_t kWalReservedMask = 0xE0;

/// A segment's file, with its size when the directory was listed.
struct WalSegment {
  std::uint32_t number = 0;
  std::string path;
  std::uint64_t bytes = 0;
};

/// A place in the log: what stands before `offset` of that segment, and in those before, is behind.
struct WalPosition {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  friend auto operator<=>(const WalPosition&, const WalPosition&) = default;
};

/// Segments of `dir` by number; other names are ignored. kCorrupt when numbers have a gap;
/// kNotFound, kIo.
Result<std::vector<WalSegment>> list_wal_segments(FileSystem& fs, const std::string& dir);

/// Makes what the segments of `dir` hold durable: who found them cannot know whether the process
/// that wrote them came to that. The directory is not synced. kIo: of some segment it failed; the
/// others were synced all the same, and what that one held may be lost with the machine.
Result<void> sync_wal_segments(FileSystem& fs, const std::string& dir);

/// `dir/00000012`.
std::string wal_segment_path(const std::string& dir, std::uint32_t number);

/// The newest `checkpoint.NNNNNNNN` directory of `dir` and the last segment it covers; empty path
/// when none.
struct WalCheckpoint {
  std::string path;
  std::uint32_t covers = 0;
};
/// Errors: kNotFound, kIo. What is in it is not looked at.
Result<WalCheckpoint> find_wal_checkpoint(FileSystem& fs, const std::string& dir);

/// CRC-32C (Castagnoli) as stored.
std::uint32_t wal_crc(const void* data, std::size_t bytes);

}  // namespace narthex::tsdb
