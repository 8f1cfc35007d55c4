// Reads write-ahead log records back, oldest first: the one reader that replay, tailing, checks and
// fuzzers share. Format: docs/formats/wal.md. Damage is a result, not an end: the reader names it
// and goes on at the next page that starts a record. A record cut short at the end of a segment is
// the trace of a crash. Thread-compatible.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tsdb/wal/segment.h"

namespace narthex::tsdb {

/// What stands at one place of a segment.
struct WalItem {
  /// Which of the fields below count.
  enum class Kind : std::uint8_t {
    kRecord,   // `record` is whole
    kDamaged,  // `reason` says what is wrong with the bytes from `offset` on
    kTorn,     // the segment ends inside the record that starts at `offset`
  };
  Kind kind = Kind::kRecord;
  std::uint64_t offset = 0;           // of the record's first fragment, or of the damage
  std::span<const std::byte> record;  // decompressed; lives until the next call
  std::string reason;
};

/// Over the bytes of one segment, which it never copies but for records in several fragments.
class WalReader {
 public:
  /// Reads one segment's bytes, which must outlive the reader.
  explicit WalReader(std::span<const std::byte> segment) : segment_(segment) {}

  /// The next item, or nothing at the end. Behind kDamaged it goes on; kTorn is the last.
  std::optional<WalItem> next();

  /// Where the last whole record ended.
  std::uint64_t good_end() const { return base_ + good_end_; }

  /// A part of a segment that is read while it grows. It lives as `segment` above does.
  struct Window {
    std::span<const std::byte> bytes;
    std::uint64_t start = 0;    // of the bytes in the segment: of a page
    std::uint64_t next = 0;     // where a record starts, as at() said
    bool after_damage = false;  // next() named damage last: what is left of its record is no news
  };
  /// Goes on there; offsets count from the start of the segment.
  void resume(const Window& window);
  /// Where next() will look.
  std::uint64_t at() const { return base_ + at_; }

 private:
  struct Fragment;
  WalItem damaged(std::uint64_t offset, std::string reason);
  WalItem torn(std::uint64_t offset);
  bool skip_padding(std::optional<WalItem>& problem);
  std::optional<WalItem> finish(std::uint64_t start, std::uint8_t flags);

  std::span<const std::byte> segment_;
  std::uint64_t base_ = 0;  // of segment_ in the segment; the others count from there
  std::uint64_t at_ = 0;
  std::uint64_t good_end_ = 0;
  std::string joined_;                // fragments of the record being read
  std::string unpacked_;              // its decompressed form
  std::span<const std::byte> whole_;  // the record when it is one fragment
  bool resync_ = false;
};

}  // namespace narthex::tsdb
