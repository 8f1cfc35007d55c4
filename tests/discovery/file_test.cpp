// file_sd: formats, patterns, change, and files that go bad.
#include "discovery/file.h"

#include <map>

#include <gtest/gtest.h>

#include "base/str.h"
#include "discovery/watch.h"
#include "tests/support/temp_dir.h"

namespace narthex::discovery {
namespace {

class FileDiscoveryTest : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    auto file = real_file_system().create(dir_.path() + "/" + name);
    ASSERT_TRUE(file);
    ASSERT_TRUE((*file)->append(std::as_bytes(std::span(text))));
    ASSERT_TRUE((*file)->close());
  }
  // What changed: its sources, those of groups that are gone with a minus.
  std::vector<std::string> refresh() {
    std::vector<std::string> out;
    std::vector<TargetGroup> changed;
    set_.refresh(changed);
    for (TargetGroup& group : changed) {
      const std::string name = group.source.substr(dir_.path().size() + 1);
      out.push_back(group.targets.empty() ? "-" + name : name);
      groups_[name] = std::move(group);
    }
    return out;
  }

  test::TempDir dir_;
  Metrics metrics_;
  Counter& errors_ = metrics_.counter("errors", "");
  FileSet set_{
      {dir_.path() + "/*.json", dir_.path() + "/one.yml"}, real_file_system(), null_log(), errors_};
  std::map<std::string, TargetGroup> groups_;  // the newest of each source
};

using Sources = std::vector<std::string>;

TEST_F(FileDiscoveryTest, FollowsFilesAsTheyComeChangeAndGo) {
  EXPECT_EQ(refresh(), Sources());
  write("a.json", R"([{"targets": ["h:1", "h:2"], "labels": {"x": "y"}}, {"targets": ["h:7"]}])");
  write("one.yml", "- targets: [h:3]\n");
  write("other.yml", "- targets: [h:4]\n");
  EXPECT_EQ(refresh(), (Sources{"a.json:0", "a.json:1", "one.yml:0"}));
  EXPECT_EQ(refresh(), Sources());
  EXPECT_EQ(groups_["a.json:0"].targets[1].get("__address__"), "h:2");
  EXPECT_EQ(groups_["a.json:0"].labels.get("x"), "y");
  EXPECT_EQ(groups_["a.json:0"].labels.get("__meta_filepath"), dir_.path() + "/a.json");

  write("a.json", R"([{"targets": ["h:5"]}])");
  EXPECT_EQ(refresh(), (Sources{"-a.json:1", "a.json:0"}));
  EXPECT_EQ(groups_["a.json:0"].targets[0].get("__address__"), "h:5");

  ASSERT_TRUE(real_file_system().remove(dir_.path() + "/a.json"));
  EXPECT_EQ(refresh(), Sources{"-a.json:0"});
}

TEST_F(FileDiscoveryTest, ABadFileKeepsItsTargets) {
  write("a.json", R"([{"targets": ["h:1"]}])");
  refresh();

  write("a.json", R"([{"targets": ["h:1")");
  EXPECT_EQ(refresh(), Sources());
  EXPECT_EQ(refresh(), Sources());

  EXPECT_EQ(errors_.value(), 1);
  write("a.json", R"([{"targets": ["h:9"]}])");
  EXPECT_EQ(refresh(), Sources{"a.json:0"});
  EXPECT_EQ(groups_["a.json:0"].targets[0].get("__address__"), "h:9");
}

