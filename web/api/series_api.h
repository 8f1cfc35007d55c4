// series, labels, label/<name>/values: what exists, without samples. Plain functions for the CPU
// pool.
#pragma once

#include <string>
#include <string_view>

#include "model/storage.h"
#include "net/http/message.h"
#include "web/answer.h"

namespace narthex::web {

/// Thread-safe.
class SeriesApi {
 public:
  /// `store` must outlive the API.
  explicit SeriesApi(model::Queryable& store) : store_(store) {}

  /// One endpoint each: lists in order, cut at `limit`, with a warning if they were. bad_data for
  /// parameters, kCancelled when the client goes away.
  Answer series(const net::http::Request& request) const;
  Answer label_names(const net::http::Request& request) const;
  /// The name stands in the path: `.../label/<name>/values`.
  Answer label_values(const net::http::Request& request) const;

 private:
  model::Queryable& store_;
};

/// A name in upstream's values-escaping (`U__`, `_` doubled, `_<hex>_` for other runes) back to
/// what it was; as it is when malformed.
std::string unescape_name(std::string_view name);

}  // namespace narthex::web
