// A target: what discovery found, after relabelling, as something to scrape. Everything here is a
// pure function of labels and configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/relabel.h"
#include "model/time.h"
#include "net/http/url.h"
#include "scrape/config.h"

namespace narthex::scrape {

/// All that is known of it before the first scrape. Immutable by use.
struct Target {
  model::Labels discovered_labels;  // before relabelling
  model::Labels all_labels;         // after it, without __meta_
  model::Labels labels;             // the visible ones: no leading __
  net::http::Url url;               // when `fault` is empty
  std::string url_text;             // as upstream shows it, whether or not it is a URL
  std::string fault;                // why nothing can be fetched from there
  model::DurationMs interval = 0;
  model::DurationMs timeout = 0;
  std::uint64_t hash = 0;  // of all labels and the URL: the target's identity

  /// Until the next scrape when it is `now_ns` (Unix time): an own place in the interval for each
  /// hash and `seed`.
  std::int64_t offset_ns(std::int64_t now_ns, std::uint64_t seed) const;
};

/// Empty when relabelling dropped it; then only `discovered` is set. kInvalid with upstream's text
/// when the result cannot be scraped.
Result<std::optional<Target>> make_target(const model::Labels& target, const model::Labels& group,
                                          const ScrapeConfig& config,
                                          const model::Relabeler& relabeler,
                                          model::Labels& discovered);

/// FNV-1a, 64 bits, going on from `state`. Upstream hashes targets with it, so offsets agree.
std::uint64_t fnv1a(std::string_view text, std::uint64_t state = 0xcbf29ce484222325ULL);

}  // namespace narthex::scrape
