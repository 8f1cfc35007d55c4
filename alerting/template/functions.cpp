// Prometheus' template functions, and the table of all. Facts: upstream template/template.go at
// v3.14.
//
// The executor has checked the number and types of arguments by the table's parameters before it
// calls, so text_of() and its like look without asking. A function that is kAny converts for
// itself: numbers come as numbers, texts or durations. Conversions that overflow give what Go gives
// on amd64, the smallest int64.
#include "alerting/template/functions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "alerting/template/ast.h"
#include "alerting/template/builtins.h"
#include "base/regex.h"
#include "base/str.h"
#include "base/units.h"
#include "base/utf8.h"
#include "net/http/url.h"

namespace narthex::alerting::tmpl {
namespace {

using Args = std::span<const Value>;

Error execution(std::string message) {
  return Error(Code::kExecution, std::move(message));
}

const std::string& text_of(const Value& value) {
  return *value.as<std::string>();
}
const Sample& sample_of(const Value& value) {
  return **value.as<std::shared_ptr<const Sample>>();
}
const SampleList& list_of(const Value& value) {
  return **value.as<std::shared_ptr<const SampleList>>();
}

// Go's %.4g.
std::string short_number(double value) {
  if (!std::isfinite(value)) return format_float(value, FloatStyle::kGeneral);
  return fmt::format("{:.4g}", value);
}

Result<Value> query(const Environment& environment, Args args) {
  if (!environment.query) return execution("query is not available here");
  NX_TRY_ASSIGN(std::vector<Sample> samples, environment.query(text_of(args[0])));
  SampleList list;
  list.reserve(samples.size());
  for (Sample& sample : samples) {
    for (const auto& [name, value] : sample.labels) sample.bytes += name.size() + value.size();
    list.push_back(std::make_shared<const Sample>(std::move(sample)));
  }
  return Value(std::make_shared<const SampleList>(std::move(list)));
}

Result<Value> first(const Environment&, Args args) {
  const SampleList& list = list_of(args[0]);
  if (list.empty()) return execution("first() called on vector with no elements");
  return Value(list.front());
}

Result<Value> label(const Environment&, Args args) {
  const StringMap& labels = sample_of(args[1]).labels;
  const auto found = labels.find(text_of(args[0]));
  return Value(found == labels.end() ? std::string() : found->second);
}
Result<Value> value(const Environment&, Args args) {
  return Value(sample_of(args[0]).value);
}
Result<Value> strvalue(const Environment&, Args args) {
  const StringMap& labels = sample_of(args[0]).labels;
  const auto found = labels.find("__value__");
  return Value(found == labels.end() ? std::string() : found->second);
}

Result<Value> sort_by_label(const Environment&, Args args) {
  const SampleList& list = list_of(args[1]);
  const std::string& name = text_of(args[0]);
  std::vector<std::pair<std::string_view, std::size_t>> order;  // the index keeps equals in place
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto found = list[i]->labels.find(name);
    order.emplace_back(found == list[i]->labels.end() ? std::string_view() : found->second, i);
  }
  std::ranges::sort(order);
  SampleList sorted;
  for (const auto& [key, index] : order) sorted.push_back(list[index]);
  return Value(std::make_shared<const SampleList>(std::move(sorted)));
}

Result<Value> pack_args(const Environment&, Args args) {
  AnyMap::Entries entries;
  for (std::size_t i = 0; i < args.size(); ++i) entries.emplace(concat("arg", i), args[i]);
  NX_TRY_ASSIGN(AnyMap map, AnyMap::create(std::move(entries)));
  return Value(std::make_shared<const AnyMap>(std::move(map)));
}

// Divides by `step` while the next prefix is needed.
std::string scale_up(double number, double step, std::span<const std::string_view> prefixes) {
  std::string_view prefix;
  for (const std::string_view next : prefixes) {
    if (std::fabs(number) < step) break;
    prefix = next;
    number /= step;
  }
  return short_number(number) + std::string(prefix);
}

std::string scale_down(double number, std::string_view unit) {
  constexpr std::array<std::string_view, 8> kPrefixes = {"m", "u", "n", "p", "f", "a", "z", "y"};
  std::string_view prefix;
  for (const std::string_view next : kPrefixes) {
    if (std::fabs(number) >= 1) break;
    prefix = next;
    number *= 1000;
  }
  return concat(short_number(number), prefix, unit);
}

Result<Value> humanize(const Environment&, Args args) {
  constexpr std::array<std::string_view, 8> kPrefixes = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
  NX_TRY_ASSIGN(const double number, to_number(args[0]));
  if (number == 0 || !std::isfinite(number)) return Value(short_number(number));
  if (std::fabs(number) >= 1) return Value(scale_up(number, 1000, kPrefixes));
  return Value(scale_down(number, ""));
}

Result<Value> humanize1024(const Environment&, Args args) {
  constexpr std::array<std::string_view, 8> kPrefixes = {"ki", "Mi", "Gi", "Ti",
                                                         "Pi", "Ei", "Zi", "Yi"};
  NX_TRY_ASSIGN(const double number, to_number(args[0]));
  if (std::fabs(number) <= 1 || !std::isfinite(number)) return Value(short_number(number));
  return Value(scale_up(number, 1024, kPrefixes));
}

Result<Value> humanize_duration(const Environment&, Args args) {
  NX_TRY_ASSIGN(const double number, to_number(args[0]));
  if (!std::isfinite(number)) return Value(short_number(number));
  if (number == 0) return Value(short_number(number) + "s");
  const double size = std::fabs(number);
  if (size < 1) return Value(scale_down(number, "s"));
  constexpr double kInt64Limit = 9223372036854775808.0;
  const std::int64_t whole = size >= kInt64Limit ? std::numeric_limits<std::int64_t>::min()
                                                 : static_cast<std::int64_t>(size);
  const std::int64_t seconds = whole % 60;
  const std::int64_t minutes = whole / 60 % 60;
  const std::int64_t hours = whole / 3600 % 24;
  const std::int64_t days = whole / 86400;
  const std::string_view sign = number < 0 ? "-" : "";
  if (days != 0) return Value(concat(sign, days, "d ", hours, "h ", minutes, "m ", seconds, "s"));
  if (hours != 0) return Value(concat(sign, hours, "h ", minutes, "m ", seconds, "s"));
  if (minutes != 0) return Value(concat(sign, minutes, "m ", seconds, "s"));
  return Value(concat(sign, short_number(size), "s"));
}

Result<Value> humanize_percentage(const Environment&, Args args) {
  NX_TRY_ASSIGN(const double number, to_number(args[0]));
  return Value(short_number(number * 100) + "%");
}

Result<model::TimeMs> to_time_ms(double seconds) {
  if (!std::isfinite(seconds)) return execution("value is NaN or Inf");
  const double ns = seconds * 1e9;
  if (ns > 9223372036854775807.0 || ns < -9223372036854775808.0) {
    return execution(
        concat(format_float(seconds, FloatStyle::kGeneral),
               " cannot be represented as a nanoseconds timestamp since it overflows int64"));
  }
  constexpr double kInt64Limit = 9223372036854775808.0;
  const std::int64_t whole =
      ns >= kInt64Limit ? std::numeric_limits<std::int64_t>::max() : static_cast<std::int64_t>(ns);
  return whole / kNsPerMs;
}

Result<Value> humanize_timestamp(const Environment&, Args args) {
  NX_TRY_ASSIGN(const double number, to_number(args[0]));
  if (!std::isfinite(number)) return Value(short_number(number));
  NX_TRY_ASSIGN(const model::TimeMs time, to_time_ms(number));
  return Value(time_text(time));
}

Result<Value> to_time(const Environment&, Args args) {
  NX_TRY_ASSIGN(const double number, to_number(args[0]));
  NX_TRY_ASSIGN(const model::TimeMs time, to_time_ms(number));
  return Value(TimeValue{time});
}

Result<Value> to_duration(const Environment&, Args args) {
  NX_TRY_ASSIGN(const double number, to_number(args[0]));
  const double ns = number * 1e9;
  const bool fits = std::fabs(ns) < 9223372036854775808.0;
  return Value(DurationValue{fits ? static_cast<std::int64_t>(ns)
                                  : std::numeric_limits<std::int64_t>::min()});
}

Result<Value> now(const Environment& environment, Args) {
  return Value(static_cast<double>(environment.now) / 1000.0);
}

Result<Value> parse_duration(const Environment&, Args args) {
  std::string_view text = text_of(args[0]);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  NX_TRY_ASSIGN(const model::DurationMs duration, model::parse_duration(text));
  const double seconds = static_cast<double>(duration) / 1000.0;
  return Value(negative ? -seconds : seconds);
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
bool is_word_char(char c) {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

// A letter that begins a word becomes a capital; marks such as the apostrophe join letters into one
// word.
Result<Value> title(const Environment&, Args args) {
  std::string out = text_of(args[0]);
  bool in_word = false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const char c = out[i];
    if (is_word_char(c)) {
      if (!in_word && c >= 'a' && c <= 'z') out[i] = static_cast<char>(c - 'a' + 'A');
      in_word = true;
      continue;
    }
    const bool joins = c == '\'' || c == '.' || c == ':';
    in_word = joins && in_word && i + 1 < out.size() && is_letter(out[i + 1]);
  }
  return Value(std::move(out));
}

Result<Value> to_upper(const Environment&, Args args) {
  return Value(narthex::to_upper(text_of(args[0])));
}
Result<Value> to_lower(const Environment&, Args args) {
  return Value(narthex::to_lower(text_of(args[0])));
}

Result<Value> match(const Environment&, Args args) {
  NX_TRY_ASSIGN(const Regex regex, Regex::unanchored(text_of(args[0])));
  return Value(regex.matches(text_of(args[1])));
}
// What Go's strconv.CanBackquote allows.
bool can_backquote(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != '`' && c != 0x7f);
  });
  return plain && is_valid_utf8(text) && text.find("\xef\xbb\xbf") == std::string_view::npos;
}

