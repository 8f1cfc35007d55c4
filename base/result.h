// Errors as values: Code, Error, Result<T> and the two macros that pass errors on.
// An Error is one pointer wide, carries a code from a closed set and a message that grows by
// context as it travels up. Only web/api/errors.cpp maps codes to HTTP. Thread-compatible.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace narthex {

/// What kind of failure it is: what a caller may decide on, and what HTTP answers. Closed: web/api
/// maps each.
enum class Code : unsigned char {
  kInvalid,      // the caller's input is wrong: HTTP 400 bad_data
  kExecution,    // a query failed while running: 422 execution
  kTimeout,      // a deadline passed: 503 timeout
  kCancelled,    // the client went away or the server stops: 499 canceled
  kNotFound,     // 404 not_found
  kLimit,        // a limit was reached; the message names it
  kCorrupt,      // bytes on disk or wire contradict their format
  kIo,           // the operating system refused
  kUnavailable,  // not ready, switched off, or gone
  kInternal,     // ours to fix
};

/// What code counts or answers apart within one Code. Never read it out of a message.
enum class Cause : unsigned char {
  kNone,
  kBodySize,     // a body is longer than it may be
  kSampleLimit,  // a page has more samples than it may have
  kLabelLimit,   // a configured limit on labels
  kOutOfRange,   // a number is beyond its type
  kParameter,    // a request's parameter, which the message names already
};

/// A code and a message: lower case, no full stop, outermost context first.
class [[nodiscard]] Error {
 public:
  /// `message` is not empty, names what failed and with which value, and holds no secret.
  Error(Code code, std::string message, Cause cause = Cause::kNone);
  Error(const Error& other);
  Error(Error&&) noexcept = default;
  Error& operator=(const Error& other);
  Error& operator=(Error&&) noexcept = default;
  ~Error() = default;

  /// Not of an Error that was moved from: it has no parts.
  Code code() const { return rep_->code; }
  Cause cause() const { return rep_->cause; }
  const std::string& message() const { return rep_->message; }

  /// The same error with "<context>: " in front. Add once a layer, and only what that layer knows.
  Error with(std::string_view context) &&;

  /// Lets a function returning Result<T> say `return Error(...)`.
  template <typename T>
  operator std::expected<T, Error>() && {  // NOLINT(google-explicit-constructor): the point of it
    return std::unexpected<Error>(std::move(*this));
  }

 private:
  struct Rep {
    Code code;
    Cause cause;
    std::string message;
  };
  std::unique_ptr<Rep> rep_;
};

/// A value or an Error. One that is ignored does not compile (clang-tidy).
template <typename T>
using Result = std::expected<T, Error>;

}  // namespace narthex

#define NX_CONCAT_INNER(a, b) a##b
#define NX_CONCAT(a, b) NX_CONCAT_INNER(a, b)

/// Returns the error of `expression` (a Result), or goes on. Not for coroutines: write the
/// co_return out there.
#define NX_TRY(expression)                                                    \
  do {                                                                        \
    if (auto nx_result = (expression); !nx_result) {                          \
      return std::unexpected<::narthex::Error>(std::move(nx_result).error()); \
    }                                                                         \
  } while (false)

/// `NX_TRY_ASSIGN(auto x, f());` declares or assigns x from a Result, or returns its error.
#define NX_TRY_ASSIGN(target, expression) \
  NX_TRY_ASSIGN_AS(NX_CONCAT(nx_result_, __LINE__), target, expression)
#define NX_TRY_ASSIGN_AS(name, target, expression)                              \
  auto name = (expression);                                                     \
  if (!name) return std::unexpected<::narthex::Error>(std::move(name).error()); \
  target = *std::move(name)
