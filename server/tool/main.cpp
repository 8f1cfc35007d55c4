// narthexctl: checks on the command line. Knows `check config` so far; the other commands of
// promtool answer that they are not there yet.
#include <cstdio>
#include <string>
#include <vector>

#include "base/fs.h"
#include "base/str.h"
#include "server/config.h"
#include "server/flags.h"

namespace narthex::server {
namespace {

constexpr std::string_view kUsage =
    "usage: narthexctl check config FILE...\n"
    "       narthexctl --version\n";

void print(std::FILE* out, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out);
}

bool is_pattern(std::string_view path) {
  return path.find_first_of("*?[\\") != std::string_view::npos;
}

// A pattern may match nothing, a plain name may not.
Result<void> check_rule_paths(const Config& config, FileSystem& fs) {
  for (const std::string& path : config.rule_patterns) {
    if (is_pattern(path) || fs.exists(path)) continue;
    return Error(Code::kNotFound, concat(quote(path), " does not point to an existing file"));
  }
  return {};
}

Result<Config> load_checked(const std::string& file, FileSystem& fs) {
  NX_TRY_ASSIGN(Config config, load_config(file, fs));
  NX_TRY(check_rule_paths(config, fs));
  NX_TRY(check_targets(config, fs));
  return config;
}

bool check_rules(const std::vector<std::string>& files, FileSystem& fs) {
  bool good = true;
  for (const std::string& file : files) {
    print(stdout, concat("Checking ", file, "\n"));
    const Result<std::size_t> rules = check_rule_file(file, {}, fs);
    if (rules) {
      print(stdout, concat("  SUCCESS: ", *rules, " rules found\n\n"));
    } else {
      print(stderr, concat("  FAILED:\n", rules.error().message(), "\n"));
      good = false;
    }
  }
  return good;
}

int check_config(const std::vector<std::string>& files) {
  FileSystem& fs = real_file_system();
  int status = 0;
  for (const std::string& file : files) {
    print(stdout, concat("Checking ", file, "\n"));
    const Result<Config> config = load_checked(file, fs);
    if (!config) {
      print(stderr, concat("  FAILED: ", config.error().message(), "\n"));
      status = 1;
      continue;
    }
    if (!config->rule_files.empty()) {
      print(stdout, concat("  SUCCESS: ", config->rule_files.size(), " rule files found\n"));
    }
    print(stdout, concat(" SUCCESS: ", file, " is valid prometheus config file syntax\n\n"));
    if (!check_rules(config->rule_files, fs)) status = 1;
  }
  return status;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 1 && arguments[0] == "--version") {
    print(stdout, concat("narthexctl, version ", own_version(), "\n"));
    return 0;
  }
  if (arguments.size() >= 3 && arguments[0] == "check" && arguments[1] == "config") {
    return check_config({arguments.begin() + 2, arguments.end()});
  }
  print(stderr, kUsage);
  if (!arguments.empty())
    print(stderr, concat("not implemented yet: narthexctl ", join(arguments, " "), "\n"));
  return 2;
}

}  // namespace
}  // namespace narthex::server

int main(int argc, char** argv) {
  return narthex::server::run({argv + 1, argv + argc});
}
