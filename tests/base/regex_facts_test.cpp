// Patterns against what Prometheus 3.14.0 makes of them: verdicts, texts of errors, matches,
// groups.
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/regex.h"
#include "base/str.h"

namespace narthex {
namespace {

// The words of a fact, strings unquoted.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  bool quoted = false;
  bool fresh = true;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (!quoted && line[i] == ' ') {
      fresh = true;
      continue;
    }
    if (fresh) words.emplace_back();
    fresh = false;
    if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] != '\\') {
      words.back() += line[i];
    } else if (line[++i] == 'x') {
      words.back() += static_cast<char>(std::stoi(line.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      words.back() += line[i];
    }
  }
  return words;
}

Result<Regex> compile(const std::string& use, const std::string& pattern) {
  if (use == "matcher") return Regex::matcher(pattern);
  return use == "whole" ? Regex::anchored(pattern) : Regex::unanchored(pattern);
}

// What `regex` makes of `text`, in the words of the fact.
std::string outcome(const Regex& regex, const std::string& use, const std::string& text) {
  if (use == "matcher") return regex.matches(text) ? "yes" : "no";
  if (use == "template") return *regex.replace_all(text, "<$1>", 1'000'000);
  std::string out = "no match";
  (void)regex.expand(text, "$0|$1|$n|${2}x", std::string::npos, out);
  return out;
}

TEST(RegexFacts, AreAsUpstreamHasThem) {
  std::ifstream file("tests/base/regex_facts.txt");
  int facts = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    ++facts;
    SCOPED_TRACE(line);
    const std::vector<std::string> words = words_of(line);
    const auto regex = compile(words[0], words[1]);
    if (words.size() > 2 && words[2] == "error") {
      ASSERT_FALSE(regex);
      EXPECT_EQ(regex.error().message(), concat("error parsing regexp: ", words[3]));
      continue;
    }
    ASSERT_TRUE(regex) << regex.error().message();
    if (words[0] == "matcher") {
      for (std::size_t i = 2; i + 1 < words.size(); i += 2) {
        EXPECT_EQ(outcome(*regex, words[0], words[i + 1]), words[i]) << words[i + 1];
      }
    } else if (words.size() > 5) {
      EXPECT_EQ(outcome(*regex, words[0], words[3]), words[5]);
    }
  }
  EXPECT_GT(facts, 500);
}

}  // namespace
}  // namespace narthex
