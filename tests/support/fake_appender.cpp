// FakeAppender.
#include "tests/support/fake_appender.h"

#include <bit>
#include <new>

namespace narthex::test {

Result<model::SeriesHandle> FakeAppender::resolve(const model::Labels& labels, model::SeriesOwner) {
  const std::lock_guard lock(mutex_);
  ++resolves_;
  const std::string text = labels.to_string();
  if (text == lacks_memory_for_) throw std::bad_alloc();
  auto known = slots_.find(text);
  if (known == slots_.end()) {
    if (refuse_) return Error(Code::kLimit, "the head takes no new series");
    known = slots_.emplace(text, static_cast<std::uint32_t>(series_.size())).first;
    series_.push_back(Series{.text = text});
  }
  return model::SeriesHandle{.slot = known->second,
                             .generation = series_[known->second].generation};
}

model::TimeMs FakeAppender::oldest_time() const {
  const std::lock_guard lock(mutex_);
  return oldest_;
}

void FakeAppender::set_oldest_time(model::TimeMs time) {
  const std::lock_guard lock(mutex_);
  oldest_ = time;
}

Result<model::AppendReport> FakeAppender::append(const model::FloatBatch& batch) {
  const std::lock_guard lock(mutex_);
  if (fail_) return Error(Code::kIo, "disk is gone");
  if (lacks_append_memory_) throw std::bad_alloc();
  ++batches_;
  model::AppendReport report;
  for (std::size_t row = 0; row < batch.series.size(); ++row) {
    const model::SeriesHandle handle = batch.series[row];
    Series& series = series_.at(handle.slot);
    const model::Sample sample{.time = batch.times.empty() ? batch.time : batch.times[row],
                               .value = batch.values[row]};
    const bool is_late = !series.samples.empty() && series.samples.back().time >= sample.time;
    const bool too_old = series.samples.empty() && sample.time < oldest_;
    model::RowVerdict verdict = model::RowVerdict::kAppended;
    if (series.generation != handle.generation) {
      verdict = model::RowVerdict::kGone;
      ++report.gone;
    } else if (too_old) {
      verdict = model::RowVerdict::kOutOfBounds;
      ++report.out_of_bounds;
    } else if (is_late && series.batch == batches_) {
      verdict = model::RowVerdict::kSameAgain;
    } else if (is_late && series.samples.back().time > sample.time) {
      verdict = model::RowVerdict::kOutOfOrder;
      ++report.out_of_order;
    } else if (is_late) {
      const bool same = std::bit_cast<std::uint64_t>(series.samples.back().value) ==
                        std::bit_cast<std::uint64_t>(sample.value);
      verdict = same ? model::RowVerdict::kSameAgain : model::RowVerdict::kDuplicate;
      report.duplicate += same ? 0 : 1;
    } else {
      series.samples.push_back(sample);
      series.batch = batches_;
      ++report.appended;
    }
    report.verdicts.push_back(verdict);
  }
  return report;
}

FakeAppender::Rows FakeAppender::rows() const {
  const std::lock_guard lock(mutex_);
  Rows out;
  for (const Series& series : series_) out[series.text] = series.samples;
  return out;
}

std::vector<model::Sample> FakeAppender::samples(const std::string& series) const {
  const std::lock_guard lock(mutex_);
  const auto known = slots_.find(series);
  return known == slots_.end() ? std::vector<model::Sample>() : series_[known->second].samples;
}

double FakeAppender::newest(const std::string& series) const {
  const auto all = samples(series);
  return all.empty() ? model::normal_nan() : all.back().value;
}

std::size_t FakeAppender::batches() const {
  const std::lock_guard lock(mutex_);
  return batches_;
}

std::size_t FakeAppender::resolves() const {
  const std::lock_guard lock(mutex_);
  return resolves_;
}

void FakeAppender::forget(const std::string& series) {
  const std::lock_guard lock(mutex_);
  Series& gone = series_.at(slots_.at(series));
  ++gone.generation;
  gone.samples.clear();
}

void FakeAppender::refuse_new_series(bool on) {
  const std::lock_guard lock(mutex_);
  refuse_ = on;
}

void FakeAppender::lack_memory_for(std::string series) {
  const std::lock_guard lock(mutex_);
  lacks_memory_for_ = std::move(series);
}

void FakeAppender::lack_memory_for_appends(bool on) {
  const std::lock_guard lock(mutex_);
  lacks_append_memory_ = on;
}

void FakeAppender::fail_appends(bool on) {
  const std::lock_guard lock(mutex_);
  fail_ = on;
}

}  // namespace narthex::test
