// OpenMetrics text, 0.0.1 and 1.0.0: timestamps are seconds with a fraction, units are metadata,
// and a page ends with `# EOF`.
#pragma once

#include "scrape/exposition/text_reader.h"

namespace narthex::scrape::exposition {

/// Contracts are Reader's. What it shares with the older format is in TextReader.
class OpenMetricsReader final : public TextReader {
 public:
  /// `page` was padded by pad_body() and outlives the reader.
  explicit OpenMetricsReader(std::string_view page) : TextReader(page, Blanks::kSingle) {}

  std::size_t position() override { return offset(at_); }
  std::string decode_help(std::string_view text) const override;

 private:
  bool read_entry(Event& event) override;
  bool read_tail(const char* at, Event& event) override;
  bool metadata(Event& event);
  bool read_labels(bool exemplar);
  bool read_exemplar(const char*& at);
  bool read_value(const char*& at, double& value);
};

}  // namespace narthex::scrape::exposition
