// Go's text/template builtins, over a closed set of values where Go has reflection.
//
// Their results must be Go's, and where they fail their words, too: an alert shows the error in
// place of its text. Integers of different signedness compare by value; other types only with
// themselves. `and` and `or` are rows without a function, because the executor must not evaluate
// all their arguments; `call` always fails, because no value is a function.
#include "alerting/template/builtins.h"

#include <fmt/format.h>

#include "alerting/template/ast.h"
#include "alerting/template/printf.h"
#include "base/html.h"
#include "base/str.h"
#include "net/http/url.h"

namespace narthex::alerting::tmpl {
namespace {

using Args = std::span<const Value>;

Error execution(std::string message) {
  return Error(Code::kExecution, std::move(message));
}

// The kinds that can be compared; 0 for all others.
int basic_kind(const Value& value) {
  if (value.as<bool>() != nullptr) return 1;
  if (value.as<std::int64_t>() != nullptr) return 2;
  if (value.as<std::uint64_t>() != nullptr) return 3;
  if (value.as<double>() != nullptr) return 4;
  if (value.as<std::string>() != nullptr) return 5;
  return 0;
}

Error incompatible(const Value& a, const Value& b) {
  return execution(
      concat("incompatible types for comparison: ", a.type_name(), " and ", b.type_name()));
}

// An int against a uint: negative numbers are below every uint.
int compare_mixed(std::int64_t a, std::uint64_t b) {
  if (a < 0) return -1;
  const auto size = static_cast<std::uint64_t>(a);
  return size < b ? -1 : size > b ? 1 : 0;
}

std::optional<int> mixed_order(const Value& a, const Value& b) {
  const auto* int_a = a.as<std::int64_t>();
  const auto* uint_b = b.as<std::uint64_t>();
  if (int_a != nullptr && uint_b != nullptr) return compare_mixed(*int_a, *uint_b);
  const auto* uint_a = a.as<std::uint64_t>();
  const auto* int_b = b.as<std::int64_t>();
  if (uint_a != nullptr && int_b != nullptr) return -compare_mixed(*int_b, *uint_a);
  return std::nullopt;
}

Result<Value> eq(const Environment&, Args args) {
  if (args.size() < 2) return execution("missing argument for comparison");
  for (const Value& other : args.subspan(1)) {
    NX_TRY_ASSIGN(const bool equal, values_equal(args[0], other));
    if (equal) return Value(true);
  }
  return Value(false);
}

Result<Value> ne(const Environment&, Args args) {
  NX_TRY_ASSIGN(const bool equal, values_equal(args[0], args[1]));
  return Value(!equal);
}

Result<Value> lt(const Environment&, Args args) {
  NX_TRY_ASSIGN(const bool less, value_less(args[0], args[1]));
  return Value(less);
}

Result<bool> less_or_equal(const Value& a, const Value& b) {
  NX_TRY_ASSIGN(const bool less, value_less(a, b));
  if (less) return true;
  return values_equal(a, b);
}

Result<Value> le(const Environment&, Args args) {
  NX_TRY_ASSIGN(const bool holds, less_or_equal(args[0], args[1]));
  return Value(holds);
}
Result<Value> gt(const Environment&, Args args) {
  NX_TRY_ASSIGN(const bool holds, less_or_equal(args[0], args[1]));
  return Value(!holds);
}
Result<Value> ge(const Environment&, Args args) {
  NX_TRY_ASSIGN(const bool less, value_less(args[0], args[1]));
  return Value(!less);
}
Result<Value> not_value(const Environment&, Args args) {
  return Value(!args[0].truth());
}

std::optional<std::size_t> length_of(const Value& value) {
  if (const auto* text = value.as<std::string>()) return text->size();
  if (const auto* map = value.as<std::shared_ptr<const StringMap>>()) return (*map)->size();
  if (const auto* map = value.as<std::shared_ptr<const AnyMap>>()) return (*map)->entries().size();
  if (const auto* list = value.as<std::shared_ptr<const SampleList>>()) return (*list)->size();
  return std::nullopt;
}

Result<Value> len(const Environment&, Args args) {
  if (args[0].is_none()) return execution("reflect: call of reflect.Value.Type on zero Value");
  if (const auto length = length_of(args[0])) return Value(static_cast<std::int64_t>(*length));
  return execution(concat("len of type ", args[0].type_name()));
}

Result<std::size_t> index_argument(const Value& index, std::size_t size) {
  if (index.is_none()) return execution("cannot index slice/array with nil");
  std::int64_t at = 0;
  if (const auto* integer = index.as<std::int64_t>()) {
    at = *integer;
  } else if (const auto* byte = index.as<std::uint64_t>()) {
    at = static_cast<std::int64_t>(*byte);
  } else {
    return execution(concat("cannot index slice/array with type ", index.type_name()));
  }
  // The end itself is a bound of a slice; index_once() refuses it.
  if (at < 0 || static_cast<std::size_t>(at) > size)
    return execution(concat("index out of range: ", at));
  return static_cast<std::size_t>(at);
}

Result<Value> index_once(const Value& item, const Value& key) {
  const bool is_map = item.as<std::shared_ptr<const StringMap>>() != nullptr ||
                      item.as<std::shared_ptr<const AnyMap>>() != nullptr;
  if (is_map) {
    const auto* name = key.as<std::string>();
    if (name != nullptr) return item.field(*name);
    if (key.is_none()) return execution("value is nil; should be of type string");
    return execution(concat("value has type ", key.type_name(), "; should be string"));
  }
  const auto* text = item.as<std::string>();
  const auto* list = item.as<std::shared_ptr<const SampleList>>();
  if (text == nullptr && list == nullptr) {
    return execution(concat("can't index item of type ", item.type_name()));
  }
  const std::size_t size = text != nullptr ? text->size() : (*list)->size();
  NX_TRY_ASSIGN(const std::size_t at, index_argument(key, size));
  if (at == size) return execution(concat("index out of range: ", at));
  if (text != nullptr)
    return Value(static_cast<std::uint64_t>(static_cast<unsigned char>((*text)[at])));
  return Value((**list)[at]);
}

Result<Value> index(const Environment&, Args args) {
  if (args[0].is_none()) return execution("index of untyped nil");
  Value item = args[0];
  for (const Value& key : args.subspan(1)) {
    if (item.is_none()) return execution("index of nil pointer");
    NX_TRY_ASSIGN(item, index_once(item, key));
  }
  return item;
}

Result<Value> slice(const Environment&, Args args) {
  const Value& item = args[0];
  if (item.is_none()) return execution("slice of untyped nil");
  const auto* text = item.as<std::string>();
  const auto* list = item.as<std::shared_ptr<const SampleList>>();
  if (text == nullptr && list == nullptr) {
    return execution(concat("can't slice item of type ", item.type_name()));
  }
  if (args.size() > 4) return execution(concat("too many slice indexes: ", args.size() - 1));
  if (args.size() == 4 && text != nullptr) return execution("cannot 3-index slice a string");
  const std::size_t size = text != nullptr ? text->size() : (*list)->size();
  std::size_t bounds[3] = {0, size, size};
  for (std::size_t i = 1; i < args.size(); ++i) {
    NX_TRY_ASSIGN(bounds[i - 1], index_argument(args[i], size));
  }
  if (bounds[0] > bounds[1]) {
    return execution(concat("invalid slice index: ", bounds[0], " > ", bounds[1]));
  }
  if (text != nullptr) return Value(text->substr(bounds[0], bounds[1] - bounds[0]));
  const auto from = (*list)->begin() + static_cast<std::ptrdiff_t>(bounds[0]);
  const auto to = (*list)->begin() + static_cast<std::ptrdiff_t>(bounds[1]);
  return Value(std::make_shared<const SampleList>(from, to));
}

// What html, js and urlquery escape: a lone string as it is, anything else printed.
Result<std::string> escape_input(Args args) {
  if (args.size() == 1 && args[0].as<std::string>() != nullptr) return *args[0].as<std::string>();
  return go_sprint(args);
}

Result<Value> print(const Environment&, Args args) {
  NX_TRY_ASSIGN(std::string text, go_sprint(args));
  return Value(std::move(text));
}
Result<Value> println(const Environment&, Args args) {
  NX_TRY_ASSIGN(std::string text, go_sprintln(args));
  return Value(std::move(text));
}
Result<Value> printf(const Environment&, Args args) {
  NX_TRY_ASSIGN(std::string text, go_sprintf(*args[0].as<std::string>(), args.subspan(1)));
  return Value(std::move(text));
}

Result<Value> html(const Environment&, Args args) {
  NX_TRY_ASSIGN(const std::string in, escape_input(args));
  return Value(escape_html(in));
}

Result<Value> js(const Environment&, Args args) {
  NX_TRY_ASSIGN(const std::string in, escape_input(args));
  std::string out;
  for (const char c : in) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || c == '\'' || c == '"') {
      out += concat("\\", c);
    } else if (byte < 0x20 || c == '<' || c == '>' || c == '&' || c == '=') {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return Value(std::move(out));
}

Result<Value> urlquery(const Environment&, Args args) {
  NX_TRY_ASSIGN(const std::string in, escape_input(args));
  return Value(net::http::query_escape(in));
}

Result<Value> call(const Environment&, Args args) {
  if (args[0].is_none()) return execution("call of nil");
  return execution(concat("non-function ", args[0].to_text(), " of type ", args[0].type_name()));
}

}  // namespace

Result<bool> values_equal(const Value& a, const Value& b) {
  if (const auto order = mixed_order(a, b)) return *order == 0;
  const int kind_a = basic_kind(a);
  if (kind_a != basic_kind(b)) {
    if (a.is_none() || b.is_none()) return false;
    return incompatible(a, b);
  }
  switch (kind_a) {
    case 1:
      return *a.as<bool>() == *b.as<bool>();
    case 2:
      return *a.as<std::int64_t>() == *b.as<std::int64_t>();
    case 3:
      return *a.as<std::uint64_t>() == *b.as<std::uint64_t>();
    case 4:
      return *a.as<double>() == *b.as<double>();
    case 5:
      return *a.as<std::string>() == *b.as<std::string>();
    default:
      break;
  }
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  return execution(concat("non-comparable type ", b.to_text(), ": ", b.type_name()));
}

Result<bool> value_less(const Value& a, const Value& b) {
  if (const auto order = mixed_order(a, b)) return *order < 0;
  const int kind_a = basic_kind(a);
  const int kind_b = basic_kind(b);
  if (kind_a == 0 || kind_b == 0) return execution("invalid type for comparison");
  if (kind_a != kind_b) return incompatible(a, b);
  switch (kind_a) {
    case 2:
      return *a.as<std::int64_t>() < *b.as<std::int64_t>();
    case 3:
      return *a.as<std::uint64_t>() < *b.as<std::uint64_t>();
    case 4:
      return *a.as<double>() < *b.as<double>();
    case 5:
      return *a.as<std::string>() < *b.as<std::string>();
    default:
      return execution("invalid type for comparison");
  }
}

std::vector<Function> builtin_functions() {
  using enum Parameter;
  return {{"and", {kAny, kAny}, true, nullptr},
          {"or", {kAny, kAny}, true, nullptr},
          {"not", {kAny}, false, not_value},
          {"eq", {kAny, kAny}, true, eq},
          {"ne", {kAny, kAny}, false, ne},
          {"lt", {kAny, kAny}, false, lt},
          {"le", {kAny, kAny}, false, le},
          {"gt", {kAny, kAny}, false, gt},
          {"ge", {kAny, kAny}, false, ge},
          {"len", {kAny}, false, len},
          {"index", {kAny, kAny}, true, index},
          {"slice", {kAny, kAny}, true, slice},
          {"print", {kAny}, true, print},
          {"println", {kAny}, true, println},
          {"printf", {kString, kAny}, true, printf},
          {"html", {kAny}, true, html},
          {"js", {kAny}, true, js},
          {"urlquery", {kAny}, true, urlquery},
          {"call", {kAny, kAny}, true, call}};
}

}  // namespace narthex::alerting::tmpl
