// Framing, segments, and what to do when the disk says no.
//
// The problem: a failed fdatasync() is not a failure that can be repeated. The kernel may have
// marked the pages clean, so the next sync of the same file succeeds although the bytes never
// reached the disk (PostgreSQL met this in 2018). Whatever was written since the last good sync
// must be taken as lost with the machine, though it can still be read back from memory.
//
// So three sets of segments: the one being written (file_); full ones that wait for a sync (left_);
// and those whose sync failed (lost_), of which everything behind the last good sync is read back,
// framed anew into a new segment, and cut off where it stood. In that order: a crash in between
// leaves records twice, which replay drops, never nowhere. Cutting also keeps the order of the log:
// replay reads segments by number.
//
// Two locks. mutex_ (50) guards the tail and is never held while the disk is waited for, but for
// the rewriting after a failure; sync_mutex_ (45) makes syncs one at a time, and is taken by log()
// only when so many full segments wait that somebody has to. sync_all() takes a picture under
// mutex_, syncs without it, and books the result under it again: meanwhile the newest segment may
// have become a full one.
//
// Errors belong to whom they concern: a failed write is its batch's, a failed sync the next
// sync()'s, which is why the latter is kept when log() meets it (unreported_).
#include "tsdb/wal/writer.h"

#include <algorithm>

#include <snappy.h>

#include "base/bytes.h"
#include "base/str.h"
#include "tsdb/wal/reader.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kLeftMax = 8;  // tuned: full segments before who logs has to sync

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

WalPayload make_wal_payload(std::string record, bool compress) {
  if (!compress) return {std::move(record), 0};
  std::string packed(snappy::MaxCompressedLength(record.size()), '\0');
  std::size_t length = 0;
  snappy::RawCompress(record.data(), record.size(), packed.data(), &length);
  if (length >= record.size()) return {std::move(record), 0};
  packed.resize(length);
  return {std::move(packed), kWalSnappy};
}

Result<std::unique_ptr<WalWriter>> WalWriter::open(FileSystem& fs, std::string dir,
                                                   std::uint32_t number, Options options) {
  auto writer = std::make_unique<WalWriter>(fs, std::move(dir), options);
  const MutexLock lock(writer->mutex_);
  writer->next_number_ = number;
  NX_TRY(writer->ready_locked());
  NX_TRY(fs.sync_directory(writer->dir_));
  writer->has_new_name_ = false;
  return writer;
}

WalWriter::WalWriter(FileSystem& fs, std::string dir, Options options)
    : fs_(fs), dir_(std::move(dir)), options_(options) {}

WalWriter::~WalWriter() = default;

// A segment to write to, with what was lost of others in front.
Result<void> WalWriter::ready_locked() {
  if (!file_) {
    const std::string path = wal_segment_path(dir_, next_number_);
    NX_TRY_ASSIGN(std::unique_ptr<WritableFile> file, fs_.create(path));
    file_ = std::move(file);
    number_ = next_number_++;
    durable_bytes_ = 0;
    has_new_name_ = true;
  }
  return lost_.empty() ? Result<void>() : write_lost_locked();
}

void WalWriter::leave_segment_locked() {
  left_.push_back({number_, std::move(file_), durable_bytes_});
}

// Whether a record of `bytes` with its fragment headers ends inside this segment.
bool WalWriter::fits_locked(std::size_t bytes) const {
  const std::uint64_t position = position_locked();
  const std::uint64_t fragments = 2 + bytes / (kWalPageBytes - kWalFragmentHeaderBytes);
  return position + bytes + fragments * kWalFragmentHeaderBytes <= options_.segment_bytes;
}

void WalWriter::frame_locked(const WalPayload& payload) {
  std::string_view rest = payload.bytes;
  bool first = true;
  do {
    // A header does not fit behind this: zeros to the end of the page.
    std::size_t room = kWalPageBytes - position_locked() % kWalPageBytes;
    if (room < kWalFragmentHeaderBytes) {
      buffer_.append(room, '\0');
      room = kWalPageBytes;
    }
    const std::string_view part = rest.substr(0, room - kWalFragmentHeaderBytes);
    const bool last = part.size() == rest.size();
    const WalFragment kind = first ? (last ? WalFragment::kFull : WalFragment::kFirst)
                                   : (last ? WalFragment::kLast : WalFragment::kMiddle);
    char header[kWalFragmentHeaderBytes];
    header[0] = static_cast<char>(static_cast<std::uint8_t>(kind) | payload.flags);
    header[1] = static_cast<char>(part.size() >> 8);
    header[2] = static_cast<char>(part.size() & 0xFF);
    store_be32(header + 3, wal_crc(part.data(), part.size()));
    buffer_.append(header, sizeof header).append(part);
    rest.remove_prefix(part.size());
    first = false;
  } while (!rest.empty());
}

Result<void> WalWriter::write_locked() {
  if (buffer_.empty()) return {};
  const std::uint64_t before = file_->size();
  const Result<void> written = file_->append(as_bytes(buffer_));
  if (written) written_ += buffer_.size();
  buffer_.clear();
  if (written) return {};
  // Half a record may be in the file: cut it off, or leave the segment behind.
  if (!file_->truncate(before)) leave_segment_locked();
  return written;
}

