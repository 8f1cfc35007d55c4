// Columns of samples with a second lane, and merging them.
#include "model/sample.h"

#include <algorithm>

namespace narthex::model {

const HistogramPtr* HistogramLane::find(std::size_t row) const {
  if (rows.empty()) return nullptr;
  const auto at = std::ranges::lower_bound(rows, row);
  if (at == rows.end() || *at != row) return nullptr;
  return &values[static_cast<std::size_t>(at - rows.begin())];
}

void SampleColumns::push(TimeMs time, HistogramPtr histogram) {
  histograms.rows.push_back(static_cast<std::uint32_t>(times.size()));
  histograms.values.push_back(std::move(histogram));
  push(time, 0.0);
}

void SampleColumns::truncate(std::size_t size) {
  times.resize(size);
  values.resize(size);
  if (histograms.empty()) return;
  const auto kept = std::ranges::lower_bound(histograms.rows, size) - histograms.rows.begin();
  histograms.rows.resize(static_cast<std::size_t>(kept));
  histograms.values.resize(static_cast<std::size_t>(kept));
}

void merge_samples(const SampleColumns& part, std::size_t first, SampleColumns& out) {
  if (part.size() == 0) return;
  const bool is_behind = out.size() == first || part.times.front() > out.times.back();
  if (is_behind && part.histograms.empty()) {
    out.times.insert(out.times.end(), part.times.begin(), part.times.end());
    out.values.insert(out.values.end(), part.values.begin(), part.values.end());
    return;
  }
  SampleColumns merged;
  std::size_t a = first;
  std::size_t b = 0;
  while (a < out.size() || b < part.size()) {
    const bool takes_part = a == out.size() || (b < part.size() && part.times[b] < out.times[a]);
    if (takes_part) {
      merged.push(part, b++);
      continue;
    }
    if (b < part.size() && part.times[b] == out.times[a]) ++b;
    merged.push(out, a++);
  }
  out.truncate(first);
  for (std::size_t i = 0; i < merged.size(); ++i) out.push(merged, i);
}

}  // namespace narthex::model
