// Encoding of query results.
#include "web/api/result_json.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/json.h"
#include "base/str.h"
#include "query/context.h"

namespace narthex::web {
namespace {

constexpr std::size_t kCellBytes = 32;        // `[` seconds with fraction `,"`
constexpr std::size_t kPointBytes = 80;       // cell, value, `"],`
constexpr std::size_t kUsualPointBytes = 28;  // tuned: a reservation that seldom grows
constexpr std::size_t kUsualLabelBytes = 128;
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

// `[[t,"v"],...]`; there is at least one point.
void append_points(std::string& out, const query::MatrixSeries& series, const TimeCells& cells) {
  std::array<char, kBlockPoints * kPointBytes> block;
  std::size_t hint = 0;
  out += '[';
  for (std::size_t from = 0; from < series.times.size(); from += kBlockPoints) {
    const std::size_t to = std::min(from + kBlockPoints, series.times.size());
    char* at = block.data();
    for (std::size_t i = from; i < to; ++i) {
      at = write_point(at, cells, hint, series.times[i], series.values[i]);
    }
    out.append(block.data(), static_cast<std::size_t>(at - block.data()));
  }
  out.back() = ']';
}

// The time of a scalar or string is a float to upstream: 1.5, where points have 1.500.
void append_pair(std::string& out, query::TimeMs time, std::string_view value) {
  out += '[';
  JsonWriter(out).number(static_cast<double>(time) / 1000);
  out += ',';
  append_json_html_string(out, value);
  out += ']';
}

struct ValueWriter {
  std::string& out;
  const StepGrid& grid;
  const query::Stop stop;

  Result<void> operator()(const query::ScalarValue& scalar) const {
    append_pair(out, scalar.time, format_float(scalar.value, FloatStyle::kFixed));
    return {};
  }
  Result<void> operator()(const query::StringValue& text) const {
    append_pair(out, text.time, text.value);
    return {};
  }

  Result<void> operator()(const query::VectorValue& vector) const {
    const TimeCells cells({.start = vector.time, .end = vector.time, .step = 1});
    char point[kPointBytes];
    Pacer pacer(stop);
    out += '[';
    for (std::size_t i = 0; i < vector.labels.size(); ++i) {
      NX_TRY(pacer.tick(query::cost_of_bytes(vector.labels[i].data().size())));
      out += i == 0 ? "{\"metric\":" : ",{\"metric\":";
      append_labels_json(out, vector.labels[i]);
      out += ",\"value\":";
      std::size_t hint = 0;
      char* end = write_point(point, cells, hint, vector.time, vector.values[i]);
      end[-1] = '}';
      out.append(point, static_cast<std::size_t>(end - point));
    }
    out += ']';
    return {};
  }

  Result<void> operator()(const query::MatrixValue& matrix) const {
    const TimeCells cells(grid);
    std::size_t points = 0;
    for (const query::MatrixSeries& series : matrix.series) points += series.times.size();
    out.reserve(out.size() + points * kUsualPointBytes + matrix.series.size() * kUsualLabelBytes);
    out += '[';
    bool first = true;
    Pacer pacer(stop);
    for (const query::MatrixSeries& series : matrix.series) {
      NX_TRY(pacer.tick(query::cost_of_bytes(series.labels.data().size() + series.times.size())));
      out += first ? "{\"metric\":" : ",{\"metric\":";
      first = false;
      append_labels_json(out, series.labels);
      if (!series.times.empty()) {
        out += ",\"values\":";
        append_points(out, series, cells);
      }
      out += '}';
    }
    out += ']';
    return {};
  }
};

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

Result<void> append_value_json(std::string& out, const query::Value& value, const StepGrid& grid,
                               const StopToken& stop) {
  const query::Stop all{.token = stop, .memory = MemoryScope::current()};
  return std::visit(ValueWriter{out, grid, all}, value);
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
