// Contexts over Asio's, which is OpenSSL's, filled from PEM texts and never from files: who reads
// files decides when they changed. What can be wrong with a text is found here, when a
// configuration is loaded, not at the first connection.
#include "net/tls.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>

#include "base/str.h"

namespace narthex::net {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;
using Context = std::shared_ptr<ssl::context>;

Result<void> checked(const error_code& error, std::string_view what) {
  if (error) return Error(Code::kInvalid, concat("tls: ", what, ": ", error.message()));
  return {};
}

Result<void> load_identity(ssl::context& context, const TlsOptions& options) {
  if (options.certificate.empty() && options.key.empty()) return {};
  error_code error;
  context.use_certificate_chain(boost::asio::buffer(options.certificate), error);
  NX_TRY(checked(error, "certificate"));
  context.use_private_key(boost::asio::buffer(options.key.reveal()), ssl::context::pem, error);
  NX_TRY(checked(error, "key"));
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return Error(Code::kInvalid, "tls: private key does not match public key");
  }
  return {};
}

Result<Context> make(ssl::context::method method, const TlsOptions& options) {
  auto context = std::make_shared<ssl::context>(method);
  error_code error;
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  NX_TRY(load_identity(*context, options));
  if (!options.authorities.empty()) {
    context->add_certificate_authority(boost::asio::buffer(options.authorities), error);
    NX_TRY(checked(error, "certificate authorities"));
  }
  return context;
}

}  // namespace

Result<TlsContext> TlsContext::client(const TlsOptions& options) {
  NX_TRY_ASSIGN(Context context, make(ssl::context::tls_client, options));
  error_code error;
  if (options.verify_peer && options.authorities.empty()) {
    context->set_default_verify_paths(error);
    NX_TRY(checked(error, "the system's certificate authorities"));
  }
  context->set_verify_mode(options.verify_peer ? ssl::verify_peer : ssl::verify_none, error);
  NX_TRY(checked(error, "verification"));
  return TlsContext(std::move(context), false, options.verify_peer);
}

Result<TlsContext> TlsContext::server(const TlsOptions& options) {
  if (options.certificate.empty())
    return Error(Code::kInvalid, "tls: a server needs a certificate");
  NX_TRY_ASSIGN(Context context, make(ssl::context::tls_server, options));
  const bool asks = !options.authorities.empty();
  error_code error;
  context->set_verify_mode(
      asks ? ssl::verify_peer | ssl::verify_fail_if_no_peer_cert : ssl::verify_none, error);
  NX_TRY(checked(error, "verification"));
  return TlsContext(std::move(context), true, asks);
}

}  // namespace narthex::net
