// Appends records to the write-ahead log. Format: docs/formats/wal.md. A record is handed to
// write(2) before log() returns, so it survives the death of the process; sync() makes it survive
// the machine's. Always starts a new segment, as upstream does. Thread-safe; lock rank 50.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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

class WalWriter {
 public:
  struct Options {
    std::uint64_t segment_bytes = kWalSegmentBytes;
  };

  /// Creates segment `number` in `dir`. `fs` must outlive the writer. Errors: kIo.
  static Result<std::unique_ptr<WalWriter>> open(FileSystem& fs, std::string dir,
                                                 std::uint32_t number, Options options);
  WalWriter(FileSystem& fs, std::string dir, Options options);
  /// close() first.
  ~WalWriter();

  /// Writes the payloads, in order, with one write unless a segment ends. kIo: none of them can be
  /// relied on; the segment is cut back to where it was, or abandoned for a new one.
  Result<void> log(std::span<const WalPayload> payloads);

  /// Makes all that was logged before durable. kIo: the segment is abandoned; its tail must be
  /// taken as lost.
  Result<void> sync();
  Result<void> close();

  std::uint32_t segment() const;
  /// Bytes written since opening.
  std::uint64_t written_bytes() const;

 private:
  Result<void> start_segment_locked(std::uint32_t number) NX_REQUIRES(mutex_);
  Result<void> write_locked() NX_REQUIRES(mutex_);
  void frame_locked(const WalPayload& payload) NX_REQUIRES(mutex_);
  bool fits_locked(std::size_t bytes) const NX_REQUIRES(mutex_);
  std::uint64_t position_locked() const NX_REQUIRES(mutex_) {
    return file_->size() + buffer_.size();
  }

  FileSystem& fs_;
  const std::string dir_;
  const Options options_;
  mutable Mutex mutex_;
  std::shared_ptr<WritableFile> file_ NX_GUARDED_BY(mutex_);
  std::uint32_t number_ NX_GUARDED_BY(mutex_) = 0;
  std::string buffer_ NX_GUARDED_BY(mutex_);  // framed, not yet written
  std::uint64_t written_ NX_GUARDED_BY(mutex_) = 0;
  bool closed_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::tsdb
