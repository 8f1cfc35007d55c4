// Builds our own tree from yaml-cpp's events, so that bounds hold while it parses and nothing of
// the library leaks out, and reads mappings from it as upstream's decoders would.
//
// The problem: configuration that upstream takes must be taken, with the same values, and what it
// refuses refused with its words, but upstream has two decoders (yaml.v2 for most files, yaml.v3
// for rules) that differ in duplicate keys, merges and the order in which faults are found. And a
// file is input: a few hundred bytes of nested aliases expand to billions of nodes.
//
// The tree lives in one deque, whose nodes never move; parents point at children. An alias is a
// second pointer to its anchor's node, so the tree is a graph without cycles and costs no more than
// its text. What it would expand to is counted as it is built: every node has its weight, aliases
// expanded, and the sum over aliases is bounded. A container's weight is known when it closes, and
// an alias to one that is still open would be a cycle, which is refused.
//
// The library cannot be stopped but by an exception, and our code throws nothing: after an error
// the builder ignores what comes. Depth is bounded by the builder, but the library recurses first,
// so the document's size bounds it too.
//
// Scalars keep their text; what type they are is decided when somebody asks (base/yaml_scalar.h),
// for "yes" is a word in one field and a truth in another.
//
// Mappings: fields() gathers the pairs of one mapping in order, merges ("<<") included. yaml.v2
// merges where the key stands, the later wins; yaml.v3 merges last, what is there wins. A Node
// holds the document, so any part of a tree keeps all of it alive.
#include "base/yaml.h"

#include <algorithm>
#include <deque>
#include <sstream>
#include <unordered_map>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/str.h"
#include "base/yaml_scalar.h"

namespace narthex::yaml {

struct Node::Raw {
  Kind kind = Kind::kNull;
  Tag tag = Tag::kPlain;
  int line = 0;
  std::size_t weight = 1;  // nodes of the subtree, aliases expanded
  std::string text;
  std::vector<const Raw*> items;  // of a list; of a map key, value, key, value, ...
};

struct Node::Document {
  std::string file;
  Dialect dialect = Dialect::kV2;
  std::deque<Raw> nodes;
};

/// Takes yaml-cpp's events. After an error it ignores the rest: our code throws nothing.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view file, Dialect dialect) : document_(std::make_shared<Node::Document>()) {
    document_->file = file;
    document_->dialect = dialect;
  }

  bool failed() const { return error_.has_value(); }

  Result<Node> finish() {
    if (error_) return *std::move(error_);
    Node node;
    node.document_ = document_;
    node.raw_ = root_;
    return node;
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    attach(make(mark, anchor, Kind::kNull));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node::Raw* raw = make(mark, anchor, Kind::kScalar);
    if (raw == nullptr) return;
    raw->text = value;
    raw->tag = parse_tag(tag);
    if (raw->tag == Tag::kBinary) {
      auto bytes = decode_base64(value);
      if (!bytes) return fail(mark, Code::kInvalid, "!!binary value contains invalid base64 data");
      raw->text = *std::move(bytes);
    } else if (raw->tag != Tag::kPlain) {
      const Result<Scalar> scalar = resolve_scalar(raw->tag, raw->text);
      if (!scalar) return fail(mark, Code::kInvalid, scalar.error().message());
      if (scalar->index() == 0) raw->kind = Kind::kNull;
    }
    attach(raw);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (error_) return;
    Node::Raw* raw = anchors_.at(anchor);
    for (const Node::Raw* open : stack_) {
      if (open == raw) return fail(mark, Code::kInvalid, "anchor value contains itself");
    }
    alias_nodes_ += raw->weight;
    if (alias_nodes_ > kAliasNodesMax) {
      return fail(mark, Code::kLimit,
                  concat("aliases expand to more than ", kAliasNodesMax, " nodes"));
    }
    attach(raw);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Kind::kList);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Kind::kMap);
  }
  void OnMapEnd() override { close(); }

 private:
  Node::Raw* make(const YAML::Mark& mark, YAML::anchor_t anchor, Kind kind) {
    if (error_) return nullptr;
    Node::Raw& raw = document_->nodes.emplace_back();
    raw.kind = kind;
    raw.line = mark.line + 1;
    if (anchor != 0) anchors_[anchor] = &raw;
    return &raw;
  }

  void attach(Node::Raw* raw) {
    if (raw == nullptr) return;
    if (stack_.empty()) {
      root_ = raw;
      return;
    }
    stack_.back()->items.push_back(raw);
    if (raw->kind == Kind::kNull || raw->kind == Kind::kScalar || is_closed(raw)) {
      stack_.back()->weight += raw->weight;
    }
  }
  // An open container gives its weight to its parent when it closes.
  bool is_closed(const Node::Raw* raw) const { return opening_ != raw; }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Kind kind) {
    Node::Raw* raw = make(mark, anchor, kind);
    if (raw == nullptr) return;
    if (stack_.size() >= kDepthMax) {
      return fail(mark, Code::kLimit, concat("nested deeper than ", kDepthMax));
    }
    opening_ = raw;
    attach(raw);
    opening_ = nullptr;
    stack_.push_back(raw);
  }

  void close() {
    if (error_) return;
    const Node::Raw* raw = stack_.back();
    stack_.pop_back();
    if (!stack_.empty()) stack_.back()->weight += raw->weight;
  }

  void fail(const YAML::Mark& mark, Code code, std::string_view message) {
    error_ = Error(code, concat(document_->file, ":", mark.line + 1, ": ", message));
  }

  std::shared_ptr<Node::Document> document_;
  std::vector<Node::Raw*> stack_;
  std::unordered_map<YAML::anchor_t, Node::Raw*> anchors_;
  const Node::Raw* opening_ = nullptr;
  const Node::Raw* root_ = nullptr;
  std::size_t alias_nodes_ = 0;
  std::optional<Error> error_;
};

