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

class WalReader {
 public:
  /// Reads one segment's bytes, which must outlive the reader.
  explicit WalReader(std::span<const std::byte> segment) : segment_(segment) {}

  /// The next item, or nothing at the end.
  std::optional<WalItem> next();

  /// Where the last whole record ended.
  std::uint64_t good_end() const { return good_end_; }

 private:
  struct Fragment;
  WalItem damaged(std::uint64_t offset, std::string reason);
  WalItem torn(std::uint64_t offset);
  bool skip_padding(std::optional<WalItem>& problem);
  std::optional<WalItem> finish(std::uint64_t start, std::uint8_t flags);

  std::span<const std::byte> segment_;
  std::uint64_t at_ = 0;
  std::uint64_t good_end_ = 0;
  std::string joined_;                // fragments of the record being read
  std::string unpacked_;              // its decompressed form
  std::span<const std::byte> whole_;  // the record when it is one fragment
  bool resync_ = false;
};

}  // namespace narthex::tsdb
