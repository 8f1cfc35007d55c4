// Names are upstream's, so that its dashboards work; narthex_ stands before those of our own.
#include "net/http/metrics.h"

namespace narthex::net::http {

ServerMetrics::ServerMetrics(Metrics& metrics)
    : accepted(
          metrics.counter("net_conntrack_listener_conn_accepted_total",
                          "Total number of connections opened to the listener of a given name.",
                          {{"listener_name", "http"}})),
      refused(metrics.counter("narthex_http_connections_refused_total",
                              "Connections refused because a connection limit was reached.")) {}

}  // namespace narthex::net::http
