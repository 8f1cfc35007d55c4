// The manager and its follower over providers that a test holds in its hand, and the two kinds that
// need nobody else.
#include "discovery/manager.h"

#include <thread>

#include <gtest/gtest.h>

#include "discovery/file.h"
#include "discovery/follower.h"
#include "discovery/static.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace narthex::discovery {
namespace {

TargetGroup group(std::string source, const std::vector<std::string>& addresses) {
  TargetGroup out = *make_group(addresses, {});
  out.source = std::move(source);
  return out;
}

/// What became of the providers of one configuration.
struct Seen {
  Publish publish;
  int started = 0;
  int stopped = 0;
  std::function<void()> while_stopping;
  bool lacks_memory = false;
};

class FakeProvider final : public Provider {
 public:
  FakeProvider(Seen& seen, std::string address) : seen_(seen), address_(std::move(address)) {}
  void start(Publish publish) override {
    ++seen_.started;
    if (seen_.lacks_memory) throw std::bad_alloc();
    seen_.publish = publish;
    publish({group("first", {address_})});
  }
  void stop() override {
    ++seen_.stopped;
    if (seen_.while_stopping) seen_.while_stopping();
  }

 private:
  Seen& seen_;
  std::string address_;
};

class FakeConfig final : public ProviderConfig {
 public:
  FakeConfig(Seen& seen, std::string address) : seen_(seen), address_(std::move(address)) {}
  std::string_view key() const override { return "fake_sd_configs"; }
  bool equals(const ProviderConfig& other) const override {
    return address_ == static_cast<const FakeConfig&>(other).address_;
  }
  void emit_items(yaml::Writer&) const override {}
  std::shared_ptr<const ProviderConfig> in_directory(std::string_view) const override {
    return std::make_shared<FakeConfig>(*this);
  }
  Result<std::vector<TargetGroup>> look(FileSystem&) const override {
    return std::vector<TargetGroup>();
  }
  std::unique_ptr<Provider> make(const ProviderContext&) const override {
    return std::make_unique<FakeProvider>(seen_, address_);
  }

 private:
  Seen& seen_;
  std::string address_;
};

DiscoveryConfig of(ProviderConfigs providers) {
  return {.providers = std::move(providers)};
}

using Addresses = std::vector<std::string>;

class DiscoveryManagerTest : public testing::Test {
 protected:
  ~DiscoveryManagerTest() override {
    manager_.stop();
    executors_.stop();
  }
  std::shared_ptr<const ProviderConfig> fake(std::string address) {
    Seen& seen = seen_[address];
    return std::make_shared<FakeConfig>(seen, std::move(address));
  }
  Addresses addresses(const std::string& consumer) {
    Addresses out;
    for (const TargetGroup& found : manager_.snapshot()->at(consumer)) {
      for (const model::Labels& target : found.targets) {
        out.emplace_back(target.get("__address__"));
      }
    }
    return out;
  }

