// Names, help texts and buckets are upstream's: dashboards and alerts on alerting itself are
// written against them. Everything of a queue has the label alertmanager, by which it is retired.
#include "alerting/notify/metrics.h"

namespace narthex::alerting {

NotifierMetrics::NotifierMetrics(Metrics& metrics, std::size_t queue_capacity)
    : discovered(metrics.gauge("prometheus_notifications_alertmanagers_discovered",
                               "The number of alertmanagers discovered and active.")) {
  metrics
      .gauge("prometheus_notifications_queue_capacity",
             "The capacity of the alert notifications queue.")
      .set(static_cast<double>(queue_capacity));
}

QueueMetrics::QueueMetrics(Metrics& metrics, const std::string& url)
    : sent(metrics.counter("prometheus_notifications_sent_total", "Total number of alerts sent.",
                           {{"alertmanager", url}})),
      errors(metrics.counter("prometheus_notifications_errors_total",
                             "Total number of sent alerts affected by errors.",
                             {{"alertmanager", url}})),
      dropped(metrics.counter(
          "prometheus_notifications_dropped_total",
          "Total number of alerts dropped due to errors when sending to Alertmanager.",
          {{"alertmanager", url}})),
      length(metrics.gauge("prometheus_notifications_queue_length",
                           "The number of alert notifications in the queue.",
                           {{"alertmanager", url}})),
      latency(metrics.summary("prometheus_notifications_latency_seconds",
                              "Latency quantiles for sending alert notifications.",
                              {{"alertmanager", url}})),
      latency_histogram(metrics.histogram("prometheus_notifications_latency_histogram_seconds",
                                          "Latency histogram for sending alert notifications.",
                                          {.01, .1, 1, 10}, {{"alertmanager", url}})) {}

void retire_queue_metrics(Metrics& metrics, const std::string& url) {
  metrics.retire("alertmanager", url);
}

}  // namespace narthex::alerting
