// Template, staging and staleness, over a fake store. Each scrape is compared with what the body
// says, whatever way the template took to get there.
#include "scrape/ingest/ingest.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/str.h"
#include "model/sample.h"
#include "tests/support/fake_appender.h"

namespace narthex::scrape {
namespace {

class IngestTest : public testing::Test {
 protected:
  explicit IngestTest(IngestRules rules = {})
      : ingest_(std::move(rules), model::Labels{{"instance", "h:1"}, {"job", "j"}}) {}

  // One scrape at the next second; the error's text when it fails.
  std::string scrape(std::string_view body,
                     exposition::Format format = exposition::Format::kPrometheus) {
    time_ += 1000;
    batch_.reset();
    batch_.body = body;
    batch_.open(format);
    auto counts = ingest_.stage(time_, store_, batch_);
    if (counts) {
      counts_ = *counts;
      const auto rejected = ingest_.append(time_, store_, batch_);
      EXPECT_TRUE(rejected) << rejected.error().message();
      rejected_ = *rejected;
      ingest_.commit(counts_, batch_);
      return "";
    }
    batch_.reset();
    ingest_.stage_failure(batch_);
    EXPECT_TRUE(ingest_.append(time_, store_, batch_));
    return counts.error().message();
  }

  static std::string series(std::string_view name, std::string_view labels = "") {
    return concat(name, "{", labels, "instance=\"h:1\", job=\"j\"}");
  }
  double newest(std::string_view name) { return store_.newest(series(name)); }
  bool stale(std::string_view name) { return model::is_stale(newest(name)); }