  net::Executors executors_{1, 1};
  test::FakeClock clock_;
  Metrics metrics_;
  std::map<std::string, Seen> seen_;
  Manager manager_{{executors_, real_file_system(), clock_, metrics_, null_log()}, "scrape"};
};

TEST_F(DiscoveryManagerTest, KeepsTheNewestGroupOfEachSource) {
  manager_.apply({{"job", of({fake("a")})}});
  const std::uint64_t before = manager_.version();

  seen_["a"].publish({group("second", {"x", "y"}), group("third", {"z"})});
  EXPECT_EQ(addresses("job"), (Addresses{"a", "x", "y", "z"}));
  seen_["a"].publish({group("second", {"w"}), group("first", {}), group("never was", {})});

  EXPECT_EQ(addresses("job"), (Addresses{"w", "z"}));
  EXPECT_GT(manager_.version(), before);
  EXPECT_NE(metrics_.expose().find("prometheus_sd_discovered_targets{config=\"job\","
                                   "name=\"scrape\"} 2"),
            std::string::npos);
}

TEST_F(DiscoveryManagerTest, EqualConfigurationsShareAProviderAndOutliveAReload) {
  manager_.apply({{"one", of({fake("a"), fake("b")})}, {"two", of({fake("a")})}});
  seen_["a"].publish({group("second", {"x"})});

  manager_.apply({{"two", of({fake("a"), fake("c")})}, {"three", of({fake("a")})}});

  EXPECT_EQ(seen_["a"].started, 1);
  EXPECT_EQ(seen_["a"].stopped, 0);
  EXPECT_EQ(seen_["b"].stopped, 1);
  EXPECT_EQ(addresses("two"), (Addresses{"a", "x", "c"}));
  EXPECT_EQ(addresses("three"), (Addresses{"a", "x"}));
  EXPECT_FALSE(manager_.snapshot()->contains("one"));
  EXPECT_EQ(metrics_.expose().find("config=\"one\""), std::string::npos);
}

// Loops of targets that seem to go end with stale markers.
TEST_F(DiscoveryManagerTest, NoConsumerIsWithoutTargetsWhileProvidersChange) {
  manager_.apply({{"job", of({fake("a")})}});
  Addresses meanwhile;
  seen_["a"].while_stopping = [&] { meanwhile = addresses("job"); };

  manager_.apply({{"job", of({fake("b")})}});

  EXPECT_EQ(meanwhile, Addresses{"b"});
  EXPECT_EQ(addresses("job"), Addresses{"b"});
}

TEST_F(DiscoveryManagerTest, WhenAProviderLacksMemoryAllStaysAsItWas) {
  manager_.apply({{"job", of({fake("a")})}});
  seen_["c"].lacks_memory = true;

  EXPECT_THROW(manager_.apply({{"job", of({fake("a"), fake("b"), fake("c")})}}), std::bad_alloc);

  EXPECT_EQ(addresses("job"), Addresses{"a"});
  EXPECT_EQ(seen_["a"].stopped, 0);
  EXPECT_EQ(seen_["b"].stopped, 1);
  EXPECT_EQ(seen_["c"].stopped, 1);
  seen_["c"].lacks_memory = false;
  manager_.apply({{"job", of({fake("a"), fake("c")})}});
  EXPECT_EQ(addresses("job"), (Addresses{"a", "c"}));
}

TEST_F(DiscoveryManagerTest, ShowsTheMetricsOfAllKindsFromTheStart) {
  const std::string text = metrics_.expose();

  EXPECT_NE(text.find("prometheus_sd_file_read_errors_total 0"), std::string::npos);
  EXPECT_NE(text.find("prometheus_sd_file_watcher_errors_total 0"), std::string::npos);
}

TEST_F(DiscoveryManagerTest, StartsNothingAfterItsStop) {
  manager_.apply({{"job", of({fake("a")})}});
  manager_.stop();
  manager_.stop();

  manager_.apply({{"job", of({fake("b")})}});

  EXPECT_EQ(seen_["a"].stopped, 1);
  EXPECT_EQ(seen_["b"].started, 0);
}

TEST_F(DiscoveryManagerTest, PublishesStaticGroupsAtOnce) {
  const std::uint64_t before = manager_.version();

  manager_.apply(
      {{"job",
        of({std::make_shared<StaticConfig>(std::vector<TargetGroup>{group("0", {"h:1"})})})}});

  EXPECT_GT(manager_.version(), before);
  EXPECT_EQ(addresses("job"), Addresses{"h:1"});
}

TEST_F(DiscoveryManagerTest, PublishesAFileAsSoonAsItChanges) {
  const test::TempDir dir;
  const auto write = [&](std::string_view text) {
    auto file = real_file_system().create(dir.path() + "/a.yml");
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append(std::as_bytes(std::span(text))));
  };
  write("- targets: [h:1]\n");
  FileConfig config;
  config.files = {dir.path() + "/*.yml"};
  config.refresh_interval = 3'600'000;
  manager_.apply({{"job", of({std::make_shared<FileConfig>(config)})}});
  EXPECT_EQ(addresses("job"), Addresses{"h:1"});
  const std::uint64_t before = manager_.version();

  write("- targets: [h:2]\n");

  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (manager_.version() == before && std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();
  }
  EXPECT_EQ(addresses("job"), Addresses{"h:2"});
}

// What threw may have taken the groups and not used them.
TEST_F(DiscoveryManagerTest, AFollowerIsToldAgainAfterAnException) {
  std::atomic<int> told{0};
  Follower follower({executors_, real_file_system(), clock_, metrics_, null_log()}, "notify", 1,
                    [&] {
                      follower.groups();
                      if (++told < 3) throw std::bad_alloc();
                    });
  follower.apply({{"job", of({fake("a")})}});

  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (told.load() < 3 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::yield();
  }
  follower.stop();

  EXPECT_EQ(told.load(), 3);
}

TEST_F(DiscoveryManagerTest, AFollowerIsToldOfWhatItHasNotTaken) {
  std::atomic<int> told{0};
  Follower follower({executors_, real_file_system(), clock_, metrics_, null_log()}, "notify", 1,
                    [&] { ++told; });
  const auto told_more_than = [&](int before) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (told.load() <= before && std::chrono::steady_clock::now() < patience) {
      std::this_thread::yield();
    }
    return told.load() > before;
  };
  follower.apply({{"job", of({fake("a")})}});
  EXPECT_TRUE(told_more_than(0));
  EXPECT_EQ(follower.groups()->at("job").size(), 1U);

  seen_["a"].publish({group("second", {"x"})});

  EXPECT_TRUE(told_more_than(told.load()));
  EXPECT_EQ(follower.groups()->at("job").size(), 2U);
  follower.stop();
}

}  // namespace
}  // namespace narthex::discovery
