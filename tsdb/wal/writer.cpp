// Framing and segments.
#include "tsdb/wal/writer.h"

#include <algorithm>

#include <snappy.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/str.h"

namespace narthex::tsdb {
namespace {

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
  NX_TRY(writer->start_segment_locked(number));
  return writer;
}

WalWriter::WalWriter(FileSystem& fs, std::string dir, Options options)
    : fs_(fs), dir_(std::move(dir)), options_(options) {}

WalWriter::~WalWriter() = default;

Result<void> WalWriter::start_segment_locked(std::uint32_t number) {
  NX_TRY_ASSIGN(std::unique_ptr<WritableFile> file, fs_.create(wal_segment_path(dir_, number)));
  NX_TRY(fs_.sync_directory(dir_));
  file_ = std::move(file);
  number_ = number;
  return {};
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
  if (!file_->truncate(before)) NX_TRY(start_segment_locked(number_ + 1));
  return written;
}

Result<void> WalWriter::log(std::span<const WalPayload> payloads) {
  const MutexLock lock(mutex_);
  if (closed_) return Error(Code::kUnavailable, "wal is closed");
  for (const WalPayload& payload : payloads) {
    if (position_locked() > 0 && !fits_locked(payload.bytes.size())) {
      NX_TRY(write_locked());
      NX_TRY(file_->sync());
      NX_TRY(file_->close());
      NX_TRY(start_segment_locked(number_ + 1));
    }
    frame_locked(payload);
  }
  return write_locked();
}

Result<void> WalWriter::sync() {
  std::shared_ptr<WritableFile> file;
  {
    const MutexLock lock(mutex_);
    if (closed_) return {};
    file = file_;
  }
  Result<void> synced = file->sync();
  if (synced) return {};
  const MutexLock lock(mutex_);
  if (file == file_) NX_TRY(start_segment_locked(number_ + 1));
  return synced;
}

Result<void> WalWriter::close() {
  const MutexLock lock(mutex_);
  if (closed_) return {};
  closed_ = true;
  NX_TRY(file_->sync());
  return file_->close();
}

std::uint32_t WalWriter::segment() const {
  const MutexLock lock(mutex_);
  return number_;
}

std::uint64_t WalWriter::written_bytes() const {
  const MutexLock lock(mutex_);
  return written_;
}

}  // namespace narthex::tsdb
