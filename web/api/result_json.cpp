// Encoding of query results.
#include "web/api/result_json.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/budget.h"
#include "base/json.h"
#include "base/str.h"
#include "web/answer.h"

namespace narthex::web {
namespace {

constexpr std::size_t kCellBytes = 32;        // `[` seconds with fraction `,"`
constexpr std::size_t kPointBytes = 80;       // cell, value, `"],`
constexpr std::size_t kBlockPoints = 256;     // tuned: 20 KiB on the stack
constexpr std::size_t kCellsMax = 1'000'000;  // 32 MiB; beyond it times are rendered one by one

// The text in front of a point's value, for every step of a grid.
class TimeCells {
 public:
  explicit TimeCells(const StepGrid& grid) : start_(grid.start), step_(grid.step) {
    if (step_ <= 0 || grid.end < grid.start) return;
    const std::uint64_t count = model::count_steps(grid.start, grid.end, step_);
    if (count > kCellsMax) return;
    cells_.resize(count);
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      Cell& cell = cells_[i];
      cell.time = start_ + static_cast<query::TimeMs>(i) * step_;
      cell.length = render(cell.text, cell.time);
    }
  }

  /// Writes the cell of `time` to `at`, which has kCellBytes. `hint` is where the cell is likely to
  /// be; it moves on with ascending times, so that the usual series needs no division.
  char* write(char* at, query::TimeMs time, std::size_t& hint) const {
    if (hint >= cells_.size() || cells_[hint].time != time) hint = find(time);
    if (hint == cells_.size()) return at + render(at, time);
    const Cell& cell = cells_[hint++];
    std::memcpy(at, cell.text, kCellBytes);
    return at + cell.length;
  }

 private:
  struct Cell {
    char text[kCellBytes];
    query::TimeMs time;
    std::size_t length;
  };

  // The index of the cell of `time`, or cells_.size().
  std::size_t find(query::TimeMs time) const {
    if (cells_.empty() || time < start_ || time > cells_.back().time) return cells_.size();
    if ((time - start_) % step_ != 0) return cells_.size();  // on the grid the difference fits
    return static_cast<std::size_t>((time - start_) / step_);
  }

  static std::size_t render(char* at, query::TimeMs time) {
    std::string text = "[";
    append_json_seconds(text, time);
    text += ",\"";
    std::memcpy(at, text.data(), text.size());
    return text.size();
  }

  query::TimeMs start_;
  query::DurationMs step_;
  std::vector<Cell> cells_;
};

char* write_point(char* at, const TimeCells& cells, std::size_t& hint, query::TimeMs time,
                  double value) {
  at = write_float_text(cells.write(at, time, hint), value);
  std::memcpy(at, "\"],", 3);
  return at + 3;
}

// Appends `[t,"v"],` for up to kBlockPoints points from `from` on; returns where it stopped.
std::size_t append_points(std::string& out, const query::MatrixSeries& series, std::size_t from,
                          const TimeCells& cells, std::size_t& hint) {
  std::array<char, kBlockPoints * kPointBytes> block;
  const std::size_t to = std::min(from + kBlockPoints, series.times.size());
  char* at = block.data();
  for (std::size_t i = from; i < to; ++i) {
    at = write_point(at, cells, hint, series.times[i], series.values[i]);
  }
  out.append(block.data(), static_cast<std::size_t>(at - block.data()));
  return to;
}

void append_quoted_float(std::string& out, double value) {
  std::array<char, kFloatTextBytesMax> text;
  out += '"';
  out.append(text.data(), write_float_text(text.data(), value));
  out += '"';
}

// 0: the upper bound belongs to the bucket; 1: the lower; 2: neither; 3: both.
int boundary_rule(const model::HistogramBucket& bucket) {
  if (bucket.includes_lower) return bucket.includes_upper ? 3 : 1;
  return bucket.includes_upper ? 0 : 2;
}

// Empty buckets are left out, and so are buckets when all are empty.
void append_histogram(std::string& out, const model::FloatHistogram& histogram) {
  out += "{\"count\":";
  append_quoted_float(out, histogram.count);
  out += ",\"sum\":";
  append_quoted_float(out, histogram.sum);
  bool any = false;
  for (const model::HistogramBucket& bucket : histogram.buckets()) {
    if (bucket.count == 0) continue;
    out += std::exchange(any, true) ? "," : ",\"buckets\":[";
    out += concat("[", boundary_rule(bucket), ",");
    append_quoted_float(out, bucket.lower);
    out += ',';
    append_quoted_float(out, bucket.upper);
    out += ',';
    append_quoted_float(out, bucket.count);
    out += ']';
  }
  out += any ? "]}" : "}";
}

// `[t,{...}]`
void append_histogram_point(std::string& out, query::TimeMs time,
                            const model::FloatHistogram& histogram) {
  out += '[';
  append_json_seconds(out, time);
  out += ',';
  append_histogram(out, histogram);
  out += ']';
}

// The time of a scalar or string is a float to upstream: 1.5, where points have 1.500.
void append_pair(std::string& out, query::TimeMs time, std::string_view value) {
  out += '[';
  JsonWriter(out).number(static_cast<double>(time) / 1000);
  out += ',';
  append_json_html_string(out, value);
  out += ']';
}

}  // namespace

void append_labels_json(std::string& out, const model::Labels& labels) {
  out += '{';
  bool first = true;
  for (const model::LabelView label : labels) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, label.name);
    out += ':';
    append_json_string(out, label.value);
  }
  out += '}';
}

class ValueJson::Writer {
 public:
  Writer(const query::Value& value, const StepGrid& grid, StopToken stop)
      : value_(value), stop_(std::move(stop)), cells_(cells_of(value, grid)) {}

