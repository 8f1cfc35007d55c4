// Envelopes, whole and in pieces.
#include "web/api/errors.h"

#include <gtest/gtest.h>

#include "base/str.h"
#include "tests/web/await.h"

namespace narthex::web {
namespace {

using test::whole;

TEST(Envelope, SaysWhatKindOfErrorItIs) {
  struct Row {
    Code code;
    int status;
    std::string_view type;
  };
  for (const Row& row :
       {Row{Code::kInvalid, 400, "bad_data"}, Row{Code::kLimit, 422, "execution"},
        Row{Code::kTimeout, 503, "timeout"}, Row{Code::kCancelled, 499, "canceled"},
        Row{Code::kNotFound, 404, "not_found"}, Row{Code::kIo, 500, "internal"},
        Row{Code::kUnavailable, 500, "unavailable"}}) {
    const net::http::Response response = error_response(Error(row.code, "<why>"));
    EXPECT_EQ(response.status, row.status);
    EXPECT_EQ(response.body, concat(R"({"status":"error","errorType":")", row.type,
                                    R"(","error":"\u003cwhy\u003e"})"));
  }
}

// A list that needs `pieces_` calls, and fails at one of them if it is to.
class Slow final : public BodyPieces {
 public:
  explicit Slow(int pieces, int fails_at = -1) : pieces_(pieces), fails_at_(fails_at) {}
  Result<bool> next(std::string& out) override {
    if (done_ == fails_at_) return Error(Code::kTimeout, "too late");
    out += done_ == 0 ? "[1" : ",1";
    if (++done_ < pieces_) return false;
    out += ']';
    return true;
  }

 private:
  int pieces_;
  int fails_at_;
  int done_ = 0;
};

TEST(Envelope, ClosesBehindTheLastPiece) {
  const Remarks remarks{.warnings = {"w"}, .infos = {"i"}};
  const std::string_view end = R"(,"warnings":["w"],"infos":["i"]})";
  for (const int pieces : {1, 2, 5}) {
    Answer answer = success_answer(std::make_unique<Slow>(pieces), remarks);
    EXPECT_EQ(answer.rest == nullptr, pieces == 1);
    EXPECT_EQ(answer.response.headers.get("Content-Type"), "application/json");
    std::string list = "[1";
    for (int i = 1; i < pieces; ++i) list += ",1";
    EXPECT_EQ(whole(std::move(answer)).body,
              concat(R"({"status":"success","data":)", list, "]", end));
  }
}

TEST(Envelope, IsAnErrorWhenTheFirstPieceIs) {
  EXPECT_EQ(success_answer(std::make_unique<Slow>(3, 0), {}).response.status, 503);
  Answer answer = success_answer(std::make_unique<Slow>(3, 1), {});
  EXPECT_EQ(answer.response.status, 200);
  std::string piece;
  EXPECT_EQ(answer.rest->next(piece).error().code(), Code::kTimeout);
}

TEST(Envelope, OmitsAllButTenRemarks) {
  SuccessEnvelope envelope;
  envelope.body() += "1";
  const std::vector<std::string> warnings(12, "w");
  const std::string body = std::move(envelope).close({.warnings = warnings, .infos = {}}).body;
  EXPECT_TRUE(body.ends_with(R"("w","2 more warning annotations omitted"]})")) << body;
}

}  // namespace
}  // namespace narthex::web
