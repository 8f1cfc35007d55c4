// The walk over pages, with every check that stands between bytes on a disk and records.
//
// A segment is pages of 32 KiB, each a run of fragments behind a header of seven bytes (type,
// length, CRC-32C), zeros at the end where no header fits. A record is one fragment or several; it
// never leaves its segment.
//
// What the end of a segment means is the question. Bytes that are missing (a header cut short, a
// length beyond the end, a record without its last fragment) are what a crash leaves, and are
// kTorn. Bytes that are there and wrong are damage, also in the last record: a disk lied, or
// something wrote here. After damage the length of the fragment cannot be believed, so nothing in
// that page can be found any more; reading goes on at the next page, past the fragments of records
// that began before it (resync_). That costs the records of at most one page and the one that spans
// its end.
//
// Lengths are believed only as far as the bytes can carry them: a compressed record says how large
// it will be, and may lie.
#include "tsdb/wal/reader.h"

#include <algorithm>

#include <snappy.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/str.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kRecordBytesMax = std::size_t{1} << 30;  // docs/limits.md

constexpr std::size_t kSnappyRatioMax = 64;  // fixed by the format: three bytes copy 64 at most

bool is_zero(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

bool unpack_snappy(std::span<const std::byte> packed, std::string& out) {
  const auto* data = reinterpret_cast<const char*>(packed.data());
  std::size_t length = 0;
  if (!snappy::GetUncompressedLength(data, packed.size(), &length)) return false;
  // The length stands in front of the data and may say anything: believe what these can hold.
  if (length > std::min(kRecordBytesMax, packed.size() * kSnappyRatioMax)) return false;
  out.resize(length);
  return snappy::RawUncompress(data, packed.size(), out.data());
}

bool unpack_zstd(std::span<const std::byte> packed, std::string& out) {
  const unsigned long long length = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (length == ZSTD_CONTENTSIZE_ERROR) return false;
  // Upstream's streaming encoder may leave the size out of the frame.
  std::size_t room = length == ZSTD_CONTENTSIZE_UNKNOWN ? packed.size() * 8 + 1024
                                                        : static_cast<std::size_t>(length);
  for (; room <= kRecordBytesMax; room *= 4) {
    out.resize(room);
    const std::size_t got = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
    if (ZSTD_isError(got) == 0) {
      out.resize(got);
      return true;
    }
    if (length != ZSTD_CONTENTSIZE_UNKNOWN) return false;
  }
  return false;
}

}  // namespace

struct WalReader::Fragment {
  std::uint8_t flags = 0;
  WalFragment kind = WalFragment::kPadding;
  std::span<const std::byte> data;
};

void WalReader::resume(const Window& window) {
  segment_ = window.bytes;
  base_ = window.start;
  at_ = window.next - window.start;
  good_end_ = at_;
  resync_ = window.after_damage;
}

// After damage the rest of the page tells nothing: go on at the next page that starts a record.
WalItem WalReader::damaged(std::uint64_t offset, std::string reason) {
  at_ = (at_ / kWalPageBytes + 1) * kWalPageBytes;
  resync_ = true;
  offset += base_;
  return {WalItem::Kind::kDamaged, offset, {}, concat("offset ", offset, ": ", reason)};
}

WalItem WalReader::torn(std::uint64_t offset) {
  at_ = segment_.size();
  offset += base_;
  return {WalItem::Kind::kTorn, offset, {}, concat("offset ", offset, ": last record is torn")};
}

// Moves over the end of a page. False, perhaps with a problem, when there is nothing more to read
// here.
bool WalReader::skip_padding(std::optional<WalItem>& problem) {
  while (at_ < segment_.size()) {
    const std::uint64_t page_end =
        std::min<std::uint64_t>((at_ / kWalPageBytes + 1) * kWalPageBytes, segment_.size());
    const auto rest = segment_.subspan(at_, page_end - at_);
    const bool is_padding = rest.size() < kWalFragmentHeaderBytes || rest.front() == std::byte{0};
    if (!is_padding) return true;
    if (!is_zero(rest)) {
      // Fewer than seven bytes at the very end: a header that was never finished.
      if (page_end == segment_.size() && rest.size() < kWalFragmentHeaderBytes) {
        problem = torn(at_);
      } else {
        problem = damaged(at_, "non-zero byte in page padding");
      }
      return false;
    }
    at_ = page_end;
  }
  return false;
}

std::optional<WalItem> WalReader::finish(std::uint64_t start, std::uint8_t flags) {
  std::span<const std::byte> record = whole_.empty() ? std::as_bytes(std::span(joined_)) : whole_;
  const bool snappy_packed = (flags & kWalSnappy) != 0;
  const bool zstd_packed = (flags & kWalZstd) != 0;
  if (snappy_packed || zstd_packed) {
    const bool ok =
        snappy_packed ? unpack_snappy(record, unpacked_) : unpack_zstd(record, unpacked_);
    if (!ok) return damaged(start, "record cannot be decompressed");
    record = std::as_bytes(std::span(unpacked_));
  }
  good_end_ = at_;
  return WalItem{WalItem::Kind::kRecord, base_ + start, record, {}};
}

std::optional<WalItem> WalReader::next() {
  joined_.clear();
  whole_ = {};
  bool inside = false;
  std::uint64_t start = at_;
  std::uint8_t flags = 0;
  for (;;) {
    std::optional<WalItem> problem;
    if (!skip_padding(problem)) {
      if (problem) return problem;
      if (inside) return torn(start);
      return std::nullopt;
    }
    const std::uint64_t offset = at_;
    const std::byte* header = segment_.data() + offset;
    const auto bits = std::to_integer<std::uint8_t>(header[0]);
    const auto kind = static_cast<WalFragment>(bits & kWalFragmentMask);
    const std::size_t length =
        std::to_integer<std::size_t>(header[1]) << 8 | std::to_integer<std::size_t>(header[2]);
    if ((bits & kWalReservedMask) != 0 || kind > WalFragment::kLast)
      return damaged(offset, "unknown fragment type");
    const std::uint64_t room = kWalPageBytes - offset % kWalPageBytes - kWalFragmentHeaderBytes;
    if (length > room)
      return damaged(offset, concat("fragment length ", length, " leaves its page"));
    if (offset + kWalFragmentHeaderBytes + length > segment_.size())
      return torn(inside ? start : offset);
    const auto data = segment_.subspan(offset + kWalFragmentHeaderBytes, length);
    // The checksum covers the data alone, so what the header says is checked by sense first.
    if (wal_crc(data.data(), data.size()) != load_be32(header + 3)) {
      return damaged(offset, "unexpected checksum");
    }
    const bool begins = kind == WalFragment::kFull || kind == WalFragment::kFirst;
    if (resync_ && !begins) {  // the tail of a record whose start was damaged
      at_ = offset + kWalFragmentHeaderBytes + length;
      continue;
    }
    resync_ = false;
    if (begins == inside) return damaged(offset, "fragments of a record are out of order");
    if (begins) {
      start = offset;
      flags = bits;
    }
    at_ = offset + kWalFragmentHeaderBytes + length;
    if (kind == WalFragment::kFull) {
      whole_ = data;
      return finish(start, flags);
    }
    inside = true;
    joined_.append(reinterpret_cast<const char*>(data.data()), data.size());
    if (joined_.size() > kRecordBytesMax) return damaged(start, "record is too long");
    if (kind == WalFragment::kLast) return finish(start, flags);
  }
}

}  // namespace narthex::tsdb
