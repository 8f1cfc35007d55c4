// Strict YAML: a document becomes an immutable tree whose nodes know their file and line, and a
// mapping is read through MapReader, which reports unknown fields, wrong types and repeated keys as
// `file:line: ...` in upstream's words. Only yaml.cpp knows yaml-cpp. Bounds: 16 MiB of text, depth
// 100, 10,000 nodes by alias expansion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace narthex::yaml {

inline constexpr std::size_t kDocumentBytesMax = 16 * 1024 * 1024;  // docs/limits.md
inline constexpr std::size_t kDepthMax = 100;
inline constexpr std::size_t kAliasNodesMax = 10'000;

enum class Kind : unsigned char { kNull, kScalar, kList, kMap };

/// Whose rules hold where upstream's decoders differ: yaml.v2 reads the configuration and file_sd,
/// yaml.v3 the rule files. They differ in how mappings are merged and how repeated keys are named.
enum class Dialect : unsigned char { kV2, kV3 };

/// What a scalar is to the decoder: monostate is null, a string is the text itself.
using Scalar =
    std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string_view>;

/// One value of a document. Cheap to copy; keeps the document alive. Thread-safe to read.
class Node {
 public:
  /// A null of no document.
  Node() = default;

  Kind kind() const;
  bool is_null() const { return kind() == Kind::kNull; }
  /// 1-based; 0 outside any document.
  int line() const;

  /// The scalar's text, whatever type it looks like; empty for null. kInvalid for lists and maps.
  Result<std::string> as_string() const;
  /// YAML 1.1: true, yes, on, y and their opposites. Null is false.
  Result<bool> as_bool() const;
  /// Integers in every notation that upstream takes, floats too (5e+06), which lose their fraction.
  Result<std::int64_t> as_int() const;
  Result<std::uint64_t> as_uint() const;
  Result<double> as_double() const;
  /// Null is an empty list.
  Result<std::vector<Node>> as_list() const;
  Result<std::vector<std::string>> as_strings() const;
  using Pairs = std::vector<std::pair<std::string, Node>>;
  /// Pairs in order of appearance, merge keys (`<<`) resolved. kInvalid when a key repeats. Null is
  /// empty.
  Result<Pairs> as_map() const;
  Result<std::map<std::string, std::string>> as_string_map() const;

  /// kInvalid with "file:line: message" at this node.
  Error error(std::string_view message) const;
  /// The same at the key that as_map() found before this value.
  Error error_at_key(std::string_view message) const;

 private:
  friend class MapReader;
  friend class Builder;
  struct Raw;
  struct Document;
  struct Gathered;
  Error mismatch(std::string_view wanted) const;
  Scalar scalar() const;
  Node at(std::size_t item) const;
  Result<void> put(std::string name, Node value, Gathered& out) const;
  Result<void> merge(const Node& base, Gathered& out) const;
  Result<void> gather(Gathered& out) const;
  Result<Pairs> fields(std::string_view type) const;

  std::shared_ptr<const Document> document_;
  const Raw* raw_ = nullptr;
  int key_line_ = 0;
};

/// The first document of `text`, which is UTF-8 or, with a byte order mark, UTF-16; a null node
/// when there is none. `file` only names it in errors. Errors: kInvalid for bad syntax or encoding,
/// kLimit above a bound.
Result<Node> parse(std::string_view text, std::string_view file, Dialect dialect = Dialect::kV2);

/// Reads one mapping into a struct field by field. The first error is kept and returned by
/// finish(); after it, reads do nothing. An absent field leaves `out` alone; a null sets it to its
/// type's zero, as upstream's decoder does.
class MapReader {
 public:
  /// `type` is how upstream names the struct, such as "config.ScrapeConfig". Null reads as an empty
  /// mapping.
  MapReader(Node node, std::string_view type);

  MapReader& read(std::string_view key, std::string& out);
  MapReader& read(std::string_view key, bool& out);
  MapReader& read(std::string_view key, std::int64_t& out);
  MapReader& read(std::string_view key, std::uint64_t& out);
  MapReader& read(std::string_view key, double& out);
  MapReader& read(std::string_view key, Secret& out);
  MapReader& read(std::string_view key, std::vector<std::string>& out);
  MapReader& read(std::string_view key, std::map<std::string, std::string>& out);
  template <typename T>
  MapReader& read(std::string_view key, std::optional<T>& out) {
    if (!has(key)) return *this;
    return read(key, out.emplace());
  }

