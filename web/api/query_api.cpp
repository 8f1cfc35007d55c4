// Query endpoints: parameters to a request, a result to an answer in pieces.
//
// Parameters are read in upstream's order, because of several wrong ones the first is told. Then
// comes the query, then the result is cut to `limit`, then written. A query counts as running until
// the last piece of its answer is made (ResultPieces holds its Running), so cancel_all() ends
// answers under way as well, and the client's token stops either when it leaves.
//
// A timeout too short for upstream to evaluate anything is answered without evaluating, but after
// parsing: an error in the text comes first there, too.
#include "web/api/query_api.h"

#include <limits>
#include <utility>

#include "base/json.h"
#include "base/str.h"
#include "base/units.h"
#include "query/context.h"
#include "query/promql/ast.h"
#include "query/promql/parser.h"
#include "web/api/ast_json.h"
#include "web/api/errors.h"
#include "web/api/params.h"
#include "web/api/result_json.h"
#include "web/form.h"

namespace narthex::web {
namespace {

constexpr std::int64_t kPointsMax = 11'000;           // copied from upstream
constexpr std::size_t kQueryBytesMax = 1024 * 1024;   // docs/limits.md
constexpr std::int64_t kParseNsMax = 10'000'000'000;  // docs/limits.md
constexpr query::DurationMs kExpired = -1;            // a timeout that is over before it begins
// Shorter ones pass before upstream evaluates anything (between 10 and 100 us where measured).
constexpr std::int64_t kTimeoutNsMin = 50'000;

Error invalid(std::string_view message) {
  return Error(Code::kInvalid, std::string(message));
}

Result<void> check_length(std::string_view expression) {
  if (expression.size() <= kQueryBytesMax) return {};
  return invalid_parameter("query", invalid("query is longer than 1 MiB"));
}

// `timeout` and `lookback_delta`.
Result<void> read_options(const Form& form, query::QueryRequest& request) {
  if (const std::string_view text = form.get("timeout"); !text.empty()) {
    auto timeout = parse_duration_ns(text);
    if (!timeout) return invalid_parameter("timeout", timeout.error());
    request.timeout_ms = std::max<std::int64_t>(1, *timeout / kNsPerMs);
    if (*timeout < kTimeoutNsMin) request.timeout_ms = kExpired;
  }
  if (const std::string_view text = form.get("lookback_delta"); !text.empty()) {
    auto lookback = parse_duration_ns(text);
    if (!lookback) {
      return invalid(concat("error parsing lookback delta duration: ", lookback.error().message()));
    }
    if (*lookback > 0) request.lookback_ms = *lookback / kNsPerMs;
  }
  return {};
}

Result<query::QueryRequest> read_instant(const Form& form, query::TimeMs now) {
  query::QueryRequest request;
  request.expression = std::string(form.get("query"));
  NX_TRY_ASSIGN(const ApiTime time, time_parameter(form, "time", now));
  request.start = request.end = time.query_ms();
  NX_TRY(read_options(form, request));
  NX_TRY(check_length(request.expression));
  return request;
}

// Required times: an empty text is an error like any other.
Result<ApiTime> read_time(const Form& form, std::string_view name) {
  auto time = parse_time(form.get(name));
  if (!time) return invalid_parameter(name, time.error());
  return *time;
}

Result<query::DurationMs> read_step(const Form& form, std::int64_t span_ns) {
  auto step_ns = parse_duration_ns(form.get("step"));
  if (!step_ns) return invalid_parameter("step", step_ns.error());
  const Error too_small = invalid(
      "zero or negative query resolution step widths are not accepted. Try a positive integer");
  if (*step_ns <= 0) return invalid_parameter("step", too_small);
  if (span_ns / *step_ns > kPointsMax) {
    return invalid(
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  }
  if (*step_ns < kNsPerMs) return invalid_parameter("step", too_small);
  return *step_ns / kNsPerMs;
}

Result<query::QueryRequest> read_range(const Form& form) {
  query::QueryRequest request;
  request.expression = std::string(form.get("query"));
  NX_TRY_ASSIGN(const ApiTime start, read_time(form, "start"));
  NX_TRY_ASSIGN(const ApiTime end, read_time(form, "end"));
  request.start = start.query_ms();
  request.end = end.query_ms();
  if (end.is_before(start)) {
    return invalid_parameter("end", invalid("end timestamp must not be before start time"));
  }
  NX_TRY_ASSIGN(request.step, read_step(form, end.since_ns(start)));
  NX_TRY(read_options(form, request));
  NX_TRY(check_length(request.expression));
  return request;
}

void add_statistics_warning(std::string_view stats, Remarks& remarks) {
  if (stats.empty() || stats == "true" || stats == "all") return;
  remarks.warnings.push_back(
      concat("value ", quote(stats),
             " for parameter \"stats\" is deprecated and will be rejected in the next major "
             "release, use \"true\" or \"all\""));
}

// Only what is wrong with the text is the parameter's fault.
net::http::Response parse_error_response(const Error& error) {
  return error_response(error.code() == Code::kInvalid ? invalid_parameter("query", error) : error);
}

}  // namespace

// Keeps a query's stop token where cancel_all() finds it.
class QueryApi::Running {
 public:
  Running(QueryApi& api, const StopToken& client)
      : api_(api),
        token_(client.can_stop()
                   ? client
                   : StopToken(api.clock_, std::numeric_limits<std::int64_t>::max())) {
    const MutexLock lock(api_.mutex_);
    if (api_.stopping_) token_.cancel();
    api_.running_.insert(&token_);
  }
  ~Running() {
    const MutexLock lock(api_.mutex_);
    api_.running_.erase(&token_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  const StopToken& token() const { return token_; }

 private:
  QueryApi& api_;
  StopToken token_;
};

// A query that still counts as running: cancel_all() ends its answer, too.
class QueryApi::ResultPieces final : public BodyPieces {
 public:
  ResultPieces(std::unique_ptr<Running> running, query::QueryResult result, const StepGrid& grid,
               bool with_statistics)
      : running_(std::move(running)),
        result_(std::move(result)),
        json_(result_.value, grid, running_->token()),
        with_statistics_(with_statistics),
        before_(concat("{\"resultType\":\"", query::result_type_name(result_.value),
                       "\",\"result\":")) {}

  Result<bool> next(std::string& out) override {
    out += std::exchange(before_, {});
    NX_TRY_ASSIGN(const bool is_last, json_.next(out));
    if (!is_last) return false;
    if (with_statistics_) {
      out += ",\"stats\":";
      append_statistics_json(out, result_.statistics);
    }
    out += '}';
    return true;
  }

 private:
  std::unique_ptr<Running> running_;
  query::QueryResult result_;
  ValueJson json_;
  bool with_statistics_;
  std::string before_;
};

QueryApi::QueryApi(RunQuery run, query::ParserOptions parser, const Clock& clock)
    : run_(std::move(run)), parser_(parser), clock_(clock) {}

// For whoever asks only about the text: as long as the client stays, and not for ever.
Result<query::ExprPtr> QueryApi::parse(std::string_view text, const StopToken& client) {
  const Running running(*this, client);
  const std::int64_t deadline_ns = clock_.monotonic_ns() + kParseNsMax;
  const query::Stop stop{.token = StopToken(running.token(), clock_, deadline_ns),
                         .memory = MemoryScope::current()};
  query::ParserOptions options = parser_;
  options.stop = &stop;
  return query::parse_expression(text, options);
}

Answer QueryApi::instant(const net::http::Request& http_request) {
  const Form form(http_request);
  const Result<std::size_t> limit = limit_parameter(form);
  if (!limit) return error_response(limit.error());
  Result<query::QueryRequest> request = read_instant(form, clock_.now_ms());
  if (!request) return error_response(request.error());
  return evaluate(*std::move(request), {.limit = *limit, .stats = form.get("stats")},
                  http_request.client);
}

Answer QueryApi::range(const net::http::Request& http_request) {
  const Form form(http_request);
  const Result<std::size_t> limit = limit_parameter(form);
  if (!limit) return error_response(limit.error());
  Result<query::QueryRequest> request = read_range(form);
  if (!request) return error_response(request.error());
  return evaluate(*std::move(request), {.limit = *limit, .stats = form.get("stats")},
                  http_request.client);
}

Answer QueryApi::evaluate(query::QueryRequest request, const Presentation& presentation,
                          const StopToken& client) {
  if (request.timeout_ms == kExpired) {
    const auto parsed = parse(request.expression, client);
    if (!parsed) return parse_error_response(parsed.error());
    return error_response(Error(Code::kTimeout, "query timed out in query execution"));
  }
  auto running = std::make_unique<Running>(*this, client);
  const auto& [limit, stats] = presentation;
  Result<query::QueryResult> result = run_(request, running->token());
  if (!result) return parse_error_response(result.error());

  Remarks remarks{.warnings = std::move(result->warnings), .infos = std::move(result->infos)};
  if (limit > 0 && truncate_value(result->value, limit)) {
    remarks.warnings.emplace_back("results truncated due to limit");
  }
  add_statistics_warning(stats, remarks);
  const StepGrid grid{.start = request.start, .end = request.end, .step = request.step};
  auto pieces =
      std::make_unique<ResultPieces>(std::move(running), *std::move(result), grid, !stats.empty());
  return success_answer(std::move(pieces), std::move(remarks));
}

net::http::Response QueryApi::exemplars(const net::http::Request& http_request) {
  const Form form(http_request);
  const Result<model::TimeRange> range = range_parameters(form);
  if (!range) return error_response(range.error());
  if (range->max < range->min) {
    return error_response(invalid("end timestamp must not be before start timestamp"));
  }
  const auto expression = parse(form.get("query"), http_request.client);
  if (!expression) return error_response(expression.error());
  if (query::selectors_of(**expression).empty()) return {.status = 204, .headers = {}, .body = {}};
  SuccessEnvelope envelope;
  envelope.body() += "[]";  // exemplars are not stored yet
  return std::move(envelope).close();
}

net::http::Response QueryApi::format_query(const net::http::Request& http_request) {
  const Form form(http_request);
  const Result<void> length = check_length(form.get("query"));
  if (!length) return error_response(length.error());
  const auto expression = parse(form.get("query"), http_request.client);
  if (!expression) return parse_error_response(expression.error());
  SuccessEnvelope envelope;
  append_json_html_string(envelope.body(), query::to_pretty_string(**expression));
  return std::move(envelope).close();
}

net::http::Response QueryApi::parse_query(const net::http::Request& http_request) {
  const Form form(http_request);
  const Result<void> length = check_length(form.get("query"));
  if (!length) return error_response(length.error());
  const auto expression = parse(form.get("query"), http_request.client);
  if (!expression) return parse_error_response(expression.error());
  SuccessEnvelope envelope;
  append_ast_json(envelope.body(), **expression);
  return std::move(envelope).close();
}

void QueryApi::cancel_all() {
  const MutexLock lock(mutex_);
  stopping_ = true;
  for (const StopToken* token : running_) token->cancel();
}

}  // namespace narthex::web
