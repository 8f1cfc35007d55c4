// The two pools, the hop between them, and TaskGroup, the only way to start a coroutine.
// I/O threads run coroutines and never block; CPU threads run plain functions and may (style:
// Threads).
#pragma once

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace narthex {

namespace asio = boost::asio;

/// Owns the threads. Thread-safe.
class Executors {
 public:
  /// Starts `io_threads` and `cpu_threads` threads; both at least 1.
  Executors(unsigned io_threads, unsigned cpu_threads);
  ~Executors();
  Executors(const Executors&) = delete;
  Executors& operator=(const Executors&) = delete;

  asio::any_io_executor io() const;
  asio::any_io_executor cpu() const;

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
  void cancel() const;
  bool done() const;

 private:
  friend class TaskGroup;
  struct State;
  std::shared_ptr<State> state_;
};

/// Counts coroutines, so that stopping means waiting. Thread-safe.
///
/// A cancelled task sees its pending asio operation end with `operation_aborted`; asio then throws
/// that error from the next co_await, and the group takes it as a normal end. Any other exception
/// is a bug: it goes to `on_exception`.
class TaskGroup {
 public:
  /// A function that makes the coroutine. It is kept alive until the coroutine ends, so it may
  /// capture.
  using Task = std::function<asio::awaitable<void>()>;

  explicit TaskGroup(asio::any_io_executor executor,
                     std::function<void(std::string_view what)> on_exception = {});
  /// The group must be stopped and empty by then.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on a strand of its own. After close() or stop() nothing is started and the
  /// handle is done.
  TaskHandle spawn(Task task);

  /// No task is started any more; those that run go on.
  void close();
  /// close(), then cancels every task.
  void stop();
  /// Blocks until all tasks have ended; false when `deadline` passed first. Not on an I/O thread.
  bool wait(std::chrono::milliseconds deadline);
  std::size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Suspends the calling coroutine. False when cancelled before the time was up.
asio::awaitable<bool> sleep_for_ns(std::int64_t duration_ns);

/// A co_await that no cancellation signal reaches.
inline auto uncancellable() {
  return asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
}

/// Runs `work` on `pool`, then resumes the caller on the caller's own executor. `work` must not
/// throw. Cancelling the caller does not reach the hop: asio would hand the signal to the pool's
/// thread while this one may already have dropped it. The caller sees it at its next co_await.
template <std::invocable Work>
asio::awaitable<std::invoke_result_t<Work>> run_on(asio::any_io_executor pool, Work work) {
  using Value = std::invoke_result_t<Work>;
  if constexpr (std::is_void_v<Value>) {
    auto job = [&]() -> asio::awaitable<void> {  // lives in this frame until it is done
      work();
      co_return;
    };
    co_await asio::co_spawn(pool, job, uncancellable());
  } else {
    std::optional<Value> result;  // co_spawn wants a default-constructible type
    auto job = [&]() -> asio::awaitable<void> {
      result.emplace(work());
      co_return;
    };
    co_await asio::co_spawn(pool, job, uncancellable());
    co_return *std::move(result);
  }
}

}  // namespace narthex
