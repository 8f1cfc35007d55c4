// Selections of the head.
#include "tsdb/head/head_querier.h"

#include "base/check.h"

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
        reader_(head.isolation()),
        empty_(range.max < head.min_time() || range.min > head.max_time()) {}

  Result<std::unique_ptr<model::SeriesSet>> select(const model::Matchers& matchers,
                                                   const model::SelectHints& hints) override {
    SlotList slots;
    if (!empty_) {
      NX_TRY_ASSIGN(slots, head_.registry().select(matchers, hints.stop));
    }
    // Who reads samples finds none of a series that ended before; who lists series would not.
    if (hints.function == "series") {
      NX_TRY_ASSIGN(slots, overlapping(slots, hints));
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
  Result<SlotList> overlapping(const SlotList& slots, const model::SelectHints& hints) const {
    constexpr std::size_t kSlotsPerCheck = 1024;  // tuned: well below a millisecond
    SlotList out;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (i % kSlotsPerCheck == 0) NX_TRY(hints.stop.check());
      if (head_.reader().overlaps(slots[i], hints.range)) out.push_back(slots[i]);
    }
    return out;
  }

  const Head& head_;
  Isolation::Reader reader_;
  bool empty_;  // nothing of the head is in the querier's range
};

}  // namespace

std::unique_ptr<model::Querier> make_head_querier(const Head& head, model::TimeRange range) {
  return std::make_unique<HeadQuerier>(head, range);
}

}  // namespace narthex::tsdb
