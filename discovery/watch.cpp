// inotify behind an Asio descriptor, shared by all who look into directories: a user gets 128
// instances by default, and a server may have hundreds of file_sd sections.
//
// What changed is not read from the events: anything that happens in a directory makes everyone
// look again, after a pause in which the writer may finish. Looking is cheap, and events would have
// to be matched to patterns, renames and overflows of the queue.
//
// The instance outlives each waiting coroutine, so its descriptor is only lent to Asio, whose
// stream would close it.
#include "discovery/watch.h"

#include <algorithm>
#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/check.h"
#include "base/exceptions.h"

namespace narthex::discovery {
namespace {

// Attribute changes need no second look, as upstream.
constexpr std::uint32_t kEvents = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO |
                                  IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR;

// A file is often written in several steps; what comes within this time is looked at once.
constexpr std::int64_t kSettleNs = 100'000'000;

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

void DirectoryWatch::keep(const std::set<std::string>& directories) {
  std::erase_if(watched_, [&](const auto& known) {
    if (directories.contains(known.first)) return false;
    ::inotify_rm_watch(descriptor_, known.second);  // fails when the directory is gone
    return true;
  });
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

DirectoryWatcher::DirectoryWatcher(net::Executors& executors, Metrics& metrics, Log& log)
    : executors_(executors),
      metrics_(metrics),
      log_(log),
      tasks_(executors, [&metrics, &log](std::string_view what) {
        report_exception(log, metrics, {"discovery", "directories"}, what);
      }) {
  Counter& errors = metrics.counter("prometheus_sd_file_watcher_errors_total",
                                    "The number of File-SD errors caused by filesystem watch "
                                    "failures.");
  if (!watch_.available()) errors.add();
}

DirectoryWatcher::~DirectoryWatcher() {
  NX_CHECK(tasks_.size() == 0);
}

bool DirectoryWatcher::watch(const void* who, std::set<std::string> directories,
                             std::function<void()> changed) {
  if (!watch_.available()) return false;
  const MutexLock lock(mutex_);
  const bool all = watch_.watch(directories);
  Waiting& waiting = waiting_[who];
  const bool same = waiting.directories == directories;
  waiting = {.directories = std::move(directories), .changed = std::move(changed)};
  if (!same) watch_.keep(all_directories());
  if (!running_) {
    running_ = true;
    tasks_.spawn([this] { return loop(); }, net::AfterException::kRestart);
  }
  return all;
}

std::set<std::string> DirectoryWatcher::all_directories() const {
  std::set<std::string> all;
  for (const auto& [who, waiting] : waiting_) {
    all.insert(waiting.directories.begin(), waiting.directories.end());
  }
  return all;
}

void DirectoryWatcher::forget(const void* who) {
  const MutexLock calls(calls_);
  const MutexLock lock(mutex_);
  if (waiting_.erase(who) != 0) watch_.keep(all_directories());
}

void DirectoryWatcher::stop() {
  tasks_.stop();
  while (!tasks_.wait(std::chrono::seconds(10))) log_.warn("watching directories is slow to stop");
}

asio::awaitable<void> DirectoryWatcher::loop() {
  for (;;) {
    co_await watch_.wait();
    const bool go_on = co_await net::sleep_for_ns(kSettleNs);
    if (!go_on) co_return;
    auto work = [this] { tell(); };
    co_await net::run_on(executors_.cpu(), std::move(work));
  }
}

void DirectoryWatcher::tell() {
  const MutexLock calls(calls_);
  std::vector<std::function<void()>> all;
  {
    const MutexLock lock(mutex_);
    watch_.drain();  // before they read: what changes from here on counts anew
    for (const auto& [who, waiting] : waiting_) all.push_back(waiting.changed);
  }
  for (const auto& changed : all) {
    try {
      changed();
    } catch (...) {  // costs this one's look, which it takes again by itself
      (void)report_current_exception(log_, metrics_, {"discovery", "a change of a directory"});
    }
  }
}

}  // namespace narthex::discovery
