// A page of messages, not of lines: ingest sees nothing but entries with keys, so it takes formats
// whose labels are binary.
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "model/sample.h"
#include "scrape/ingest/ingest.h"
#include "tests/support/fake_appender.h"

namespace narthex::scrape {
namespace {

using exposition::Event;
using exposition::EventKind;
using exposition::ExposedLabels;

// An entry: the bytes of its labels, counted by one byte; name and value with a zero behind each;
// then eight bytes of value.
std::string message(const ExposedLabels& labels, double value) {
  std::string text;
  for (const auto& [name, content] : labels) {
    (text += name) += '\0';
    (text += content) += '\0';
  }
  std::string out(1, static_cast<char>(text.size()));
  out += text;
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
  return out;
}

class MessageReader final : public exposition::Reader {
 public:
  explicit MessageReader(std::string_view page) : Reader(page) {}

  bool next(Event& event) override {
    return at_ < keys_.size() && take_sample(scan_key(at_), event);
  }
  Result<void> status() const override { return {}; }
  std::size_t position() override { return at_; }
  bool take_sample(std::size_t key_bytes, Event& event) override {
    event = {.kind = EventKind::kSample, .start = at_, .key_bytes = key_bytes};
    std::memcpy(&event.value, keys_.data() + at_ + key_bytes, sizeof event.value);
    last_ = keys_.substr(at_, key_bytes);
    at_ += key_bytes + sizeof event.value;
    return true;
  }
  void skip(std::size_t, std::optional<model::MetricType>) override {}
  std::size_t scan_key(std::size_t start) const override {
    return start >= keys_.size() ? 0 : 1 + static_cast<unsigned char>(keys_[start]);
  }
  std::size_t key_behind(std::size_t start, std::size_t key_bytes) const override {
    return start + key_bytes + sizeof(double);
  }
  void labels(ExposedLabels& out) const override { read(last_, out); }
  Result<void> labels_of(std::string_view key, model::MetricType,
                         ExposedLabels& out) const override {
    read(key, out);
    return {};
  }
  std::string_view identity_of(std::string_view key) const override { return key; }
  std::string decode_help(std::string_view text) const override { return std::string(text); }

 private:
  static void read(std::string_view key, ExposedLabels& out) {
    out.clear();
    key.remove_prefix(1);
    const auto take = [&key] {
      const std::string text(key.substr(0, key.find('\0')));
      key.remove_prefix(text.size() + 1);
      return text;
    };
    while (!key.empty()) {
      std::string name = take();
      out.emplace_back(std::move(name), take());
    }
  }

  std::size_t at_ = 0;
  std::string_view last_;
};

class MessagePageTest : public ::testing::TestWithParam<bool> {
 protected:
  MessagePageTest() {
    if (GetParam()) ingest_.pin_hash_mode();
  }
  ScrapeCounts scrape(const std::vector<std::string>& messages) {
    batch_.reset();
    batch_.body.clear();
    for (const std::string& text : messages) batch_.body += text;
    batch_.page = std::make_unique<MessageReader>(batch_.body);
    time_ += 1000;
    const ScrapeCounts counts = *ingest_.stage(time_, store_, batch_);
    EXPECT_TRUE(ingest_.append(time_, store_, batch_));
    ingest_.commit(counts, batch_);
    return counts;
  }

  test::FakeAppender store_;
  Ingest ingest_{{}, model::Labels{{"instance", "i"}}};
  Batch batch_;
  model::TimeMs time_ = 0;
};

const ExposedLabels kUp = {{"__name__", "up"}, {"line", "\n#\""}};
const ExposedLabels kDown = {{"__name__", "down"}, {"b", "\x01"}};

TEST_P(MessagePageTest, IsReadAsAPageOfLinesIs) {
  EXPECT_EQ(scrape({message(kUp, 1), message(kDown, 2)}).series_added, 2U);
  const ScrapeCounts again = scrape({message(kUp, 3), message(kDown, 4)});
  EXPECT_EQ(again.series_added, 0U);
  EXPECT_EQ(again.misplaced, 0U);
  EXPECT_EQ(batch_.values, (std::vector<double>{3, 4}));

  const ScrapeCounts turned = scrape({message(kDown, 5), message(kUp, 6), message(kUp, 7)});
  EXPECT_EQ(turned.series_added, 0U);
  EXPECT_EQ(turned.duplicates, 1U);
  EXPECT_EQ(batch_.values, (std::vector<double>{5, 6}));

  EXPECT_EQ(scrape({message(kUp, 8)}).scraped, 1U);
  ASSERT_EQ(batch_.values.size(), 2U);
  EXPECT_TRUE(model::is_stale(batch_.values[1]));
}

INSTANTIATE_TEST_SUITE_P(InOrderAndByHash, MessagePageTest, ::testing::Bool());

}  // namespace
}  // namespace narthex::scrape
