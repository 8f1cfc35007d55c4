// model::Querier and model::ChunkSource over the head.
#pragma once

#include <memory>

#include "model/storage.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

/// A querier at one isolation snapshot. `head` must outlive it.
std::unique_ptr<model::Querier> make_head_querier(const Head& head, model::TimeRange range);

/// The chunks of the series that match and may have samples in `hints.range`, at one snapshot.
/// `head` must outlive it. Errors: those of `hints.stop`.
Result<std::unique_ptr<model::ChunkSource>> make_head_chunks(const Head& head,
                                                             const model::Matchers& matchers,
                                                             const model::SelectHints& hints);

}  // namespace narthex::tsdb
