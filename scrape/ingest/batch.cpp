// SlotSet is an open-addressed table of slots at most half full, and Batch the vectors of a page:
// both are emptied without giving memory back, since the next page needs as much.
#include "scrape/ingest/batch.h"

#include <algorithm>

namespace narthex::scrape {

void SlotSet::clear() {
  if (size_ != 0) std::fill(table_.begin(), table_.end(), kNoLine);
  size_ = 0;
}

bool SlotSet::insert(std::uint32_t slot) {
  if ((size_ + 1) * 2 > table_.size()) grow();
  const std::size_t mask = table_.size() - 1;
  std::size_t at = (slot * 0x9E3779B1U) & mask;
  for (; table_[at] != kNoLine; at = (at + 1) & mask) {
    if (table_[at] == slot) return false;
  }
  table_[at] = slot;
  ++size_;
  return true;
}

bool SlotSet::contains(std::uint32_t slot) const {
  if (size_ == 0) return false;
  const std::size_t mask = table_.size() - 1;
  for (std::size_t at = (slot * 0x9E3779B1U) & mask; table_[at] != kNoLine; at = (at + 1) & mask) {
    if (table_[at] == slot) return true;
  }
  return false;
}

void SlotSet::grow() {
  std::vector<std::uint32_t> old(std::max<std::size_t>(table_.size() * 2, 64), kNoLine);
  old.swap(table_);
  size_ = 0;
  for (const std::uint32_t slot : old) {
    if (slot != kNoLine) insert(slot);
  }
}

void Batch::reset() {
  page.reset();
  series.clear();
  values.clear();
  times.clear();
  sources.clear();
  refs.clear();
  fresh.clear();
  seen.clear();
  slots.clear();
  tracked_slots.clear();
  texts.clear();
  shared_slots.clear();
  lapsed.clear();
  retracked.clear();
  counts = {};
}

void Batch::open(exposition::Format format) {
  const std::size_t size = exposition::pad_body(format, body);
  page = exposition::open_page(format, std::string_view(body).substr(0, size));
}

void Batch::push(model::SeriesHandle handle, double value, std::uint32_t source) {
  series.push_back(handle);
  values.push_back(value);
  sources.push_back(source);
}

void Batch::push_at(model::SeriesHandle handle, double value, std::uint32_t source,
                    model::TimeMs time, model::TimeMs batch_time) {
  times.resize(series.size(), batch_time);
  times.push_back(time);
  push(handle, value, source);
}

}  // namespace narthex::scrape
