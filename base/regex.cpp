// Regex over RE2, where the two differ from Go made good.
//
// RE2 is the engine from which Go's regexp was written, so what it matches is right, but not what
// it accepts: patterns are read by base/regex_syntax first, which refuses in Go's words and writes
// the rest without anything left to interpret. Three differences remain for this file:
//
// - Text that is not UTF-8. Go reads every bad byte as U+FFFD, RE2 matches none of them. A text is
//   checked, and mended with a table of places only when it must be (Subject).
// - Label matchers of plain texts between bars are compared as bytes by upstream, which never
//   reaches its regexp for them: such patterns become programs that read bytes (Reading::kBytes).
// - Empty matches inside a letter, which RE2 finds with \B and Go does not: they are skipped
//   (match()).
//
// Programs are compiled with 8 MiB at first, because RE2 sizes its caches by that number, and with
// 64 MiB only when the pattern needs it.
#include "base/regex.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/regex_syntax.h"
#include "base/str.h"
#include "base/utf8.h"

namespace narthex {
namespace {

constexpr std::size_t kPatternBytesMax = 64 * 1024;  // docs/limits.md
// For a program and what matching keeps: nearly all need far less than the first. The larger one is
// for repetitions of large classes, such as \pL{1000}.
constexpr std::int64_t kProgramBytes = std::int64_t{8} << 20;
constexpr std::int64_t kProgramBytesMax = std::int64_t{64} << 20;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The reference behind a '$' at the start of `rest`; `length` is what it takes of `rest`. Empty:
// not a reference.
std::string_view reference_name(std::string_view rest, std::size_t& length) {
  const bool braced = !rest.empty() && rest.front() == '{';
  std::size_t end = braced ? 1 : 0;
  while (end < rest.size() && is_name_char(rest[end])) ++end;
  const std::string_view name = rest.substr(braced ? 1 : 0, end - (braced ? 1 : 0));
  if (name.empty() || (braced && (end >= rest.size() || rest[end] != '}'))) return {};
  length = end + (braced ? 1 : 0);
  return name;
}

// The group that `name` refers to; 0, the whole match, is one. Of groups with one name, the first
// that took part. Nothing when there is none.
std::optional<re2::StringPiece> find_group(const std::vector<std::string>& names,
                                           const std::vector<re2::StringPiece>& groups,
                                           std::string_view name) {
  const bool is_number = name.find_first_not_of("0123456789") == std::string_view::npos &&
                         name.size() < 9 && (name.size() == 1 || name.front() != '0');
  if (is_number) {
    const std::size_t index = std::stoul(std::string(name));
    if (index < groups.size()) return groups[index];
    return std::nullopt;
  }
  for (std::size_t i = 0; i < names.size() && i + 1 < groups.size(); ++i) {
    if (names[i] == name && groups[i + 1].data() != nullptr) return groups[i + 1];
  }
  return std::nullopt;
}

// Stops soon after `out` has grown past `bytes_max`.
void expand_into(const std::vector<std::string>& names, const std::vector<re2::StringPiece>& groups,
                 std::string_view replacement, std::size_t bytes_max, std::string& out) {
  for (std::size_t i = 0; i < replacement.size() && out.size() <= bytes_max; ++i) {
    if (replacement[i] != '$') {
      out += replacement[i];
      continue;
    }
    const std::string_view rest = replacement.substr(i + 1);
    if (!rest.empty() && rest.front() == '$') {
      out += '$';
      ++i;
      continue;
    }
    std::size_t length = 0;
    const std::string_view name = reference_name(rest, length);
    if (name.empty()) {
      out += '$';
      continue;
    }
    if (const auto group = find_group(names, groups, name)) {
      out.append(group->data(), group->size());
    }
    i += length;
  }
}

Error too_long(std::size_t bytes_max) {
  return Error(Code::kLimit, concat("replacement is longer than ", bytes_max, " bytes"));
}

// Whether the byte at `at` is inside a letter of UTF-8.
bool is_continuation(std::string_view text, std::size_t at) {
  return at < text.size() && (text[at] & 0xC0) == 0x80;
}

// A text as Go's regexp reads it: each byte that is no part of valid UTF-8 is one U+FFFD. RE2 would
// match none of them. Nearly every text is read as it is, without a copy.
class Subject {
 public:
  Subject(std::string_view text, bool raw) : text_(text), read_(text) {
    if (!raw && !is_valid_utf8(text)) mend();
  }

  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  std::string_view read() const { return read_; }
  /// The place in the text itself of a place in what is read.
  std::size_t place(std::size_t at) const { return places_.empty() ? at : places_[at]; }
  /// How many bytes of what is read the letter at `at` takes.
  std::size_t width(std::size_t at) const {
    std::size_t next = at + 1;
    while (is_continuation(read_, next)) ++next;
    return next - at;
  }
  /// Groups of a match in what is read become those of the text.
  void translate(std::vector<re2::StringPiece>& groups) const {
    if (places_.empty()) return;
    for (re2::StringPiece& group : groups) {
      if (group.data() == nullptr) continue;
      const auto start = static_cast<std::size_t>(group.data() - read_.data());
      const std::size_t from = place(start);
      group = {text_.data() + from, place(start + group.size()) - from};
    }
  }

