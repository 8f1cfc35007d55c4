// What Go's client takes, ours does, and what it refuses, in its words. The table was recorded with
// Go 1.26: status line, body, and whether the connection was used again; or the error.
#include "net/http/response_reader.h"

#include <limits>

#include <gtest/gtest.h>

#include "base/str.h"

namespace narthex::net::http {
namespace {

struct Case {
  std::string_view name;
  std::string_view bytes;
  bool closes;  // the peer, after these
  std::string_view outcome;
};

// clang-format off
constexpr Case kCases[] = {
    {"crlf", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"lf", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false,
     "200 OK|ok|keep"},
    {"mixed", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\nok", false,
     "200 OK|ok|keep"},
    {"no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", false,
     "200|ok|keep"},
    {"blank reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", false,
     "200|ok|keep"},
    {"two blanks", "HTTP/1.1  200  OK\r\nContent-Length: 2\r\n\r\nok", false,
     "200  OK|ok|keep"},
    {"tab", "HTTP/1.1\t200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"OK\""},
    {"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"interim lf", "HTTP/1.1 100\n\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok", false,
     "200 OK|ok|keep"},
    {"switching", "HTTP/1.1 101 Switching Protocols\r\n\r\n", false,
     "101 Switching Protocols||close"},
    {"http10 close", "HTTP/1.0 200 OK\r\n\r\nok", true,
     "200 OK|ok|close"},
    {"http10 length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|close"},
    {"http10 chunked ignored", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true,
     "200 OK|2\r\nok\r\n0\r\n\r\n|close"},
    {"http10 keep-alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"http11 no length", "HTTP/1.1 200 OK\r\n\r\nok", true,
     "200 OK|ok|close"},
    {"http2 version", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"http09 version", "HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|close"},
    {"version 1.10", "HTTP/1.10 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP version \"HTTP/1.10\""},
    {"lower version", "http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP version \"http/1.1\""},
    {"icy", "ICY 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP version \"ICY\""},
    {"ssh", "SSH-2.0-OpenSSH_9.2\r\n", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"SSH-2.0-OpenSSH_9.2\""},
    {"status 2 digits", "HTTP/1.1 20 OK\r\n\r\n", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"20\""},
    {"status 4 digits", "HTTP/1.1 2000 OK\r\n\r\n", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"2000\""},
    {"status plus", "HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "20 OK|ok|close"},
    {"status minus", "HTTP/1.1 -20 OK\r\n\r\n", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"-20\""},
    {"status letters", "HTTP/1.1 abc OK\r\n\r\n", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP status code \"abc\""},
    {"status 99", "HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok", false,
     "99 Odd|ok|close"},
    {"status 000", "HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nok", false,
     "0 Odd|ok|close"},
    {"status 999", "HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok", false,
     "999 Odd|ok|keep"},
    {"same lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"same lengths blanks", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length:   2 \r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"different lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: http: message cannot contain multiple Content-Length headers; got [\"2\" \"3\"]"},
    {"length list", "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: bad Content-Length \"2, 2\""},
    {"length plus", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: bad Content-Length \"+2\""},
    {"length negative", "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: bad Content-Length \"-2\""},
    {"length empty", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: invalid empty Content-Length \"\""},
    {"length zeros", "HTTP/1.1 200 OK\r\nContent-Length: 0002\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"length 2^63-1", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nok", true,
     "unexpected EOF"},
    {"length 2^63", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nok", true,
     "net/http: HTTP/1.x transport connection broken: bad Content-Length \"9223372036854775808\""},
    {"length 2^64", "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\nok", true,
     "net/http: HTTP/1.x transport connection broken: bad Content-Length \"18446744073709551618\""},
    {"length hex", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: bad Content-Length \"0x2\""},
    {"lower names", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"no blank after colon", "HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"blanks around value", "HTTP/1.1 200 OK\r\nContent-Length: \t 2 \t \r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"blank before colon", "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nok", true,
     "200 OK|ok|close"},
    {"tab before colon", "HTTP/1.1 200 OK\r\nContent-Length\t: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header line: \"Content-Length\\t: 2\""},
    {"blank in name", "HTTP/1.1 200 OK\r\nMy Name: 2\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"folded", "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\n\tc\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"folded length", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"blank first", "HTTP/1.1 200 OK\r\n X-A: a\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header initial line: \" X-A: a\""},
    {"blank line of blanks", "HTTP/1.1 200 OK\r\nX-A: a\r\n  \r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"no colon", "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header: missing colon: \"nonsense\""},
    {"empty name", "HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header line: \": x\""},
    {"name with byte", "HTTP/1.1 200 OK\r\nX\xff: x\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header line: \"X\\xff: x\""},
    {"name with at", "HTTP/1.1 200 OK\r\nX@y: x\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header line: \"X@y: x\""},
    {"value with NUL", std::string_view("HTTP/1.1 200 OK\r\nX: a\0" "b\r\nContent-Length: 2\r\n\r\nok", sizeof "HTTP/1.1 200 OK\r\nX: a\0" "b\r\nContent-Length: 2\r\n\r\nok" - 1), false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header line: \"X: a\\x00b\""},
    {"value with CR", "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header line: \"X: a\\rb\""},
    {"value with high bytes", "HTTP/1.1 200 OK\r\nX: \xc3\xa4\xff\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|keep"},
    {"value with DEL", "HTTP/1.1 200 OK\r\nX: \x7f\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed MIME header line: \"X: \\x7f\""},
    {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false,
     "200 OK|ok|keep"},
    {"Chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n2\r\nok\r\n0\r\n\r\n", false,
     "200 OK|ok|keep"},
    {"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false,
     "net/http: HTTP/1.x transport connection broken: too many transfer encodings: [\"chunked\" \"chunked\"]"},
    {"gzip, chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false,
     "net/http: HTTP/1.x transport connection broken: unsupported transfer encoding: \"gzip, chunked\""},
    {"identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: unsupported transfer encoding: \"identity\""},
    {"chunked and length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n", false,
     "200 OK|ok|keep"},
    {"chunked and bad length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n2\r\nok\r\n0\r\n\r\n", false,
     "net/http: HTTP/1.x transport connection broken: bad Content-Length \"x\""},
    {"chunked lf", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n", true,
     "chunked line ends with bare LF"},
    {"chunked lf after data", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\n0\r\n\r\n", true,
     "malformed chunked encoding"},
    {"chunk extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n", false,
     "200 OK|ok|keep"},
    {"chunk blanks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \t\r\nok\r\n0 \r\n\r\n", false,
     "200 OK|ok|keep"},
    {"chunk blank before ext", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 ;a\r\nok\r\n0\r\n\r\n", false,
     "invalid byte in chunk length"},
    {"chunk leading blank", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n 2\r\nok\r\n0\r\n\r\n", false,
     "invalid byte in chunk length"},
    {"chunk size zeros", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000002\r\nok\r\n0\r\n\r\n", false,
     "200 OK|ok|keep"},
    {"chunk size 17 digits", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000002\r\nok\r\n0\r\n\r\n", false,
     "http chunk length too large"},
    {"chunk size 0x", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", false,
     "invalid byte in chunk length"},
    {"trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: a\r\n\r\n", false,
     "200 OK|ok|keep"},
    {"trailer lf", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: a\n\n", true,
     "unexpected EOF"},
    {"trailer no colon", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nnonsense\r\n\r\n", false,
     "malformed MIME header: missing colon: \"nonsense\""},
    {"trailer missing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", true,
     "unexpected EOF"},
    {"cut chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", true,
     "unexpected EOF"},
    {"cut length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", true,
     "unexpected EOF"},
    {"cut head", "HTTP/1.1 200 OK\r\nContent-Le", true,
     "net/http: HTTP/1.x transport connection broken: unexpected EOF"},
    {"cut status", "HTTP/1.1 200 OK", true,
     "net/http: HTTP/1.x transport connection broken: unexpected EOF"},
    {"nothing", "", true,
     "EOF"},
    {"204", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", false,
     "204 No Content||keep"},
    {"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", false,
     "304 Not Modified||keep"},
    {"connection close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|close"},
    {"connection Close list", "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 2\r\n\r\nok", false,
     "200 OK|ok|close"},
    {"more than said", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokextra", false,
     "200 OK|ok|close"},
    {"crlf before", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false,
     "net/http: HTTP/1.x transport connection broken: malformed HTTP response \"\""},
    {"500 length", "HTTP/1.1 500 Oh No\r\nContent-Length: 2\r\n\r\nok", false,
     "500 Oh No|ok|keep"},
};
// clang-format on

// Feeds `bytes` in pieces of `step`, as the client does with what arrives.
std::string outcome_of(std::string_view bytes, std::size_t step, bool closes,
                       ResponseOptions options = {
                           .body_bytes_max = std::numeric_limits<std::int64_t>::max()}) {
  ResponseReader reader(options);
  std::size_t start = 0;
  for (std::size_t end = 0; end < bytes.size() && !reader.is_done();) {
    end = std::min(end + step, bytes.size());
    const Result<std::size_t> taken = reader.read(bytes.substr(start, end - start));
    if (!taken) return taken.error().message();
    start += *taken;
  }
  if (!reader.is_done() && closes) {
    if (const Result<void> ended = reader.end(); !ended) return ended.error().message();
  }
  if (!reader.is_done()) return "wants more";
  const bool keeps = reader.keeps_alive() && start == bytes.size();
  const std::string reason = reader.head().reason.empty() ? "" : " " + reader.head().reason;
  return concat(reader.head().status, reason, "|", reader.body(), "|", keeps ? "keep" : "close");
}

TEST(ResponseReader, TakesWhatGoTakes) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(outcome_of(c.bytes, c.bytes.size() + 1, c.closes), c.outcome);
  }
}

// An answer that is no success is done before its body is: how much of that came does not matter.
TEST(ResponseReader, DoesNotCareHowBytesArrive) {
  for (const Case& c : kCases) {
    const bool is_answer = c.outcome.find('|') != std::string_view::npos;
    if (is_answer && !c.outcome.starts_with("20")) continue;
    if (c.outcome.starts_with("20 ")) continue;
    if (c.name == "more than said") continue;  // the rest may still be under way
    for (const std::size_t step : {1U, 2U, 3U, 7U}) {
      SCOPED_TRACE(concat(c.name, " by ", step));
      EXPECT_EQ(outcome_of(c.bytes, step, c.closes), c.outcome);
    }
  }
}

TEST(ResponseReader, HasNoBodyAfterHead) {
  EXPECT_EQ(outcome_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 9, false,
                       {.to_head = true, .body_bytes_max = 1}),
            "200 OK||keep");
}

TEST(ResponseReader, DoesNotWaitForTheBodyOfAnError) {
  EXPECT_EQ(outcome_of("HTTP/1.1 500 Oh\r\nContent-Length: 9999999999\r\n\r\nab", 1000, false),
            "500 Oh|ab|close");
  EXPECT_EQ(outcome_of("HTTP/1.1 404 No\r\n\r\n", 1000, false), "404 No||close");
}

// Whatever grows is refused while it grows, in less than was sent.
TEST(ResponseReader, BoundsHeads) {
  const std::string text(200, 'x');
  struct Growing {
    std::string_view name;
    std::string start;
    std::string more;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const Growing& g :
       {Growing{"a line", ok + "X: ", text}, Growing{"a first line", "HTTP", text},
        Growing{"fields", ok, "X: " + text + "\r\n"}, Growing{"small fields", ok, "X:\n"},
        Growing{"folded lines", ok + "X: a\r\n", " " + text + "\r\n"}}) {
    SCOPED_TRACE(g.name);
    ResponseReader reader({.body_bytes_max = 10});
    std::string pending = g.start;
    std::size_t sent = pending.size();
    std::string error;
    while (error.empty() && sent < 2 * kResponseHeadBytesMax) {
      for (int i = 0; i < 64; ++i) pending += g.more;
      sent += 64 * g.more.size();
      const Result<std::size_t> taken = reader.read(pending);
      if (taken) pending.erase(0, *taken);
      if (!taken) error = taken.error().message();
    }
    EXPECT_EQ(error,
              "net/http: HTTP/1.x transport connection broken: net/http: server response headers "
              "exceeded 10485760 bytes; aborted");
  }
}

TEST(ResponseReader, BoundsInterimHeads) {
  std::string interim;
  for (std::size_t i = 0; i <= kInterimMax; ++i) interim += "HTTP/1.1 103 x\r\n\r\n";
  EXPECT_EQ(outcome_of(interim, 64 * 1024, false),
            "net/http: HTTP/1.x transport connection broken: net/http: too many 1xx informational "
            "responses");
}

// Each may be large, as upstream's client takes them.
TEST(ResponseReader, TakesLargeInterimHeads) {
  const std::string hint = concat("HTTP/1.1 103 E\r\nA: ", std::string(3'000'000, 'x'), "\r\n\r\n");
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_EQ(outcome_of(concat(hint, hint, hint, hint, answer), 64 * 1024, false), "200 OK|ok|keep");
}

TEST(ResponseReader, TakesFoldedTrailers) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";
  EXPECT_EQ(outcome_of(chunked + "X: y\r\n z\r\n\tmore\r\nY: z\r\n\r\n", 1000, false),
            "200 OK|ok|keep");
  EXPECT_EQ(outcome_of(chunked + " z\r\nX: y\r\n\r\n", 1000, false),
            "malformed MIME header: missing colon: \" z\"");
}

