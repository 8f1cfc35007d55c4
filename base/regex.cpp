// Regex over RE2.
#include "base/regex.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <re2/re2.h>

#include "base/regex_syntax.h"
#include "base/str.h"

namespace narthex {
namespace {

constexpr std::size_t kPatternBytesMax = 64 * 1024;         // design: limits for queries
constexpr std::int64_t kProgramBytesMax = 8 * 1024 * 1024;  // design: limits for queries

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

// What Go's regexp/syntax calls the error.
std::string_view go_error_text(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case re2::RE2::NoError:
    case re2::RE2::ErrorInternal:
    case re2::RE2::ErrorPatternTooLarge:
      break;
  }
  return "expression too large";
}

// `pattern` is what was compiled, before its translation.
Error syntax_error(std::string_view pattern, const TranslatedRegex& translated,
                   const re2::RE2& program) {
  const re2::RE2::ErrorCode code = program.error_code();
  const bool whole = code == re2::RE2::ErrorMissingParen ||
                     code == re2::RE2::ErrorUnexpectedParen ||
                     code == re2::RE2::ErrorPatternTooLarge || code == re2::RE2::ErrorInternal;
  if (whole) return regex_error(go_error_text(code), pattern);
  const auto spelled = std::ranges::find(translated.spellings, program.error_arg(),
                                         [](const auto& pair) { return pair.first; });
  return regex_error(go_error_text(code),
                     spelled == translated.spellings.end() ? program.error_arg() : spelled->second);
}

}  // namespace

struct Regex::Program {
  std::string pattern;
  std::vector<std::string> names;
  re2::RE2 program;
  Program(std::string_view given, const TranslatedRegex& translated,
          const re2::RE2::Options& options)
      : pattern(given), names(translated.names), program(translated.text, options) {}
};

Result<Regex> Regex::compile(std::string_view pattern, bool anchored) {
  if (pattern.size() > kPatternBytesMax) {
    return Error(Code::kLimit,
                 concat("regular expression longer than ", kPatternBytesMax, " bytes"));
  }
  re2::RE2::Options options(re2::RE2::Quiet);
  options.set_max_mem(kProgramBytesMax);
  const std::string whole = anchored ? concat("^(?s:", pattern, ")$") : std::string(pattern);
  NX_TRY_ASSIGN(const TranslatedRegex translated, translate_regex(whole));
  auto program = std::make_shared<const Program>(pattern, translated, options);
  if (!program->program.ok()) return syntax_error(whole, translated, program->program);
  return Regex(std::move(program));
}

Result<Regex> Regex::matcher(std::string_view pattern) {
  auto regex = anchored(pattern);
  if (!regex) {  // upstream reads the pattern by itself first
    auto alone = unanchored(pattern);
    return alone ? std::move(regex) : std::move(alone);
  }
  NX_TRY_ASSIGN(const TranslatedRegex alone, translate_regex(pattern));
  if (!alone.balanced) return regex_error("unexpected )", pattern);
  return regex;
}

Result<Regex> Regex::anchored(std::string_view pattern) {
  return compile(pattern, true);
}
Result<Regex> Regex::unanchored(std::string_view pattern) {
  return compile(pattern, false);
}

bool Regex::matches(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), program_->program);
}

bool Regex::expand(std::string_view text, std::string_view replacement, std::string& out) const {
  return *expand(text, replacement, std::string::npos, out);
}

Result<bool> Regex::expand(std::string_view text, std::string_view replacement,
                           std::size_t bytes_max, std::string& out) const {
  const auto count = static_cast<std::size_t>(program_->program.NumberOfCapturingGroups()) + 1;
  std::vector<re2::StringPiece> groups(count);
  const re2::StringPiece input(text.data(), text.size());
  if (!program_->program.Match(input, 0, text.size(), re2::RE2::UNANCHORED, groups.data(),
                               static_cast<int>(count))) {
    return false;
  }
  out.clear();
  expand_into(program_->names, groups, replacement, bytes_max, out);
  if (out.size() > bytes_max) return too_long(bytes_max);
  return true;
}

Result<std::string> Regex::replace_all(std::string_view text, std::string_view replacement,
                                       std::size_t bytes_max) const {
  const auto count = static_cast<std::size_t>(program_->program.NumberOfCapturingGroups()) + 1;
  std::vector<re2::StringPiece> groups(count);
  const re2::StringPiece input(text.data(), text.size());
  std::string out;
  std::size_t position = 0;                // where the next search starts
  std::size_t copied = 0;                  // input up to here is in `out`
  std::size_t last_end = text.size() + 1;  // end of the match before, none yet
  while (position <= text.size() &&
         program_->program.Match(input, position, text.size(), re2::RE2::UNANCHORED, groups.data(),
                                 static_cast<int>(count))) {
    const auto start = static_cast<std::size_t>(groups[0].data() - text.data());
    const std::size_t end = start + groups[0].size();
    const bool touches_last =
        start == end && start == last_end;  // as Go: no empty match right behind a match
    if (!touches_last) {
      out.append(text.substr(copied, start - copied));
      expand_into(program_->names, groups, replacement, bytes_max, out);
      if (out.size() > bytes_max) return too_long(bytes_max);
      copied = end;
      last_end = end;
    }
    position = end > start ? end : end + 1;
  }
  if (copied < text.size()) out.append(text.substr(copied));
  if (out.size() > bytes_max) return too_long(bytes_max);
  return out;
}

const std::string& Regex::pattern() const {
  return program_->pattern;
}

}  // namespace narthex
