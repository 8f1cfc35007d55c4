// inotify behind an Asio descriptor.
#include "discovery/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>

namespace narthex::discovery {
namespace {

// Attribute changes need no second look, as upstream.
constexpr std::uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO |
                                  IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR;

// Lends a descriptor to the executor of the coroutine that waits for it.
class Lent {
 public:
  Lent(const asio::any_io_executor& executor, int descriptor) : stream_(executor, descriptor) {}
  ~Lent() { stream_.release(); }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  asio::posix::stream_descriptor& stream() { return stream_; }

 private:
  asio::posix::stream_descriptor stream_;
};

}  // namespace

DirectoryWatch::DirectoryWatch() : descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

DirectoryWatch::~DirectoryWatch() {
  if (available()) ::close(descriptor_);
}

bool DirectoryWatch::watch(const std::set<std::string>& directories) {
  if (!available()) return false;
  std::erase_if(watched_, [&](const auto& known) {
    if (directories.contains(known.first)) return false;
    ::inotify_rm_watch(descriptor_, known.second);  // fails when the directory is gone
    return true;
  });
  bool all = true;
  for (const std::string& directory : directories) {
    const int number = ::inotify_add_watch(descriptor_, directory.c_str(), kEvents);
    if (number >= 0) {
      watched_[directory] = number;
    } else {
      watched_.erase(directory);
      all = false;
    }
  }
  return all;
}

bool DirectoryWatch::drain() {
  alignas(inotify_event) char events[4096];
  bool any = false;
  while (::read(descriptor_, events, sizeof events) > 0) any = true;
  return any;
}

asio::awaitable<void> DirectoryWatch::wait() {
  Lent events(co_await asio::this_coro::executor, descriptor_);
  co_await events.stream().async_wait(asio::posix::stream_descriptor::wait_read,
                                      asio::use_awaitable);
}

}  // namespace narthex::discovery
