// Structured log: one event a line, logfmt or JSON, on standard error. Messages are lower-case
// sentences without a full stop; everything that varies goes into fields. Secrets never reach it.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/result.h"

namespace narthex {

/// From the quietest event to the loudest; a log writes its own level and those behind it.
enum class LogLevel : unsigned char { kDebug, kInfo, kWarn, kError };
/// key=value pairs, or one JSON object a line with every value a string.
enum class LogFormat : unsigned char { kLogfmt, kJson };

/// debug, info, warn, error; kInvalid otherwise.
Result<LogLevel> parse_log_level(std::string_view text);
/// logfmt, json; kInvalid otherwise.
Result<LogFormat> parse_log_format(std::string_view text);

/// A key and its value as text.
struct LogField {
  std::string_view key;
  std::string value;

  /// Formatted with fmt at once, whether the event is written or not. `k` lives as long as the
  /// call.
  template <typename T>
  LogField(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
  LogField(std::string_view k, const Error& e) : key(k), value(e.message()) {}
};

/// Thread-safe. Events below the level cost one comparison, but their fields are still built.
class Log {
 public:
  using Fields = std::initializer_list<LogField>;

  /// Both are fixed for the log's life, as upstream's flags are. Writes to standard error,
  /// unbuffered.
  Log(LogLevel level, LogFormat format);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// One event: debug for those who look for a fault in us, info for what operators expect to see,
  /// warn for what goes on but should be looked at, error for what was lost or failed.
  void debug(std::string_view message, Fields fields = {}) {
    write(LogLevel::kDebug, message, fields);
  }
  void info(std::string_view message, Fields fields = {}) {
    write(LogLevel::kInfo, message, fields);
  }
  void warn(std::string_view message, Fields fields = {}) {
    write(LogLevel::kWarn, message, fields);
  }
  void error(std::string_view message, Fields fields = {}) {
    write(LogLevel::kError, message, fields);
  }
  void write(LogLevel level, std::string_view message, Fields fields);

 private:
  struct Sink;
  LogLevel level_;
  LogFormat format_;
  std::unique_ptr<Sink> sink_;
};

/// A log that drops everything, for tests.
Log& null_log();

}  // namespace narthex
