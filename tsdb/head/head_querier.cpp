// Selections of the head.
#include "tsdb/head/head_querier.h"

#include <algorithm>

#include "base/check.h"
#include "base/parallel.h"

namespace narthex::tsdb {
namespace {

class HeadSeriesSet final : public model::SeriesSet {
 public:
  HeadSeriesSet(const Head& head, const Isolation::Reader& reader, SlotList slots, StopToken stop)
      : head_(head), reader_(reader), slots_(std::move(slots)), stop_(std::move(stop)) {}

  std::size_t size() const override { return slots_.size(); }
  model::Labels labels(std::size_t index) const override {
    return head_.registry().labels(slots_[index]);
  }

  void label_value_ids(std::string_view name, std::span<std::uint32_t> out) const override {
    NX_CHECK(out.size() == slots_.size());
    const Symbol symbol = head_.registry().find_symbol(name);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      out[i] = symbol == 0 ? 0 : head_.registry().pair_of(slots_[i], symbol);
    }
  }

  Result<void> read(std::size_t index, model::TimeRange range,
                    model::SampleColumns& out) const override {
    return head_.reader().read(slots_[index], reader_.snapshot(), range, out, stop_);
  }

  bool overlaps(std::size_t index, model::TimeRange range) const override {
    return head_.reader().overlaps(slots_[index], range);
  }

  Result<std::optional<model::Sample>> read_newest(std::size_t index,
                                                   model::TimeRange range) const override {
    return head_.reader().read_newest(slots_[index], reader_.snapshot(), range);
  }

 private:
  const Head& head_;
  const Isolation::Reader& reader_;
  SlotList slots_;
  StopToken stop_;
};

class HeadQuerier final : public model::Querier {
 public:
  HeadQuerier(const Head& head, model::TimeRange range)
      : head_(head),
        held_(head.holds()),
        reader_(head.isolation()),
        empty_(range.max < head.min_time() || range.min > head.max_time()) {}

  Result<std::unique_ptr<model::SeriesSet>> select(const model::Matchers& matchers,
                                                   const model::SelectHints& hints) override {
    SlotList slots;
    if (!empty_) {
      NX_TRY_ASSIGN(slots, head_.registry().select(matchers, hints.stop));
    }
    return std::make_unique<HeadSeriesSet>(head_, reader_, std::move(slots), hints.stop);
  }

  Result<std::vector<std::string>> label_values(const std::string& name,
                                                const model::Matchers& matchers,
                                                const model::LabelHints& hints) override {
    if (empty_) return std::vector<std::string>();
    return head_.registry().label_values(name, matchers, hints);
  }

  Result<std::vector<std::string>> label_names(const model::Matchers& matchers,
                                               const model::LabelHints& hints) override {
    if (empty_) return std::vector<std::string>();
    return head_.registry().label_names(matchers, hints);
  }

 private:
  const Head& head_;
  EpochGuard held_;  // the slots that are found
  Isolation::Reader reader_;
  bool empty_;  // nothing of the head is in the querier's range
};

class HeadChunkSource final : public model::ChunkSource {
 public:
  explicit HeadChunkSource(const Head& head)
      : head_(head), held_(head.holds()), reader_(head.isolation()) {}

  Result<void> select(const model::Matchers& matchers, const model::SelectHints& hints) {
    NX_TRY_ASSIGN(const SlotList slots, head_.registry().select(matchers, hints.stop));
    Pacer pacer(hints.stop);
    for (const Slot slot : slots) {
      NX_TRY(pacer.tick());
      if (!head_.reader().overlaps(slot, hints.range)) continue;
      series_.push_back({head_.registry().labels(slot), slot});
    }
    std::ranges::sort(series_, {}, &Series::labels);
    return hints.stop.check();
  }

  std::size_t size() const override { return series_.size(); }
  model::Labels labels(std::size_t index) const override { return series_[index].labels; }
  Result<void> read(std::size_t index, model::TimeRange range,
                    model::ChunkList& out) const override {
    return head_.reader().read_chunks(series_[index].slot, reader_.snapshot(), range, out);
  }

 private:
  struct Series {
    model::Labels labels;
    Slot slot;
  };
  const Head& head_;
  EpochGuard held_;
  Isolation::Reader reader_;
  std::vector<Series> series_;  // in label order
};

}  // namespace

Result<std::unique_ptr<model::ChunkSource>> make_head_chunks(const Head& head,
                                                             const model::Matchers& matchers,
                                                             const model::SelectHints& hints) {
  auto source = std::make_unique<HeadChunkSource>(head);
  NX_TRY(source->select(matchers, hints));
  return source;
}

std::unique_ptr<model::Querier> make_head_querier(const Head& head, model::TimeRange range) {
  return std::make_unique<HeadQuerier>(head, range);
}

}  // namespace narthex::tsdb
