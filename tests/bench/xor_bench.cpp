// XOR chunks: what one sample costs to append and to decode, and the alternatives of experiments X2
// (branch-free, interleaved decoding) and X7 (writing the buffer directly instead of through an
// accumulator). Unit: ns per sample.
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include <benchmark/benchmark.h>

#include "base/check.h"
#include "tsdb/chunk/xor.h"

namespace narthex::tsdb {
namespace {

using model::TimeMs;

constexpr int kSamples = 120;
constexpr int kChunks = 512;  // enough that branch predictors cannot learn the data

enum Kind : int { kConstant, kCounter, kGauge, kRandom };

struct Series {
  std::vector<TimeMs> times;
  std::vector<double> values;
};

Series make_series(int kind, std::mt19937_64& random) {
  Series s;
  TimeMs t = 1'700'000'000'000;
  double v = std::floor(static_cast<double>(random() % 100'000));
  for (int i = 0; i < kSamples; ++i) {
    t += 15'000;
    if (kind == kCounter) v += static_cast<double>(random() % 200);
    if (kind == kGauge) v = static_cast<double>(random() % 1'000'000) / 1000.0;
    if (kind == kRandom) {
      v = std::bit_cast<double>(random() >> 2);
      t += static_cast<TimeMs>(random() % 40);
    }
    s.times.push_back(t);
    s.values.push_back(v);
  }
  return s;
}

const std::vector<Series>& series_of(int kind) {
  static std::array<std::vector<Series>, 4> all = [] {
    std::array<std::vector<Series>, 4> out;
    std::mt19937_64 random(1);
    for (int k = 0; k < 4; ++k) {
      for (int i = 0; i < kChunks; ++i)
        out[static_cast<std::size_t>(k)].push_back(make_series(k, random));
    }
    return out;
  }();
  return all[static_cast<std::size_t>(kind)];
}

std::vector<std::vector<std::byte>> chunks_of(int kind) {
  std::vector<std::vector<std::byte>> out;
  for (const Series& s : series_of(kind)) {
    XorAppender appender;
    for (std::size_t i = 0; i < s.times.size(); ++i) appender.append(s.times[i], s.values[i]);
    std::vector<std::byte> chunk = appender.bytes();
    chunk.resize(chunk.size() + kXorPaddingBytes);
    out.push_back(std::move(chunk));
  }
  return out;
}

void finish(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * kChunks * kSamples);
  state.counters["ns/sample"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * kChunks * kSamples * 1e-9,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// ---- appending ----

void BM_AppendAccumulator(benchmark::State& state) {
  const auto& all = series_of(static_cast<int>(state.range(0)));
  std::vector<std::byte> buffer(4096);
  for (auto _ : state) {
    for (const Series& s : all) {
      XorState x;
      for (std::size_t i = 0; i < s.times.size(); ++i)
        xor_append(x, buffer.data(), s.times[i], s.values[i]);
      benchmark::DoNotOptimize(x);
    }
  }
  finish(state);
}
BENCHMARK(BM_AppendAccumulator)->DenseRange(kConstant, kRandom);

/// Bits straight into the buffer, byte by byte: no accumulator in the state.
struct DirectState {
  std::uint32_t bits = 16;
  TimeMs last_t = 0;
  double last_v = 0;
  std::uint32_t t_delta = 0;
  std::uint16_t n = 0;
  std::uint8_t lead = kXorNoWindow;
  std::uint8_t trail = 0;
};

void put_direct(DirectState& s, std::byte* buffer, std::uint64_t value, unsigned count) {
  while (count > 0) {
    const unsigned used = s.bits & 7;
    const unsigned take = std::min(8 - used, count);
    const auto part = static_cast<unsigned>((value >> (count - take)) & ((1U << take) - 1));
    std::byte& at = buffer[s.bits >> 3];
    if (used == 0) at = std::byte{0};
    at |= static_cast<std::byte>(part << (8 - used - take));
    s.bits += take;
    count -= take;
  }
}

void append_direct(DirectState& s, std::byte* buffer, TimeMs t, double v) {
  const std::uint64_t x = std::bit_cast<std::uint64_t>(v) ^ std::bit_cast<std::uint64_t>(s.last_v);
  if (s.n == 0) {
    for (std::uint64_t z = zigzag(t); z >= 0x80; z >>= 7)
      put_direct(s, buffer, (z & 0x7F) | 0x80, 8);
    put_direct(s, buffer, std::bit_cast<std::uint64_t>(v), 64);
  } else {
    const auto delta = static_cast<std::uint32_t>(t - s.last_t);
    const std::int64_t dod = static_cast<std::int64_t>(delta) - s.t_delta;
    s.t_delta = delta;
    if (dod == 0) {
      put_direct(s, buffer, 0, 1);
    } else {
      put_direct(s, buffer, (0b10ULL << 14) | (static_cast<std::uint64_t>(dod) & 0x3FFF), 16);
    }
    if (x == 0) {
      put_direct(s, buffer, 0, 1);
    } else {
      const auto leading = static_cast<unsigned>(std::min(std::countl_zero(x), 31));
      const auto trailing = static_cast<unsigned>(std::countr_zero(x));
      if (s.lead != kXorNoWindow && leading >= s.lead && trailing >= s.trail) {
        put_direct(s, buffer, 0b10, 2);
        put_direct(s, buffer, x >> s.trail, 64U - s.lead - s.trail);
      } else {
        s.lead = static_cast<std::uint8_t>(leading);
        s.trail = static_cast<std::uint8_t>(trailing);
        const unsigned bits = 64U - leading - trailing;
        put_direct(s, buffer, (0b11ULL << 11) | (leading << 6) | (bits & 63U), 13);
        put_direct(s, buffer, x >> trailing, bits);
      }
    }
  }
  s.last_t = t;
  s.last_v = v;
  ++s.n;
}

void BM_AppendDirect(benchmark::State& state) {
  const auto& all = series_of(static_cast<int>(state.range(0)));
  std::vector<std::byte> buffer(4096);
  for (auto _ : state) {
    for (const Series& s : all) {
      DirectState x;
      for (std::size_t i = 0; i < s.times.size(); ++i)
        append_direct(x, buffer.data(), s.times[i], s.values[i]);
      benchmark::DoNotOptimize(x);
    }
  }
  finish(state);
}
BENCHMARK(BM_AppendDirect)->DenseRange(kConstant, kRandom);

// Each sample goes to another series, as in a scrape: the state and the buffer's tail come from
// memory.
template <typename State, typename Append>
void append_across(benchmark::State& state, Append append) {
  const auto& all = series_of(static_cast<int>(state.range(0)));
  const auto series = static_cast<std::size_t>(state.range(1));
  constexpr std::size_t kBufferBytes = 256;
  std::vector<State> states(series);
  std::vector<std::byte> buffers(series * kBufferBytes);
  constexpr int kScrapes = 20;
  for (auto _ : state) {
    std::ranges::fill(states, State{});
    for (std::size_t i = 0; i < kScrapes; ++i) {
      for (std::size_t s = 0; s < series; ++s) {
        const Series& source = all[s % all.size()];
        append(states[s], buffers.data() + s * kBufferBytes, source.times[i], source.values[i]);
      }
    }
  }
  const double samples =
      static_cast<double>(state.iterations()) * kScrapes * static_cast<double>(series);
  state.counters["ns/sample"] =
      benchmark::Counter(samples * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_ScrapeAppendAccumulator(benchmark::State& state) {
  append_across<XorState>(
      state, [](XorState& s, std::byte* b, TimeMs t, double v) { xor_append(s, b, t, v); });
}
void BM_ScrapeAppendDirect(benchmark::State& state) {
  append_across<DirectState>(state, append_direct);
}
// Ten million series need 3.2 GB.
void scrape_sizes(benchmark::internal::Benchmark* b) {
  b->ArgsProduct({{kConstant, kCounter, kGauge}, {1 << 18, 10'000'000}})
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK(BM_ScrapeAppendAccumulator)->Apply(scrape_sizes);
BENCHMARK(BM_ScrapeAppendDirect)->Apply(scrape_sizes);

// ---- decoding ----

void BM_DecodeBranchy(benchmark::State& state) {
  const auto chunks = chunks_of(static_cast<int>(state.range(0)));
  model::SampleColumns out;
  for (auto _ : state) {
    for (const auto& chunk : chunks) {
      out.clear();
      const auto bytes = std::span(chunk).first(chunk.size() - kXorPaddingBytes);
      NX_CHECK(xor_decode(bytes, kSamples, 0, std::numeric_limits<TimeMs>::max(), out).has_value());
      benchmark::DoNotOptimize(out.values.data());
    }
  }
  finish(state);
}
BENCHMARK(BM_DecodeBranchy)->DenseRange(kConstant, kRandom);

/// One chunk's decoding state, advanced without data-dependent branches.
struct FlatDecoder {
  const std::byte* bytes;
  std::size_t at = 16;
  TimeMs t = 0;
  std::uint64_t delta = 0;
  std::uint64_t value = 0;
  unsigned bits = 64;
  unsigned trail = 0;

  std::uint64_t peek() const { return load_be64(bytes + (at >> 3)) << (at & 7); }
  std::uint64_t take(unsigned count) {  // 0..64
    const std::size_t shift = at & 7;
    const std::uint64_t high = load_be64(bytes + (at >> 3)) << shift;
    const std::uint64_t low = std::to_integer<std::uint64_t>(bytes[(at >> 3) + 8]) >> (8 - shift);
    at += count;
    return ((high | low) >> 1) >> (63 - count);
  }
  std::uint64_t take_uvarint() {
    std::uint64_t out = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint64_t byte = take(8);
      out |= (byte & 0x7F) << shift;
      if (byte < 0x80) return out;
    }
  }

  void first() {
    t = unzigzag(take_uvarint());
    value = take(64);
  }
  void second() {
    delta = take_uvarint();
    t += static_cast<TimeMs>(delta);
    next_value();
  }
  void next() {
    static constexpr std::array<unsigned, 5> kPrefix = {1, 2, 3, 4, 4};
    static constexpr std::array<unsigned, 5> kBits = {0, 14, 17, 20, 63};
    const auto ones = static_cast<unsigned>(std::min(std::countl_one(peek()), 4));
    at += kPrefix[ones];
    const unsigned width = kBits[ones];
    const std::uint64_t raw = take(width);
    const std::uint64_t half = (std::uint64_t{1} << width) >> 1;
    delta += raw - (raw > half ? std::uint64_t{1} << width : 0);
    t += static_cast<TimeMs>(delta);
    next_value();
  }
  void next_value() {
    const std::uint64_t w = peek();
    const auto control = static_cast<unsigned>(w >> 62);
    const bool changed = control >= 2;
    const bool fresh = control == 3;
    const auto lead = static_cast<unsigned>((w >> 57) & 31);
    auto significant = static_cast<unsigned>((w >> 51) & 63);
    significant = significant == 0 ? 64 : significant;
    bits = fresh ? significant : bits;
    trail = fresh ? 64 - lead - significant : trail;
    at += fresh ? 13U : (changed ? 2U : 1U);
    value ^= take(changed ? bits : 0) << (trail & 63);
  }
};

void BM_DecodeFlatInterleaved(benchmark::State& state) {
  const auto chunks = chunks_of(static_cast<int>(state.range(0)));
  constexpr std::size_t kWays = 4;
  std::array<std::array<TimeMs, kSamples>, kWays> times{};
  std::array<std::array<double, kSamples>, kWays> values{};
  for (auto _ : state) {
    for (std::size_t c = 0; c < chunks.size(); c += kWays) {
      std::array<FlatDecoder, kWays> d;
      for (std::size_t w = 0; w < kWays; ++w) d[w].bytes = chunks[c + w].data();
      const auto keep = [&](std::size_t w, std::size_t i) {
        times[w][i] = d[w].t;
        values[w][i] = std::bit_cast<double>(d[w].value);
      };
      for (std::size_t w = 0; w < kWays; ++w) {
        d[w].first();
        keep(w, 0);
        d[w].second();
        keep(w, 1);
      }
      for (std::size_t i = 2; i < kSamples; ++i) {
        for (std::size_t w = 0; w < kWays; ++w) {
          d[w].next();
          keep(w, i);
        }
      }
      benchmark::DoNotOptimize(values);
      benchmark::DoNotOptimize(times);
    }
  }
  finish(state);
}
BENCHMARK(BM_DecodeFlatInterleaved)->DenseRange(kConstant, kRandom);

}  // namespace
}  // namespace narthex::tsdb