  Ingest ingest_;
  test::FakeAppender store_;
  Batch batch_;
  model::TimeMs time_ = 1'000'000;
  ScrapeCounts counts_;
  RejectedRows rejected_;
};

TEST_F(IngestTest, FirstScrapeLearnsSecondMatchesInPlace) {
  scrape("# TYPE a gauge\na 1\nb{x=\"y\"} 2\n");
  EXPECT_EQ(counts_.series_added, 2u);
  const std::size_t resolves = store_.resolves();

  scrape("# TYPE a gauge\na 3\nb{x=\"y\"} 4\n");

  EXPECT_EQ(counts_.misplaced, 0u);
  EXPECT_EQ(counts_.series_added, 0u);
  EXPECT_EQ(counts_.scraped, 2u);
  EXPECT_EQ(store_.resolves(), resolves);
  EXPECT_EQ(newest("a"), 3);
}

TEST_F(IngestTest, VanishedSeriesGetOneStaleMarker) {
  scrape("a 1\nb 2\nc 3\nd 4\ne 5\nf 6\ng 7\nh 8\n");
  scrape("a 1\nh 8\n");  // further than the window
  EXPECT_TRUE(stale("b"));
  EXPECT_TRUE(stale("g"));
  EXPECT_EQ(newest("h"), 8);

  scrape("a 1\n");
  EXPECT_TRUE(stale("h"));
  scrape("a 1\nb 2\n");

  EXPECT_EQ(store_.samples(series("h")).size(), 3u);
  EXPECT_EQ(newest("b"), 2);
}

TEST_F(IngestTest, InsertedAndMovedLinesResynchronise) {
  scrape("a 1\nb 2\nc 3\nd 4\n");
  scrape("a 1\nnew{k=\"v\"} 9\nb 5\nc 6\nd 7\n");
  EXPECT_EQ(counts_.misplaced, 1u);
  EXPECT_EQ(counts_.series_added, 1u);
  scrape("d 1\nc 2\nb 3\na 4\nnew{k=\"v\"} 5\n");
  EXPECT_EQ(counts_.series_added, 0u);
  EXPECT_EQ(newest("a"), 4);
  EXPECT_EQ(newest("d"), 1);
  scrape("d 1\nc 2\nb 3\na 4\nnew{k=\"v\"} 5\n");
  EXPECT_EQ(counts_.misplaced, 0u);
}

// Found by the fuzzer: a line that moved to the end leads back to entries that were met already.
TEST_F(IngestTest, JumpingBackDoesNotReadARepetitionAsExpected) {
  scrape("# one\nb 2\n");
  scrape("b 3\n# one\nb 4\n");
  EXPECT_EQ(counts_.duplicates, 1u);
  EXPECT_EQ(newest("b"), 3);
}

// Upstream counts a repeated text and keeps the first value; another spelling of a series goes to
// the store, which keeps the first value too.
TEST_F(IngestTest, RepeatedSeriesKeepTheFirstValue) {
  for (int i = 0; i < 3; ++i) {
    scrape("a 1\nb 7\na 2\n{\"b\"} 8\n");
    EXPECT_EQ(counts_.scraped, 4u);
    EXPECT_EQ(counts_.added, 4u);
    EXPECT_EQ(counts_.duplicates, 1u);
    EXPECT_EQ(counts_.series_added, i == 0 ? 3u : 0u);
    EXPECT_EQ(rejected_.duplicate, 0u);
    EXPECT_EQ(newest("a"), 1);
    EXPECT_EQ(newest("b"), 7);
  }
  scrape("{\"b\"} 8\na 3\nb 9\n");
  EXPECT_EQ(newest("b"), 8);
  EXPECT_EQ(store_.samples(series("b")).size(), 4u);
  scrape("a 3\nb 10\n");
  EXPECT_EQ(newest("b"), 10);
}

// Two spellings of one series, each with its own time: upstream stores both, at every scrape.
TEST_F(IngestTest, SpellingsOfOneSeriesAreBothStoredAtEveryScrape) {
  const auto page = [&](model::TimeMs early) {
    return concat("# TYPE a gauge\na{x=\"1\",y=\"2\"} 1 ", early, "\nz 9\na{y=\"2\",x=\"1\"} 2\n");
  };
  for (std::size_t i = 0; i < 5; ++i) {
    ASSERT_EQ(scrape(page(time_ + 1000 - 300)), "");
    EXPECT_EQ(counts_.duplicates, 0u);
    EXPECT_EQ(counts_.added, 3u);
    EXPECT_EQ(counts_.series_added, i == 0 ? 3u : 0u);
    EXPECT_EQ(counts_.misplaced, i == 0 ? counts_.misplaced : 0u);
    EXPECT_EQ(rejected_.duplicate + rejected_.out_of_order, 0u);
    const auto samples = store_.samples("a{instance=\"h:1\", job=\"j\", x=\"1\", y=\"2\"}");
    ASSERT_EQ(samples.size(), 2 * (i + 1));
    EXPECT_EQ(samples[2 * i].time, time_ - 300);
    EXPECT_EQ(samples[2 * i].value, 1);
    EXPECT_EQ(samples[2 * i + 1].time, time_);
    EXPECT_EQ(samples[2 * i + 1].value, 2);
  }
}

// The other way round the early one comes too late within the batch: dropped without a word.
TEST_F(IngestTest, ASpellingThatComesTooLateIsDroppedQuietly) {
  for (std::size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(scrape(concat("a 2\na{x=\"\"} 1 ", time_ + 700, "\na{} 5\n")), "");
    EXPECT_EQ(counts_.duplicates, 0u);
    EXPECT_EQ(rejected_.duplicate + rejected_.out_of_order, 0u);
    ASSERT_EQ(store_.samples(series("a")).size(), i + 1);
    EXPECT_EQ(newest("a"), 2);
  }
}

// Upstream knows a line by its text without the blanks behind.
TEST_F(IngestTest, BlanksMakeNoOtherText) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(scrape(concat("a 1 ", time_ + 500, "\na   2\na{}  3\na\t4\n")), "");
    EXPECT_EQ(counts_.duplicates, 2u);
    EXPECT_EQ(newest("a"), 3);
  }
}

// A series goes stale when no line goes on with it, and once.
TEST_F(IngestTest, SharedSeriesGoStaleOnce) {
  const auto rows = [&] { return store_.samples(series("a")).size(); };
  scrape("a 1\na{x=\"\"} 1\nz 1\n");
  scrape("a{x=\"\"} 2\nz 1\n");
  EXPECT_EQ(newest("a"), 2);
  scrape("a{y=\"\"} 3\nz 1\n");
  EXPECT_EQ(newest("a"), 3);
  scrape("a 4\na{x=\"\"} 4\na{y=\"\"} 4\nz 1\n");
  const std::size_t before = rows();
  scrape("z 1\n");
  EXPECT_TRUE(stale("a"));
  EXPECT_EQ(rows(), before + 1);
  scrape("a 5\na{x=\"\"} 5\n");
  scrape("oops\n");
  EXPECT_TRUE(stale("a"));
  EXPECT_EQ(rows(), before + 3);
}

