// Heads that two readers could understand differently are refused.
#include <gtest/gtest.h>

#include "net/http/framing.h"

namespace narthex::net::http {
namespace {

std::string head(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

TEST(HttpFraming, AcceptsOrdinaryHeads) {
  EXPECT_FALSE(find_head_fault(head("")));
  EXPECT_FALSE(find_head_fault(head("Content-Length: 12\r\nAccept: */*\r\n")));
  EXPECT_FALSE(find_head_fault(head("Transfer-Encoding: Chunked\r\n")));
  EXPECT_FALSE(find_head_fault("GET / HTTP/1.0\r\n\r\n"));
}

TEST(HttpFraming, RefusesDoubtfulHeads) {
  struct Row {
    const char* name;
    std::string head;
    int status;
  };
  const std::vector<Row> rows = {
      {"length and encoding", head("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"two lengths", head("Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
      {"two encodings", head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"signed length", head("Content-Length: +1\r\n"), 400},
      {"empty length", head("Content-Length:\r\n"), 400},
      {"length list", head("Content-Length: 1, 1\r\n"), 400},
      {"long length", head("Content-Length: 00000000000000000001\r\n"), 400},
      {"other encoding", head("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"encoding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", head("Host: b\r\n"), 400},
      {"blank before colon", head("X : y\r\n"), 400},
      {"folded line", head("X: y\r\n z\r\n"), 400},
      {"bare line feed", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"bare carriage return", head("X: a\rb\r\n"), 400},
      {"NUL", head(std::string_view("X: a\0b\r\n", 8)), 400},
      {"no colon", head("nonsense\r\n"), 400},
      {"no name", head(": x\r\n"), 400},
      {"bad version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
      {"two words", "GET /\r\nHost: a\r\n\r\n", 400},
      {"four words", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"long line",
       "GET /" + std::string(kRequestLineBytesMax, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto fault = find_head_fault(row.head);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->status, row.status);
  }
}

TEST(HttpFraming, CountsFields) {
  std::string fields;
  for (std::size_t i = 1; i < kHeaderFieldsMax; ++i) fields += "X: y\r\n";
  EXPECT_FALSE(find_head_fault(head(fields)));
  EXPECT_EQ(find_head_fault(head(fields + "X: y\r\n"))->status, 431);
}

TEST(HttpFraming, FindsTheEndWhereverTheBytesAreCut) {
  const std::string bytes = head("A: b\r\n") + "body\n";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    std::size_t scanned = 0;
    HeadScan scan = scan_head(std::string_view(bytes).substr(0, cut), scanned);
    if (scan.size == 0) scan = scan_head(bytes, scanned);
    EXPECT_FALSE(scan.fault);
    EXPECT_EQ(scan.size, bytes.size() - 5);
  }
}

TEST(HttpFraming, BoundsAnEndlessHead) {
  std::size_t scanned = 0;
  EXPECT_EQ(scan_head(std::string(kRequestLineBytesMax + 1, 'a'), scanned).fault->status, 414);
  scanned = 0;
  EXPECT_EQ(scan_head("a\r\n" + std::string(kHeaderBytesMax, 'a'), scanned).fault->status, 431);
  scanned = 0;
  EXPECT_EQ(scan_head("a\nb", scanned).fault->status, 400);
}

TEST(HttpFraming, SplitsTargets) {
  EXPECT_EQ(parse_target("/a%20b?c=%20")->path, "/a b");
  EXPECT_EQ(parse_target("/a%20b?c=%20")->query, "c=%20");
  EXPECT_EQ(parse_target("http://host:9/x?y")->path, "/x");
  EXPECT_EQ(parse_target("http://host")->path, "/");
  EXPECT_EQ(parse_target("*")->path, "*");
  EXPECT_EQ(parse_target("/a%2Fb%20(c)")->escaped_path, "/a%2Fb%20(c)");
  EXPECT_EQ(parse_target("/a\"b%2F")->escaped_path, "") << "a quote should have been escaped";
  EXPECT_FALSE(parse_target("relative"));
  EXPECT_FALSE(parse_target("/%zz"));
  EXPECT_FALSE(parse_target("/%0"));
  EXPECT_FALSE(parse_target("/%00"));
}

}  // namespace
}  // namespace narthex::net::http