namespace {

// libyaml knows YAML 1.1 and refuses a document that asks for another.
bool asks_for_other_version(std::string_view document) {
  for (const std::string_view line : split(document.substr(0, document.find("---")), '\n')) {
    if (line.starts_with("%YAML") && trim(line.substr(5)).substr(0, 3) != "1.1") return true;
  }
  return false;
}

}  // namespace

Result<Node> parse(std::string_view text, std::string_view file, Dialect dialect) {
  if (text.size() > kDocumentBytesMax) {
    return Error(Code::kLimit, concat(file, ": larger than ", kDocumentBytesMax, " bytes"));
  }
  auto document = decode_document(text);
  if (!document) return std::move(document).error().with(concat(file, ": yaml"));
  if (asks_for_other_version(*document)) {
    return Error(Code::kInvalid, concat(file, ": yaml: found incompatible YAML document"));
  }
  Builder builder(file, dialect);
  try {
    std::istringstream in{*std::move(document)};
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    // What the builder found came first; the parser itself gives up a little later.
    if (builder.failed()) return builder.finish();
    const int line = e.mark.is_null() ? 0 : e.mark.line + 1;
    return Error(Code::kInvalid, concat(file, ":", line, ": yaml: ", e.msg));
  } catch (const std::exception& e) {
    return Error(Code::kInvalid, concat(file, ": yaml: ", e.what()));
  }
  return builder.finish();
}

Kind Node::kind() const {
  return raw_ == nullptr ? Kind::kNull : raw_->kind;
}
int Node::line() const {
  return raw_ == nullptr ? 0 : raw_->line;
}

Error Node::error(std::string_view message) const {
  const std::string_view file = document_ ? std::string_view(document_->file) : "";
  return Error(Code::kInvalid, concat(file, ":", std::max(line(), 1), ": ", message));
}

Error Node::error_at_key(std::string_view message) const {
  const std::string_view file = document_ ? std::string_view(document_->file) : "";
  return Error(Code::kInvalid, concat(file, ":", std::max(key_line_, 1), ": ", message));
}

Error Node::mismatch(std::string_view wanted) const {
  switch (kind()) {
    case Kind::kList:
      return error(concat("cannot unmarshal !!seq into ", wanted));
    case Kind::kMap:
      return error(concat("cannot unmarshal !!map into ", wanted));
    case Kind::kNull:
    case Kind::kScalar:
      break;
  }
  const std::string_view text = raw_ == nullptr ? "" : std::string_view(raw_->text);
  const Scalar value = scalar();
  const bool is_binary = raw_ != nullptr && raw_->tag == Tag::kBinary;
  const std::string_view tag = is_binary ? "!!binary" : scalar_tag(value);
  const std::string shown(text.size() > 10 ? concat(text.substr(0, 7), "...") : std::string(text));
  return error(concat("cannot unmarshal ", tag, " `", shown, "` into ", wanted));
}

Scalar Node::scalar() const {
  if (kind() != Kind::kScalar) return {};
  auto value = resolve_scalar(raw_->tag, raw_->text);  // was checked when the node was made
  return value ? *std::move(value) : Scalar();
}

Result<std::string> Node::as_string() const {
  if (kind() == Kind::kNull) return std::string();
  if (kind() != Kind::kScalar) return mismatch("string");
  return raw_->text;
}

Result<bool> Node::as_bool() const {
  if (kind() == Kind::kNull) return false;
  const Scalar value = scalar();
  if (const bool* flag = std::get_if<bool>(&value)) return *flag;
  return mismatch("bool");
}

Result<std::int64_t> Node::as_int() const {
  if (kind() == Kind::kNull) return 0;
  if (const auto value = scalar_int(scalar())) return *value;
  return mismatch("int");
}

