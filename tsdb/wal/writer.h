// Appends records to the write-ahead log. Format: docs/formats/wal.md. A record is handed to
// write(2) before log() returns, so it survives the death of the process; sync() makes it survive
// the machine's. Always starts a new segment, as upstream does. Thread-safe; lock ranks 45 (one
// sync at a time) and 50 (the tail).
//
// Who logs never waits for the disk: a segment that is full is left for the next sync(). A segment
// whose sync failed is never synced again; what it and those after it hold beyond the last good
// sync is read back, written to a new segment and cut off where it stood, so that the next good
// sync covers it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/fs.h"
#include "base/mutex.h"
#include "base/result.h"
#include "tsdb/wal/segment.h"

namespace narthex::tsdb {

/// A record ready to be framed: compressed if that made it smaller.
struct WalPayload {
  std::string bytes;
  std::uint8_t flags = 0;  // kWalSnappy or 0
};

/// Compresses with snappy; keeps the plain bytes when they are not larger.
WalPayload make_wal_payload(std::string record, bool compress);

/// The log's one writer. What log() was given is written, in whole, in the order of the calls.
class WalWriter {
 public:
  /// Of one segment; a record that would make it longer begins the next.
  struct Options {
    std::uint64_t segment_bytes = kWalSegmentBytes;
  };

  /// Creates segment `number` in `dir`. `fs` must outlive the writer. Errors: kIo.
  static Result<std::unique_ptr<WalWriter>> open(FileSystem& fs, std::string dir,
                                                 std::uint32_t number, Options options);
  /// For open() only: this one has no segment yet.
  WalWriter(FileSystem& fs, std::string dir, Options options);
  /// close() first.
  ~WalWriter();

  /// Writes the payloads, in order, with one write unless a segment ends. kIo: none of them can be
  /// relied on; the segment is cut back to where it was, or left for a new one, which the next call
  /// starts when this one could not.
  Result<void> log(std::span<const WalPayload> payloads);

  /// Makes all that was logged before durable. kIo: not all of it is; the next call that succeeds
  /// covers the rest too, except for what an error says could not be read back.
  Result<void> sync();
  /// Syncs, once. kIo as there; a second call says the same.
  Result<void> close();

  /// The number of the segment that was written to last.
  std::uint32_t segment() const;
  /// Where the next record will begin, or a little before: all that was logged is behind it.
  WalPosition position() const;
  /// Bytes written since opening.
  std::uint64_t written_bytes() const;

 private:
  /// A segment that may hold bytes that are not on the disk yet.
  struct Unsynced {
    std::uint32_t number = 0;
    std::shared_ptr<WritableFile> file;
    std::uint64_t durable_bytes = 0;  // the end of what was logged before the last good sync
  };

  Result<void> sync_all() NX_REQUIRES(sync_mutex_);
  Result<void> sync_files(std::span<const Unsynced> segments, bool directory);
  void give_up_locked() NX_REQUIRES(mutex_);
  void leave_segment_locked() NX_REQUIRES(mutex_);
  Result<void> ready_locked() NX_REQUIRES(mutex_);
  Result<void> write_lost_locked() NX_REQUIRES(mutex_);
  Result<void> frame_tail_locked(const Unsynced& segment) NX_REQUIRES(mutex_);
  Result<void> write_locked() NX_REQUIRES(mutex_);
  void frame_locked(const WalPayload& payload) NX_REQUIRES(mutex_);
  bool fits_locked(std::size_t bytes) const NX_REQUIRES(mutex_);
  std::uint64_t position_locked() const NX_REQUIRES(mutex_) {
    return file_->size() + buffer_.size();
  }

  FileSystem& fs_;
  const std::string dir_;
  const Options options_;
  Mutex sync_mutex_;  // rank 45: one sync at a time
  std::optional<Error> close_error_ NX_GUARDED_BY(sync_mutex_);
  mutable Mutex mutex_;                                       // rank 50: the segment's tail
  std::shared_ptr<WritableFile> file_ NX_GUARDED_BY(mutex_);  // null: the next log() starts one
  std::uint32_t number_ NX_GUARDED_BY(mutex_) = 0;
  std::uint32_t next_number_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t durable_bytes_ NX_GUARDED_BY(mutex_) = 0;  // of file_
  std::vector<Unsynced> left_ NX_GUARDED_BY(mutex_);       // full ones, for the next sync()
  std::vector<Unsynced> lost_ NX_GUARDED_BY(mutex_);       // their tails must be written again
  bool has_new_name_ NX_GUARDED_BY(mutex_) = false;        // the directory must be synced
  std::optional<Error> unreported_ NX_GUARDED_BY(mutex_);  // for the next sync()
  std::string buffer_ NX_GUARDED_BY(mutex_);               // framed, not yet written
  std::uint64_t written_ NX_GUARDED_BY(mutex_) = 0;
  bool closed_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::tsdb