 private:
  void mend() {
    constexpr std::string_view kBad = "\xef\xbf\xbd";
    for (std::size_t i = 0; i < text_.size();) {
      std::size_t bytes = 1;
      while (bytes <= 4 && !is_valid_utf8(text_.substr(i, bytes))) ++bytes;
      const bool valid = bytes <= std::min<std::size_t>(4, text_.size() - i);
      if (!valid) bytes = 1;
      mended_ += valid ? text_.substr(i, bytes) : kBad;
      places_.resize(mended_.size(), i);
      i += bytes;
    }
    places_.push_back(text_.size());
    read_ = mended_;
  }

  std::string_view text_;
  std::string_view read_;
  std::string mended_;
  std::vector<std::size_t> places_;  // by byte of mended_ and its end; empty: not mended
};

// What upstream's label matchers take for plain texts between bars, whatever their bytes.
bool is_alternatives(std::string_view pattern) {
  return pattern.find_first_of("\\.+*?()[]{}^$") == std::string_view::npos;
}

// The same bytes for a program that reads bytes.
std::string escape_bytes(std::string_view pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '|')
      out += c;
    else
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<void> check_length(std::string_view pattern) {
  if (pattern.size() <= kPatternBytesMax) return {};
  return Error(Code::kLimit, concat("regular expression longer than ", kPatternBytesMax, " bytes"));
}

}  // namespace

struct Regex::Program {
  std::vector<std::string> names;
  bool anchored;  // at the start at least
  bool bytes;     // the program reads bytes, not UTF-8
  re2::RE2 program;
  Program(const TranslatedRegex& translated, Reading reading, const re2::RE2::Options& options)
      : names(translated.names),
        anchored(reading != Reading::kAnywhere),
        bytes(reading == Reading::kBytes),
        program(translated.text, options) {}

  // The first match from `from` on. RE2 looks at bytes and may find an empty one inside a letter
  // (\B); Go does not.
  bool match(std::string_view text, std::size_t from, std::vector<re2::StringPiece>& groups) const {
    groups.resize(static_cast<std::size_t>(program.NumberOfCapturingGroups()) + 1);
    while (program.Match(re2::StringPiece(text.data(), text.size()), from, text.size(),
                         re2::RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size()))) {
      from = static_cast<std::size_t>(groups[0].data() - text.data());
      if (bytes || !is_continuation(text, from)) return true;
      while (is_continuation(text, from)) ++from;
    }
    return false;
  }
};

