// Log over spdlog's standard error sink: the only file that knows spdlog. A line is put together
// here, as upstream's slog handler writes it (level in capitals, UTC with milliseconds, logfmt
// quoted as Go's %q), and spdlog only keeps lines of several threads apart. The clock is the
// system's, not an injected one: a log's times are for comparing with other logs.
#include "base/log.h"

#include <array>
#include <ctime>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/clock.h"
#include "base/str.h"

namespace narthex {
namespace {

constexpr std::array<std::string_view, 4> kLevelNames = {"DEBUG", "INFO", "WARN", "ERROR"};

std::string timestamp_text(std::int64_t now_ms) {
  const std::time_t seconds = now_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     now_ms % 1000);
}

bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F) return false;
  }
  return true;
}

void append_logfmt(std::string& line, std::string_view key, std::string_view value) {
  if (!line.empty()) line += ' ';
  line += key;
  line += '=';
  line += is_plain(value) ? std::string(value) : quote(value);
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

void append_json(std::string& line, std::string_view key, std::string_view value) {
  line += line.empty() ? "{" : ",";
  line += json_text(key) + ':' + json_text(value);
}

}  // namespace

struct Log::Sink {
  std::shared_ptr<spdlog::logger> logger;
};

Log::Log(LogLevel level, LogFormat format)
    : level_(level), format_(format), sink_(std::make_unique<Sink>()) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink_->logger = std::make_shared<spdlog::logger>("narthex", std::move(sink));
  sink_->logger->set_pattern("%v");
}

Log::~Log() = default;

void Log::write(LogLevel level, std::string_view message, Fields fields) {
  if (level < level_) return;
  const auto append = format_ == LogFormat::kJson ? append_json : append_logfmt;
  std::string line;
  append(line, "time", timestamp_text(SystemClock().now_ms()));
  append(line, "level", kLevelNames[static_cast<std::size_t>(level)]);
  append(line, "msg", message);
  for (const LogField& field : fields) append(line, field.key, field.value);
  if (format_ == LogFormat::kJson) line += '}';
  sink_->logger->info("{}", line);
}

Result<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warn") return LogLevel::kWarn;
  if (text == "error") return LogLevel::kError;
  return Error(Code::kInvalid, concat("unrecognized log level ", text));
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return Error(Code::kInvalid, concat("unrecognized log format ", text));
}

Log& null_log() {
  static Log instance(static_cast<LogLevel>(255), LogFormat::kLogfmt);
  return instance;
}

}  // namespace narthex
