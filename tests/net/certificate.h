// A certificate made for one test, so that TLS needs no files and no fixed key.
#pragma once

#include <string>

namespace narthex::test {

/// Signed by itself, for `localhost` and 127.0.0.1, valid for an hour. PEM text.
struct Certificate {
  std::string certificate;
  std::string key;
};
Certificate make_certificate();

}  // namespace narthex::test