Result<Regex> Regex::compile(std::string_view pattern, const TranslatedRegex& translated,
                             Reading reading) {
  for (std::int64_t program_bytes = kProgramBytes;; program_bytes = kProgramBytesMax) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(program_bytes);
    if (reading == Reading::kBytes) options.set_encoding(re2::RE2::Options::EncodingLatin1);
    auto program = std::make_shared<const Program>(translated, reading, options);
    if (program->program.ok()) return Regex(std::move(program));
    if (program_bytes == kProgramBytesMax) return regex_error("expression too large", pattern);
  }
}

Result<Regex> Regex::matcher(std::string_view pattern) {
  NX_TRY(check_length(pattern));
  if (is_alternatives(pattern) && !is_valid_utf8(pattern)) {
    const TranslatedRegex escaped{.text = concat("^(?s:", escape_bytes(pattern), ")$")};
    return compile(pattern, escaped, Reading::kBytes);
  }
  NX_TRY_ASSIGN(TranslatedRegex translated, translate_regex(pattern, UnicodeNames::kExact));
  translated.text = concat("^(?s:", translated.text, ")$");
  if (translated.anchored_height > kRegexHeightMax) {
    return regex_error("expression nests too deeply", concat("^(?s:", pattern, ")$"));
  }
  return compile(pattern, translated, Reading::kWhole);
}

Result<Regex> Regex::anchored(std::string_view pattern) {
  NX_TRY(check_length(pattern));
  NX_TRY_ASSIGN(const TranslatedRegex translated,
                translate_regex(concat("^(?s:", pattern, ")$"), UnicodeNames::kLoose));
  return compile(pattern, translated, Reading::kWhole);
}

Result<Regex> Regex::unanchored(std::string_view pattern) {
  NX_TRY(check_length(pattern));
  NX_TRY_ASSIGN(const TranslatedRegex translated, translate_regex(pattern, UnicodeNames::kLoose));
  return compile(pattern, translated, Reading::kAnywhere);
}

bool Regex::matches(std::string_view text) const {
  const bool plain = program_->anchored && (program_->bytes || is_valid_utf8(text));
  if (plain) [[likely]] {
    return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), program_->program);
  }
  const Subject subject(text, program_->bytes);
  std::vector<re2::StringPiece> groups;
  return program_->match(subject.read(), 0, groups);
}

Result<bool> Regex::expand(std::string_view text, std::string_view replacement,
                           std::size_t bytes_max, std::string& out) const {
  const Subject subject(text, program_->bytes);
  std::vector<re2::StringPiece> groups;
  if (!program_->match(subject.read(), 0, groups)) return false;
  subject.translate(groups);
  out.clear();
  expand_into(program_->names, groups, replacement, bytes_max, out);
  if (out.size() > bytes_max) return too_long(bytes_max);
  return true;
}

Result<std::string> Regex::replace_all(std::string_view text, std::string_view replacement,
                                       std::size_t bytes_max) const {
  const Subject subject(text, program_->bytes);
  const std::string_view read = subject.read();
  std::vector<re2::StringPiece> groups;
  std::string out;
  std::size_t position = 0;  // where the next search starts
  std::size_t last_end = 0;  // end of the match before: what is read up to here is in `out`
  while (position <= read.size() && program_->match(read, position, groups)) {
    const auto start = static_cast<std::size_t>(groups[0].data() - read.data());
    const std::size_t end = start + groups[0].size();
    out.append(
        text.substr(subject.place(last_end), subject.place(start) - subject.place(last_end)));
    if (end > last_end || start == 0) {  // as Go: no empty match right behind a match
      subject.translate(groups);
      expand_into(program_->names, groups, replacement, bytes_max, out);
      if (out.size() > bytes_max) return too_long(bytes_max);
    }
    last_end = end;
    position = std::max(end, position + subject.width(position));
  }
  out.append(text.substr(subject.place(last_end)));
  if (out.size() > bytes_max) return too_long(bytes_max);
  return out;
}

}  // namespace narthex
