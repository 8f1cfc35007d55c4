// The two pools, the hop between them, and TaskGroup, the only way to start a coroutine.
// I/O threads run coroutines and never block; CPU threads run plain functions and may. An exception
// costs the task or the call it came out of, never a thread. Pools: docs/concurrency.md.
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace narthex {
namespace asio = boost::asio;
}  // namespace narthex

namespace narthex::net {

/// What the threads of one Executors are.
struct ExecutorOptions {
  unsigned io_threads = 1;
  unsigned cpu_threads = 1;
  /// Added to the CPU threads' niceness: the system gives a core to the lowest first.
  int cpu_nice = 0;
  /// Before a task that ended by an exception begins again.
  std::chrono::milliseconds restart_pause{1000};
  /// Told of an exception that came out of a handler and belongs to no task. From any thread.
  std::function<void(std::string_view what)> on_exception = {};
};

/// Owns the threads, which no exception ends. Thread-safe.
class Executors {
 public:
  /// Starts the threads; both counts at least 1.
  explicit Executors(ExecutorOptions options);
  /// The same with all other options as they are by default.
  Executors(unsigned io_threads, unsigned cpu_threads);
  ~Executors();
  Executors(const Executors&) = delete;
  Executors& operator=(const Executors&) = delete;

  /// The next I/O thread's, in turn. What runs on one such executor runs one at a time, and stays
  /// on that thread.
  asio::any_io_executor io() const;
  /// Shared by all CPU threads.
  asio::any_io_executor cpu() const;

  /// As the options say.
  std::chrono::milliseconds restart_pause() const;

  /// Lets queued work finish and joins. Call after every TaskGroup is stopped, not from a pool's
  /// thread.
  void stop();

 private:
  struct Pools;
  std::unique_ptr<Pools> pools_;
};

/// Cancels one task of a group; copies share the task. Thread-safe. Cancelling twice, or late, does
/// nothing.
class TaskHandle {
 public:
  TaskHandle() = default;
  /// From any thread; the task sees it at its next suspension point, or never begins. Not waited
  /// for.
  void cancel() const;
  /// The coroutine has ended for good and its function is gone. True of a handle without a task.
  bool done() const;

 private:
  friend class TaskGroup;
  struct State;
  std::shared_ptr<State> state_;
};

/// What follows when a task ends by an exception.
enum class AfterException : unsigned char {
  kEnd,
  kRestart,  // the function is called again, after a pause: for loops that must not end
};

/// Counts coroutines, so that stopping means waiting. Thread-safe.
///
/// A cancelled task sees its pending asio operation end with `operation_aborted`; asio then throws
/// that error from the next co_await, and the group takes it as a normal end. Any other exception
/// costs the task, and goes to `on_exception`.
class TaskGroup {
 public:
  /// A function that makes the coroutine. It is kept alive until the coroutine ends, so it may
  /// capture; it is gone when wait() returns.
  using Task = std::function<asio::awaitable<void>()>;

  /// `executors` outlives the group.
  explicit TaskGroup(const Executors& executors,
                     std::function<void(std::string_view what)> on_exception = {});
  /// The group must be stopped and empty by then.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on the next I/O thread, where it stays. After close() or stop() nothing is
  /// started and the handle is done.
  TaskHandle spawn(Task task, AfterException after = AfterException::kEnd);

  /// No task is started any more; those that run go on.
  void close();
  /// close(), then cancels every task.
  void stop();
  /// Blocks until all tasks have ended; false when `deadline` passed first. Not on an I/O thread.
  bool wait(std::chrono::milliseconds deadline);
  /// Tasks that have not ended, those that wait to begin again included.
  std::size_t size() const;

 private:
  friend class TaskHandle;
  struct State;
  std::shared_ptr<State> state_;
};

/// Suspends the calling coroutine, on its own executor, for at least so long; not at all for 0 or
/// less. False when cancelled before the time was up.
asio::awaitable<bool> sleep_for_ns(std::int64_t duration_ns);

/// Blocks for some milliseconds, in which others may give memory back.
void pause_for_memory() noexcept;

/// Calls `attempt` until it no longer lacks memory, for steps that cannot be left out. Blocks the
/// thread meanwhile; `attempt` must be repeatable, and throw nothing but std::bad_alloc.
template <std::invocable Attempt>
void until_memory(const Attempt& attempt) noexcept {
  for (;;) {
    try {
      attempt();
      return;
    } catch (const std::bad_alloc&) {
      pause_for_memory();
    }
  }
}

/// Runs `work` on `pool`, then resumes the caller on the caller's own executor, with what `work`
/// returned or threw. Cancelling the caller does not reach the hop: it sees the signal at its next
/// co_await.
template <std::invocable Work>
asio::awaitable<std::invoke_result_t<Work>> run_on(asio::any_io_executor pool, Work work) {
  using Value = std::invoke_result_t<Work>;
  using Slot = std::conditional_t<std::is_void_v<Value>, std::monostate, std::optional<Value>>;
  Slot result;  // this, `failure` and `work` live in this frame until the caller is resumed
  std::exception_ptr failure;
  auto start = [&](auto resume) {
    // Shared, so that a way back that finds no memory can be tried again.
    auto caller = std::make_shared<decltype(resume)>(std::move(resume));
    asio::post(pool, [&, caller]() mutable {
      try {
        if constexpr (std::is_void_v<Value>)
          work();
        else
          result.emplace(work());
      } catch (...) {
        failure = std::current_exception();
      }
      const auto back = asio::get_associated_executor(*caller);
      until_memory([&] { asio::post(back, [caller] { std::move (*caller)(); }); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<Value>) co_return *std::move(result);
}

}  // namespace narthex::net