// Of a series with two spellings only the one with its own times stays: the other has ended.
TEST_F(IngestTest, ASpellingWithTimesDoesNotKeepASeriesFromGoingStale) {
  scrape("a 1\nz 1\n");
  scrape(concat("a{x=\"\"} 2 ", time_ + 600, "\na 1\nz 1\n"));
  EXPECT_EQ(newest("a"), 1);
  scrape(concat("a{x=\"\"} 3 ", time_ + 600, "\nz 1\n"));
  EXPECT_TRUE(stale("a"));
  scrape(concat("a{x=\"\"} 4 ", time_ + 600, "\nz 1\n"));
  EXPECT_EQ(newest("a"), 4);
}

TEST_F(IngestTest, FailedScrapeMakesEverythingStaleOnce) {
  scrape("a 1\nb 2\n");
  EXPECT_NE(scrape("a 5\nb\n"), "");
  EXPECT_TRUE(stale("a"));
  EXPECT_TRUE(stale("b"));
  EXPECT_NE(scrape("a 5\nb\n"), "");
  EXPECT_EQ(store_.samples(series("a")).size(), 2u);
  scrape("a 6\nb 7\n");
  EXPECT_EQ(counts_.series_added, 0u);
  EXPECT_EQ(newest("a"), 6);
  scrape("b 7\n");
  EXPECT_TRUE(stale("a"));
}

TEST_F(IngestTest, EmptyBodyMakesEverythingStale) {
  scrape("a 1\n");
  EXPECT_EQ(scrape(""), "");
  EXPECT_TRUE(stale("a"));
}

TEST_F(IngestTest, ExplicitTimesAreKeptAndNotTracked) {
  scrape("a 1 5000\nb 2\n");
  EXPECT_EQ(store_.samples(series("a"))[0].time, 5000);
  scrape("b 3\n");
  EXPECT_EQ(store_.samples(series("a")).size(), 1u);
  EXPECT_EQ(newest("b"), 3);
}

// Exporters that write nanoseconds where OpenMetrics wants seconds: the sample is dropped, the page
// is not.
TEST_F(IngestTest, TimesThatNoMillisecondsHoldCostTheirSampleOnly) {
  for (int i = 0; i < 3; ++i) {
    const std::string page =
        "a 1\nns 2 1700000000000000000\nbig 2 1e300\nneg 2 -1e17 # {x=\"y\"} 1 1e300\n"
        "us 2 1700000000000000\nb 3\n# EOF\n";
    EXPECT_EQ(scrape(page, exposition::Format::kOpenMetrics), "");
    EXPECT_EQ(counts_.scraped, 6u);
    EXPECT_EQ(counts_.added, 6u);
    EXPECT_EQ(counts_.out_of_bounds, 4u);
    EXPECT_EQ(counts_.series_added, i == 0 ? 2u : 0u);
  }
  EXPECT_EQ(newest("a"), 1);
  EXPECT_EQ(newest("b"), 3);
  EXPECT_EQ(store_.rows().size(), 2u);
}

TEST_F(IngestTest, TimesThatAreNoNumbersFailTheScrape) {
  for (const char* time : {"NaN", "+Inf", "-Inf", "1e400", "x", "0x1p3", "1_0"}) {
    EXPECT_NE(scrape(concat("a 1 ", time, "\n# EOF\n"), exposition::Format::kOpenMetrics), "")
        << time;
    EXPECT_NE(scrape(concat("a 1 # {} 1 ", time, "\n# EOF\n"), exposition::Format::kOpenMetrics),
              "")
        << time;
  }
  EXPECT_NE(scrape("a 1 9223372036854775808\n"), "");
  EXPECT_EQ(scrape("a 1 9223372036854775807\nb 1\n"), "");
  EXPECT_EQ(counts_.out_of_bounds, 1u);
}

