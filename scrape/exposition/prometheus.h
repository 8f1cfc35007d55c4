// The Prometheus text format, 0.0.4 and 1.0.0, which most targets speak.
#pragma once

#include "scrape/exposition/text_reader.h"

namespace narthex::scrape::exposition {

/// Contracts are Reader's. What it shares with OpenMetrics is in TextReader.
class PrometheusReader final : public TextReader {
 public:
  /// `page` was padded by pad_body() and outlives the reader.
  explicit PrometheusReader(std::string_view page) : TextReader(page, Blanks::kFree) {}

  std::size_t position() override {
    while (at_ < end_ && *at_ == '\n') ++at_;
    return offset(at_);
  }
  std::string decode_help(std::string_view text) const override;

 private:
  bool read_entry(Event& event) override;
  bool read_tail(const char* at, Event& event) override;
  bool comment(Event& event);
  bool metadata(Event& event, bool is_type);
  bool read_labels();
  bool read_value(const char*& at, double& value);
};

}  // namespace narthex::scrape::exposition
