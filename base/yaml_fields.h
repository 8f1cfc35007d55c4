// The fields of a mapping that becomes a struct, each written once. A table says how a field is
// called, where it lives and how it looks; reading a file, printing it back and filling in what
// another struct says all walk over it, so that none of them can forget a field.
//
// A table stands in the order in which upstream prints. Fields are read in that order too, all of
// them before anything is checked, as upstream's decoder does; what depends on several fields is
// the reader's work afterwards. Comparing needs no table: structs have a defaulted operator==.
//
// Tables are made where they are used, and may capture what reading needs to know.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/str.h"
#include "base/yaml_values.h"

namespace narthex::yaml {

/// Thread-compatible.
template <typename T>
class Fields {
 public:
  using Read = std::function<void(MapReader&, T&)>;
  using Print = std::function<void(Writer&, const T&)>;

  /// A field of a type that MapReader and Writer know, or an optional of one. `member` is a pointer
  /// to it, or a function that returns a reference to it in a (const) T.
  template <typename Member>
  Fields& add(std::string_view key, Member member, Shown shown = Shown::kAlways) {
    return put([=](MapReader& map, T& out) { map.read(key, std::invoke(member, out)); },
               [=](Writer& out, const T& from) {
                 internal::print_value(out, key, std::invoke(member, from), shown);
               },
               member);
  }

  /// The same for one where null is as good as absent.
  template <typename Member>
  Fields& add_kept(std::string_view key, Member member, Shown shown = Shown::kAlways) {
    add(key, member, shown);
    entries_.back().read = [=](MapReader& map, T& out) {
      if (!map.place(key).is_null()) map.read(key, std::invoke(member, out));
      map.ignore(key);
    };
    return *this;
  }

  /// A scalar in a notation of its own: `parse` makes a Result<Value> of a text, `format` a text of
  /// a Value. The member is a Value, or an optional that stays unset without a field or with null.
  template <typename Member, typename Parse, typename Format>
  Fields& add(std::string_view key, Member member, Parse parse, Format format,
              Shown shown = Shown::kAlways) {
    return put([=](MapReader& map,
                   T& out) { internal::parse_value(map, key, std::invoke(member, out), parse); },
               [=](Writer& out, const T& from) {
                 const auto& value = std::invoke(member, from);
                 using Value = std::remove_cvref_t<decltype(value)>;
                 if (shown == Shown::kNever) return;
                 if constexpr (internal::is_optional<Value>) {
                   if (value) out.field(key, std::string_view(format(*value)));
                 } else if (shown == Shown::kAlways || value != Value{}) {
                   out.field(key, std::string_view(format(value)));
                 }
               },
               member);
  }

  /// The same for one where null and an empty text are as good as absent.
  template <typename Member, typename Parse, typename Format>
  Fields& add_kept(std::string_view key, Member member, Parse parse, Format format,
                   Shown shown = Shown::kAlways) {
    add(key, member, parse, format, shown);
    entries_.back().read = [=](MapReader& map, T& out) {
      std::string text;
      map.read(key, text);
      if (!text.empty()) internal::parse_value(map, key, std::invoke(member, out), parse);
    };
    return *this;
  }

  /// A field that is neither. Who reads it marks it as used, by any function of MapReader.
  Fields& add(Read read, Print print) {
    entries_.push_back({std::move(read), std::move(print), {}});
    return *this;
  }

  /// The fields of a struct that stand between the others.
  template <typename U, typename Member>
  Fields& add_inlined(Member member, Fields<U> fields) {
    const auto shared = std::make_shared<const Fields<U>>(std::move(fields));
    entries_.push_back(
        {[=](MapReader& map, T& out) { shared->read(map, std::invoke(member, out)); },
         [=](Writer& out, const T& from) { shared->print(out, std::invoke(member, from)); },
         [=](T& out, const T& from) {
           shared->inherit(std::invoke(member, out), std::invoke(member, from));
         }});
    return *this;
  }

