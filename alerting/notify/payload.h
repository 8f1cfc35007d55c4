// Alerts as Alertmanager's API v2 wants them: upstream's body, byte for byte.
#pragma once

#include <span>
#include <string>

#include "alerting/alert.h"

namespace narthex::alerting {

/// A JSON array of postable alerts, fields and keys in upstream's order. Texts that are not UTF-8
/// are written as JsonWriter writes them. Pure.
std::string encode_alerts(std::span<const Alert> alerts);

}  // namespace narthex::alerting
