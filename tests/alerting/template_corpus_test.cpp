// Replays the fuzzer's corpus without a fuzzer, so that what it once found stays fixed.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "alerting/template/template.h"

namespace narthex::alerting {
namespace {

TEST(TemplateCorpus, EndsWithinItsBounds) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/template")) {
    SCOPED_TRACE(entry.path());
    ++files;
    std::ifstream in(entry.path());
    std::ostringstream text;
    text << alert_template_preamble() << in.rdbuf();
    tmpl::AlertData alert;
    alert.labels = {{"job", "node"}};
    const tmpl::Value dot(std::make_shared<const tmpl::AlertData>(alert));

    const auto expanded = expand_template("corpus", text.str(), dot, {});

    if (expanded) {
      EXPECT_LE(expanded->size(), kTemplateOutputMax);
    } else {
      EXPECT_FALSE(expanded.error().message().empty());
    }
  }
  EXPECT_GT(files, 0U);
}

}  // namespace
}  // namespace narthex::alerting