TEST(ResponseReader, TakesLargeHeads) {
  const std::string head = concat("HTTP/1.1 200 OK\r\nX: ", std::string(9U << 20, 'x'),
                                  "\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(outcome_of(head, 64 * 1024, false), "200 OK|ok|keep");
}

TEST(ResponseReader, BoundsWhatIsNotData) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string long_text(5000, 'x');
  std::string overhead = head;
  for (int i = 0; i < 100; ++i) overhead += "1;" + std::string(2000, 'e') + "\r\na\r\n";

  EXPECT_EQ(outcome_of(head + "2;" + long_text, 100, false), "header line too long");
  EXPECT_EQ(outcome_of(head + "0\r\nX: " + long_text, 100, false),
            "http: suspiciously long trailer after chunked body");
  EXPECT_EQ(outcome_of(overhead, 100, false), "chunked encoding contains too much non-data");
}

TEST(ResponseReader, BoundsBodies) {
  const ResponseOptions options{.body_bytes_max = 4};
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const std::string_view refused = "body size limit exceeded";

  EXPECT_EQ(outcome_of(ok + "Content-Length: 5\r\n\r\n", 100, false, options), refused);
  EXPECT_EQ(outcome_of(ok + "\r\nabcde", 1, false, options), refused);
  EXPECT_EQ(
      outcome_of(ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\n", 1, false, options),
      refused);
  EXPECT_EQ(outcome_of(ok + "Content-Length: 4\r\n\r\nabcd", 1, false, options),
            "200 OK|abcd|keep");
}

TEST(ResponseReader, CountsBodiesTogether) {
  ByteBudget budget(3000);
  BudgetShare first(&budget, 100);
  BudgetShare second(&budget, 100);
  const std::string answer = "HTTP/1.1 200 OK\r\n\r\n" + std::string(1500, 'x');

  EXPECT_TRUE(outcome_of(answer, 9999, true, {.body_bytes_max = 9999, .share = &first})
                  .starts_with("200 OK"));
  EXPECT_EQ(outcome_of(answer + answer, 9999, true, {.body_bytes_max = 9999, .share = &second}),
            "no memory left for bodies");
  first.reset();
  EXPECT_EQ(budget.held(), 0U);
}

}  // namespace
}  // namespace narthex::net::http