  Result<bool> next(std::string& out) {
    NX_TRY(stop_.check());
    if (const MemoryAccount* account = MemoryScope::current()) NX_TRY(account->check());
    return std::visit([&](const auto& value) { return write(out, value); }, value_);
  }

 private:
  static TimeCells cells_of(const query::Value& value, const StepGrid& grid) {
    if (std::holds_alternative<query::MatrixValue>(value)) return TimeCells(grid);
    const auto* vector = std::get_if<query::VectorValue>(&value);
    if (vector == nullptr) return TimeCells({});
    return TimeCells({.start = vector->time, .end = vector->time, .step = 1});
  }

  bool write(std::string& out, const query::ScalarValue& scalar) const {
    append_pair(out, scalar.time, format_float(scalar.value, FloatStyle::kFixed));
    return true;
  }
  bool write(std::string& out, const query::StringValue& text) const {
    append_pair(out, text.time, text.value);
    return true;
  }
  bool write(std::string& out, const query::VectorValue& vector) {
    while (begin_element(out, vector.labels.size())) {
      begin_labels(out, vector.labels[element_]);
      if (const model::FloatHistogram* histogram = vector.histogram(element_)) {
        out += ",\"histogram\":";
        append_histogram_point(out, vector.time, *histogram);
        end_element(out);
        continue;
      }
      out += ",\"value\":";
      std::array<char, kPointBytes> point;
      char* end = write_point(point.data(), cells_, hint_, vector.time, vector.values[element_]);
      out.append(point.data(), end - 1);
      end_element(out);
    }
    return end_elements(out, vector.labels.size());
  }
  bool write(std::string& out, const query::MatrixValue& matrix) {
    while (begin_element(out, matrix.series.size())) {
      const query::MatrixSeries& series = matrix.series[element_];
      if (!is_begun_) {
        begin_labels(out, series.labels);
        if (!series.times.empty()) out += ",\"values\":[";
      }
      if (!write_points(out, series) || !write_histograms(out, series)) return false;
      end_element(out);
    }
    return end_elements(out, matrix.series.size());
  }

  // Whether there is an element, and room in the piece.
  bool begin_element(std::string& out, std::size_t count) {
    if (!std::exchange(is_open_, true)) out += '[';
    return element_ < count && out.size() < kPieceBytes;
  }
  void begin_labels(std::string& out, const model::Labels& labels) {
    is_begun_ = true;
    out += element_ == 0 ? "{\"metric\":" : ",{\"metric\":";
    append_labels_json(out, labels);
  }
  void end_element(std::string& out) {
    out += '}';
    ++element_;
    is_begun_ = false;
    hint_ = point_ = histogram_ = 0;
  }
  bool end_elements(std::string& out, std::size_t count) const {
    if (element_ < count) return false;
    out += ']';
    return true;
  }

  // True when all of the series' points are written.
  bool write_points(std::string& out, const query::MatrixSeries& series) {
    if (series.times.empty() || point_ == series.times.size()) return true;
    while (point_ < series.times.size()) {
      if (out.size() >= kPieceBytes) return false;
      point_ = append_points(out, series, point_, cells_, hint_);
    }
    out.back() = ']';
    return true;
  }

  // True when all of its histograms are.
  bool write_histograms(std::string& out, const query::MatrixSeries& series) {
    while (histogram_ < series.histograms.size()) {
      if (out.size() >= kPieceBytes) return false;
      out += histogram_ == 0 ? ",\"histograms\":[" : ",";
      append_histogram_point(out, series.histogram_times[histogram_],
                             *series.histograms[histogram_]);
      if (++histogram_ == series.histograms.size()) out += ']';
    }
    return true;
  }

  const query::Value& value_;
  const StopToken stop_;
  const TimeCells cells_;
  bool is_open_ = false;
  bool is_begun_ = false;      // the labels of `element_` are written
  std::size_t element_ = 0;    // the next, or the one that is begun
  std::size_t point_ = 0;      // of that series: the next
  std::size_t histogram_ = 0;  // likewise
  std::size_t hint_ = 0;       // where its cell is likely to be
};

ValueJson::ValueJson(const query::Value& value, const StepGrid& grid, StopToken stop)
    : writer_(std::make_unique<Writer>(value, grid, std::move(stop))) {}
ValueJson::~ValueJson() = default;

Result<bool> ValueJson::next(std::string& out) {
  return writer_->next(out);
}

void append_statistics_json(std::string& out, const query::Statistics& statistics) {
  const double seconds = statistics.eval_seconds;
  JsonWriter json(out);
  json.begin_object().key("timings").begin_object();
  json.key("evalTotalTime").number(seconds).key("resultSortTime").number(0);
  json.key("queryPreparationTime").number(0).key("innerEvalTime").number(seconds);
  json.key("execQueueTime").number(0).key("execTotalTime").number(seconds).end_object();
  json.key("samples").begin_object();
  json.key("totalQueryableSamples").unsigned_integer(statistics.samples_total);
  json.key("samplesRead").unsigned_integer(statistics.samples_total);
  json.key("peakSamples").unsigned_integer(statistics.samples_peak).end_object();
  json.end_object();
}

bool truncate_value(query::Value& value, std::size_t limit) {
  if (auto* vector = std::get_if<query::VectorValue>(&value)) {
    if (vector->labels.size() <= limit) return false;
    vector->labels.resize(limit);
    vector->values.resize(limit);
    return true;
  }
  if (auto* matrix = std::get_if<query::MatrixValue>(&value)) {
    if (matrix->series.size() <= limit) return false;
    matrix->series.resize(limit);
    return true;
  }
  return false;
}

}  // namespace narthex::web
