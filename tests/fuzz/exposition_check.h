// The invariant of the exposition fuzzer, shared with the unit suite that replays its corpus.
#pragma once

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/str.h"
#include "model/sample.h"
#include "scrape/ingest/ingest.h"
#include "tests/support/fake_appender.h"

namespace narthex::fuzz {

/// One scrape of a fresh or a known target: its error, or its rows as sorted text.
inline std::string scrape_text(scrape::Ingest& ingest, test::FakeAppender& store,
                               scrape::exposition::Format format, std::string_view text,
                               model::TimeMs time) {
  scrape::Batch batch;
  batch.body = text;
  batch.open(format);
  const auto counts = ingest.stage(time, store, batch);
  if (!counts) {
    NX_CHECK(!counts.error().message().empty());
    return concat("error ", counts.error().message());
  }
  NX_CHECK(counts->added <= counts->scraped);
  NX_CHECK(batch.series.size() == batch.values.size());
  std::vector<std::string> rows;
  for (std::size_t row = 0; row < batch.series.size(); ++row) {
    const auto bits = std::bit_cast<std::uint64_t>(batch.values[row]);
    if (bits == model::kStaleNanBits) continue;
    NX_CHECK(batch.values[row] == batch.values[row] || bits == model::kNormalNanBits);
    rows.push_back(concat(batch.series[row].slot, " ", bits));
  }
  ingest.commit(*counts, batch);
  std::ranges::sort(rows);
  return concat(counts->scraped, " ", counts->added, "\n", join(rows, "\n"));
}

/// Input: the two halves are two bodies of one target (split at a 0xFF byte when there is one).
inline void check_exposition(const std::string& input) {
  const std::size_t split = input.find('\xff');
  const std::string first = input.substr(0, split);
  const std::string second = split == std::string::npos ? "" : input.substr(split + 1);
  for (const auto format :
       {scrape::exposition::Format::kPrometheus, scrape::exposition::Format::kOpenMetrics}) {
    test::FakeAppender store;
    const model::Labels target{{"instance", "i"}};
    scrape::Ingest known({}, target);
    const std::string once = scrape_text(known, store, format, first, 1000);
    NX_CHECK(scrape_text(known, store, format, first, 2000) == once);
    scrape::Ingest fresh({}, target);
    NX_CHECK(scrape_text(known, store, format, second, 3000) ==
             scrape_text(fresh, store, format, second, 3000));
    NX_CHECK(scrape_text(known, store, format, first, 4000) == once);
  }
}

}  // namespace narthex::fuzz
