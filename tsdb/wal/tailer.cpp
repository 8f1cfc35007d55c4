// Following the log while it is written, cut and continued elsewhere.
//
// The problem: the file ends anywhere, because a write is seen while it is under way; what looks
// torn now is whole a moment later, and what is torn for good looks the same. And the file does not
// only grow: the writer cuts off what a failed write left, and what a failed sync gave up once it
// stands in a later segment.
//
// The idea: WalReader judges a window of the segment, from the page in which the next item starts
// to the end of what was read. Records and damage in it are final, since later bytes cannot change
// them. "Torn" and "no more" are not: more bytes are read, and the reader starts over at the same
// item. Only when there are none and the next segment exists is the end of this one an end; a
// segment is created after the last write to the one before, so one more look after that is enough.
// The window grows by its own size, so a record is checked at most twice its length in all, plus
// once for each call that met it unfinished.
//
// Cuts: the headers of the last records handed out are kept. When the file grew or shrank, the
// newest of them must still be there, byte for byte. If not, reading goes on behind the newest that
// is, for a cut takes an end away, never a middle. A file that shrank and has a successor is not
// written again, so there its new end is the place. A cut that grows back to the same size is seen
// with the next growth, and nothing is lost by then: only the marks decide where to go on.
#include "tsdb/wal/tailer.h"

#include <algorithm>

#include "base/str.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;  // tuned: a read's cost is small against the parse's
constexpr std::size_t kMarksMax = 64;           // tuned: more than one write has records

std::uint64_t page_start(std::uint64_t offset) {
  return offset - offset % kWalPageBytes;
}

}  // namespace

Result<WalTailer> WalTailer::open(FileSystem& fs, std::string dir, WalPosition from) {
  WalTailer tailer(fs, std::move(dir));
  NX_TRY(tailer.enter(from));
  return tailer;
}

Result<void> WalTailer::enter(WalPosition from) {
  NX_TRY_ASSIGN(std::unique_ptr<ReadableFile> file,
                fs_->open_read(wal_segment_path(dir_, from.segment)));
  NX_TRY_ASSIGN(const std::uint64_t size, file->size());
  file_ = std::move(file);
  from.offset = std::min(from.offset, size);  // a cut took what stood there
  position_ = from;
  entered_ = from.offset;
  window_.clear();
  base_ = page_start(from.offset);
  seen_ = base_;
  after_damage_ = false;
  marks_.clear();
  resume();
  return {};
}

void WalTailer::resume() {
  reader_.resume(
      {.bytes = window_, .start = base_, .next = position_.offset, .after_damage = after_damage_});
}

Result<std::optional<WalItem>> WalTailer::next() {
  for (;;) {
    std::optional<WalItem> item = reader_.next();
    if (item && item->kind != WalItem::Kind::kTorn) {
      accept(*item);
      return item;
    }
    resume();  // whatever comes of it, the same item is looked at again
    NX_TRY_ASSIGN(const bool has_more, read_more());
    if (has_more) continue;
    NX_TRY_ASSIGN(const bool ended, has_ended());
    if (!ended) return std::nullopt;
    NX_TRY_ASSIGN(const bool had_more, read_more());
    if (had_more) continue;
    NX_TRY(enter({.segment = position_.segment + 1}));
    if (item) return item;
  }
}

void WalTailer::accept(const WalItem& item) {
  after_damage_ = item.kind == WalItem::Kind::kDamaged;
  position_.offset = reader_.at();
  if (after_damage_) return;
  Mark mark{.start = item.offset, .end = position_.offset};
  std::copy_n(window_.begin() + static_cast<std::ptrdiff_t>(item.offset - base_),
              mark.header.size(), mark.header.begin());
  marks_.push_back(mark);
  if (marks_.size() > kMarksMax) marks_.pop_front();
}

// False when there is nothing new. The reader looks at position_ again in either case.
Result<bool> WalTailer::read_more() {
  NX_TRY_ASSIGN(const std::uint64_t size, file_->size());
  if (size == seen_) return false;
  bool was_cut = size < seen_;
  if (!was_cut && !marks_.empty()) {
    NX_TRY_ASSIGN(const bool there, is_there(marks_.back(), size));
    was_cut = !there;
  }
  if (was_cut) {
    NX_TRY(step_back(size));
    return true;
  }
  const std::uint64_t first = page_start(position_.offset);
  if (first >= size) {  // still inside a page that damage made unreadable
    seen_ = size;
    return false;
  }
  const std::uint64_t behind = std::min<std::uint64_t>(first - base_, window_.size());
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(behind));
  base_ = first;
  const std::size_t kept = window_.size();
  const std::uint64_t from = base_ + kept;
  const std::size_t wanted = std::min<std::uint64_t>(size - from, std::max(kReadBytes, kept));
  window_.resize(kept + wanted);
  const Result<std::size_t> got = file_->read_at(from, std::span(window_).subspan(kept));
  window_.resize(kept + got.value_or(0));
  seen_ = base_ + window_.size();
  resume();
  if (!got) return std::unexpected(got.error());
  return *got > 0;
}

Result<bool> WalTailer::is_there(const Mark& mark, std::uint64_t size) {
  if (mark.end > size) return false;
  std::array<std::byte, kWalFragmentHeaderBytes> now = {};
  NX_TRY_ASSIGN(const std::size_t got, file_->read_at(mark.start, now));
  return got == now.size() && now == mark.header;
}

// The file has `size` bytes, and not those any more that were read.
Result<void> WalTailer::step_back(std::uint64_t size) {
  const bool is_last = !fs_->exists(wal_segment_path(dir_, position_.segment + 1));
  while (is_last && !marks_.empty()) {
    NX_TRY_ASSIGN(const bool there, is_there(marks_.back(), size));
    if (there) break;
    marks_.pop_back();
  }
  if (!is_last) {
    position_.offset = std::min(position_.offset, size);
    marks_.clear();
  } else {
    position_.offset = marks_.empty() ? std::min(entered_, size) : marks_.back().end;
  }
  window_.clear();
  base_ = page_start(position_.offset);
  seen_ = base_;
  after_damage_ = false;
  resume();
  return {};
}

// Whether nobody writes to this segment any more. kNotFound: there is no way on from here.
Result<bool> WalTailer::has_ended() {
  const std::string next = wal_segment_path(dir_, position_.segment + 1);
  if (fs_->exists(next)) return true;
  if (fs_->exists(wal_segment_path(dir_, position_.segment))) return false;
  if (fs_->exists(next)) return true;  // it came, and the one before went, in between
  return Error(Code::kNotFound, concat("WAL segments behind ", position_.segment,
                                       " were removed before they were read"));
}

}  // namespace narthex::tsdb