  /// A mapping in the mapping; `type` is how upstream names it. The member is a U, printed when it
  /// is not a default one, or an optional that null leaves unset.
  template <typename U, typename Member>
  Fields& add_map(std::string_view key, Member member, std::string_view type, Fields<U> fields) {
    const auto shared = std::make_shared<const Fields<U>>(std::move(fields));
    return add(
        [=](MapReader& map, T& out) {
          map.with(key, [&](const Node& node) -> Result<void> {
            U* const into = internal::target(std::invoke(member, out), node);
            return into == nullptr ? Result<void>() : shared->decode(node, type, *into);
          });
        },
        [=](Writer& out, const T& from) {
          const U* const value = internal::shown_map(std::invoke(member, from));
          if (value == nullptr) return;
          out.open_map(key);
          shared->print(out, *value);
          out.close();
        });
  }

  /// A mapping whose fields are T's own; it is always printed.
  Fields& add_section(std::string_view key, std::string_view type, Fields fields) {
    const auto shared = std::make_shared<const Fields>(std::move(fields));
    return add(
        [=](MapReader& map, T& out) {
          map.with(key, [&](const Node& node) { return shared->decode(node, type, out); });
        },
        [=](Writer& out, const T& from) {
          out.open_map(key);
          shared->print(out, from);
          out.close();
        });
  }

  /// A rule over the fields so far: it may fail() the map.
  Fields& add_check(Read check) {
    return add(std::move(check), [](Writer&, const T&) {});
  }

  /// Known, and refused by name when it is there.
  Fields& add_absent(std::string_view key) {
    return add([=](MapReader& map, T&) { map.not_implemented(key); }, [](Writer&, const T&) {});
  }
  /// Known, and refused when it asks for anything but `value`, which is what is printed.
  template <typename Value>
  Fields& add_fixed(std::string_view key, Value value, Shown shown = Shown::kAlways) {
    return add(
        [=](MapReader& map, T&) {
          Value wanted = value;
          map.read(key, wanted);
          if (wanted != value) map.fail(map.place(key), concat("not implemented yet: ", key));
        },
        [=](Writer& out, const T&) { internal::print_value(out, key, value, shown); });
  }

  /// Reads every field of `map`, which keeps the errors.
  void read(MapReader& map, T& out) const {
    for (const Entry& entry : entries_) entry.read(map, out);
  }
  /// Reads a whole mapping. Errors: as MapReader::finish().
  Result<void> decode(const Node& node, std::string_view type, T& out) const {
    MapReader map(node, type);
    read(map, out);
    return map.finish();
  }
  void print(Writer& out, const T& from) const {
    for (const Entry& entry : entries_) entry.print(out, from);
  }
  /// Sets what is its type's zero to what `from` says.
  void inherit(T& out, const T& from) const {
    for (const Entry& entry : entries_) {
      if (entry.inherit) entry.inherit(out, from);
    }
  }

 private:
  struct Entry {
    Read read;
    Print print;
    std::function<void(T&, const T&)> inherit;
  };

  template <typename Member>
  Fields& put(Read read, Print print, Member member) {
    entries_.push_back({std::move(read), std::move(print), [=](T& out, const T& from) {
                          auto& value = std::invoke(member, out);
                          if (value == std::remove_cvref_t<decltype(value)>{}) {
                            value = std::invoke(member, from);
                          }
                        }});
    return *this;
  }

  std::vector<Entry> entries_;
};

/// Reads the list `key` of mappings, each by `decode`, a Result<void>(const Node&, T&).
template <typename T, typename Decode>
void read_list(MapReader& map, std::string_view key, std::vector<T>& out, Decode decode) {
  map.each(key, [&](const Node& item) { return decode(item, out.emplace_back()); });
}
/// Prints a list of mappings; nothing when there are none.
template <typename T>
void print_list(Writer& out, std::string_view key, const std::vector<T>& items,
                const Fields<T>& fields) {
  if (items.empty()) return;
  out.open_list(key);
  for (const T& item : items) {
    out.open_item();
    fields.print(out, item);
    out.close();
  }
  out.close();
}

}  // namespace narthex::yaml
