// Alerts as Alertmanager's API v2 wants them.
#pragma once

#include <span>
#include <string>

#include "alerting/alert.h"

namespace narthex::alerting {

/// A JSON array of postable alerts, fields and keys in upstream's order.
std::string encode_alerts(std::span<const Alert> alerts);

}  // namespace narthex::alerting
