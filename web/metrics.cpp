// Names, help texts and buckets are upstream's, so that its dashboards show our pages, too.
#include "web/metrics.h"

namespace narthex::web {
namespace {

Counter& requests(Metrics& metrics, std::string_view pattern, std::string_view code) {
  return metrics.counter("prometheus_http_requests_total", "Counter of HTTP requests.",
                         {{"handler", pattern}, {"code", code}});
}

}  // namespace

RouteMetrics::RouteMetrics(Metrics& metrics, std::string_view pattern)
    : metrics_(metrics),
      pattern_(pattern),
      duration_(metrics.histogram("prometheus_http_request_duration_seconds",
                                  "Histogram of latencies for HTTP requests.",
                                  {.1, .2, .4, 1, 3, 8, 20, 60, 120}, {{"handler", pattern}})),
      size_(metrics.histogram("prometheus_http_response_size_bytes",
                              "Histogram of response size for HTTP requests.",
                              {1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}, {{"handler", pattern}})) {
  requests(metrics, pattern, "200");
}

void RouteMetrics::add(int status, double seconds, std::size_t response_bytes) const {
  duration_.observe(seconds);
  size_.observe(static_cast<double>(response_bytes));
  requests(metrics_, pattern_, std::to_string(status)).add();
}

ScrapePageMetrics::ScrapePageMetrics(Metrics& metrics)
    : metrics_(metrics),
      in_flight_(metrics.gauge("promhttp_metric_handler_requests_in_flight",
                               "Current number of scrapes being served.")) {
  for (const std::string_view code : {"200", "500", "503"}) scrapes(code);
}

Counter& ScrapePageMetrics::scrapes(std::string_view code) const {
  return metrics_.counter("promhttp_metric_handler_requests_total",
                          "Total number of scrapes by HTTP status code.", {{"code", code}});
}

}  // namespace narthex::web
