// Go's filepath.Match and Glob, chunk by chunk: what stands between two stars is matched without
// choice, and a star takes as little as lets the next chunk match. That never needs to go back
// behind the last star, so matching is at most quadratic, whatever the pattern.
//
// A pattern's syntax is checked to its end even when the name has failed already, as in Go since
// 1.16: whether a configuration is valid must not depend on which files exist.
#include "base/glob.h"

#include <algorithm>

#include "base/str.h"
#include "base/utf8.h"

namespace narthex {
namespace {

Error bad_pattern() {
  return Error(Code::kInvalid, "syntax error in pattern");
}

// The UTF-8 character at the front, or one byte where there is none.
std::string_view front_rune(std::string_view text) {
  if (text.empty()) return text;
  return text.substr(0, std::max<std::size_t>(utf8_length(text, 0), 1));
}

// One end of a range in a class, taken off `pattern`.
Result<std::string_view> take_class_rune(std::string_view& pattern) {
  if (pattern.empty() || pattern.front() == '-' || pattern.front() == ']') return bad_pattern();
  if (pattern.front() == '\\') pattern.remove_prefix(1);
  if (pattern.empty()) return bad_pattern();
  const std::string_view rune = front_rune(pattern);
  pattern.remove_prefix(rune.size());
  if (pattern.empty()) return bad_pattern();
  return rune;
}

// UTF-8 keeps the order of characters when bytes are compared.
bool is_between(std::string_view low, std::string_view rune, std::string_view high) {
  const auto rank = [](std::string_view text) { return std::pair(text.size(), text); };
  return rank(low) <= rank(rune) && rank(rune) <= rank(high);
}

// A class behind its bracket, taken off `pattern`.
Result<bool> match_class(std::string_view& pattern, std::string_view rune) {
  const bool negated = pattern.starts_with('^');
  if (negated) pattern.remove_prefix(1);
  bool found = false;
  for (int ranges = 0;; ++ranges) {
    if (!pattern.empty() && pattern.front() == ']' && ranges > 0) break;
    NX_TRY_ASSIGN(const std::string_view low, take_class_rune(pattern));
    std::string_view high = low;
    if (pattern.front() == '-') {
      pattern.remove_prefix(1);
      NX_TRY_ASSIGN(high, take_class_rune(pattern));
    }
    found |= is_between(low, rune, high);
  }
  pattern.remove_prefix(1);
  return found != negated;
}

// A pattern without stars against the start of `name`, which loses what matched. A name that does
// not match is looked at no more, the pattern to its end.
Result<bool> match_chunk(std::string_view chunk, std::string_view& name) {
  bool failed = false;
  while (!chunk.empty()) {
    failed = failed || name.empty();
    const std::string_view rune = failed ? std::string_view() : front_rune(name);
    const char c = chunk.front();
    chunk.remove_prefix(1);
    if (c == '[') {
      NX_TRY_ASSIGN(const bool matched, match_class(chunk, rune));
      failed = failed || !matched;
    } else if (c == '?') {
      failed = failed || rune == "/";
    } else {
      std::string_view wanted(&c, 1);
      if (c == '\\') {
        if (chunk.empty()) return bad_pattern();
        wanted = chunk.substr(0, 1);
        chunk.remove_prefix(1);
      }
      failed = failed || name.substr(0, 1) != wanted;
      if (!failed) name.remove_prefix(1);
      continue;
    }
    if (!failed) name.remove_prefix(rune.size());
  }
  return !failed;
}

// What stands before the next star: in classes and behind backslashes it is a plain character.
std::string_view take_chunk(std::string_view& pattern) {
  bool in_class = false;
  std::size_t end = 0;
  for (; end < pattern.size(); ++end) {
    const char c = pattern[end];
    if (c == '\\' && end + 1 < pattern.size())
      ++end;
    else if (c == '[')
      in_class = true;
    else if (c == ']')
      in_class = false;
    else if (c == '*' && !in_class)
      break;
  }
  const std::string_view chunk = pattern.substr(0, end);
  pattern.remove_prefix(end);
  return chunk;
}

std::string join(std::string_view directory, std::string_view name) {
  if (directory.empty() || directory == ".") return std::string(name);
  return concat(directory, directory.ends_with('/') ? "" : "/", name);
}

}  // namespace

bool is_glob(std::string_view pattern) {
  return pattern.find_first_of("*?[\\") != std::string_view::npos;
}

Result<bool> glob_match(std::string_view pattern, std::string_view name) {
  bool failed = false;
  while (!pattern.empty()) {
    const bool star = pattern.front() == '*';
    pattern.remove_prefix(std::min(pattern.find_first_not_of('*'), pattern.size()));
    const std::string_view chunk = take_chunk(pattern);
    if (star && chunk.empty()) return !failed && name.find('/') == std::string_view::npos;
    std::string_view rest = name;
    NX_TRY_ASSIGN(bool matched, match_chunk(chunk, rest));
    matched = matched && (!pattern.empty() || rest.empty());
    // A star takes as little as lets the rest match.
    for (std::size_t i = 0; star && !matched && !failed && i < name.size() && name[i] != '/'; ++i) {
      rest = name.substr(i + 1);
      NX_TRY_ASSIGN(matched, match_chunk(chunk, rest));
      matched = matched && (!pattern.empty() || rest.empty());
    }
    failed = failed || !matched;
    name = rest;
  }
  return !failed && name.empty();
}

Result<std::vector<std::string>> glob(FileSystem& fs, const std::string& pattern) {
  // A bad pattern is an error even where there is nothing to match it with.
  NX_TRY(glob_match(pattern, ""));
  if (!is_glob(pattern)) {
    return fs.exists(pattern) ? std::vector{pattern} : std::vector<std::string>();
  }
  const std::size_t slash = pattern.rfind('/');
  std::vector<std::string> directories = {"."};
  std::string last = pattern;
  if (slash != std::string::npos) {
    last = pattern.substr(slash + 1);
    const std::string directory = slash == 0 ? "/" : pattern.substr(0, slash);
    directories = {directory};
    if (is_glob(directory)) {
      NX_TRY_ASSIGN(directories, glob(fs, directory));
    }
  }
  std::vector<std::string> paths;
  for (const std::string& directory : directories) {
    const auto entries = fs.list(directory);
    // As Go's: what cannot be listed matches nothing.
    if (!entries) continue;
    for (const DirectoryEntry& entry : *entries) {
      NX_TRY_ASSIGN(const bool matched, glob_match(last, entry.name));
      if (matched) paths.push_back(join(directory, entry.name));
    }
  }
  return paths;
}

}  // namespace narthex
