// One pass over the pattern with a stack of open groups.
//
// The problem: a pattern must be taken or refused exactly where Go's regexp/syntax takes or refuses
// it, with Go's message, for upstream's API answers with that text; but the engine is RE2, whose
// parser differs in a dozen corners (names of Unicode sets, \pN, repeats of repeats, limits on size
// and depth, what an escape may be). Checking first and then handing the same text to RE2 would be
// right only as long as both agree on what every accepted text means.
//
// So the pattern is translated, not checked. What is taken is written for RE2 with nothing left to
// interpret: characters that mean something as \x{}, sets by names that RE2 knows, quoted runs
// letter by letter. RE2 then only refuses what is too large.
//
// Everything Go refuses is refused here, at the place and in the words Go's parser would: errors
// are found from left to right, those about the whole (depth, missing brackets) come last.
//
// Go's limits are on its syntax tree: its height, at most 1,000, and the product of nested
// repetitions. The tree is not built. For every open group the children of its current branch are
// summed up in a few numbers (Children): how many, the last one, and the height and repetitions of
// those before. That is enough because Go's parser changes only the last child afterwards (a
// repetition wraps it, a plain character joins a string with its neighbour), and merges children of
// the same kind into their parent, which height_in() allows for.
//
// Invariants: out_.text is at all times a translation of the pattern before rest_; open_ has one
// entry for the whole and one for each open group; groups in out_.names are numbered as Go's.
//
// No recursion: a pattern of ten thousand brackets costs memory, not stack. Rejected: a grammar
// with a tree, which is Go's parser written again, and RE2's own parser with corrections on its
// tree, which is not public.
#include "base/regex_syntax.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "base/str.h"
#include "base/utf8.h"

