// Pools and task groups over Asio: who runs, who waits for whom, and what becomes of an exception.
//
// The problem: a server's coroutines must be counted, so that stopping can wait for them; cancelled
// from any thread, though Asio's cancellation is not thread-safe; and survive exceptions and lack
// of memory at every step, for a scrape loop that ends silently is a target that is never scraped
// again.
//
// I/O threads. Each has a context of its own, which makes its executor a strand: what runs there
// runs one at a time, needs no locks, and stays, timers and sockets included. A task is given to
// the threads in turn and never moves; a busy one slows its neighbours on that thread, which is why
// nothing there may run long. CPU threads share one context.
//
// A task's life: spawn() enters it in the group's set under the lock, then posts begin() to its
// thread. From there on its state belongs to that thread; cancel() from elsewhere is posted too.
// The set is what stop() and wait() look at, and knows a task before it has begun, so nothing slips
// through between. end() takes it out again, after the function and all it captured are gone, so
// that whoever waited may destroy what tasks refer to.
//
// Ends. A coroutine ends by returning, by an exception, or by being dropped: Asio destroys a
// coroutine whose next operation could not be started for want of memory, and tells nobody. Ending
// is therefore an object that travels with the completion handler; called or destroyed, it reports
// exactly once. Then kRestart begins the task again after a pause, unless it was cancelled.
//
// Memory. Steps without which the task would hang (the way back from a hop, the post of begin(),
// the end) are repeated until memory is there (until_memory()): blocking a thread for 10 ms beats
// losing a coroutine.
//
// Rejected: one context for all I/O threads with strands, which costs a lock and often a wake-up
// for each event; Asio's detached completion, which counts nothing and ends the process by an
// exception.
#include "net/executors.h"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <new>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
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
#include <boost/system/system_error.hpp>

#include "base/check.h"
#include "base/exceptions.h"

namespace narthex::net {

namespace {

constexpr timespec kMemoryPause{.tv_sec = 0, .tv_nsec = 10'000'000};

using OnException = std::function<void(std::string_view what)>;

// Reporting an exception allocates, and may fail as its cause did.
void report(const OnException& on_exception, const std::string& what) noexcept {
  if (what.empty() || !on_exception) return;
  try {
    on_exception(what);
  } catch (...) {
    std::fputs("narthex: an exception, and no memory to report it\n", stderr);
  }
}

// Until the context has no more work. An exception ends the handler it came out of, nothing else.
void run(asio::io_context& context, const OnException& on_exception) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (...) {
      report(on_exception, describe_exception(std::current_exception()));
    }
  }
}

// On Linux each thread has a niceness of its own. Raising it needs no privilege.
void be_nice(int more) {
  const auto self = static_cast<id_t>(::gettid());
  ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + more);
}

// A context and the threads that run it.
class Threads {
 public:
  Threads(unsigned count, int nice, const OnException& on_exception)
      : context_(static_cast<int>(count)) {
    for (unsigned i = 0; i < count; ++i) {
      // `on_exception` is the pools' own and outlives the threads.
      threads_.emplace_back([this, nice, &on_exception] {
        if (nice != 0) be_nice(nice);
        run(context_, on_exception);
      });
    }
  }
  ~Threads() { join(); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  asio::io_context::executor_type executor() { return context_.get_executor(); }
  void join() {
    work_.reset();
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  asio::io_context context_;  // with a hint of 1 Asio skips waking other threads: there are none
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::vector<std::thread> threads_;
};

}  // namespace

struct Executors::Pools {
  const OnException on_exception;
  const std::chrono::milliseconds restart_pause;
  std::vector<std::unique_ptr<Threads>> io;  // a context for each thread
  std::atomic<unsigned> next_io{0};          // relaxed: only spreads
  Threads cpu;

  explicit Pools(ExecutorOptions options)
      : on_exception(std::move(options.on_exception)),
        restart_pause(options.restart_pause),
        cpu(options.cpu_threads, options.cpu_nice, on_exception) {
    for (unsigned i = 0; i < options.io_threads; ++i) {
      io.push_back(std::make_unique<Threads>(1, 0, on_exception));
    }
  }
};

Executors::Executors(ExecutorOptions options)
    : pools_(std::make_unique<Pools>(std::move(options))) {}
Executors::Executors(unsigned io_threads, unsigned cpu_threads)
    : Executors(ExecutorOptions{.io_threads = io_threads, .cpu_threads = cpu_threads}) {}
Executors::~Executors() {
  stop();
}

asio::any_io_executor Executors::io() const {
  const unsigned at = pools_->next_io.fetch_add(1, std::memory_order_relaxed);
  return pools_->io[at % pools_->io.size()]->executor();
}
asio::any_io_executor Executors::cpu() const {
  return pools_->cpu.executor();
}

std::chrono::milliseconds Executors::restart_pause() const {
  return pools_->restart_pause;
}

void Executors::stop() {
  for (const auto& io : pools_->io) io->join();
  pools_->cpu.join();
}

struct TaskGroup::State {
  State(const Executors& on, OnException exceptions)
      : executors(on), on_exception(std::move(exceptions)) {}