// A known series whose sample comes with such a time has no sample in this scrape.
TEST_F(IngestTest, AKnownSeriesWithABadTimeGoesStale) {
  scrape("a 1\n# EOF\n", exposition::Format::kOpenMetrics);
  scrape("a 1 1e30\n# EOF\n", exposition::Format::kOpenMetrics);
  EXPECT_EQ(counts_.out_of_bounds, 1u);
  EXPECT_TRUE(stale("a"));
  scrape("a 2\n# EOF\n", exposition::Format::kOpenMetrics);
  EXPECT_EQ(newest("a"), 2);
}

// le="1" means another series under another TYPE, although the line's bytes are the same.
TEST_F(IngestTest, TypeChangeIsNotMistakenForAKnownLine) {
  scrape("# TYPE h histogram\nh_bucket{le=\"1\"} 1\n");
  scrape("# TYPE h untyped\nh_bucket{le=\"1\"} 2\n");

  EXPECT_EQ(store_.newest("h_bucket{instance=\"h:1\", job=\"j\", le=\"1\"}"), 2);
  EXPECT_TRUE(model::is_stale(store_.newest("h_bucket{instance=\"h:1\", job=\"j\", le=\"1.0\"}")));
}

TEST_F(IngestTest, GoneSeriesAreResolvedAgain) {
  scrape("a 1\nb 2\n");
  store_.forget(series("a"));

  scrape("a 3\nb 4\n");

  EXPECT_EQ(newest("a"), 3);
  scrape("a 5\nb 6\n");
  EXPECT_EQ(newest("a"), 5);
}

TEST_F(IngestTest, ExposedLabelsMoveAside) {
  scrape("a{job=\"x\",exported_job=\"y\"} 1\n");

  EXPECT_EQ(store_.newest(
                "a{exported_exported_job=\"x\", exported_job=\"y\", instance=\"h:1\", job=\"j\"}"),
            1);
}

TEST_F(IngestTest, ReportsSyntaxAndLabelErrors) {
  EXPECT_EQ(scrape("a{b=\"1\",b=\"2\"} 1\n"), "label name \"b\" is not unique: invalid sample");
  EXPECT_EQ(scrape("a 1\nb x\n"), "parsing \"x\": invalid syntax at line 2, byte 6");
}

TEST_F(IngestTest, EmptyLabelsAreNoneHoweverOften) {
  scrape("a{b=\"\",b=\"2\"} 1\na{b=\"3\",b=\"\",b=\"\"} 2\n");

  EXPECT_EQ(store_.newest("a{b=\"2\", instance=\"h:1\", job=\"j\"}"), 1);
  EXPECT_EQ(store_.newest("a{b=\"3\", instance=\"h:1\", job=\"j\"}"), 2);
}

TEST_F(IngestTest, MakesNoSeriesForSamplesThatAreTooOld) {
  scrape("a 1 1000\n");
  const std::size_t known = store_.resolves();
  store_.set_oldest_time(2000);
  scrape("a 2 1500\nb 1 1999\nc 1\n");

  EXPECT_EQ(counts_.out_of_bounds, 1u);  // b; the store judges a, which has samples
  EXPECT_EQ(store_.resolves(), known + 1);
  scrape("b 3 2000\n");
  EXPECT_EQ(newest("b"), 3);
}

TEST_F(IngestTest, RefusedNewSeriesDoNotFailTheScrape) {
  scrape("a 1\n");
  store_.refuse_new_series(true);
  EXPECT_EQ(scrape("a 2\nb 3\n"), "");
  EXPECT_EQ(counts_.refused, 1u);
  store_.refuse_new_series(false);
  scrape("a 2\nb 3\n");
  EXPECT_EQ(newest("b"), 3);
}

TEST_F(IngestTest, ReportSeriesCarryTheTargetsLabels) {
  batch_.reset();
  std::optional<Error> report_error;
  ASSERT_TRUE(ingest_.write({.up = true, .duration_seconds = 0.5, .counts = {.scraped = 7}}, 5000,
                            store_, batch_, report_error));
  EXPECT_FALSE(report_error);

  EXPECT_EQ(newest("up"), 1);
  EXPECT_EQ(newest("scrape_duration_seconds"), 0.5);
  EXPECT_EQ(newest("scrape_samples_scraped"), 7);
  EXPECT_EQ(newest("scrape_series_added"), 0);
  EXPECT_TRUE(std::isnan(newest("scrape_timeout_seconds")));
}

