// A password or token. It cannot be streamed, and formatting it gives "<secret>", so it never
// reaches a log, an error or /api/v1/status/config by accident.
#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace narthex {

/// What every secret prints as.
inline constexpr std::string_view kSecretText = "<secret>";  // fixed by upstream's API

/// A text that shows itself only through reveal(). Comparing takes time that depends on the texts:
/// compare secrets with each other (has the configuration changed?), never with what a peer sent.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  /// The real text: only for the bytes that go to the peer.
  const std::string& reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

  friend bool operator==(const Secret&, const Secret&) = default;
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  std::string value_;
};

}  // namespace narthex

template <>
struct fmt::formatter<narthex::Secret> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const narthex::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format(narthex::kSecretText, context);
  }
};