Result<void> WalWriter::log(std::span<const WalPayload> payloads) {
  bool sync_now = false;
  {
    const MutexLock lock(mutex_);
    if (closed_) return Error(Code::kUnavailable, "wal is closed");
    for (const WalPayload& payload : payloads) {
      if (file_ && position_locked() > 0 && !fits_locked(payload.bytes.size())) {
        NX_TRY(write_locked());
        leave_segment_locked();
      }
      NX_TRY(ready_locked());
      frame_locked(payload);
    }
    NX_TRY(write_locked());
    sync_now = left_.size() > kLeftMax;
  }
  if (!sync_now) return {};
  // What was logged is logged: an error here is of earlier bytes, and is told by the next sync().
  const MutexLock syncing(sync_mutex_);
  Result<void> synced = sync_all();
  if (synced) return {};
  const MutexLock lock(mutex_);
  unreported_ = std::move(synced).error();
  return {};
}

Result<void> WalWriter::sync() {
  const MutexLock syncing(sync_mutex_);
  {
    const MutexLock lock(mutex_);
    if (closed_) return {};
  }
  return sync_all();
}

Result<void> WalWriter::sync_files(std::span<const Unsynced> segments, bool directory) {
  for (const Unsynced& segment : segments) NX_TRY(segment.file->sync());
  return directory ? fs_.sync_directory(dir_) : Result<void>();
}

Result<void> WalWriter::sync_all() {
  std::vector<Unsynced> segments;
  std::size_t full = 0;
  std::uint64_t newest_bytes = 0;
  bool directory = false;
  {
    const MutexLock lock(mutex_);
    if (!lost_.empty()) NX_TRY(ready_locked());  // or else they would be forgotten, not synced
    segments = left_;
    full = left_.size();
    if (file_) {
      segments.push_back({number_, file_, durable_bytes_});
      newest_bytes = file_->size();
    }
    directory = std::exchange(has_new_name_, false);
  }
  const Result<void> synced = sync_files(segments, directory);
  const MutexLock lock(mutex_);
  if (!synced) {
    give_up_locked();
    return synced;
  }
  left_.erase(left_.begin(), left_.begin() + static_cast<std::ptrdiff_t>(full));
  if (segments.size() > full) {  // the newest then, which may be full by now
    const bool is_newest = file_ == segments.back().file;
    (is_newest ? durable_bytes_ : left_.front().durable_bytes) = newest_bytes;
  }
  for (const Unsynced& segment : std::span(segments).first(full)) {
    if (Result<void> closed = segment.file->close(); !closed) unreported_ = closed.error();
  }
  if (!unreported_) return {};
  return *std::exchange(unreported_, std::nullopt);
}

// Nothing that is not on the disk can be brought there through these files any more.
void WalWriter::give_up_locked() {
  if (file_) leave_segment_locked();
  lost_.insert(lost_.end(), left_.begin(), left_.end());
  left_.clear();
  (void)ready_locked();  // or else the next log() or sync() does it
}

// Writes the lost tails to the new segment, all at once, and cuts them off where they stood: replay
// must not meet what came later first.
Result<void> WalWriter::write_lost_locked() {
  std::vector<Unsynced> framed;
  for (const Unsynced& segment : lost_) {
    if (Result<void> read = frame_tail_locked(segment); read) {
      framed.push_back(segment);
    } else {
      unreported_ = std::move(read).error().with(
          concat("records of WAL segment ", segment.number, " cannot be written again"));
    }
  }
  NX_TRY(write_locked());
  std::string().swap(buffer_);  // it may have been large
  for (const Unsynced& segment : framed) (void)segment.file->truncate(segment.durable_bytes);
  lost_.clear();
  return {};
}

// The records of a segment that came after its last good sync. kCorrupt, kIo: not all of them.
Result<void> WalWriter::frame_tail_locked(const Unsynced& segment) {
  if (segment.file->size() <= segment.durable_bytes) return {};
  NX_TRY_ASSIGN(const std::unique_ptr<MappedFile> file,
                fs_.map(wal_segment_path(dir_, segment.number)));
  Result<void> all;
  WalReader reader(file->bytes());
  while (const std::optional<WalItem> item = reader.next()) {
    if (item->offset < segment.durable_bytes || item->kind == WalItem::Kind::kTorn) continue;
    if (item->kind == WalItem::Kind::kDamaged) {
      all = Error(Code::kCorrupt, item->reason);
      continue;
    }
    const auto* bytes = reinterpret_cast<const char*>(item->record.data());
    frame_locked(make_wal_payload(std::string(bytes, item->record.size()), true));
  }
  return all;
}

Result<void> WalWriter::close() {
  const MutexLock syncing(sync_mutex_);
  {
    const MutexLock lock(mutex_);
    if (closed_) return close_error_ ? Result<void>(Error(*close_error_)) : Result<void>();
    closed_ = true;
  }
  Result<void> closed = sync_all();
  const MutexLock lock(mutex_);
  if (closed && file_) closed = file_->close();
  if (!closed) close_error_ = closed.error();
  return closed;
}

std::uint32_t WalWriter::segment() const {
  const MutexLock lock(mutex_);
  return number_;
}

WalPosition WalWriter::position() const {
  const MutexLock lock(mutex_);
  if (file_ == nullptr) return {.segment = next_number_, .offset = 0};
  return {.segment = number_, .offset = position_locked()};
}

std::uint64_t WalWriter::written_bytes() const {
  const MutexLock lock(mutex_);
  return written_;
}

}  // namespace narthex::tsdb
