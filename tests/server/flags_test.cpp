// The command line, as Prometheus spells it.
#include "server/flags.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace narthex::server {
namespace {

Result<CommandLine> parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments, real_file_system());
}

TEST(Flags, HasUpstreamsDefaults) {
  const auto line = parse({});

  ASSERT_TRUE(line);
  EXPECT_EQ(line->flags.config_file, "prometheus.yml");
  EXPECT_EQ(line->flags.listen_addresses, std::vector<std::string>{"0.0.0.0:9090"});
  EXPECT_EQ(line->flags.storage_path, "data/");
  EXPECT_FALSE(line->flags.enable_lifecycle);
  EXPECT_EQ(line->flags.all.at("query.timeout"), "2m");
  EXPECT_EQ(line->flags.all.at("storage.tsdb.retention.time"), "15d");
}

TEST(Flags, TakesBothSpellings) {
  const auto line =
      parse({"--config.file=a.yml", "--storage.tsdb.path", "d", "--web.enable-lifecycle",
             "--no-storage.tsdb.wal-compression", "--web.listen-address=:1",
             "--web.listen-address=:2", "--log.level=debug"});

  ASSERT_TRUE(line) << line.error().message();
  EXPECT_EQ(line->flags.config_file, "a.yml");
  EXPECT_EQ(line->flags.storage_path, "d");
  EXPECT_TRUE(line->flags.enable_lifecycle);
  EXPECT_FALSE(line->flags.wal_compression);
  EXPECT_EQ(line->flags.listen_addresses, (std::vector<std::string>{":1", ":2"}));
}

// Generated command lines name flags with nothing behind them.
TEST(Flags, TakesEmptyValues) {
  const auto line = parse({"--web.external-url=", "--web.route-prefix=", "--enable-feature="});

  ASSERT_TRUE(line) << line.error().message();
  EXPECT_FALSE(line->exit) << line->text;
  EXPECT_EQ(line->flags.external_url, "");
  EXPECT_TRUE(line->flags.features.empty());
}

TEST(Flags, ReadsArgumentsFromAFile) {
  constexpr std::string_view kText = "# comment\n--query.timeout=90s\n\n";
  const test::TempDir dir;
  const std::string path = dir.path() + "/args";
  auto file = real_file_system().create(path);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->append(std::as_bytes(std::span(kText))));

  const auto line = parse({"@" + path});

  ASSERT_TRUE(line) << line.error().message();
  EXPECT_EQ(line->flags.query_timeout_ms, 90'000);
  EXPECT_EQ(line->flags.all.at("query.timeout"), "1m30s");
  EXPECT_EQ(parse({"@" + dir.path() + "/none"})->status, 1);
}

TEST(Flags, RefusesBadValuesAndWhatIsNotImplemented) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--query.timeout=fast"},
           {"--storage.remote.flush-deadline=fast"},  // checked although it has no effect
           {"--query.max-samples=many"},
           {"--query.max-concurrency=-1"},
           {"--log.level=loud"},
           {"--log.level=info", "--log.level=info"},
           {"--agent"},
           {"--web.config.file=x"},
           {"--web.cors.origin=(["},
           {"--web.listen-address=9090"},
           {"--web.external-url=\"http://x\""},
           {"--web.external-url=http://a b"},
           {"--web.external-url=http://a:port/"},
           {"--web.external-url=http://a/%zz"},
           {"--web.external-url=://a"},
           {"--web.external-url=http://[::1/"},
           {"--web.listen-address=:99999"},
           {"--web.listen-address=:1", "--web.listen-address=:65536"},
           {"--storage.tsdb.wal-segment-size=1MB"}}) {
    SCOPED_TRACE(arguments[0]);
    EXPECT_FALSE(parse(arguments));
  }
  EXPECT_TRUE(parse({"--storage.tsdb.retention.size=0", "--query.max-samples=5e7"}));
  EXPECT_TRUE(parse({"--web.listen-address=:65535", "--web.external-url=http://a/b c?d"}));
  const auto none = parse({"--query.max-samples=-1"});
  ASSERT_TRUE(none);
  EXPECT_EQ(none->flags.all.at("query.max-samples"), "-1");
  EXPECT_EQ(none->flags.query_samples_max, 0U);
  EXPECT_EQ(parse({"--query.max-samples=1_000"})->flags.query_samples_max, 1000U);
}

// What is no flag exits with 1 and what belongs to agents with 3, as upstream.
TEST(Flags, TellsKindsOfMisuseApartByStatus) {
  const std::vector<std::pair<std::vector<std::string>, int>> cases = {
      {{"--nope"}, 1},
      {{"-x"}, 1},
      {{"stray"}, 1},
      {{"--web.enable-lifecycle=true"}, 1},
      {{"--config.file"}, 1},
      {{"--config.file", "--web.enable-lifecycle"}, 1},
      {{"--no-config.file"}, 1},
      {{"--storage.agent.path=x"}, 3}};
  for (const auto& [arguments, status] : cases) {
    SCOPED_TRACE(arguments[0]);
    const auto line = parse(arguments);
    ASSERT_TRUE(line);
    EXPECT_TRUE(line->exit);
    EXPECT_EQ(line->status, status) << line->text;
  }
  EXPECT_NE(parse({"--nope"})->text.find("unknown long flag '--nope'"), std::string::npos);
}

TEST(Flags, PrintsVersionAndHelp) {
  EXPECT_NE(parse({"--version"})->text.find("narthex, version"), std::string::npos);
  const auto help = parse({"--help"});
  EXPECT_TRUE(help->exit);
  EXPECT_EQ(help->status, 0);
  EXPECT_NE(help->text.find("--storage.tsdb.retention.time"), std::string::npos);
}

}  // namespace
}  // namespace narthex::server
