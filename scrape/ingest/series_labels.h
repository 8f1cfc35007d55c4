// From the labels of a sample to those of its series: the target's labels, relabelling, what is
// valid, limits. Immutable; thread-safe.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/relabel.h"
#include "model/storage.h"
#include "scrape/config.h"
#include "scrape/exposition/reader.h"

namespace narthex::scrape {

/// How a job's samples are treated: everything that gives a template's keys their meaning.
struct IngestRules {
  bool honor_labels = false;
  bool honor_timestamps = true;
  bool track_timestamps_staleness = false;
  NameValidation name_validation = NameValidation::kUtf8;
  ScrapeLimits limits;
  bool extra_scrape_metrics = false;
  model::DurationMs timeout = 0;
  std::shared_ptr<const model::Relabeler> relabeler;
};

/// The rules of a job applied to one target.
class SeriesLabels {
 public:
  /// `target_labels` are those after relabelling, without meta labels.
  SeriesLabels(IngestRules rules, model::Labels target_labels);

  /// Makes `out` the series' labels; false: relabelling dropped it. `builder` is scratch. Errors:
  /// kInvalid (a name or a value that is none, a name twice), kLimit (the message names it; of the
  /// configured ones with Cause::kLabelLimit).
  Result<bool> make(const exposition::ExposedLabels& exposed, model::LabelsBuilder& builder,
                    model::Labels& out) const;

  const IngestRules& rules() const { return rules_; }
  const model::Labels& target_labels() const { return target_labels_; }
  /// The target's, the same for equal labels.
  model::SeriesOwner owner() const { return owner_; }

 private:
  void add_target_labels(const exposition::ExposedLabels& exposed,
                         model::LabelsBuilder& builder) const;
  Result<void> check_limits(const model::LabelsBuilder& labels,
                            const model::LabelLimits& hard) const;

  IngestRules rules_;
  model::Labels target_labels_;
  model::SeriesOwner owner_;
};

}  // namespace narthex::scrape
