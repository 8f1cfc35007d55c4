// Notices that something in a directory changed: created, written, renamed, removed. Linux'
// inotify; what it cannot see (network file systems, the target of a symbolic link) needs a look
// from time to time besides. A process gets few such watches, so all who wait share one.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/log.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "net/executors.h"

namespace narthex::discovery {

/// watch(), keep() and drain() from one thread at a time, wait() from one coroutine.
class DirectoryWatch {
 public:
  /// Whether the system has a watch to give shows in available().
  DirectoryWatch();
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  /// Without one watch() is false and wait() must not be called.
  bool available() const { return descriptor_ >= 0; }

  /// From now on these directories, too. Call it again after a change: a directory that was removed
  /// and made anew is another one. False when one of them cannot be watched, such as one that does
  /// not exist.
  bool watch(const std::set<std::string>& directories);
  /// None but these any more.
  void keep(const std::set<std::string>& directories);

  /// Waits until something changed since the last call. Only when available().
  asio::awaitable<void> wait();

  /// Changes noticed and not waited for are forgotten. True when there were any.
  bool drain();

 private:
  int descriptor_;
  std::map<std::string, int> watched_;  // watch descriptors by directory
};

/// Tells those who look into directories that something changed there. Thread-safe.
class DirectoryWatcher {
 public:
  /// All references must outlive it.
  DirectoryWatcher(net::Executors& executors, Metrics& metrics, Log& log);
  /// stop() must have been called.
  ~DirectoryWatcher();
  DirectoryWatcher(const DirectoryWatcher&) = delete;
  DirectoryWatcher& operator=(const DirectoryWatcher&) = delete;

  /// From now on `changed` is called, on a CPU thread and one call at a time, some time after
  /// something changed in any directory that is watched: what changes after the call begins counts
  /// anew. For `who` this takes the place of what was asked before. False when one of the
  /// directories cannot be watched.
  bool watch(const void* who, std::set<std::string> directories, std::function<void()> changed);

  /// Waits for a call that runs; there is none after it. Not from within one.
  void forget(const void* who);

  /// Nobody is told any more. Not on an I/O thread.
  void stop();

 private:
  struct Waiting {
    std::set<std::string> directories;
    std::function<void()> changed;
  };
  asio::awaitable<void> loop();
  void tell();
  std::set<std::string> all_directories() const NX_REQUIRES(mutex_);

  net::Executors& executors_;
  Metrics& metrics_;
  Log& log_;
  DirectoryWatch watch_;  // its directories under mutex_
  net::TaskGroup tasks_;
  Mutex calls_;  // rank 6: held while someone is told
  Mutex mutex_;  // rank 8: who waits for which directories
  std::map<const void*, Waiting> waiting_ NX_GUARDED_BY(mutex_);
  bool running_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::discovery