Result<std::uint64_t> Node::as_uint() const {
  if (kind() == Kind::kNull) return 0;
  if (const auto value = scalar_uint(scalar())) return *value;
  return mismatch("uint");
}

Result<double> Node::as_double() const {
  if (kind() == Kind::kNull) return 0;
  if (const auto value = scalar_double(scalar())) return *value;
  return mismatch("float64");
}

Result<std::vector<Node>> Node::as_list() const {
  std::vector<Node> out;
  if (kind() == Kind::kNull) return out;
  if (kind() != Kind::kList) return mismatch("list");
  for (const Raw* item : raw_->items) {
    Node& node = out.emplace_back();
    node.document_ = document_;
    node.raw_ = item;
  }
  return out;
}

Result<std::vector<std::string>> Node::as_strings() const {
  if (kind() != Kind::kNull && kind() != Kind::kList) return mismatch("[]string");
  NX_TRY_ASSIGN(const std::vector<Node> items, as_list());
  std::vector<std::string> out;
  for (const Node& item : items) {
    NX_TRY_ASSIGN(out.emplace_back(), item.as_string());
  }
  return out;
}

/// The pairs of one mapping while others are merged into it.
struct Node::Gathered {
  std::string_view type;  // of the struct; empty for a map
  Pairs pairs;
  std::unordered_map<std::string, std::size_t> index;
};

Node Node::at(std::size_t item) const {
  Node node;
  node.document_ = document_;
  node.raw_ = raw_->items[item];
  return node;
}

// yaml.v2 decodes a merged mapping where it stands, so that what comes later wins in a struct and
// is a repetition in a map. yaml.v3 takes it last and keeps what is there.
Result<void> Node::put(std::string name, Node value, Gathered& out) const {
  const auto [known, is_new] = out.index.try_emplace(name, out.pairs.size());
  if (is_new) {
    out.pairs.emplace_back(std::move(name), std::move(value));
  } else if (document_->dialect == Dialect::kV2) {
    if (out.type.empty()) {
      return value.error(concat("key ", quote(name), " already set in map"));
    }
    out.pairs[known->second].second = std::move(value);
  }
  return {};
}

Result<void> Node::merge(const Node& base, Gathered& out) const {
  constexpr std::string_view kWanted = "map merge requires map or sequence of maps as the value";
  if (base.kind() == Kind::kMap) return base.gather(out);
  if (base.kind() != Kind::kList) return base.error(kWanted);
  NX_TRY_ASSIGN(std::vector<Node> list, base.as_list());
  // The first of the list wins.
  if (document_->dialect == Dialect::kV2) std::ranges::reverse(list);
  for (const Node& one : list) {
    if (one.kind() != Kind::kMap) return one.error(kWanted);
    NX_TRY(one.gather(out));
  }
  return {};
}

// An own key may stand there once, whichever library; of several merge keys v3 takes only the last,
// behind all own keys, and v2 each where it stands.
Result<void> Node::gather(Gathered& out) const {
  std::unordered_map<std::string, int> own;
  std::optional<Node> last;
  for (std::size_t i = 0; i + 1 < raw_->items.size(); i += 2) {
    const Node key = at(i);
    Node value = at(i + 1);
    value.key_line_ = key.line();
    NX_TRY_ASSIGN(std::string name, key.as_string());
    const bool is_merge =
        name == "<<" && key.kind() == Kind::kScalar && key.raw_->tag == Tag::kPlain;
    const bool is_v2 = document_->dialect == Dialect::kV2;
    if (is_merge && is_v2) {
      NX_TRY(merge(value, out));
      continue;
    }
    if (const auto [first, is_new] = own.try_emplace(name, key.line()); !is_new) {
      return key.error(
          is_v2 ? out.type.empty() ? concat("key ", quote(name), " already set in map")
                                   : concat("field ", name, " already set in type ", out.type)
                : concat("mapping key ", quote(name), " already defined at line ", first->second));
    }
    if (is_merge)
      last = std::move(value);
    else
      NX_TRY(put(std::move(name), std::move(value), out));
  }
  if (last) NX_TRY(merge(*last, out));
  return {};
}

Result<Node::Pairs> Node::fields(std::string_view type) const {
  if (kind() == Kind::kNull) return Pairs();
  if (kind() != Kind::kMap) return mismatch(type.empty() ? "map" : type);
  Gathered out{.type = type};
  NX_TRY(gather(out));
  return std::move(out.pairs);
}

Result<Node::Pairs> Node::as_map() const {
  return fields({});
}

Result<std::map<std::string, std::string>> Node::as_string_map() const {
  if (kind() != Kind::kNull && kind() != Kind::kMap) return mismatch("map[string]string");
  NX_TRY_ASSIGN(const auto pairs, as_map());
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : pairs) {
    NX_TRY_ASSIGN(out[name], value.as_string());
  }
  return out;
}

}  // namespace narthex::yaml
