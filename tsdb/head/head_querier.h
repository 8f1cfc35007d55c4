// model::Querier over the head.
#pragma once

#include <memory>

#include "model/storage.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

/// A querier at one isolation snapshot. `head` must outlive it.
std::unique_ptr<model::Querier> make_head_querier(const Head& head, model::TimeRange range);

}  // namespace narthex::tsdb