Result<Value> re_replace_all(const Environment&, Args args) {
  const std::string& pattern = text_of(args[0]);
  Result<Regex> regex = Regex::unanchored(pattern);
  if (!regex) {  // upstream compiles it with Go's MustCompile, whose panic says this
    const std::string quoted = can_backquote(pattern) ? concat("`", pattern, "`") : quote(pattern);
    return std::move(regex).error().with(concat("regexp: Compile(", quoted, ")"));
  }
  NX_TRY_ASSIGN(std::string replaced,
                regex->replace_all(text_of(args[2]), text_of(args[1]), kTemplateBytesMax));
  return Value(std::move(replaced));
}

Result<Value> graph_link(const Environment&, Args args) {
  return Value(concat("/graph?g0.expr=", net::http::query_escape(text_of(args[0])), "&g0.tab=0"));
}
Result<Value> table_link(const Environment&, Args args) {
  return Value(concat("/graph?g0.expr=", net::http::query_escape(text_of(args[0])), "&g0.tab=1"));
}

struct HostPort {
  std::string host;
  std::string port;
};

// Go's net.SplitHostPort; empty where that fails.
std::optional<HostPort> split_host_port(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostPort out{text.substr(0, colon), text.substr(colon + 1)};
  if (out.host.starts_with('[')) {
    if (!out.host.ends_with(']')) return std::nullopt;
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    return std::nullopt;
  }
  const bool has_brackets = (out.host + out.port).find_first_of("[]") != std::string::npos;
  return has_brackets ? std::nullopt : std::optional(std::move(out));
}