  const Executors& executors;
  const OnException on_exception;
  // Leaf. Posts are made under it by stop(), so that no task leaves the set meanwhile; asio's own
  // locks are below it.
  std::mutex mutex;
  std::condition_variable empty;
  bool closed = false;
  std::unordered_set<std::shared_ptr<TaskHandle::State>> tasks;
};

// One task. All but `done` is touched on the executor's thread only, from begin() on: that a task
// is known to its group before it has begun is what stop() needs, and asio's slots are not
// thread-safe.
struct TaskHandle::State : std::enable_shared_from_this<TaskHandle::State> {
  State(std::shared_ptr<TaskGroup::State> in, TaskGroup::Task what, AfterException then)
      : group(std::move(in)), executor(group->executors.io()), task(std::move(what)), after(then) {}

  void begin();
  void cancel();
  void end(const std::exception_ptr& error, bool was_lost) noexcept;
  void begin_later();

  const std::shared_ptr<TaskGroup::State> group;
  const asio::any_io_executor executor;  // one thread's
  TaskGroup::Task task;
  const AfterException after;
  bool cancelled = false;
  asio::cancellation_signal signal;
  std::optional<asio::steady_timer> pause;  // before the next begin()
  std::atomic<bool> done{false};            // release when the coroutine ended, acquire by done()
};

namespace {

// Told of the coroutine's end, or destroyed with it: asio drops a coroutine whose next operation
// could not begin for want of memory.
template <typename Task>
class Ending {
 public:
  explicit Ending(std::shared_ptr<Task> task) : task_(std::move(task)) {}
  Ending(Ending&&) noexcept = default;
  Ending& operator=(Ending&&) = delete;
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() {
    if (task_) task_->end(nullptr, true);
  }
  void operator()(const std::exception_ptr& error) {
    std::exchange(task_, nullptr)->end(error, false);
  }

 private:
  std::shared_ptr<Task> task_;
};

}  // namespace

void TaskHandle::State::begin() {
  Ending ending(shared_from_this());
  if (cancelled) return ending(nullptr);
  auto run_task = [self = shared_from_this()] { return self->task(); };
  const auto slot = signal.slot();
  asio::co_spawn(executor, std::move(run_task),
                 asio::bind_cancellation_slot(slot, std::move(ending)));
}

void TaskHandle::State::cancel() {
  cancelled = true;
  if (pause) pause->cancel();
  signal.emit(asio::cancellation_type::all);
}

void TaskHandle::State::begin_later() {
  auto begin_again = [self = shared_from_this()](const boost::system::error_code&) {
    self->begin();  // which ends at once when cancelled
  };
  pause.emplace(executor, group->executors.restart_pause());
  pause->async_wait(begin_again);
}

void TaskHandle::State::end(const std::exception_ptr& error, bool was_lost) noexcept {
  std::string what;
  if (was_lost && !cancelled) until_memory([&] { what = "no memory to go on"; });
  until_memory([&] {
    if (error) what = describe_exception(error);
  });
  report(group->on_exception, what);
  if (!what.empty() && after == AfterException::kRestart && !cancelled) {
    until_memory([this] { begin_later(); });
    return;
  }
  task = nullptr;
  done.store(true, std::memory_order_release);
  // Last: from here on wait() may return, and what the task used may go.
  const std::lock_guard lock(group->mutex);
  group->tasks.erase(shared_from_this());
  if (group->tasks.empty()) group->empty.notify_all();
}

void TaskHandle::cancel() const {
  if (!state_) return;
  until_memory([this] { asio::post(state_->executor, [state = state_] { state->cancel(); }); });
}

bool TaskHandle::done() const {
  return !state_ || state_->done.load(std::memory_order_acquire);
}

TaskGroup::TaskGroup(const Executors& executors, std::function<void(std::string_view)> on_exception)
    : state_(std::make_shared<State>(executors, std::move(on_exception))) {}

TaskGroup::~TaskGroup() {
  NX_CHECK(size() == 0);
}

TaskHandle TaskGroup::spawn(Task task, AfterException after) {
  TaskHandle handle;
  handle.state_ = std::make_shared<TaskHandle::State>(state_, std::move(task), after);
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) return {};
    state_->tasks.insert(handle.state_);
  }
  until_memory(
      [&] { asio::post(handle.state_->executor, [state = handle.state_] { state->begin(); }); });
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
    until_memory([&] { asio::post(task->executor, [task] { task->cancel(); }); });
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

void pause_for_memory() noexcept {
  ::nanosleep(&kMemoryPause, nullptr);
}

asio::awaitable<bool> sleep_for_ns(std::int64_t duration_ns) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::nanoseconds(duration_ns));
  auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return !error;
}

}  // namespace narthex::net
