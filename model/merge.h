// Several sources as one: what a head and blocks, or a local store and remote ones, are to a query.
//
// Series come in label order, each once, whichever sources have it. Samples of one series are put
// together in order of time; of two at the same time the earlier source's counts, so sources are
// given in the order in which they are to be believed. Ids of label values hold within a source:
// they are mapped, once for each label that is asked for, by the text they stand for.
#pragma once

#include <memory>
#include <vector>

#include "model/storage.h"

namespace narthex::model {

/// Of at least one set; what the sets need of their queriers must outlive the merged one. Errors:
/// those of `stop`.
Result<std::unique_ptr<SeriesSet>> merge_series_sets(std::vector<std::unique_ptr<SeriesSet>> sets,
                                                     const StopToken& stop = {});

/// Of at least one. Errors of a source are those of the whole. Limits of listings hold for what is
/// merged: of values and names those that sort first are kept.
std::unique_ptr<Querier> merge_queriers(std::vector<std::unique_ptr<Querier>> queriers);

}  // namespace narthex::model
