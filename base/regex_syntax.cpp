// One pass over the pattern with a stack of open groups.
//
// Differences mended here, Go against RE2 2022-06: (?<name>x) is a group; group names are
// [A-Za-z0-9_]+ and may repeat; \C is refused; \_ is an underscore; names in \p{} are compared
// without case, blanks, dashes and underscores, have long forms, and scripts of several words are
// not found; trees higher than 1000 are refused.
#include "base/regex_syntax.h"

#include <algorithm>
#include <array>

#include "base/str.h"

namespace narthex {
namespace {

constexpr std::size_t kHeightMax = 1000;  // fixed by regexp/syntax

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

struct Alias {
  std::string_view name;  // in the form of canonical_name()
  std::string_view category;
};
constexpr Alias kAliases[] = {{"Casedletter", "LC"},
                              {"Closepunctuation", "Pe"},
                              {"Cntrl", "Cc"},
                              {"Combiningmark", "M"},
                              {"Connectorpunctuation", "Pc"},
                              {"Control", "Cc"},
                              {"Currencysymbol", "Sc"},
                              {"Dashpunctuation", "Pd"},
                              {"Decimalnumber", "Nd"},
                              {"Digit", "Nd"},
                              {"Enclosingmark", "Me"},
                              {"Finalpunctuation", "Pf"},
                              {"Format", "Cf"},
                              {"Initialpunctuation", "Pi"},
                              {"Letter", "L"},
                              {"Letternumber", "Nl"},
                              {"Lineseparator", "Zl"},
                              {"Lowercaseletter", "Ll"},
                              {"Mark", "M"},
                              {"Mathsymbol", "Sm"},
                              {"Modifierletter", "Lm"},
                              {"Modifiersymbol", "Sk"},
                              {"Nonspacingmark", "Mn"},
                              {"Number", "N"},
                              {"Openpunctuation", "Ps"},
                              {"Other", "C"},
                              {"Otherletter", "Lo"},
                              {"Othernumber", "No"},
                              {"Otherpunctuation", "Po"},
                              {"Othersymbol", "So"},
                              {"Paragraphseparator", "Zp"},
                              {"Privateuse", "Co"},
                              {"Punct", "P"},
                              {"Punctuation", "P"},
                              {"Separator", "Z"},
                              {"Spaceseparator", "Zs"},
                              {"Spacingmark", "Mc"},
                              {"Surrogate", "Cs"},
                              {"Symbol", "S"},
                              {"Titlecaseletter", "Lt"},
                              {"Uppercaseletter", "Lu"}};

// An upper case letter, then lower case ones, no separators.
std::string canonical_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '-' || c == ' ') continue;
    const bool first = out.empty();
    if (first && c >= 'a' && c <= 'z')
      out += static_cast<char>(c - 32);
    else if (!first && c >= 'A' && c <= 'Z')
      out += static_cast<char>(c + 32);
    else
      out += c;
  }
  return out;
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern), rest_(pattern) {
    out_.text.reserve(pattern.size() + 16);
    open_.emplace_back();
  }

  Result<TranslatedRegex> run() {
    while (!rest_.empty()) NX_TRY(step());
    if (open_.size() == 1 && height_of(open_.front()) > kHeightMax) return too_deep();
    return std::move(out_);
  }

 private:
  /// A group that is open: heights as Go counts those of its syntax tree.
  struct Group {
    bool captures = false;
    std::size_t highest = 0;       // branch so far
    std::size_t alternatives = 1;  // branches
    std::size_t atoms = 0;         // in this branch; runs of plain characters count once
    std::size_t branch = 0;        // highest atom of this branch
    std::size_t last = 0;          // height of the last atom
    bool last_plain = false;
  };

  static std::size_t branch_height(const Group& group) {
    return group.atoms > 1 ? group.branch + 1 : std::max<std::size_t>(group.branch, 1);
  }
  static std::size_t height_of(const Group& group) {
    const std::size_t highest = std::max(group.highest, branch_height(group));
    return highest + (group.alternatives > 1 ? 1 : 0) + (group.captures ? 1 : 0);
  }

  Error too_deep() const { return regex_error("expression nests too deeply", pattern_); }

  void copy(std::size_t bytes) {
    out_.text += rest_.substr(0, bytes);
    rest_.remove_prefix(std::min(bytes, rest_.size()));
  }

  void add_atom(std::size_t height, bool plain = false) {
    Group& group = open_.back();
    if (!(plain && group.last_plain)) ++group.atoms;
    group.last_plain = plain;
    group.last = height;
    group.branch = std::max(group.branch, height);
  }

  Result<void> step() {
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
        next_branch();
        copy(1);
        return {};
      case '*':
      case '+':
      case '?':
        repeat();
        copy(1);
        return {};
      default:
        if (rest_.front() == '{' && is_repetition())
          repeat();
        else
          add_atom(1, true);
        copy(1);
        return {};
    }
  }

  // {n}, {n,} or {n,m}; anything else is plain text.
  bool is_repetition() const {
    std::size_t at = 1;
    const auto digits = [&] {
      const std::size_t start = at;
      while (at < rest_.size() && rest_[at] >= '0' && rest_[at] <= '9') ++at;
      return at > start;
    };
    if (!digits()) return false;
    if (at < rest_.size() && rest_[at] == ',') {
      ++at;
      digits();
    }
    return at < rest_.size() && rest_[at] == '}';
  }

  void repeat() {
    Group& group = open_.back();
    if (group.atoms == 0) return;         // RE2 says what is missing
    if (group.last_plain) ++group.atoms;  // the last character leaves its run
    group.last_plain = false;
    group.branch = std::max(group.branch, ++group.last);
  }

  void next_branch() {
    Group& group = open_.back();
    group.highest = std::max(group.highest, branch_height(group));
    ++group.alternatives;
    group.atoms = group.branch = group.last = 0;
    group.last_plain = false;
  }

  Result<void> escape() {
    if (rest_.size() == 1) {
      copy(1);
      return {};
    }
    if (rest_[1] == 'Q') return quoted();
    add_atom(1, !is_alnum(rest_[1]));
    return class_escape();
  }

  // What a backslash means in a class and outside alike.
  Result<void> class_escape() {
    if (rest_.size() > 1 && rest_[1] == 'C') {
      return regex_error("invalid escape sequence", rest_.substr(0, 2));
    }
    if (rest_.size() > 1 && rest_[1] == '_') {
      rest_.remove_prefix(1);
      copy(1);
      return {};
    }
    if (rest_.size() > 1 && (rest_[1] == 'p' || rest_[1] == 'P')) return unicode_class();
    copy(2);
    return {};
  }

  // Up to \E or the end; what is inside is escaped, because RE2 must not see our own groups in it.
  Result<void> quoted() {
    rest_.remove_prefix(2);
    const std::size_t end = rest_.find("\\E");
    const std::string_view inside = rest_.substr(0, end);
    for (const char c : inside) {
      const bool special = static_cast<unsigned char>(c) < 0x80 && !is_alnum(c) && c != '_';
      if (special) out_.text += '\\';
      out_.text += c;
    }
    if (!inside.empty()) add_atom(1, true);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 2);
    return {};
  }

  Result<void> unicode_class() {
    const bool braced = rest_.size() > 2 && rest_[2] == '{';
    std::size_t bytes = std::min<std::size_t>(rest_.size(), 3);
    std::string_view name = rest_.substr(2, 1);
    if (braced) {
      const std::size_t close = rest_.find('}');
      if (close == std::string_view::npos) return bad_range(rest_);
      bytes = close + 1;
      name = rest_.substr(3, close - 3);
    } else {
      while (bytes < rest_.size() && (rest_[bytes] & 0xC0) == 0x80) ++bytes;
    }
    const std::string_view whole = rest_.substr(0, bytes);
    bool negated = rest_[1] == 'P';
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const std::string canonical = canonical_name(name);
    const bool is_ascii_class = canonical == "Ascii";
    std::string known = canonical == "Any" ? "Any" : canonical;
    for (const Alias& alias : kAliases) {
      if (alias.name == canonical) known = alias.category;
    }
    if (canonical == "Lc") known = "LC";
    if (name.empty() || canonical == "Signwriting") return bad_range(whole);
    rest_.remove_prefix(bytes);
    if (is_ascii_class) {
      const std::string_view name_of_class = negated ? "[:^ascii:]" : "[:ascii:]";
      out_.text += in_class_ ? std::string(name_of_class) : concat("[", name_of_class, "]");
      return {};
    }
    if (known == "LC" && !negated) {
      out_.text += in_class_ ? "\\p{Lu}\\p{Ll}\\p{Lt}" : "[\\p{Lu}\\p{Ll}\\p{Lt}]";
      return {};
    }
    if (known == "LC" && !in_class_) {
      out_.text += "[^\\p{Lu}\\p{Ll}\\p{Lt}]";
      return {};
    }
    std::string spelling = concat(negated ? "\\P{" : "\\p{", known, "}");
    out_.text += spelling;
    out_.spellings.emplace_back(std::move(spelling), whole);
    return {};
  }

  static Error bad_range(std::string_view where) {
    return regex_error("invalid character class range", where);
  }

  Result<void> char_class() {
    add_atom(1);
    in_class_ = true;
    copy(1);
    if (rest_.starts_with('^')) copy(1);
    for (bool first = true; !rest_.empty() && (first || rest_.front() != ']'); first = false) {
      if (rest_.front() == '\\') {
        NX_TRY(class_escape());
      } else if (rest_.starts_with("[:") && rest_.find(":]", 2) != std::string_view::npos) {
        copy(rest_.find(":]", 2) + 2);
      } else {
        copy(1);
      }
    }
    in_class_ = false;
    copy(1);
    return {};
  }

  Result<void> open_group() {
    Group group;
    const bool with_p = rest_.starts_with("(?P<");
    const bool named = with_p || rest_.starts_with("(?<");
    if (named) {
      const std::size_t end = rest_.find('>');
      const auto invalid = [](std::string_view where) {
        return regex_error("invalid named capture", where);
      };
      if (end == std::string_view::npos) return invalid(rest_);
      const std::size_t start = with_p ? 4 : 3;
      const std::string_view name = rest_.substr(start, end - start);
      const bool valid = !name.empty() &&
                         std::ranges::all_of(name, [](char c) { return is_alnum(c) || c == '_'; });
      if (!valid) return invalid(rest_.substr(0, end + 1));
      out_.text += '(';
      out_.names.emplace_back(name);
      rest_.remove_prefix(end + 1);
      group.captures = true;
    } else if (rest_.starts_with("(?")) {
      // Flags: (?i) opens nothing, (?i: does.
      std::size_t at = 2;
      while (at < rest_.size() && (is_alnum(rest_[at]) || rest_[at] == '-')) ++at;
      const bool opens = at < rest_.size() && rest_[at] == ':';
      copy(opens || (at < rest_.size() && rest_[at] == ')') ? at + 1 : 2);
      if (!opens) return {};
    } else {
      copy(1);
      out_.names.emplace_back();
      group.captures = true;
    }
    open_.push_back(group);
    return {};
  }

  Result<void> close_group() {
    copy(1);
    if (open_.size() == 1) {  // RE2 says that it is one too many
      out_.balanced = false;
      return {};
    }
    const std::size_t height = height_of(open_.back());
    open_.pop_back();
    add_atom(height);
    if (height > kHeightMax) return too_deep();
    return {};
  }

  std::string_view pattern_;
  std::string_view rest_;
  TranslatedRegex out_;
  std::vector<Group> open_;
  bool in_class_ = false;
};

}  // namespace

Error regex_error(std::string_view what, std::string_view where) {
  return Error(Code::kInvalid, concat("error parsing regexp: ", what, ": `", where, "`"));
}

Result<TranslatedRegex> translate_regex(std::string_view pattern) {
  return Translator(pattern).run();
}

}  // namespace narthex
