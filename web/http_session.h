// One connection from first byte to close. Internal to web/http_server; Beast is in the .cpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "web/http_server.h"

namespace narthex::web {

/// The open connections, so that draining can wake the idle ones. Thread-safe; lock rank: leaf.
class SessionRegistry {
 public:
  using Id = std::uint64_t;
  /// `wake` is called once at drain(), from any thread; at once when draining already.
  Id add(std::function<void()> wake);
  void remove(Id id);
  void drain();
  bool draining() const;

 private:
  mutable Mutex mutex_;
  bool draining_ NX_GUARDED_BY(mutex_) = false;
  Id last_id_ NX_GUARDED_BY(mutex_) = 0;
  std::map<Id, std::function<void()>> wakes_ NX_GUARDED_BY(mutex_);
};

/// A connected socket that is closed unless it was taken. Move-only in spirit, shared because tasks
/// are copyable.
class OwnedSocket {
 public:
  explicit OwnedSocket(int descriptor) : descriptor_(descriptor) {}
  ~OwnedSocket();
  OwnedSocket(const OwnedSocket&) = delete;
  OwnedSocket& operator=(const OwnedSocket&) = delete;
  /// Gives the descriptor away.
  int take();

 private:
  int descriptor_;
};

/// What every session of a server shares; outlives all of them.
struct SessionContext {
  const HttpServerOptions& options;
  const HttpHandler& handler;
  const Clock& clock;
  SessionRegistry& registry;
};

/// Serves requests until either side closes, a limit is reached or the registry drains.
asio::awaitable<void> serve_session(std::shared_ptr<OwnedSocket> socket, std::string peer_address,
                                    const SessionContext& context);

/// Says 503 and closes: for connections above the limit.
asio::awaitable<void> refuse_session(std::shared_ptr<OwnedSocket> socket,
                                     const SessionContext& context);

}  // namespace narthex::web
