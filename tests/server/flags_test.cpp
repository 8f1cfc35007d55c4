// The command line, as Prometheus spells it.
#include "server/flags.h"

#include <gtest/gtest.h>

namespace narthex::server {
namespace {

TEST(Flags, HasUpstreamsDefaults) {
  const auto line = parse_command_line({});

  ASSERT_TRUE(line);
  EXPECT_EQ(line->flags.config_file, "prometheus.yml");
  EXPECT_EQ(line->flags.listen_addresses, std::vector<std::string>{"0.0.0.0:9090"});
  EXPECT_EQ(line->flags.storage_path, "data/");
  EXPECT_FALSE(line->flags.enable_lifecycle);
  EXPECT_EQ(line->flags.all.at("query.timeout"), "2m");
}

TEST(Flags, TakesBothSpellings) {
  const auto line = parse_command_line(
      {"--config.file=a.yml", "--storage.tsdb.path", "d", "--web.enable-lifecycle",
       "--no-storage.tsdb.wal-compression", "--web.listen-address=:1", "--web.listen-address=:2",
       "--log.level=debug"});

  ASSERT_TRUE(line) << line.error().message();
  EXPECT_EQ(line->flags.config_file, "a.yml");
  EXPECT_EQ(line->flags.storage_path, "d");
  EXPECT_TRUE(line->flags.enable_lifecycle);
  EXPECT_FALSE(line->flags.wal_compression);
  EXPECT_EQ(line->flags.listen_addresses, (std::vector<std::string>{":1", ":2"}));
}

TEST(Flags, RefusesUnknownBadAndUnimplemented) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--nope"},
                                             {"--query.timeout=fast"},
                                             {"--log.level=loud"},
                                             {"--agent"},
                                             {"--web.config.file=x"},
                                             {"--storage.tsdb.wal-segment-size=1MB"},
                                             {"stray"}}) {
    SCOPED_TRACE(arguments[0]);
    EXPECT_FALSE(parse_command_line(arguments));
  }
}

TEST(Flags, PrintsVersionAndHelp) {
  EXPECT_NE(parse_command_line({"--version"})->text.find("narthex, version"), std::string::npos);
  const auto help = parse_command_line({"--help"});
  EXPECT_TRUE(help->exit);
  EXPECT_EQ(help->status, 0);
  EXPECT_NE(help->text.find("--storage.tsdb.retention.time"), std::string::npos);
}

}  // namespace
}  // namespace narthex::server
