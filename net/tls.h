// The one factory of TLS contexts. What is offered and accepted is Go's default: TLS 1.2 and 1.3,
// no compression, no renegotiation.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace boost::asio::ssl {
class context;
}

namespace narthex::net {

/// One side's trust and identity, as PEM text.
struct TlsOptions {
  std::string authorities;  // whom it trusts; empty: a client takes the system's, a server nobody's
  std::string certificate;  // its own chain, the leaf first; a server must have one
  Secret key;               // of the leaf
  bool verify_peer = true;  // false: a client takes any certificate (insecure_skip_verify)
};

/// Immutable once made; copies share it. Thread-safe. Outlived by the streams made with it.
class TlsContext {
 public:
  /// kInvalid with what is wrong with which text, in OpenSSL's words.
  static Result<TlsContext> client(const TlsOptions& options);
  /// A server that has `authorities` asks its clients for a certificate and takes no other.
  static Result<TlsContext> server(const TlsOptions& options);

  /// For net/stream, the only user of it.
  boost::asio::ssl::context& native() const { return *context_; }
  /// Which side it is for, and whether it checks the peer's certificate.
  bool is_server() const { return is_server_; }
  bool verifies_peer() const { return verifies_peer_; }

 private:
  TlsContext(std::shared_ptr<boost::asio::ssl::context> context, bool is_server, bool verifies)
      : context_(std::move(context)), is_server_(is_server), verifies_peer_(verifies) {}

  std::shared_ptr<boost::asio::ssl::context> context_;
  bool is_server_;
  bool verifies_peer_;
};

}  // namespace narthex::net
