// One connection from first byte to close, and the registry by which connections give way to
// others. Internal to net/http/server; Beast is in the .cpp.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/byte_budget.h"
#include "base/mutex.h"
#include "net/http/server.h"

namespace narthex::net::http {

/// How a connection came in.
enum class Place : unsigned char {
  kRegular,
  kReserve,  // all regular places are taken: for vital requests, and one only
};

/// The open connections, so that those which wait can give way: all when the server drains, the one
/// that waits longest when a place is needed. Thread-safe; lock rank: leaf.
class SessionRegistry {
 public:
  using Id = std::uint64_t;
  /// `wake` ends the connection if it still waits when it arrives; called from any thread, at once
  /// when draining already.
  Id add(std::function<void()> wake, std::string peer, Place place);
  /// Nothing for one that is not there. From then on its `wake` is not called any more.
  void remove(Id id);
  /// It waits for its client, or no longer.
  void set_waiting(Id id, bool waits);
  /// Asks one that waits, of `peer` if that is not empty, to give way. False when there is none.
  bool yield(Place place, std::string_view peer = {});
  /// Wakes all, now and whenever one begins to wait. Never undone.
  void drain();
  bool draining() const;

 private:
  struct Entry {
    std::function<void()> wake;
    std::string peer;
    Place place;
    std::uint64_t waits_since = 0;  // in order of waiting; 0: it does not
  };
  mutable Mutex mutex_;  // leaf; `wake` is called under it and only posts
  bool draining_ NX_GUARDED_BY(mutex_) = false;
  Id last_id_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t last_wait_ NX_GUARDED_BY(mutex_) = 0;
  std::map<Id, Entry> entries_ NX_GUARDED_BY(mutex_);
  std::map<std::uint64_t, Id> waiting_ NX_GUARDED_BY(mutex_);  // longest first
};

/// A connected socket that is closed unless it was taken. Move-only in spirit, shared because tasks
/// are copyable.
class OwnedSocket {
 public:
  OwnedSocket() = default;
  ~OwnedSocket();
  OwnedSocket(const OwnedSocket&) = delete;
  OwnedSocket& operator=(const OwnedSocket&) = delete;
  /// Once, on an empty one.
  void hold(int descriptor) { descriptor_ = descriptor; }
  /// The descriptor, or -1; it stays this object's.
  int get() const { return descriptor_; }
  /// Gives the descriptor away.
  int take();

 private:
  int descriptor_ = -1;
};

/// What every session of a server shares; outlives all of them.
struct SessionContext {
  const HttpServerOptions& options;
  const StreamHandler& handler;
  const IsVital& is_vital;  // may be empty
  const Clock& clock;
  SessionRegistry& registry;
  Counter& refused;
  ByteBudget& bodies;
  const StopToken& stop;  // ends every request's work when the server does
};

/// Serves requests until either side closes, a limit is reached or the registry drains. In the
/// reserve: one request, 503 unless it is vital or another connection of its address
/// gives way.
asio::awaitable<void> serve_session(std::shared_ptr<OwnedSocket> socket, std::string peer_address,
                                    Place place, const SessionContext& context);

/// What an overcrowded server says before it closes, as far as the socket takes it at once.
void refuse_connection(OwnedSocket& socket);

}  // namespace narthex::net::http
