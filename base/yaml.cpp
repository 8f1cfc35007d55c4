// Builds our own tree from yaml-cpp's events, so that bounds hold while it parses and nothing of it
// leaks out. The tree lives in one deque; an alias is a second pointer to its anchor's node, and
// what it would expand to is counted.
#include "base/yaml.h"

#include <charconv>
#include <deque>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/str.h"

namespace narthex::yaml {

struct Node::Raw {
  Kind kind = Kind::kNull;
  bool plain = true;  // written without quotes or tag, so its text may mean a bool or number
  int line = 0;
  std::size_t weight = 1;  // nodes of the subtree, aliases expanded
  std::string text;
  std::vector<const Raw*> items;  // of a list; of a map key, value, key, value, ...
};

struct Node::Document {
  std::string file;
  std::deque<Raw> nodes;
};

/// Takes yaml-cpp's events. After an error it ignores the rest: our code throws nothing.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::string_view file) : document_(std::make_shared<Node::Document>()) {
    document_->file = file;
  }

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
    if (tag == "tag:yaml.org,2002:binary") {
      return fail(mark, Code::kInvalid, "not implemented yet: !!binary values");
    }
    Node::Raw* raw = make(mark, anchor, Kind::kScalar);
    if (raw == nullptr) return;
    raw->text = value;
    raw->plain = tag == "?" || tag.empty();
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

Result<Node> parse(std::string_view text, std::string_view file) {
  if (text.size() > kDocumentBytesMax) {
    return Error(Code::kLimit, concat(file, ": larger than ", kDocumentBytesMax, " bytes"));
  }
  if (!is_valid_utf8(text)) return Error(Code::kInvalid, concat(file, ": yaml: invalid UTF-8"));
  Builder builder(file);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    const int line = e.mark.is_null() ? 0 : e.mark.line + 1;
    return Error(Code::kInvalid, concat(file, ":", line, ": yaml: ", e.msg));
  }
  return builder.finish();
}

namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::optional<bool> bool_word(std::string_view text) {
  if (is_one_of(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) {
    return true;
  }
  if (is_one_of(text,
                {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    return false;
  }
  return std::nullopt;
}

// Decimal, 0x, 0o and 0b, with underscores between digits as YAML 1.1 allows.
template <typename Int>
std::optional<Int> integer(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '_');
  std::string_view rest = digits;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  int base = 10;
  if (rest.starts_with("0x")) base = 16;
  if (rest.starts_with("0o")) base = 8;
  if (rest.starts_with("0b")) base = 2;
  if (base != 10) rest.remove_prefix(2);
  if (rest.empty() || rest.front() == '-' || rest.front() == '+') return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + std::string(rest);
  Int value{};
  const char* end = signed_digits.data() + signed_digits.size();
  const auto [at, error] = std::from_chars(signed_digits.data(), end, value, base);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

std::optional<double> real(std::string_view text) {
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) {
    return std::numeric_limits<double>::infinity();
  }
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return -std::numeric_limits<double>::infinity();
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  if (const auto whole = integer<std::int64_t>(text)) return static_cast<double>(*whole);
  double value = 0;
  const bool digits = text.find_first_of("0123456789") != std::string_view::npos;
  if (!digits || !parse_float(text, value)) return std::nullopt;
  return value;
}

}  // namespace

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
  std::string_view tag = "!!str";
  if (raw_ != nullptr && raw_->plain) {
    if (bool_word(text))
      tag = "!!bool";
    else if (integer<std::int64_t>(text))
      tag = "!!int";
    else if (real(text))
      tag = "!!float";
  }
  const std::string shown(text.size() > 10 ? concat(text.substr(0, 7), "...") : std::string(text));
  return error(concat("cannot unmarshal ", tag, " `", shown, "` into ", wanted));
}

Result<std::string> Node::as_string() const {
  if (kind() == Kind::kNull) return std::string();
  if (kind() != Kind::kScalar) return mismatch("string");
  return raw_->text;
}

Result<bool> Node::as_bool() const {
  if (kind() == Kind::kNull) return false;
  if (kind() == Kind::kScalar && raw_->plain) {
    if (const auto value = bool_word(raw_->text)) return *value;
  }
  return mismatch("bool");
}

Result<std::int64_t> Node::as_int() const {
  if (kind() == Kind::kNull) return 0;
  if (kind() == Kind::kScalar && raw_->plain) {
    if (const auto value = integer<std::int64_t>(raw_->text)) return *value;
  }
  return mismatch("int");
}

Result<std::uint64_t> Node::as_uint() const {
  if (kind() == Kind::kNull) return 0;
  if (kind() == Kind::kScalar && raw_->plain) {
    if (const auto value = integer<std::uint64_t>(raw_->text)) return *value;
  }
  return mismatch("uint");
}

Result<double> Node::as_double() const {
  if (kind() == Kind::kNull) return 0;
  if (kind() == Kind::kScalar && raw_->plain) {
    if (const auto value = real(raw_->text)) return *value;
  }
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

Result<std::vector<std::pair<std::string, Node>>> Node::as_map() const {
  std::vector<std::pair<std::string, Node>> out;
  if (kind() == Kind::kNull) return out;
  if (kind() != Kind::kMap) return mismatch("map");
  std::unordered_set<std::string> seen;
  std::vector<Node> merged;
  for (std::size_t i = 0; i + 1 < raw_->items.size(); i += 2) {
    Node key;
    key.document_ = document_;
    key.raw_ = raw_->items[i];
    Node value;
    value.document_ = document_;
    value.raw_ = raw_->items[i + 1];
    value.key_line_ = key.line();
    NX_TRY_ASSIGN(std::string name, key.as_string());
    if (name == "<<" && key.raw_->plain) {
      merged.push_back(std::move(value));
      continue;
    }
    if (!seen.insert(name).second)
      return key.error(concat("key ", quote(name), " already set in map"));
    out.emplace_back(std::move(name), std::move(value));
  }
  for (const Node& base : merged) {
    const Node bases[] = {base};
    std::vector<Node> list(std::begin(bases), std::end(bases));
    if (base.kind() == Kind::kList) {
      NX_TRY_ASSIGN(list, base.as_list());
    }
    for (const Node& one : list) {
      if (one.kind() != Kind::kMap)
        return one.error("map merge requires map or sequence of maps as the value");
      NX_TRY_ASSIGN(auto pairs, one.as_map());
      for (auto& [name, value] : pairs) {
        if (seen.insert(name).second) out.emplace_back(std::move(name), std::move(value));
      }
    }
  }
  return out;
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
