// query, query_range, query_exemplars, format_query, parse_query. Methods are plain functions for
// the CPU pool; web/api/api.h routes to them.
#pragma once

#include <functional>
#include <memory>
#include <set>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/parallel.h"
#include "net/http/message.h"
#include "query/engine.h"
#include "web/answer.h"

namespace narthex::web {

/// Evaluates one query: Engine::run over some store. Blocks; called from several threads. Ends
/// early when the token stops.
using RunQuery =
    std::function<Result<query::QueryResult>(const query::QueryRequest&, const StopToken&)>;

/// Thread-safe.
class QueryApi {
 public:
  /// `clock` must outlive the API, and so must what `run` refers to.
  QueryApi(RunQuery run, query::ParserOptions parser, const Clock& clock);

  /// /api/v1/query and query_range. They, and what follows, end with kCancelled when the client
  /// goes away.
  Answer instant(const net::http::Request& request);
  Answer range(const net::http::Request& request);

  /// Only the text counts: exemplars are not stored, so the list is empty, and 204 without a
  /// selector. Parsing may take 10 s, in all three.
  net::http::Response exemplars(const net::http::Request& request);
  net::http::Response format_query(const net::http::Request& request);
  net::http::Response parse_query(const net::http::Request& request);

  /// Ends every running query with kCancelled, and each later one at once: for shutting down.
  void cancel_all();

 private:
  class Running;
  class ResultPieces;
  struct Presentation {
    std::size_t limit = 0;  // 0: none
    std::string_view stats;
  };
  Result<query::ExprPtr> parse(std::string_view text, const StopToken& client);
  Answer evaluate(query::QueryRequest request, const Presentation& presentation,
                  const StopToken& client);

  RunQuery run_;
  query::ParserOptions parser_;
  const Clock& clock_;
  Mutex mutex_;  // leaf
  bool stopping_ NX_GUARDED_BY(mutex_) = false;
  std::set<const StopToken*> running_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::web
