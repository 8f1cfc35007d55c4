// Pools and task groups over Asio.
#include "base/executors.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/system_error.hpp>

#include "base/check.h"

namespace narthex {

namespace {

// One I/O thread. The hint lets Asio skip waking other threads: there are none.
struct IoThread {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread{[this] { context.run(); }};
};

}  // namespace

struct Executors::Pools {
  std::vector<std::unique_ptr<IoThread>> io;
  std::atomic<unsigned> next_io{0};  // relaxed: only spreads
  asio::thread_pool cpu;

  Pools(unsigned io_threads, unsigned cpu_threads) : cpu(cpu_threads) {
    for (unsigned i = 0; i < io_threads; ++i) io.push_back(std::make_unique<IoThread>());
  }
};

Executors::Executors(unsigned io_threads, unsigned cpu_threads)
    : pools_(std::make_unique<Pools>(io_threads, cpu_threads)) {}
Executors::~Executors() {
  stop();
}

asio::any_io_executor Executors::io() const {
  const unsigned at = pools_->next_io.fetch_add(1, std::memory_order_relaxed);
  return pools_->io[at % pools_->io.size()]->context.get_executor();
}
asio::any_io_executor Executors::cpu() const {
  return pools_->cpu.get_executor();
}

void Executors::stop() {
  for (const auto& io : pools_->io) {
    io->work.reset();
    if (io->thread.joinable()) io->thread.join();
  }
  pools_->cpu.join();
}

struct TaskHandle::State {
  explicit State(asio::any_io_executor on) : executor(std::move(on)) {}
  asio::any_io_executor executor;    // one thread's
  asio::cancellation_signal signal;  // touched on that thread only
  std::atomic<bool> done{false};     // release when the coroutine ended, acquire by done()
};

void TaskHandle::cancel() const {
  if (!state_) return;
  asio::post(state_->executor,
             [state = state_] { state->signal.emit(asio::cancellation_type::all); });
}

bool TaskHandle::done() const {
  return !state_ || state_->done.load(std::memory_order_acquire);
}

struct TaskGroup::State {
  State(const Executors& on, std::function<void(std::string_view)> report)
      : executors(on), on_exception(std::move(report)) {}

  const Executors& executors;
  const std::function<void(std::string_view)> on_exception;
  std::mutex mutex;
  std::condition_variable empty;
  bool closed = false;
  std::unordered_set<std::shared_ptr<TaskHandle::State>> tasks;
};

TaskGroup::TaskGroup(const Executors& executors, std::function<void(std::string_view)> on_exception)
    : state_(std::make_shared<State>(executors, std::move(on_exception))) {}

TaskGroup::~TaskGroup() {
  NX_CHECK(size() == 0);
}

namespace {

// An exception's text, or empty for the end that cancelling brings.
std::string describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) return {};
    return e.what();
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

TaskHandle TaskGroup::spawn(Task task) {
  TaskHandle handle;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) return handle;
    handle.state_ = std::make_shared<TaskHandle::State>(state_->executors.io());
    state_->tasks.insert(handle.state_);
  }
  auto finish = [group = state_, me = handle.state_](const std::exception_ptr& error) {
    const std::string what = error ? describe(error) : std::string();
    if (!what.empty() && group->on_exception) group->on_exception(what);
    me->done.store(true, std::memory_order_release);
    const std::lock_guard lock(group->mutex);
    group->tasks.erase(me);
    if (group->tasks.empty()) group->empty.notify_all();
  };
  auto slot = handle.state_->signal.slot();
  asio::co_spawn(handle.state_->executor, std::move(task),
                 asio::bind_cancellation_slot(slot, std::move(finish)));
  return handle;
}

void TaskGroup::close() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
}

void TaskGroup::stop() {
  const std::lock_guard lock(state_->mutex);
  state_->closed = true;
  for (const auto& task : state_->tasks) {
    asio::post(task->executor, [task] { task->signal.emit(asio::cancellation_type::all); });
  }
}

bool TaskGroup::wait(std::chrono::milliseconds deadline) {
  std::unique_lock lock(state_->mutex);
  return state_->empty.wait_for(lock, deadline, [this] { return state_->tasks.empty(); });
}

std::size_t TaskGroup::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->tasks.size();
}

asio::awaitable<bool> sleep_for_ns(std::int64_t duration_ns) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::nanoseconds(duration_ns));
  auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return !error;
}

}  // namespace narthex
