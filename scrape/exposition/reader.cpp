// Which reader reads what, and what every page needs at its end: a last line feed, which the older
// format may lack, and bytes to read ahead into, so that scanners need no check at each byte.
#include "scrape/exposition/reader.h"

#include "scrape/exposition/open_metrics.h"
#include "scrape/exposition/prometheus.h"

namespace narthex::scrape::exposition {

std::size_t pad_body(Format format, std::string& page) {
  if (format == Format::kPrometheus) page += '\n';
  const std::size_t size = page.size();
  page.append(kBodyPadding, '\0');
  return size;
}

std::unique_ptr<Reader> open_page(Format format, std::string_view page) {
  switch (format) {
    case Format::kPrometheus:
      return std::make_unique<PrometheusReader>(page);
    case Format::kOpenMetrics:
      return std::make_unique<OpenMetricsReader>(page);
  }
  return nullptr;
}

void add_metadata(Format format, std::string& key,
                  std::map<std::string, model::Metadata, std::less<>>& out) {
  const std::size_t size = pad_body(format, key);
  const std::unique_ptr<Reader> reader = open_page(format, std::string_view(key).substr(0, size));
  Event event;
  if (!reader->next(event)) return;
  model::Metadata& metadata = out[std::string(event.family)];
  if (event.kind == EventKind::kType) metadata.type = event.type;
  if (event.kind == EventKind::kHelp) metadata.help = reader->decode_help(event.text);
  if (event.kind == EventKind::kUnit) metadata.unit = event.text;
}

}  // namespace narthex::scrape::exposition
