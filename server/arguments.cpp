// Splits a command line by the rules of kingpin, upstream's flag library, with its texts of errors:
// scripts that start Prometheus must start Narthex, and fail with the same words.
#include "server/arguments.h"

#include <optional>

#include "base/str.h"

namespace narthex::server {
namespace {

// One level: a file's own lines are arguments, never names of more files.
Result<std::vector<std::string>> expand_files(const std::vector<std::string>& arguments,
                                              FileSystem& fs) {
  std::vector<std::string> out;
  for (const std::string& argument : arguments) {
    if (!argument.starts_with('@')) {
      out.push_back(argument);
      continue;
    }
    const std::string path = argument.substr(1);
    const auto text = fs.read_file(path);
    if (!text) {
      return Error(Code::kInvalid, concat("failed to open arguments file ", quote(path), ": ",
                                          text.error().message()));
    }
    for (const std::string_view line : split(*text, '\n')) {
      if (!trim(line).empty() && !line.starts_with('#')) out.emplace_back(line);
    }
  }
  return out;
}

// "--no-x" of switch "x" is x=false; kingpin looks for the full name first.
std::optional<std::string_view> negated(std::string_view name,
                                        const std::map<std::string_view, bool>& switches) {
  if (!name.starts_with("no-")) return std::nullopt;
  const auto known = switches.find(name.substr(3));
  if (known == switches.end() || !known->second) return std::nullopt;
  return known->first;
}

}  // namespace

Result<Arguments> split_arguments(const std::vector<std::string>& arguments,
                                  const std::map<std::string_view, bool>& switches,
                                  FileSystem& fs) {
  NX_TRY_ASSIGN(const std::vector<std::string> all, expand_files(arguments, fs));
  Arguments out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string_view rest = all[i];
    if (rest == "-h") rest = "--help";
    if (!rest.starts_with("--")) {
      const bool is_flag = rest.size() > 1 && rest.front() == '-';
      return Error(Code::kInvalid, is_flag ? concat("unknown short flag '", rest, "'")
                                           : concat("unexpected ", rest));
    }
    rest.remove_prefix(2);
    const std::size_t equals = rest.find('=');
    const std::string_view name = rest.substr(0, equals);
    const bool has_value = equals != std::string_view::npos;
    const auto known = switches.find(name);
    const auto off = known == switches.end() ? negated(name, switches) : std::nullopt;
    if (known == switches.end() && !off) {
      return Error(Code::kInvalid, concat("unknown long flag '--", name, "'"));
    }
    if (off || known->second) {
      if (has_value) return Error(Code::kInvalid, concat("unexpected ", rest.substr(equals + 1)));
      out.given[std::string(off.value_or(name))].emplace_back(off ? "false" : "true");
      continue;
    }
    if (!has_value && (i + 1 == all.size() || all[i + 1].starts_with('-'))) {
      return Error(Code::kInvalid, concat("expected argument for flag '--", name, "'"));
    }
    out.given[std::string(name)].emplace_back(has_value ? rest.substr(equals + 1)
                                                        : std::string_view(all[++i]));
  }
  return out;
}

}  // namespace narthex::server