namespace narthex {
namespace {

constexpr int kRepeatMax = 1000;                                    // fixed by regexp/syntax
constexpr std::uint32_t kRuneMax = 0x10FFFF;                        // fixed by Unicode
constexpr std::size_t kTranslationBytesMax = std::size_t{4} << 20;  // more is no program for RE2

constexpr auto kPosixClasses = std::to_array<std::string_view>(
    {"alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
     "space", "upper", "word", "xdigit"});

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_octal(char c) {
  return c >= '0' && c <= '7';
}
bool is_alnum(std::uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::uint32_t hex_value(std::uint32_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

// A node of the tree that Go builds, and what its parents need to know.
struct Node {
  enum class Kind : unsigned char { kOther, kRune, kConcat, kAlternate };
  Kind kind = Kind::kOther;  // kRune: one character or a class, which alternation melts into one
  std::size_t height = 1;
  int repeats = 1;  // product of nested repetitions

  // Of what it brings into a parent of the same kind, where it leaves only its children.
  std::size_t height_in(Kind parent) const { return kind == parent ? height - 1 : height; }
};

// The children of a concatenation or an alternation.
struct Children {
  std::size_t count = 0;
  Node last;
  std::size_t height = 0;  // of the highest before the last
  int repeats = 1;

  void add(Node node, Node::Kind kind) {
    settle(kind);
    ++count;
    last = node;
  }
  void settle(Node::Kind kind) {
    if (count == 0) return;
    height = std::max(height, last.height_in(kind));
    repeats = std::max(repeats, last.repeats);
  }
  Node joined(Node::Kind kind) {
    if (count == 0) return {};
    if (count == 1) return last;
    settle(kind);
    return {.kind = kind, .height = height + 1, .repeats = repeats};
  }
};

class Translator {
 public:
  Translator(std::string_view pattern, UnicodeNames names)
      : pattern_(pattern), rest_(pattern), names_(names) {
    out_.text.reserve(pattern.size() + 16);
    open_.emplace_back();
  }

  Result<TranslatedRegex> run() {
    while (!rest_.empty()) {
      const std::string_view before = repeated_;
      repeated_ = {};
      // A step that reads a repetition sets repeated_ again, so that the next one knows what it
      // stands behind: a** is an error, a*b* is none.
      NX_TRY(step(before));
      if (out_.text.size() > kTranslationBytesMax) {
        return regex_error("expression too large", pattern_);
      }
    }
    if (open_.size() > 1) return regex_error("missing closing )", pattern_);
    end_branch();
    const Node tree = open_.front().branches.joined(Node::Kind::kAlternate);
    NX_TRY(check_height(tree));
    out_.anchored_height = tree.height_in(Node::Kind::kConcat) + 1;
    return std::move(out_);
  }

 private:
  struct Group {
    bool captures = false;
    bool in_string = false;  // the last atom is a plain character
    Children atoms;          // of this branch
    Children branches;       // before it
  };

  Result<void> check_height(const Node& node) const {
    if (node.height <= kRegexHeightMax) return {};
    return regex_error("expression nests too deeply", pattern_);
  }

  void add(Node node) {
    Group& group = open_.back();
    group.in_string = false;
    group.atoms.add(node, Node::Kind::kConcat);
  }

  // Characters in a row are one string, but the last is an atom as long as it may be repeated.
  void add_character() {
    Group& group = open_.back();
    if (group.in_string)
      group.atoms.last.kind = Node::Kind::kOther;
    else
      add({.kind = Node::Kind::kRune});
    group.in_string = true;
  }

  void end_branch() {
    Group& group = open_.back();
    const Node branch = group.atoms.joined(Node::Kind::kConcat);
    const bool melts = branch.kind == Node::Kind::kRune && group.branches.count > 0 &&
                       group.branches.last.kind == Node::Kind::kRune;
    if (!melts) group.branches.add(branch, Node::Kind::kAlternate);
    group.atoms = {};
    group.in_string = false;
  }

  void emit(std::string_view text) { out_.text += text; }
  void emit_rune(std::uint32_t rune) {
    if (is_alnum(rune))
      out_.text += static_cast<char>(rune);
    else
      fmt::format_to(std::back_inserter(out_.text), "\\x{{{:x}}}", rune);
  }

  void take(std::size_t bytes) {
    emit(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
  }

  // `from` up to what is left of the pattern; `from` is one of its ends.
  std::string_view since(std::string_view from) const {
    return from.substr(0, from.size() - rest_.size());
  }

  static Error invalid_utf8(std::string_view where) { return regex_error("invalid UTF-8", where); }
  static Error bad_range(std::string_view where) {
    return regex_error("invalid character class range", where);
  }
  Error bad_escape(std::string_view from) const {
    return regex_error("invalid escape sequence", since(from));
  }

  // Takes one character off what is left; at the end, one that is none.
  Result<std::uint32_t> next_rune() {
    constexpr std::uint32_t kNone = 0xFFFD;
    if (rest_.empty()) return kNone;
    const std::size_t bytes = utf8_length(rest_, 0);
    if (bytes == 0) return invalid_utf8(rest_);
    const std::uint32_t rune = decode_utf8(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
    return rune;
  }

  // The first place of `text` that is not UTF-8 is an error.
  static Result<void> check_utf8(std::string_view text) {
    while (!text.empty()) {
      std::size_t bytes = 1;
      while (bytes <= 4 && !is_valid_utf8(text.substr(0, bytes))) ++bytes;
      if (bytes > std::min<std::size_t>(4, text.size())) return invalid_utf8(text);
      text.remove_prefix(bytes);
    }
    return {};
  }

  // `before`: the repetition right before, if any.
  Result<void> step(std::string_view before) {
    switch (rest_.front()) {
      case '\\':
        return escape();
      case '[':
        return char_class();
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '|':
        end_branch();
        take(1);
        return {};
      case '^':
      case '$':
        add({});
        take(1);
        return {};
      case '.':
        add({.kind = Node::Kind::kRune});
        take(1);
        return {};
      case '*':
      case '+':
      case '?':
        return repetition(before);
      case '{':
        if (parse_counts()) return repetition(before);
        [[fallthrough]];
      default:
        return character();
    }
  }

  Result<void> character() {
    NX_TRY_ASSIGN(const std::uint32_t rune, next_rune());
    add_character();
    emit_rune(rune);
    return {};
  }

  // A count of {}: no leading zeros; one that is too large is past every limit.
  static bool parse_count(std::string_view& text, int& count) {
    if (text.empty() || !is_digit(text[0])) return false;
    if (text.size() > 1 && text[0] == '0' && is_digit(text[1])) return false;
    for (count = 0; !text.empty() && is_digit(text[0]); text.remove_prefix(1)) {
      count = std::min(count * 10 + (text[0] - '0'), kRepeatMax + 1);
    }
    return true;
  }

  // {n}, {n,} or {n,m} into min_, max_ (-1: none) and bytes_; anything else is plain text.
  bool parse_counts() {
    std::string_view text = rest_.substr(1);
    if (!parse_count(text, min_) || text.empty()) return false;
    max_ = min_;
    if (text[0] == ',') {
      text.remove_prefix(1);
      if (text.starts_with('}'))
        max_ = -1;
      else if (!parse_count(text, max_))
        return false;
    }
    if (!text.starts_with('}')) return false;
    bytes_ = rest_.size() - text.size() + 1;
    return true;
  }

  // The checks are in the order in which Go makes them: which of two errors a pattern has is part
  // of the answer.
  Result<void> repetition(std::string_view before) {
    const std::string_view from = rest_;
    const bool counted = rest_.front() == '{';
    const bool out_of_range =
        counted && (min_ > kRepeatMax || max_ > kRepeatMax || (max_ >= 0 && min_ > max_));
    take(counted ? bytes_ : 1);
    if (out_of_range) return regex_error("invalid repeat count", since(from));
    if (rest_.starts_with('?')) take(1);
    if (!before.empty()) {
      return regex_error("invalid nested repetition operator", since(before));
    }
    Group& group = open_.back();
    if (group.atoms.count == 0) {
      return regex_error("missing argument to repetition operator", since(from));
    }
    if (group.in_string && group.atoms.last.kind != Node::Kind::kRune) {
      add({});  // the last character leaves its string
    }
    group.in_string = false;
    Node& last = group.atoms.last;
    last.kind = Node::Kind::kOther;
    ++last.height;
    NX_TRY(check_height(last));
    if (counted) {
      last.repeats *= std::max(1, max_ < 0 ? min_ : max_);
      if (last.repeats > kRepeatMax) return regex_error("invalid repeat count", since(from));
      if (max_ == 0) last.repeats = 1;
    }
    repeated_ = from;
    return {};
  }

  Result<void> escape() {
    const char next = rest_.size() > 1 ? rest_[1] : '\0';
    switch (next) {
      case 'A':
      case 'b':
      case 'B':
      case 'z':
        add({});
        take(2);
        return {};
      // A single byte: upstream's compiler refuses it, since it could cut a character.
      case 'C':
        return regex_error("invalid escape sequence", rest_.substr(0, 2));
      case 'Q':
        return quoted();
      default:
        break;
    }
    if (next == 'p' || next == 'P') {
      NX_TRY_ASSIGN(const std::string items, unicode_items());
      add({.kind = Node::Kind::kRune});
      emit(concat("[", items, "]"));
      return {};
    }
    if (is_perl_class()) {
      add({.kind = Node::Kind::kRune});
      take(2);
      return {};
    }
    NX_TRY_ASSIGN(const std::uint32_t rune, escaped_rune());
    add_character();
    emit_rune(rune);
    return {};
  }

  bool is_perl_class() const {
    return rest_.size() > 1 && rest_[0] == '\\' &&
           std::string_view("dDsSwW").find(rest_[1]) != std::string_view::npos;
  }

  // Up to \E or the end. Nothing between them is no atom: what is before may still be repeated.
  Result<void> quoted() {
    const std::size_t end = rest_.find("\\E", 2);
    const std::string_view behind =
        end == std::string_view::npos ? std::string_view() : rest_.substr(end + 2);
    const std::string_view inside = rest_.substr(2, end == std::string_view::npos ? end : end - 2);
    if (inside.empty()) emit("\\Q\\E");
    rest_ = inside;
    while (!rest_.empty()) NX_TRY(character());
    rest_ = behind;
    return {};
  }

  // What \a, \012, \x{41}, \. stand for, taken off what is left.
  Result<std::uint32_t> escaped_rune() {
    const std::string_view from = rest_;
    rest_.remove_prefix(1);
    if (rest_.empty()) return regex_error("trailing backslash at end of expression", "");
    NX_TRY_ASSIGN(const std::uint32_t c, next_rune());
    if (c >= '1' && c <= '7' && (rest_.empty() || !is_octal(rest_[0]))) return bad_escape(from);
    if (c >= '0' && c <= '7') {
      std::uint32_t value = c - '0';
      for (int i = 1; i < 3 && !rest_.empty() && is_octal(rest_[0]); ++i) {
        value = value * 8 + static_cast<std::uint32_t>(rest_[0] - '0');
        rest_.remove_prefix(1);
      }
      return value;
    }
    if (c == 'x') return hexadecimal(from);
    constexpr std::string_view kNames = "afnrtv";
    constexpr std::string_view kValues = "\a\f\n\r\t\v";
    if (c < 0x80 && !is_alnum(c)) return c;
    const std::size_t at = c < 0x80 ? kNames.find(static_cast<char>(c)) : std::string_view::npos;
    if (at == std::string_view::npos) return bad_escape(from);
    return static_cast<std::uint32_t>(kValues[at]);
  }

  Result<std::uint32_t> hexadecimal(std::string_view from) {
    if (rest_.empty()) return bad_escape(from);
    NX_TRY_ASSIGN(const std::uint32_t first, next_rune());
    if (first != '{') {
      NX_TRY_ASSIGN(const std::uint32_t second, next_rune());
      if (hex_value(first) > 15 || hex_value(second) > 15) return bad_escape(from);
      return hex_value(first) * 16 + hex_value(second);
    }
    std::uint32_t value = 0;
    for (std::size_t digits = 0;; ++digits) {
      if (rest_.empty()) return bad_escape(from);
      NX_TRY_ASSIGN(const std::uint32_t c, next_rune());
      if (c == '}' && digits > 0) return value;
      if (hex_value(c) > 15) return bad_escape(from);
      value = value * 16 + hex_value(c);
      if (value > kRuneMax) return bad_escape(from);
    }
  }

  // \p or \P at the start of what is left, as the inside of a class.
  Result<std::string> unicode_items() {
    const std::string_view from = rest_;
    bool negated = rest_[1] == 'P';
    rest_.remove_prefix(2);
    NX_TRY_ASSIGN(const std::uint32_t first, next_rune());
    std::string_view name = since(from).substr(2);
    if (first == '{') {
      const std::size_t close = from.find('}');
      if (close == std::string_view::npos) {
        NX_TRY(check_utf8(from));
        return bad_range(from);
      }
      name = from.substr(3, close - 3);
      rest_ = from.substr(close + 1);
      NX_TRY(check_utf8(name));
    }
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    std::optional<std::string> items = unicode_class(name, negated, names_);
    if (!items) return bad_range(since(from));
    return *std::move(items);
  }

  Result<void> char_class() {
    const std::string_view whole = rest_;
    take(1);
    if (rest_.starts_with('^')) take(1);
    for (bool first = true; first || !rest_.starts_with(']'); first = false) {
      NX_TRY(class_item(whole));
    }
    take(1);
    add({.kind = Node::Kind::kRune});
    return {};
  }

  // What may stand in a class is tried in Go's order: [:name:] only when it ends, then \p, then \d
  // and its like, and at last a character or a range.
  Result<void> class_item(std::string_view whole) {
    if (rest_.starts_with("[:")) {
      const std::size_t end = rest_.find(":]", 2);
      if (end != std::string_view::npos) return posix_class(end + 2);
    }
    if (rest_.starts_with("\\p") || rest_.starts_with("\\P")) {
      NX_TRY_ASSIGN(const std::string items, unicode_items());
      emit(items);
      return {};
    }
    if (is_perl_class()) {
      take(2);
      return {};
    }
    const std::string_view from = rest_;
    NX_TRY_ASSIGN(const std::uint32_t low, class_rune(whole));
    std::uint32_t high = low;
    if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {  // [a-] is a or -
      rest_.remove_prefix(1);
      NX_TRY_ASSIGN(high, class_rune(whole));
      if (high < low) return bad_range(since(from));
    }
    emit_rune(low);
    if (high != low) {
      emit("-");
      emit_rune(high);
    }
    return {};
  }

  Result<std::uint32_t> class_rune(std::string_view whole) {
    if (rest_.empty()) return regex_error("missing closing ]", whole);
    if (rest_[0] == '\\') return escaped_rune();
    return next_rune();
  }

  Result<void> posix_class(std::size_t bytes) {
    std::string_view name = rest_.substr(2, bytes - 4);
    if (name.starts_with('^')) name.remove_prefix(1);
    if (std::ranges::find(kPosixClasses, name) == kPosixClasses.end()) {
      return bad_range(rest_.substr(0, bytes));
    }
    take(bytes);
    return {};
  }

  Result<void> open_group() {
    const bool with_p = rest_.size() > 4 && rest_.starts_with("(?P<");
    if (with_p || (rest_.size() > 3 && rest_.starts_with("(?<")))
      return named_group(with_p ? 4 : 3);
    if (rest_.starts_with("(?")) return flags();
    take(1);
    out_.names.emplace_back();
    open_.emplace_back().captures = true;
    return {};
  }

  // The name starts at `start`.
  Result<void> named_group(std::size_t start) {
    const std::size_t end = rest_.find('>');
    if (end == std::string_view::npos) {
      NX_TRY(check_utf8(rest_));
      return regex_error("invalid named capture", rest_);
    }
    const std::string_view name = rest_.substr(start, end - start);
    NX_TRY(check_utf8(name));
    const auto is_name = [](char c) { return c == '_' || is_alnum(static_cast<unsigned char>(c)); };
    if (name.empty() || !std::ranges::all_of(name, is_name)) {
      return regex_error("invalid named capture", rest_.substr(0, end + 1));
    }
    emit("(");
    out_.names.emplace_back(name);
    rest_.remove_prefix(end + 1);
    open_.emplace_back().captures = true;
    return {};
  }

  // (?i) opens nothing, (?i: does; both may say - once.
  Result<void> flags() {
    const std::string_view from = rest_;
    rest_.remove_prefix(2);
    bool negative = false;
    bool any = false;  // since the -
    while (!rest_.empty()) {
      NX_TRY_ASSIGN(const std::uint32_t c, next_rune());
      if (c == 'i' || c == 'm' || c == 's' || c == 'U') {
        any = true;
      } else if (c == '-' && !negative) {
        negative = true;
        any = false;
      } else if ((c == ':' || c == ')') && (any || !negative)) {
        emit(since(from));
        if (c == ':') open_.emplace_back();
        return {};
      } else {
        break;
      }
    }
    return regex_error("invalid or unsupported Perl syntax", since(from));
  }

  Result<void> close_group() {
    if (open_.size() == 1) return regex_error("unexpected )", pattern_);
    take(1);
    end_branch();
    Node node = open_.back().branches.joined(Node::Kind::kAlternate);
    if (open_.back().captures) node = {.height = node.height + 1, .repeats = node.repeats};
    open_.pop_back();
    add(node);
    return check_height(node);
  }

  std::string_view pattern_;
  std::string_view rest_;
  UnicodeNames names_;
  TranslatedRegex out_;
  std::vector<Group> open_;
  std::string_view repeated_;  // from the repetition that this step read; else empty
  int min_ = 0;                // of the counts read last
  int max_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

Error regex_error(std::string_view what, std::string_view where) {
  return Error(Code::kInvalid, concat("error parsing regexp: ", what, ": `", where, "`"));
}

Result<TranslatedRegex> translate_regex(std::string_view pattern, UnicodeNames names) {
  return Translator(pattern, names).run();
}

}  // namespace narthex
