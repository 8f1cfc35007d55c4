// Notices that something in a directory changed: created, written, renamed, removed. Linux'
// inotify; what it cannot see (network file systems, the target of a symbolic link) needs a look
// from time to time besides.
#pragma once

#include <map>
#include <set>
#include <string>

#include "net/executors.h"

namespace narthex::discovery {

/// watch() from one thread at a time, wait() from one coroutine.
class DirectoryWatch {
 public:
  /// Whether the system has a watch to give shows in available().
  DirectoryWatch();
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  bool available() const { return descriptor_ >= 0; }

  /// From now on these directories, and no others. Call it again after a change: a directory that
  /// was removed and made anew is another one. False when one of them cannot be watched, such as
  /// one that does not exist.
  bool watch(const std::set<std::string>& directories);

  /// Waits until something changed since the last call. Only when available().
  asio::awaitable<void> wait();

  /// Changes noticed and not waited for are forgotten. True when there were any.
  bool drain();

 private:
  int descriptor_;
  std::map<std::string, int> watched_;  // watch descriptors by directory
};

}  // namespace narthex::discovery
