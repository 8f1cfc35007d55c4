// The groups' coroutines and reload.
#include "alerting/rules/manager.h"

#include <limits>
#include <map>

#include "base/str.h"

namespace narthex::alerting {
namespace {

constexpr std::int64_t kNanosecondsPerMs = 1'000'000;
constexpr std::chrono::seconds kStopDeadline{60};

}  // namespace

struct RuleManager::State {
  using Key = std::pair<std::string, std::string>;  // file, name
  struct Entry {
    std::shared_ptr<RuleGroup> group;
    std::shared_ptr<RuleGroup> before;  // whose state `group` takes over when it starts
    TaskHandle task;
  };

  State(RuleContext c, Executors& e, FileSystem& f)
      : context(std::move(c)),
        executors(e),
        fs(f),
        stop_token(context.clock, std::numeric_limits<std::int64_t>::max()),
        tasks(e, [this](std::string_view what) {
          context.log.error("a rule group ended by an exception", {{"err", what}});
        }) {}

  asio::awaitable<void> run(std::shared_ptr<RuleGroup> group, std::shared_ptr<RuleGroup> before);
  asio::awaitable<void> end(std::shared_ptr<RuleGroup> group);
  asio::awaitable<bool> wait_until(std::int64_t time_ns);
  void launch(Entry& entry) NX_REQUIRES(mutex);
  void remove(const std::shared_ptr<RuleGroup>& group) NX_REQUIRES(mutex);

  RuleContext context;
  Executors& executors;
  FileSystem& fs;
  StopToken stop_token;
  mutable Mutex mutex;
  bool started NX_GUARDED_BY(mutex) = false;
  bool committed NX_GUARDED_BY(mutex) = false;
  std::map<Key, Entry> entries NX_GUARDED_BY(mutex);
  TaskGroup tasks;
};

asio::awaitable<bool> RuleManager::State::wait_until(std::int64_t time_ns) {
  const std::int64_t now_ns = context.clock.now_ms() * kNanosecondsPerMs;
  if (now_ns >= time_ns) co_return true;
  const bool waited = co_await sleep_for_ns(time_ns - now_ns);
  co_return waited;
}

// A group's life: takes state over, waits for its slot, evaluates at every slot.
asio::awaitable<void> RuleManager::State::run(std::shared_ptr<RuleGroup> group,
                                              std::shared_ptr<RuleGroup> before) {
  if (before) {
    auto take = [&] { group->take_state(*before); };
    co_await run_on(executors.cpu(), std::move(take));
  }
  const GroupSettings& settings = group->settings();
  const std::int64_t interval_ns = settings.interval * kNanosecondsPerMs;
  std::int64_t slot_ns =
      evaluation_slot_ns(settings.config.name, settings.config.file, settings.interval,
                         context.clock.now_ms() * kNanosecondsPerMs) +
      interval_ns;
  for (std::int64_t count = 1;; ++count) {
    const bool waited = co_await wait_until(slot_ns);
    if (!waited) co_return;
    auto evaluate = [&] { group->evaluate(slot_ns / kNanosecondsPerMs, stop_token); };
    co_await run_on(executors.cpu(), std::move(evaluate));
    if (count == 2 && group->restores()) {
      auto restore = [&] { group->restore(context.clock.now_ms()); };
      co_await run_on(executors.cpu(), std::move(restore));
    }
    const std::int64_t late_ns = context.clock.now_ms() * kNanosecondsPerMs - slot_ns;
    const std::int64_t missed = std::max<std::int64_t>(0, late_ns / interval_ns - 1);
    if (missed > 0) group->count_missed(missed);
    slot_ns += (missed + 1) * interval_ns;
  }
}

// Two intervals give a renamed rule the time to continue the series.
asio::awaitable<void> RuleManager::State::end(std::shared_ptr<RuleGroup> group) {
  auto retire = [&] { group->retire(); };
  co_await run_on(executors.cpu(), std::move(retire));
  const model::TimeMs ended = context.clock.now_ms();
  const model::DurationMs interval = group->settings().interval;
  const bool waited =
      co_await sleep_for_ns(model::to_nanoseconds(model::add_time(interval, interval)));
  if (!waited) co_return;
  auto mark = [&] { group->mark_stale(ended); };
  co_await run_on(executors.cpu(), std::move(mark));
}

void RuleManager::State::launch(Entry& entry) {
  entry.task =
      tasks.spawn([this, group = entry.group, before = std::exchange(entry.before, nullptr)] {
        return run(group, before);
      });
}

void RuleManager::State::remove(const std::shared_ptr<RuleGroup>& group) {
  tasks.spawn([this, group] { return end(group); });
}

RuleManager::RuleManager(RuleContext context, Executors& executors, FileSystem& fs)
    : state_(std::make_unique<State>(std::move(context), executors, fs)) {}

RuleManager::~RuleManager() {
  stop();
}

Result<RuleManager::Prepared> RuleManager::prepare(const RulesConfig& config) {
  Prepared prepared;
  for (const std::string& file : config.files) {
    NX_TRY_ASSIGN(const std::string text, state_->fs.read_file(file));
    NX_TRY_ASSIGN(std::vector<RuleGroupConfig> groups,
                  parse_rule_file(text, file, state_->context.options.parser));
    for (RuleGroupConfig& group : groups) {
      GroupSettings settings;
      settings.interval = group.interval > 0 ? group.interval : config.evaluation_interval;
      settings.query_offset = group.query_offset.value_or(config.query_offset);
      settings.external_labels = config.external_labels;
      settings.config = std::move(group);
      prepared.groups_.push_back(std::move(settings));
    }
  }
  return prepared;
}

void RuleManager::commit(Prepared prepared) {
  const MutexLock lock(state_->mutex);
  std::map<State::Key, State::Entry> next;
  for (GroupSettings& settings : prepared.groups_) {
    State::Key key(settings.config.file, settings.config.name);
    if (next.contains(key)) continue;  // a file listed twice
    const auto old = state_->entries.extract(key);
    if (old && old.mapped().group->settings() == settings) {
      next.emplace(std::move(key), std::move(old.mapped()));
      continue;
    }
    State::Entry entry;
    entry.group =
        std::make_shared<RuleGroup>(std::move(settings), state_->context, !state_->committed);
    if (old) {
      old.mapped().task.cancel();
      entry.before = old.mapped().group;
    }
    if (state_->started) state_->launch(entry);
    next.emplace(std::move(key), std::move(entry));
  }
  for (const auto& [key, entry] : state_->entries) {
    entry.task.cancel();
    if (state_->started) state_->remove(entry.group);
    state_->context.metrics.retire("rule_group", concat(key.first, ";", key.second));
  }
  state_->entries = std::move(next);
  state_->committed = true;
}

void RuleManager::start() {
  const MutexLock lock(state_->mutex);
  if (std::exchange(state_->started, true)) return;
  for (auto& [key, entry] : state_->entries) state_->launch(entry);
}

void RuleManager::stop() {
  state_->stop_token.cancel();
  state_->tasks.stop();
  if (!state_->tasks.wait(kStopDeadline)) {
    state_->context.log.error("rule groups did not end in time");
  }
}

std::vector<GroupSnapshot> RuleManager::groups() const {
  std::vector<std::shared_ptr<RuleGroup>> groups;
  {
    const MutexLock lock(state_->mutex);
    for (const auto& [key, entry] : state_->entries) groups.push_back(entry.group);
  }
  std::vector<GroupSnapshot> out;
  out.reserve(groups.size());
  for (const auto& group : groups) out.push_back(group->snapshot());
  return out;
}

}  // namespace narthex::alerting