IngestRules limited() {
  IngestRules rules;
  rules.limits.samples = 2;
  rules.limits.labels = 4;
  rules.limits.label_name_bytes = 8;
  rules.limits.label_value_bytes = 10;
  rules.extra_scrape_metrics = true;
  return rules;
}

class LimitedIngestTest : public IngestTest {
 protected:
  LimitedIngestTest() : IngestTest(limited()) {}
};

TEST_F(LimitedIngestTest, LimitsFailTheWholeScrape) {
  EXPECT_EQ(scrape("a 1\nb 2\n"), "");
  EXPECT_EQ(scrape("a 1\nb 2\nc 3\n"), "sample limit exceeded");
  EXPECT_TRUE(stale("a"));
  EXPECT_TRUE(store_.samples(series("c")).empty());
  EXPECT_EQ(scrape("a{x=\"1\",y=\"2\"} 1\n"),
            "label_limit exceeded (metric: a, number of labels: 5, limit: 4)");
  EXPECT_EQ(
      scrape("a{longlabel=\"1\"} 1\n"),
      "label_name_length_limit exceeded (metric: a, label name: longlabel, length: 9, limit: 8)");
  EXPECT_EQ(scrape("a{x=\"12345678901\"} 1\n"),
            "label_value_length_limit exceeded (metric: a, label name: x, value: \"12345678901\", "
            "length: 11, "
            "limit: 10)");
}

constexpr std::size_t kMib = std::size_t{1} << 20;

std::string page_with(std::size_t value_bytes) {
  return concat("a{big=\"", std::string(value_bytes, 'x'), "\"} 1\n");
}

// 16 MiB have no form in a label set at all; nothing that a page says may get that far.
TEST_F(IngestTest, LabelsThatAreTooLargeFailTheScrape) {
  EXPECT_EQ(scrape(page_with(kMib)), "");
  for (const std::size_t bytes : {kMib + 1, 15 * kMib, 16 * kMib - 100}) {
    EXPECT_EQ(scrape(page_with(bytes)),
              concat("label_value_length_limit exceeded (metric: a, label name: big, value: \"",
                     std::string(50, 'x'), "\", length: ", bytes, ", limit: 1048576)"));
  }
  std::string body = "a{";
  for (int i = 0; i < 5; ++i) body += concat("l", i, "=\"", std::string(kMib - 1, 'x'), "\",");
  EXPECT_NE(scrape(body + "} 1\n").find("limit: 4194304"), std::string::npos);
  EXPECT_NE(scrape(concat("{\"a\",\"", std::string(1025, 'n'), "\"=\"v\"} 1\n"))
                .find("label_name_length_limit exceeded"),
            std::string::npos);
  EXPECT_EQ(scrape("a 1\n"), "");
}

IngestRules prefixing(std::uint64_t value_limit = 0) {
  IngestRules rules;
  rules.limits.label_value_bytes = value_limit;
  const std::vector<model::RelabelRule> list = {
      {.source_labels = {"big"}, .target_label = "big", .replacement = "prefix-$1"}};
  rules.relabeler = std::make_shared<model::Relabeler>(*model::Relabeler::create(list));
  return rules;
}

class PrefixIngestTest : public IngestTest {
 protected:
  PrefixIngestTest() : IngestTest(prefixing()) {}
};

TEST_F(PrefixIngestTest, RelabellingThatGrowsALabelFailsTheScrape) {
  EXPECT_EQ(scrape(page_with(kMib - 7)), "");
  for (const std::size_t bytes : {kMib - 6, kMib, 16 * kMib - 100}) {
    EXPECT_NE(scrape(page_with(bytes)).find("longer than 1048576 bytes"), std::string::npos);
  }
  EXPECT_EQ(scrape("a{big=\"\"} 1\n"), "");
}

class RaisedLimitIngestTest : public IngestTest {
 protected:
  RaisedLimitIngestTest() : IngestTest(prefixing(3 * kMib)) {}
};

