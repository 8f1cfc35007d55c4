// Layouts, and rows of numbers behind them.
#include "tsdb/chunk/histogram.h"

#include <cmath>
#include <limits>

#include "base/str.h"

namespace narthex::tsdb {
namespace {

using model::BucketSpan;
using model::CounterResetHint;
using model::FloatHistogram;

// The upper two bits of the flags.
constexpr std::uint8_t kHintShift = 6;
enum HeaderHint : std::uint8_t { kUnknown = 0, kNotReset = 1, kReset = 2, kGauge = 3 };

// A zero threshold that is half a power of two takes one byte.
constexpr int kThresholdBias = 243;
constexpr int kThresholdExponentMin = -242;
constexpr int kThresholdExponentMax = 11;
constexpr std::uint8_t kThresholdInFull = 0xFF;
// Custom bounds of whole thousandths take a varbit integer, one more than their number.
constexpr double kBoundUnits = 1000;
constexpr double kBoundUnitsMax = 33'554'430;

void put_threshold(BitWriter& bits, double threshold) {
  if (threshold == 0) return bits.put(0, 8);
  int exponent = 0;
  const bool is_power = std::frexp(threshold, &exponent) == 0.5;
  if (is_power && exponent >= kThresholdExponentMin && exponent <= kThresholdExponentMax) {
    return bits.put(static_cast<std::uint64_t>(exponent + kThresholdBias), 8);
  }
  bits.put(kThresholdInFull, 8);
  bits.put(std::bit_cast<std::uint64_t>(threshold), 64);
}
double take_threshold(BitReader& bits) {
  const auto byte = static_cast<int>(bits.take(8));
  if (byte == 0) return 0;
  if (byte == kThresholdInFull) return std::bit_cast<double>(bits.take(64));
  return std::ldexp(0.5, byte - kThresholdBias);
}

void put_spans(BitWriter& bits, const std::vector<BucketSpan>& spans) {
  bits.put_varbit_uint(spans.size());
  for (const BucketSpan& span : spans) {
    bits.put_varbit_uint(span.length);
    bits.put_varbit_int(span.offset);
  }
}

void put_bound(BitWriter& bits, double bound) {
  const double units = bound * kBoundUnits;
  const bool is_whole = units >= 0 && units <= kBoundUnitsMax && std::floor(units) == units &&
                        units / kBoundUnits == bound;
  if (is_whole) return bits.put_varbit_uint(static_cast<std::uint64_t>(units) + 1);
  bits.put(0, 1);
  bits.put(std::bit_cast<std::uint64_t>(bound), 64);
}
double take_bound(BitReader& bits) {
  bits.stop_at_end();
  const std::uint64_t units = bits.take_varbit_uint();
  if (units == 0) return std::bit_cast<double>(bits.take(64));
  return static_cast<double>(units - 1) / kBoundUnits;
}

Error corrupt(std::string_view what) {
  return Error(Code::kCorrupt, concat("histogram chunk: ", what));
}

// More of anything than there are bits left is damage.
Result<std::size_t> take_count(BitReader& bits) {
  bits.stop_at_end();
  const std::uint64_t count = bits.take_varbit_uint();
  if (count > bits.left()) return corrupt("its layout is larger than the chunk");
  return static_cast<std::size_t>(count);
}

Result<void> take_spans(BitReader& bits, std::vector<BucketSpan>& spans,
                        std::vector<double>& buckets) {
  NX_TRY_ASSIGN(const std::size_t count, take_count(bits));
  std::size_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    NX_TRY_ASSIGN(const std::size_t length, take_count(bits));
    const std::int64_t offset = bits.take_varbit_int();
    total += length;
    if (bits.is_past_end() || total > bits.left() || offset != static_cast<std::int32_t>(offset)) {
      return corrupt("its layout is larger than the chunk");
    }
    spans.push_back({static_cast<std::int32_t>(offset), static_cast<std::uint32_t>(length)});
  }
  buckets.resize(total);
  return {};
}

Result<FloatHistogram> take_layout(BitReader& bits) {
  FloatHistogram layout;
  layout.zero_threshold = take_threshold(bits);
  layout.schema = static_cast<std::int32_t>(bits.take_varbit_int());
  NX_TRY(take_spans(bits, layout.positive_spans, layout.positive_buckets));
  NX_TRY(take_spans(bits, layout.negative_spans, layout.negative_buckets));
  if (layout.has_custom_buckets()) {
    NX_TRY_ASSIGN(const std::size_t count, take_count(bits));
    for (std::size_t i = 0; i < count; ++i) layout.custom_bounds.push_back(take_bound(bits));
  }
  if (Result<void> good = check_histogram(layout); !good) return corrupt(good.error().message());
  return layout;
}

// One chunk's rows, whatever its numbers are. Column 0 is the count, 1 the zero count, 2 the sum,
// then come the buckets.
class RowReader {
 public:
  RowReader(BitReader& bits, bool is_float, std::size_t buckets)
      : bits_(bits), is_float_(is_float), columns_(kBuckets + buckets) {}

