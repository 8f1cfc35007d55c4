// rules and alerts: what the groups do, as copies of their state. Plain functions for the CPU pool.
#pragma once

#include <functional>
#include <vector>

#include "alerting/rules/snapshot.h"
#include "net/http/message.h"

namespace narthex::web {

/// Groups sorted by file, then name: RuleManager::groups(). Called from several threads.
using RuleGroupsSource = std::function<std::vector<alerting::GroupSnapshot>()>;

/// Thread-safe.
class RulesApi {
 public:
  explicit RulesApi(RuleGroupsSource groups) : groups_(std::move(groups)) {}

  /// One endpoint each. Bad filters: bad_data, in upstream's words. alerts takes no parameters.
  net::http::Response rules(const net::http::Request& request) const;
  net::http::Response alerts(const net::http::Request& request) const;

 private:
  RuleGroupsSource groups_;
};

/// Where the page of groups that starts with this one begins: hex SHA-256 of `file;group`.
std::string rule_group_token(std::string_view file, std::string_view group);

}  // namespace narthex::web