TEST_F(RaisedLimitIngestTest, AConfiguredLimitMayAllowMore) {
  EXPECT_EQ(scrape(page_with(3 * kMib - 7)), "");
  EXPECT_NE(scrape(page_with(3 * kMib)), "");
}

IngestRules relabelling() {
  IngestRules rules;
  rules.honor_labels = true;
  rules.honor_timestamps = false;
  std::vector<model::RelabelRule> rules_list(2);
  rules_list[0] = {
      .source_labels = {"__name__"}, .regex_text = "drop.*", .action = model::RelabelAction::kDrop};
  rules_list[1] = {.regex_text = "secret", .action = model::RelabelAction::kLabelDrop};
  rules.relabeler = std::make_shared<model::Relabeler>(*model::Relabeler::create(rules_list));
  return rules;
}

class RelabelIngestTest : public IngestTest {
 protected:
  RelabelIngestTest() : IngestTest(relabelling()) {}
};

TEST_F(RelabelIngestTest, DropsAndRewritesOnce) {
  for (int i = 0; i < 2; ++i) {
    scrape("drop_me 1\na{secret=\"s\"} 2 77\n");
    EXPECT_EQ(counts_.scraped, 2u);
    EXPECT_EQ(counts_.added, 1u);
  }
  EXPECT_EQ(newest("a"), 2);
  EXPECT_EQ(store_.samples(series("a"))[1].time, time_);
  EXPECT_EQ(store_.resolves(), 1u);
}

// Relabelling that merges many lines into one series: each is a sample of it, the first one counts.
TEST_F(RelabelIngestTest, LinesMadeOneByRelabellingShareASeries) {
  std::string body;
  for (int i = 0; i < 1000; ++i) body += concat("m{secret=\"", i, "\"} ", i, "\n");
  for (std::size_t i = 0; i < 3; ++i) {
    scrape(body);
    EXPECT_EQ(counts_.added, 1000u);
    EXPECT_EQ(counts_.duplicates, 0u);
    EXPECT_EQ(counts_.series_added, i == 0 ? 1000u : 0u);
    EXPECT_EQ(newest("m"), 0);
    EXPECT_EQ(store_.samples(series("m")).size(), i + 1);
  }
  scrape("");
  EXPECT_TRUE(stale("m"));
}

TEST_F(RelabelIngestTest, HonouredLabelsWinEvenWhenEmpty) {
  scrape("a{job=\"\",instance=\"mine\"} 1\n");

  EXPECT_EQ(store_.newest("a{instance=\"mine\"}"), 1);
}

// Whatever the order, insertions and removals: the store holds what a naive reading of the bodies
// gives.
TEST_F(IngestTest, RandomBodiesAgreeWithANaiveReading) {
  const unsigned seed = 20'260'101;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::map<int, double> before;
  for (int round = 0; round < 300; ++round) {
    std::vector<int> ids;
    const bool shuffled = round % 100 > 50;
    for (int id = 0; id < 60; ++id) {
      if (random() % 20 != 0) ids.push_back(id);
    }
    if (shuffled) std::shuffle(ids.begin(), ids.end(), random);
    std::string body;
    std::map<int, double> now;
    for (const int id : ids) {
      const auto value = static_cast<double>(random() % 1000);
      if (id % 10 == 0) body += concat("# HELP m", id, " text\n");
      body += concat("m", id / 10, "{id=\"", id, "\"} ", value, "\n");
      now[id] = value;
    }

    ASSERT_EQ(scrape(body), "");

    for (const auto& [id, value] : now) {
      const std::string name =
          concat("m", id / 10, "{id=\"", id, "\", instance=\"h:1\", job=\"j\"}");
      ASSERT_EQ(store_.samples(name).back().time, time_);
      ASSERT_EQ(store_.newest(name), value);
    }
    for (const auto& [id, value] : before) {
      const std::string name =
          concat("m", id / 10, "{id=\"", id, "\", instance=\"h:1\", job=\"j\"}");
      if (!now.contains(id)) ASSERT_TRUE(model::is_stale(store_.newest(name))) << name;
    }
    before = now;
  }
  EXPECT_TRUE(ingest_.lines().hash_mode());
}

}  // namespace
}  // namespace narthex::scrape
