// Any bytes are a template or an error, and expanding one ends, within the output's bound.
#include <cstdint>
#include <string>
#include <string_view>

#include "alerting/template/template.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex::alerting;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tmpl::AlertData alert;
  alert.labels = {{"alertname", "Down"}, {"job", "node"}};
  alert.value = 1.5;
  const tmpl::Value dot(std::make_shared<const tmpl::AlertData>(alert));
  tmpl::Environment environment;
  environment.query = [](const std::string&) -> narthex::Result<std::vector<tmpl::Sample>> {
    return std::vector<tmpl::Sample>{{{{"instance", "a"}}, 1}, {{{"instance", "b"}}, 2}};
  };
  const std::string whole = std::string(alert_template_preamble()) + std::string(text);
  const auto expanded = expand_template("fuzz", whole, dot, environment);
  NX_CHECK(!expanded || expanded->size() <= kTemplateOutputMax);
  NX_CHECK(expanded || !expanded.error().message().empty());
  return 0;
}