Result<Value> strip_port(const Environment&, Args args) {
  const auto parts = split_host_port(text_of(args[0]));
  return Value(parts ? parts->host : text_of(args[0]));
}

Result<Value> strip_domain(const Environment&, Args args) {
  const std::string& text = text_of(args[0]);
  const HostPort parts = split_host_port(text).value_or(HostPort{text, {}});
  boost::system::error_code no_address;
  boost::asio::ip::make_address(parts.host, no_address);
  if (!no_address) return Value(text);
  const std::string host = parts.host.substr(0, parts.host.find('.'));
  return Value(parts.port.empty() ? host : concat(host, ":", parts.port));
}

Result<Value> external_url(const Environment& environment, Args) {
  return Value(environment.external_url);
}
Result<Value> path_prefix(const Environment& environment, Args) {
  return Value(environment.path_prefix);
}
Result<Value> as_is(const Environment&, Args args) {
  return args[0];
}
Result<Value> url_query_escape(const Environment&, Args args) {
  return Value(net::http::query_escape(text_of(args[0])));
}

const std::map<std::string_view, Function>& table() {
  static const std::map<std::string_view, Function> kTable = [] {
    std::map<std::string_view, Function> all;
    for (Function& function : builtin_functions()) all.emplace(function.name, std::move(function));
    for (Function& function : prometheus_functions())
      all.emplace(function.name, std::move(function));
    return all;
  }();
  return kTable;
}

}  // namespace

std::vector<Function> prometheus_functions() {
  using enum Parameter;
  return {{"query", {kString}, false, query},
          {"first", {kSamples}, false, first},
          {"label", {kString, kSample}, false, label},
          {"value", {kSample}, false, value},
          {"strvalue", {kSample}, false, strvalue},
          {"sortByLabel", {kString, kSamples}, false, sort_by_label},
          {"args", {kAny}, true, pack_args},
          {"humanize", {kAny}, false, humanize},
          {"humanize1024", {kAny}, false, humanize1024},
          {"humanizeDuration", {kAny}, false, humanize_duration},
          {"humanizePercentage", {kAny}, false, humanize_percentage},
          {"humanizeTimestamp", {kAny}, false, humanize_timestamp},
          {"toTime", {kAny}, false, to_time},
          {"toDuration", {kAny}, false, to_duration},
          {"now", {}, false, now},
          {"parseDuration", {kString}, false, parse_duration},
          {"title", {kString}, false, title},
          {"toUpper", {kString}, false, to_upper},
          {"toLower", {kString}, false, to_lower},
          {"match", {kString, kString}, false, match},
          {"reReplaceAll", {kString, kString, kString}, false, re_replace_all},
          {"graphLink", {kString}, false, graph_link},
          {"tableLink", {kString}, false, table_link},
          {"stripPort", {kString}, false, strip_port},
          {"stripDomain", {kString}, false, strip_domain},
          {"externalURL", {}, false, external_url},
          {"pathPrefix", {}, false, path_prefix},
          {"safeHtml", {kString}, false, as_is},
          {"urlQueryEscape", {kString}, false, url_query_escape}};
}

const Function* find_function(std::string_view name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : &found->second;
}

bool is_function(std::string_view name) {
  return find_function(name) != nullptr;
}

std::string_view parameter_name(Parameter parameter) {
  switch (parameter) {
    case Parameter::kString:
      return "string";
    case Parameter::kSample:
      return "*template.sample";
    case Parameter::kSamples:
      return "template.queryResult";
    case Parameter::kAny:
      break;
  }
  return "interface {}";
}

}  // namespace narthex::alerting::tmpl
