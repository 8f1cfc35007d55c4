// What the flags and the configuration mean for each part. Pure, but for the machine's memory and
// host name, which are looked at where a default depends on them.
#pragma once

#include <map>
#include <string>

#include "alerting/notify/notifier.h"
#include "alerting/rules/manager.h"
#include "base/str.h"
#include "net/http/server.h"
#include "query/engine.h"
#include "scrape/manager.h"
#include "server/config.h"
#include "server/flags.h"
#include "tsdb/db.h"
#include "web/api/api.h"
#include "web/router.h"

namespace narthex::server {

/// `--web.external-url` taken apart as upstream does, or what stands for it when there is none:
/// this host and its first listen address.
struct ExternalUrl {
  std::string scheme;  // empty for a path alone
  std::string host;    // with its port
  std::string path;    // decoded; a slash at its front and none at its end, or empty
  std::string text;    // the whole, as links begin
};
/// Never fails: flags were checked when they were parsed.
ExternalUrl external_url(const Flags& flags);

/// The options of each part; what a flag does not decide keeps the part's default. Memory that
/// flags leave open is a share of the machine's, or of its cgroup's.
query::EngineOptions engine_options(const Flags& flags, const Config& config);
scrape::ScrapeOptions scrape_options(const Flags& flags);
net::http::HttpServerOptions http_options(const Flags& flags);
web::RouterOptions router_options(const Flags& flags);
tsdb::Options store_options(const Flags& flags, const Config& config);
alerting::NotifierOptions notifier_options(const Flags& flags);
alerting::RuleOptions rule_options(const Flags& flags);
alerting::RulesConfig rules_config(const Config& config);

/// The flags as the server runs under them, which is what upstream shows: `config` is the one it
/// started with.
std::map<std::string, std::string> effective_flags(const Flags& flags, const Config& config);

/// What /api/v1/status/tsdb shows of the store.
web::TsdbStatus tsdb_status(const tsdb::DbStatistics& statistics);

/// The port of host:port, as text.
std::string port_of(const std::string& address);

}  // namespace narthex::server
