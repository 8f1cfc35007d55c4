// What the command line asks for, by the table of options. Each value is read, checked and shown by
// its kind, then stored in its field; what depends on several flags is checked here behind that, in
// upstream's order, because of several faults the first is told.
#include "server/flags.h"

#include <algorithm>
#include <functional>

#include "base/fs.h"
#include "base/regex.h"
#include "base/str.h"
#include "net/http/url.h"
#include "server/arguments.h"
#include "server/config.h"
#include "server/options.h"

namespace narthex::server {
namespace {

using Values = std::map<std::string, std::string, std::less<>>;

Error bad_value(std::string_view name, std::string_view text, std::string_view why) {
  return Error(Code::kInvalid,
               concat("Error parsing command line arguments: --", name, "=", text, ": ", why));
}

// Text by flag name, lists joined by commas.
Result<Values> read_values(const Arguments& arguments) {
  Values values;
  for (const Option& option : options()) {
    const std::string name(option.name);
    const auto found = arguments.given.find(option.name);
    if (found == arguments.given.end()) {
      values[name] = option.fallback;
      continue;
    }
    if (found->second.size() > 1 && option.kind != Kind::kList) {
      return Error(Code::kInvalid, concat("Error parsing command line arguments: flag '", name,
                                          "' cannot be repeated"));
    }
    const std::string text = join(found->second, ",");
    Result<std::string> value = shown_text(option.kind, text);
    if (!value) return bad_value(name, text, value.error().message());
    values[name] = *std::move(value);
  }
  return values;
}

std::string help_text() {
  std::string out =
      "usage: narthex [<flags>]\n\n"
      "Narthex, a monitoring server that takes the place of Prometheus\n\n\nFlags:\n"
      "  -h, --help\n        Print this help.\n      --version\n        Print the version.\n";
  for (const Option& option : options()) {
    const bool is_switch = option.kind == Kind::kBool;
    out += concat("      --", is_switch ? "[no-]" : "", option.name);
    if (!is_switch) out += concat("=", option.fallback.empty() ? "\"\"" : option.fallback);
    if (option.kind == Kind::kList) out += " ...";
    const bool absent = option.use == Use::kNotImplemented || option.use == Use::kAgent;
    out += concat("\n        ", option.help, absent ? " (not implemented yet)\n" : "\n");
  }
  return out;
}

Result<void> refuse_unimplemented(const Values& values) {
  for (const Option& option : options()) {
    if (option.use == Use::kNotImplemented && values.find(option.name)->second != option.fallback) {
      return Error(
          Code::kInvalid,
          concat("Error parsing command line arguments: not implemented yet: --", option.name));
    }
  }
  return {};
}

Result<void> fill(const Values& values, Flags& flags) {
  for (const Option& option : options()) {
    const std::string& text = values.find(option.name)->second;
    const Result<void> stored = store_option(option, text, flags);
    if (!stored) return bad_value(option.name, text, stored.error().message());
  }
  if (flags.retention_ms == 0) flags.retention_ms = kRetentionMs;
  constexpr std::uint64_t kMib = 1024 * 1024;
  if (flags.wal_segment_bytes != 0 &&
      (flags.wal_segment_bytes < 10 * kMib || flags.wal_segment_bytes > 256 * kMib)) {
    return Error(Code::kInvalid,
                 "flag 'storage.tsdb.wal-segment-size' must be set between 10MB and 256MB");
  }
  return {};
}

constexpr std::uint64_t kPortMax = 65'535;

Result<void> check_addresses(const Flags& flags) {
  const auto fail = [&flags](std::string_view why) {
    return Error(Code::kInvalid,
                 concat("parse external URL ", quote(flags.external_url), ": ", why));
  };
  const std::string_view url = flags.external_url;
  for (const std::string& listen : flags.listen_addresses) {
    const std::string_view port = std::string_view(listen).substr(listen.rfind(':') + 1);
    std::uint64_t number = 0;
    for (const char c : port) {
      if (c < '0' || c > '9') break;
      number =
          std::min<std::uint64_t>(number * 10 + static_cast<std::uint64_t>(c - '0'), kPortMax + 1);
    }
    if (number > kPortMax) {
      return Error(Code::kInvalid, concat("listen tcp: address ", port, ": invalid port"));
    }
  }
  const std::string& address = flags.listen_addresses.front();
  if (url.empty() && address.find(':') == std::string::npos) {
    return fail(concat("address ", address, ": missing port in address"));
  }
  if (url.empty()) return {};
  constexpr std::string_view kQuotes = "\"'";
  if (kQuotes.contains(url.front()) || kQuotes.contains(url.back())) {
    return fail("URL must not begin or end with quotes");
  }
  if (const Result<void> checked = net::http::check_url(url); !checked) {
    return fail(checked.error().message());
  }
  return {};
}

Result<void> check_origin(const Flags& flags) {
  const auto regex = Regex::anchored(flags.cors_origin);
  if (regex) return {};
  return Error(Code::kInvalid, concat("could not compile CORS regex string ",
                                      quote(flags.cors_origin), ": ", regex.error().message()));
}

// Outside agent mode, its flags are an error of their own status.
std::string agent_flags(const Arguments& arguments) {
  std::string names;
  for (const Option& option : options()) {
    if (option.use != Use::kAgent || !arguments.given.contains(option.name)) continue;
    names += concat(names.empty() ? "" : " ", "\"--", option.name, "\"");
  }
  return names;
}

std::map<std::string, std::string> shown_flags(const Values& values, const Flags& flags) {
  std::map<std::string, std::string> all;
  for (const Option& option : options()) {
    if (option.use != Use::kUnshown) all.insert(*values.find(option.name));
  }
  all["storage.tsdb.retention.time"] = model::format_duration(flags.retention_ms);
  return all;
}

CommandLine ends_with(int status, std::string text) {
  CommandLine line;
  line.exit = true;
  line.status = status;
  line.text = std::move(text);
  return line;
}

}  // namespace

bool Flags::has_feature(std::string_view name) const {
  return std::ranges::find(features, name) != features.end();
}

std::string_view own_version() {
  return "0.1.0";
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, FileSystem& fs) {
  std::map<std::string_view, bool> switches = {{"help", true}, {"version", true}};
  for (const Option& option : options()) switches[option.name] = option.kind == Kind::kBool;
  const Result<Arguments> split = split_arguments(arguments, switches, fs);
  if (!split) {
    return ends_with(1, concat("Error parsing command line arguments: ", split.error().message(),
                               "\nnarthex: error: ", split.error().message(), "\n"));
  }
  if (split->given.contains("help")) return ends_with(0, help_text());
  if (split->given.contains("version")) {
    return ends_with(
        0, concat("narthex, version ", own_version(), " (speaks the API of Prometheus 3.14.0)\n"));
  }
  NX_TRY_ASSIGN(const Values values, read_values(*split));
  NX_TRY(refuse_unimplemented(values));
  if (const std::string names = agent_flags(*split); !names.empty()) {
    return ends_with(
        3, concat("The following flag(s) can only be used in agent mode: [", names, "]\n"));
  }
  CommandLine line;
  NX_TRY(fill(values, line.flags));
  NX_TRY(check_addresses(line.flags));
  NX_TRY(check_origin(line.flags));
  line.flags.all = shown_flags(values, line.flags);
  return line;
}

}  // namespace narthex::server
