// info(v, {selector}): adds the labels of info metrics (target_info by default) that belong to the
// same instance and job. Truth: upstream promql/info.go.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "query/ops/operator.h"
#include "query/ops/selection.h"

namespace narthex::query {

/// What info() selects and adds.
struct InfoSpec {
  SelectorSpec selector;  // of the info series: names and data labels
  model::Matchers
      name_matchers;  // base series that fit these are info series themselves and pass unchanged
  std::map<std::string, model::Matchers> data_matchers;  // by label; empty: all labels are added
  model::TimeRange clip;                                 // samples outside are not looked at
};

/// Blocks; one row in may become several rows out.
class InfoOp final : public Operator {
 public:
  /// `base` outlives the operator. The info series are read when it runs.
  InfoOp(StepAxis axis, InfoSpec spec, Operator* base)
      : Operator(axis, {base}), spec_(std::move(spec)) {}
  Result<void> prepare(QueryContext& context) override;

 protected:
  Counting counting() const override { return Counting::kBeside; }
  Result<void> run(QueryContext& context) override;

 private:
  // Info series of one metric name, instance and job: at most one counts at a step, the one sampled
  // last.
  struct Candidates {
    std::vector<std::size_t> rows;
  };
  using Choice = std::vector<std::size_t>;  // info rows chosen at a step, by metric name

  bool is_info(const model::Labels& labels) const;
  Result<void> load(QueryContext& context, const Table& base);
  Result<void> load_series(QueryContext& context, const model::SeriesSet& set, std::size_t index);
  Result<void> count_samples(QueryContext& context, const Table& base);
  Result<void> check_duplicates(const Table& base, const Stop& stop) const;
  Choice choose(const model::Labels& base, std::size_t step) const;
  // None: the element is left out.
  Result<std::optional<model::Labels>> enriched(const model::Labels& base,
                                                const Choice& choice) const;
  Result<void> emit(const Table& base, std::size_t row);

  InfoSpec spec_;
  std::vector<model::Labels> info_labels_;
  std::uint64_t info_samples_ = 0;
  Table info_times_;  // when the sample that counts at a step was taken, in ms
  std::map<std::string, std::map<std::string, Candidates>>
      by_name_;                                // metric name, then instance and job
  std::map<std::string, std::size_t> row_of_;  // of result labels
};

}  // namespace narthex::query