  // Reads the next one.
  void next() {
    take_time();
    take_number(columns_[kCount]);
    take_number(columns_[kZeroCount]);
    take_float(columns_[kSum]);
    if (!model::is_stale(sum())) {
      for (std::size_t i = kBuckets; i < columns_.size(); ++i) take_number(columns_[i]);
    }
    is_first_ = false;
  }

  model::TimeMs time() const { return static_cast<model::TimeMs>(time_); }
  double sum() const { return columns_[kSum].value; }
  // The histogram that the row says, in `layout`.
  FloatHistogram histogram(FloatHistogram layout) const {
    layout.sum = sum();
    layout.count = number(columns_[kCount]);
    layout.zero_count = number(columns_[kZeroCount]);
    if (model::is_stale(layout.sum)) {
      return {.hint = layout.hint, .schema = layout.schema, .sum = layout.sum};
    }
    std::size_t i = kBuckets;
    for (std::vector<double>* side : {&layout.positive_buckets, &layout.negative_buckets}) {
      std::int64_t before = 0;  // integers are written as differences to the bucket before
      for (double& bucket : *side) {
        before = wrapping_add(before, columns_[i].integer);
        bucket = is_float_ ? columns_[i].value : static_cast<double>(before);
        ++i;
      }
    }
    return layout;
  }

 private:
  enum Column : std::size_t { kCount, kZeroCount, kSum, kBuckets };
  struct Number {
    double value = 0;
    XorWindow window;
    std::int64_t integer = 0;
    std::int64_t delta = 0;
  };