TEST_F(FileDiscoveryTest, ReadsJsonAsGo) {
  const auto group =
      decode_file("a.json",
                  "[{\"TARGETS\": [\"h:1\", null], \"target\u017f\": [\"h:2\", null], "
                  "\"Labels\": {\"a\": \"b\", \"c\": null}}]");
  ASSERT_TRUE(group) << group.error().message();
  ASSERT_EQ(group->front().targets.size(), 2U);
  EXPECT_EQ(group->front().targets[0].get("__address__"), "h:2");
  EXPECT_TRUE(group->front().targets[1].empty());
  EXPECT_EQ(group->front().labels.to_string(), R"({__meta_filepath="a.json", a="b"})");
  EXPECT_TRUE(decode_file("a.json", "null")->empty());
  EXPECT_TRUE(decode_file("a.json", R"([{"targets": null, "labels": null}])"));
  for (const char* text :
       {"", "{}", "[null]", "[1]", R"([{"source": "x"}])", R"([{"targets": ["a"], "x": null}])",
        R"([{"targets": [1]}])", R"([{"targets": "a"}])", R"([{"labels": {"a": 1}}])",
        R"([{"labels": []}])", R"([{"labels": {"": "a"}}])", "[] []"}) {
    EXPECT_FALSE(decode_file("a.json", text)) << text;
  }
  EXPECT_FALSE(decode_file("a.json", std::string(200'000, '[')));
  EXPECT_FALSE(decode_file("a.yml", std::string(200'000, '[')));
}

// A label set has no form for 16 MiB; JSON may hold 64 MiB, YAML's escapes may grow.
TEST_F(FileDiscoveryTest, RefusesLabelsThatAreTooLarge) {
  const std::string long_text(std::size_t{17} << 20, 'x');
  EXPECT_FALSE(decode_file("a.json", concat(R"([{"targets": [")", long_text, R"("]}])")));
  EXPECT_FALSE(decode_file("a.json", concat(R"([{"labels": {"a": ")", long_text, R"("}}])")));
  EXPECT_FALSE(decode_file("a.json", concat(R"([{"labels": {")", long_text, R"(": "a"}}])")));
  std::string escapes;
  for (int i = 0; i < 8'000'000; ++i) escapes += "\\L";
  EXPECT_FALSE(decode_file("a.yml", concat("- labels: {a: \"", escapes, "\"}\n")));
}

TEST_F(FileDiscoveryTest, NamesTheDirectoriesToWatch) {
  EXPECT_EQ(set_.directories(), std::set<std::string>{dir_.path()});
  const auto directories = [this](std::string pattern) {
    const FileSet set({std::move(pattern)}, real_file_system(), null_log(), errors_);
    return *set.directories().begin();
  };
  EXPECT_EQ(directories("a.yml"), ".");
  EXPECT_EQ(directories("/a.yml"), "/");
  EXPECT_EQ(directories("/a/b/*.yml"), "/a/b");
}

class DirectoryWatchTest : public testing::Test {
 protected:
  ~DirectoryWatchTest() override { executors_.stop(); }
  void write(const std::string& path) { ASSERT_TRUE(fs_.create(path)); }

  test::TempDir dir_;
  FileSystem& fs_ = real_file_system();
  net::Executors executors_{1, 1};
  DirectoryWatch watch_;
};

TEST_F(DirectoryWatchTest, SeesFilesComeChangeMoveAndGo) {
  ASSERT_TRUE(watch_.available());
  ASSERT_TRUE(watch_.watch({dir_.path()}));
  EXPECT_FALSE(watch_.drain());

  write(dir_.path() + "/a");
  EXPECT_TRUE(watch_.drain());
  EXPECT_FALSE(watch_.drain());
  ASSERT_TRUE(fs_.rename(dir_.path() + "/a", dir_.path() + "/b"));
  EXPECT_TRUE(watch_.drain());
  ASSERT_TRUE(fs_.remove(dir_.path() + "/b"));
  EXPECT_TRUE(watch_.drain());
}

TEST_F(DirectoryWatchTest, FollowsTheSetOfDirectories) {
  const std::string sub = dir_.path() + "/sub";
  EXPECT_FALSE(watch_.watch({sub}));  // does not exist
  ASSERT_TRUE(fs_.make_directories(sub));
  EXPECT_TRUE(watch_.watch({sub}));
  write(sub + "/a");
  EXPECT_TRUE(watch_.drain());

  ASSERT_TRUE(fs_.remove_all(sub));
  ASSERT_TRUE(fs_.make_directories(sub));  // another directory of that name
  EXPECT_TRUE(watch_.watch({sub}));
  watch_.drain();
  write(sub + "/a");
  EXPECT_TRUE(watch_.drain());

  watch_.keep({});
  watch_.drain();
  write(sub + "/b");
  EXPECT_FALSE(watch_.drain());
}

TEST_F(DirectoryWatchTest, WakesWhoWaits) {
  ASSERT_TRUE(watch_.watch({dir_.path()}));
  net::TaskGroup tasks(executors_);
  tasks.spawn([this] { return watch_.wait(); });
  write(dir_.path() + "/a");

  tasks.close();
  EXPECT_TRUE(tasks.wait(std::chrono::seconds(20)));
}

TEST(FileDiscovery, RefusesWhatUpstreamRefuses) {
  const struct {
    const char* path;
    const char* text;
    const char* error;
  } kRows[] = {
      {"a.json", R"([null])", "a.json: nil target group item found"},
      {"a.json", R"([{"target": ["x"]}])", "a.json: json: unknown field \"target\""},
      {"a.json", R"([{"targets": [1]}])", "a.json: json: targets must be strings"},
      {"a.json", R"({})", "a.json: json: expected a list of target groups"},
      {"a.yml", "- targets: [x]\n  lables: {}\n", "a.yml:2: field lables not found in type struct"},
      {"a.yml", "- null\n", "a.yml:1: nil target group item found"},
  };
  for (const auto& row : kRows) {
    SCOPED_TRACE(row.text);
    const auto groups = decode_file(row.path, row.text);
    ASSERT_FALSE(groups);
    EXPECT_EQ(groups.error().message().substr(0, std::string_view(row.error).size()), row.error);
  }
  EXPECT_TRUE(decode_file("a.json", "[]"));
  EXPECT_TRUE(decode_file("a.yml", ""));
}

}  // namespace
}  // namespace narthex::discovery