  /// A scalar that `convert`, of type Result<T>(std::string_view), understands: durations, enums,
  /// sizes.
  template <typename T, typename Convert>
  MapReader& parse(std::string_view key, T& out, Convert convert) {
    std::string text;
    const Node* node = scalar(key, text);
    if (node == nullptr) return *this;
    if (node->is_null()) {
      out = T{};
      return *this;
    }
    auto value = convert(std::string_view(text));
    if (value) {
      out = *std::move(value);
    } else {
      fail(*node, value.error().message());
    }
    return *this;
  }

  /// Calls `decode`, of type Result<void>(const Node&), for each item of the list `key`.
  template <typename Decode>
  MapReader& each(std::string_view key, Decode decode) {
    const Node* node = take(key);
    if (node == nullptr) return *this;
    auto items = node->as_list();
    if (!items) return keep(std::move(items).error());
    for (const Node& item : *items) {
      if (Result<void> done = decode(item); !done) return keep(std::move(done).error());
    }
    return *this;
  }

  /// Calls `decode`, of type Result<void>(const Node&), when the field is there.
  template <typename Decode>
  MapReader& with(std::string_view key, Decode decode) {
    const Node* node = take(key);
    if (node == nullptr) return *this;
    if (Result<void> done = decode(*node); !done) keep(std::move(done).error());
    return *this;
  }

  /// The field is known but cannot be honoured: "not implemented yet: <field>" when it is there.
  MapReader& not_implemented(std::string_view key);
  /// The field is known and has no effect here.
  MapReader& ignore(std::string_view key);

  bool has(std::string_view key) const;
  /// The field's node, or the mapping's own when it is absent: for errors that name a place.
  const Node& place(std::string_view key) const;
  /// Keeps "file:line: message" as the error unless there is one already.
  MapReader& fail(const Node& where, std::string_view message);
  bool ok() const { return !error_.has_value(); }

  /// The first error, else "field x not found in type T" for a field nobody asked for.
  Result<void> finish();

 private:
  struct Field {
    std::string key;
    Node value;
    bool used = false;
  };
  Field* find(std::string_view key);
  const Field* find(std::string_view key) const;
  const Node* take(std::string_view key);
  const Node* scalar(std::string_view key, std::string& text);
  template <typename T, typename Get>
  MapReader& get(std::string_view key, T& out, Get getter);
  MapReader& keep(Error error);

  Node node_;
  std::string type_;
  std::vector<Field> fields_;
  std::optional<Error> error_;
};

/// Prints maps and lists in block style as upstream's encoder does: lists not indented under their
/// key, strings quoted only when they must be. Not thread-safe.
class Writer {
 public:
  Writer& field(std::string_view key, std::string_view value);
  Writer& field(std::string_view key, const char* value) {
    return field(key, std::string_view(value));
  }
  Writer& field(std::string_view key, bool value);
  Writer& field(std::string_view key, std::int64_t value);
  Writer& field(std::string_view key, std::uint64_t value);
  Writer& field(std::string_view key, double value);
  /// "<secret>"; left out when empty.
  Writer& field(std::string_view key, const Secret& value);
  /// Left out when empty.
  Writer& field(std::string_view key, const std::vector<std::string>& values);
  Writer& field(std::string_view key, const std::map<std::string, std::string>& values);
  /// `key: [a, b]`.
  Writer& flow_list(std::string_view key, const std::vector<std::string>& values);

  /// `key:` and then fields, until close(); without any, `key: {}`.
  Writer& open_map(std::string_view key);
  /// `key:` and then items, until close().
  Writer& open_list(std::string_view key);
  /// `- ` and then fields, until close(). Inside a list only.
  Writer& open_item();
  /// A plain item of the list.
  Writer& item(std::string_view value);
  Writer& close();

  const std::string& text() const { return text_; }

 private:
  struct Frame {
    std::size_t indent = 0;
    bool item_open = false;  // the next field follows "- " on the same line
    std::size_t start = 0;   // of a map: where its first field begins
  };
  void start_line();
  void start_field(std::string_view key);

  std::string text_;
  std::vector<Frame> frames_{Frame{}};
};

/// `value` as the Writer would print it: plain, 'single' or "double" quoted.
std::string format_scalar(std::string_view value);

}  // namespace narthex::yaml