  static std::int64_t wrapping_add(std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
  double number(const Number& n) const {
    if (is_float_) return n.value;
    return static_cast<double>(static_cast<std::uint64_t>(n.integer));
  }
  void take_time() {
    bits_.stop_at_end();
    const std::int64_t next = bits_.take_varbit_int();
    if (is_first_) {
      time_ = next;
      return;
    }
    time_delta_ = wrapping_add(time_delta_, next);
    time_ = wrapping_add(time_, time_delta_);
  }
  void take_float(Number& n) {
    bits_.stop_at_end();
    if (is_first_) {
      n.value = std::bit_cast<double>(bits_.take(64));
    } else {
      take_xor(bits_, n.window, n.value);
    }
  }
  void take_number(Number& n) {
    if (is_float_) return take_float(n);
    bits_.stop_at_end();
    if (is_first_) {
      const bool is_count = &n < &columns_[kSum];
      n.integer =
          is_count ? static_cast<std::int64_t>(bits_.take_varbit_uint()) : bits_.take_varbit_int();
      return;
    }
    n.delta = wrapping_add(n.delta, bits_.take_varbit_int());
    n.integer = wrapping_add(n.integer, n.delta);
  }

  BitReader& bits_;
  const bool is_float_;
  bool is_first_ = true;
  std::int64_t time_ = 0;
  std::int64_t time_delta_ = 0;
  std::vector<Number> columns_;
};

// What is known of a sample's counter: the chunk's hint is about its first one, and of a reset
// nothing is said, for who reads from the middle could not know.
CounterResetHint hint_of(std::uint8_t header, bool is_first) {
  if (header == kGauge) return CounterResetHint::kGauge;
  return is_first ? CounterResetHint::kUnknown : CounterResetHint::kNotReset;
}

}  // namespace

Result<void> histogram_decode(model::ChunkEncoding encoding, std::span<const std::byte> bytes,
                              std::size_t limit, model::TimeMs range_min, model::TimeMs range_max,
                              model::SampleColumns& out) {
  if (bytes.size() < kHistogramHeaderBytes) return corrupt("shorter than its header");
  const std::size_t stored =
      std::to_integer<std::size_t>(bytes[0]) << 8 | std::to_integer<std::size_t>(bytes[1]);
  const auto header = static_cast<std::uint8_t>(std::to_integer<unsigned>(bytes[2]) >> kHintShift);
  BitReader bits(bytes, kHistogramHeaderBytes * 8);
  NX_TRY_ASSIGN(FloatHistogram layout, take_layout(bits));
  RowReader rows(bits, encoding == model::ChunkEncoding::kFloatHistogram,
                 layout.positive_buckets.size() + layout.negative_buckets.size());
  for (std::size_t i = 0; i < std::min(stored, limit); ++i) {
    rows.next();
    if (bits.is_past_end()) return corrupt(concat("ends inside sample ", i, " of ", stored));
    if (rows.time() > range_max) return {};
    if (rows.time() < range_min) continue;
    layout.hint = hint_of(header, i == 0);
    out.push(rows.time(), std::make_shared<const FloatHistogram>(rows.histogram(layout)));
  }
  return {};
}

FloatHistogramAppender::FloatHistogramAppender(const FloatHistogram& first)
    : layout_(first), buckets_(first.positive_buckets.size() + first.negative_buckets.size()) {
  if (first.is_stale()) layout_ = {.hint = first.hint, .schema = first.schema};
  buckets_.resize(layout_.positive_buckets.size() + layout_.negative_buckets.size());
  put_threshold(bits_, layout_.zero_threshold);
  bits_.put_varbit_int(layout_.schema);
  put_spans(bits_, layout_.positive_spans);
  put_spans(bits_, layout_.negative_spans);
  if (!layout_.has_custom_buckets()) return;
  bits_.put_varbit_uint(layout_.custom_bounds.size());
  for (const double bound : layout_.custom_bounds) put_bound(bits_, bound);
}

bool FloatHistogramAppender::takes(const FloatHistogram& h) const {
  if (count_ == std::numeric_limits<std::uint16_t>::max()) return false;
  if (h.is_stale() || count_ == 0) return true;
  const bool is_gauge = layout_.hint == CounterResetHint::kGauge;
  if (is_gauge != (h.hint == CounterResetHint::kGauge)) return false;
  return h.hint != CounterResetHint::kReset && h.schema == layout_.schema &&
         h.zero_threshold == layout_.zero_threshold && h.positive_spans == layout_.positive_spans &&
         h.negative_spans == layout_.negative_spans && h.custom_bounds == layout_.custom_bounds;
}

void FloatHistogramAppender::put(Number& number, double next) {
  if (count_ > 0) return put_xor(bits_, number.window, number.value, next);
  bits_.put(std::bit_cast<std::uint64_t>(next), 64);
  number.value = next;
}

void FloatHistogramAppender::append(model::TimeMs t, const FloatHistogram& h) {
  if (count_ == 0) {
    bits_.put_varbit_int(t);
  } else {
    const std::int64_t delta = t - last_t_;
    bits_.put_varbit_int(delta - t_delta_);
    t_delta_ = delta;
  }
  last_t_ = t;
  const bool is_stale = h.is_stale();
  put(observations_, h.count);
  put(zero_count_, h.zero_count);
  put(sum_, h.sum);
  if (!is_stale) {
    std::size_t i = 0;
    for (const double bucket : h.positive_buckets) put(buckets_[i++], bucket);
    for (const double bucket : h.negative_buckets) put(buckets_[i++], bucket);
  }
  ++count_;
}

std::vector<std::byte> FloatHistogramAppender::bytes() const {
  HeaderHint hint = kUnknown;
  if (layout_.hint == CounterResetHint::kReset) hint = kReset;
  if (layout_.hint == CounterResetHint::kNotReset) hint = kNotReset;
  if (layout_.hint == CounterResetHint::kGauge) hint = kGauge;
  std::vector<std::byte> out = {static_cast<std::byte>(count_ >> 8),
                                static_cast<std::byte>(count_ & 0xFF),
                                static_cast<std::byte>(hint << kHintShift)};
  out.insert(out.end(), bits_.bytes().begin(), bits_.bytes().end());
  return out;
}

}  // namespace narthex::tsdb
