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
#include <variant>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
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

  /// The next I/O thread's, in turn. What runs on one such executor runs one at a time, and stays
  /// on that thread.
  asio::any_io_executor io() const;
  /// Shared by all CPU threads.
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

  /// `executors` outlives the group.
  explicit TaskGroup(const Executors& executors,
                     std::function<void(std::string_view what)> on_exception = {});
  /// The group must be stopped and empty by then.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `task` on the next I/O thread, where it stays. After close() or stop() nothing is
  /// started and the handle is done.
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

/// Runs `work` on `pool`, then resumes the caller on the caller's own executor. `work` must not
/// throw. Cancelling the caller does not reach the hop: it sees the signal at its next co_await.
template <std::invocable Work>
asio::awaitable<std::invoke_result_t<Work>> run_on(asio::any_io_executor pool, Work work) {
  using Value = std::invoke_result_t<Work>;
  using Slot = std::conditional_t<std::is_void_v<Value>, std::monostate, std::optional<Value>>;
  Slot result;  // this and `work` live in this frame until the caller is resumed
  auto start = [&](auto resume) {
    asio::post(pool, [&, resume = std::move(resume)]() mutable {
      if constexpr (std::is_void_v<Value>)
        work();
      else
        result.emplace(work());
      const auto back = asio::get_associated_executor(resume);
      asio::post(back, std::move(resume));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
  if constexpr (!std::is_void_v<Value>) co_return *std::move(result);
}

}  // namespace narthex
