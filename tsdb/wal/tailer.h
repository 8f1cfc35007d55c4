// Reads the log while it is written: remote write and whoever else follows it. Format:
// docs/formats/wal.md; the bytes are read by WalReader, as replay reads them. It needs nothing of
// the writer but its files, and waits for nobody: at the end of what is written there is nothing
// yet. Not a mapping: writers cut files. Thread-compatible.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fs.h"
#include "base/result.h"
#include "tsdb/wal/reader.h"
#include "tsdb/wal/segment.h"

namespace narthex::tsdb {

/// One follower's place in the log. Movable.
class WalTailer {
 public:
  /// Opens the log in `dir` at `from`, the start of a segment or what position() said. `fs` must
  /// outlive it. Errors: kNotFound when the segment is gone or not there yet, kIo.
  static Result<WalTailer> open(FileSystem& fs, std::string dir, WalPosition from = {});

  /// The next item, oldest first; nothing when all that is written was handed out: ask again later.
  /// A record is whole and its checksums are right, or it is not handed out. A record that is not
  /// whole yet is nothing yet; kTorn once the next segment is there. kDamaged as replay meets it,
  /// and the items behind it follow.
  ///
  /// Each record comes once. Where the writer cuts off what a failed write left, a record may have
  /// come that log() took back; where it writes again what a failed sync gave up, those records may
  /// come a second time, from their new place.
  ///
  /// Errors: kNotFound when segments were removed that were not read to their end: open() at one
  /// that is there; kIo. The position stays, and the next call tries again. The item's bytes live
  /// until the next call.
  Result<std::optional<WalItem>> next();

  /// Where the next item starts. open() there hands out what this one did not.
  WalPosition position() const { return position_; }

 private:
  /// A record that was handed out: whether it is still there tells whether the file was cut.
  struct Mark {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    std::array<std::byte, kWalFragmentHeaderBytes> header = {};
  };

  WalTailer(FileSystem& fs, std::string dir) : fs_(&fs), dir_(std::move(dir)) {}
  Result<void> enter(WalPosition from);
  void accept(const WalItem& item);
  Result<bool> read_more();
  Result<bool> is_there(const Mark& mark, std::uint64_t size);
  Result<void> step_back(std::uint64_t size);
  Result<bool> has_ended();
  void resume();

  FileSystem* fs_;
  std::string dir_;
  std::unique_ptr<ReadableFile> file_;
  WalPosition position_;
  std::uint64_t entered_ = 0;      // offset in this segment where reading began
  std::uint64_t base_ = 0;         // of window_ in the segment: a page's start
  std::vector<std::byte> window_;  // a buffer that stays where it is when this object moves
  std::uint64_t seen_ = 0;         // how far the file was read or passed over
  bool after_damage_ = false;
  std::deque<Mark> marks_;  // the newest records handed out of this segment
  WalReader reader_{{}};
};

}  // namespace narthex::tsdb
