// A coroutine for each group, and reloads that lose no state and wait for nobody.
//
// run() is a group's life. It waits until the coroutines of the groups before it have ended, takes
// their state over, sleeps to its slot, evaluates on a CPU thread, and counts slots that went by
// meanwhile as missed: they are not made up for. Slots are fixed points of the clock
// (evaluation_slot_ns), so a group keeps its phase through reloads and restarts, and not all groups
// begin at once.
//
// commit() compares new settings with those that run, by file and name:
// - equal: group and coroutine go on untouched;
// - changed: the old coroutine is cancelled. It may be in the middle of an evaluation, which nobody
//   can end at once, so the new entry keeps its handle in `earlier`, and the new coroutine looks
//   every 20 ms whether it has ended;
// - removed: a coroutine waits two intervals, then ends the series that nobody has continued.
//
// Many reloads during one long evaluation make a chain of groups, most of which never come to take
// anything over. Each new one passes those by (RuleGroup::replace), so that the last takes the
// state from the one that has it.
//
// stop() cancels the token of the queries, ends the sleeps, and then waits as long as it takes:
// what still runs uses the store, which would be taken away under it.
#include "alerting/rules/manager.h"

#include <limits>
#include <map>

#include "alerting/rules/metrics.h"
#include "base/exceptions.h"
#include "base/str.h"
#include "base/units.h"

namespace narthex::alerting {
namespace {

constexpr std::chrono::seconds kStopPatience{10};        // before it is said that stopping is slow
constexpr std::int64_t kHandOverPollNs = 20 * kNsPerMs;  // rare: a reload meets an evaluation

}  // namespace

struct RuleManager::State {
  using Key = std::pair<std::string, std::string>;  // file, name
  struct Entry {
    std::shared_ptr<RuleGroup> group;
    net::TaskHandle task;
    std::vector<net::TaskHandle> earlier;  // of the groups it replaces: one may be evaluating still
  };

  State(RuleContext c, net::Executors& e, FileSystem& f)
      : context(std::move(c)),
        executors(e),
        fs(f),
        stop_token(context.clock, std::numeric_limits<std::int64_t>::max()),
        tasks(e, [this](std::string_view what) {
          report_exception(context.log, context.metrics, {"rules", "a rule group's loop"}, what);
        }) {}

  asio::awaitable<void> run(std::shared_ptr<RuleGroup> group, std::vector<net::TaskHandle> earlier);
  asio::awaitable<void> end(std::shared_ptr<RuleGroup> group, std::vector<net::TaskHandle> earlier);
  static asio::awaitable<bool> wait_for(std::vector<net::TaskHandle> earlier);
  asio::awaitable<bool> wait_until(std::int64_t time_ns);
  void evaluate(RuleGroup& group, std::int64_t slot_ns);
  void launch(Entry& entry) NX_REQUIRES(mutex);
  void replace(Entry& old, Entry& entry) NX_REQUIRES(mutex);
  void remove(Entry& entry) NX_REQUIRES(mutex);

  RuleContext context;
  net::Executors& executors;
  FileSystem& fs;
  StopToken stop_token;
  mutable Mutex mutex;  // rank 9: which groups run; a reload takes groups' rank 11 in it
  bool started NX_GUARDED_BY(mutex) = false;
  bool committed NX_GUARDED_BY(mutex) = false;
  std::map<Key, Entry> entries NX_GUARDED_BY(mutex);
  net::TaskGroup tasks;
};

asio::awaitable<bool> RuleManager::State::wait_until(std::int64_t time_ns) {
  const std::int64_t now_ns = context.clock.now_ms() * kNsPerMs;
  if (now_ns >= time_ns) co_return true;
  const bool waited = co_await net::sleep_for_ns(time_ns - now_ns);
  co_return waited;
}

// No thread waits for an evaluation: a slow one would take the CPU pool with it.
asio::awaitable<bool> RuleManager::State::wait_for(std::vector<net::TaskHandle> earlier) {
  for (const net::TaskHandle& task : earlier) {
    while (!task.done()) {
      const bool go_on = co_await net::sleep_for_ns(kHandOverPollNs);
      if (!go_on) co_return false;
    }
  }
  co_return true;
}

// An exception costs this evaluation; the next one comes at its time.
void RuleManager::State::evaluate(RuleGroup& group, std::int64_t slot_ns) {
  const Doing doing{"rules", group.settings().config.name};
  (void)guarded(context.log, context.metrics, doing, [&]() -> Result<void> {
    group.evaluate(slot_ns / kNsPerMs, stop_token);
    return {};
  });
}

// A group's life: takes state over, waits for its slot, evaluates at every slot.
asio::awaitable<void> RuleManager::State::run(std::shared_ptr<RuleGroup> group,
                                              std::vector<net::TaskHandle> earlier) {
  const bool alone = co_await wait_for(std::move(earlier));
  if (!alone) co_return;
  auto take = [&] { group->take_over(); };
  co_await net::run_on(executors.cpu(), std::move(take));
  const GroupSettings& settings = group->settings();
  const std::int64_t interval_ns = settings.interval * kNsPerMs;
  std::int64_t slot_ns = evaluation_slot_ns(settings.config.name, settings.config.file,
                                            settings.interval, context.clock.now_ms() * kNsPerMs) +
                         interval_ns;
  for (std::int64_t count = 1;; ++count) {
    const bool waited = co_await wait_until(slot_ns);
    if (!waited) co_return;
    auto work = [&] { evaluate(*group, slot_ns); };
    co_await net::run_on(executors.cpu(), std::move(work));
    // As upstream not after the first, when targets may not have been scraped and recording rules
    // not have written what alerts look at.
    if (count == 2 && group->restores()) {
      auto restore = [&] { group->restore(context.clock.now_ms()); };
      co_await net::run_on(executors.cpu(), std::move(restore));
    }
    // The newest slot that has passed is still evaluated, at once; those before it are missed.
    const std::int64_t late_ns = context.clock.now_ms() * kNsPerMs - slot_ns;
    const std::int64_t missed = std::max<std::int64_t>(0, late_ns / interval_ns - 1);
    if (missed > 0) group->count_missed(missed);
    slot_ns += (missed + 1) * interval_ns;
  }
}

// Two intervals give a renamed rule the time to continue the series.
asio::awaitable<void> RuleManager::State::end(std::shared_ptr<RuleGroup> group,
                                              std::vector<net::TaskHandle> earlier) {
  const bool alone = co_await wait_for(std::move(earlier));
  if (!alone) co_return;
  const model::TimeMs ended = context.clock.now_ms();
  const model::DurationMs interval = group->settings().interval;
  const bool waited =
      co_await net::sleep_for_ns(model::to_nanoseconds(model::add_time(interval, interval)));
  if (!waited) co_return;
  auto mark = [&] { group->mark_stale(ended); };
  co_await net::run_on(executors.cpu(), std::move(mark));
}

void RuleManager::State::launch(Entry& entry) {
  entry.task = tasks.spawn(
      [this, group = entry.group, earlier = entry.earlier]() mutable {
        return run(group, std::exchange(earlier, {}));
      },
      net::AfterException::kRestart);
}

// A group that has not come to take over yet is passed by: its successor takes the state from where
// it is. So any number of reloads during one evaluation loses nothing.
void RuleManager::State::replace(Entry& old, Entry& entry) {
  old.task.cancel();
  const std::shared_ptr<RuleGroup> before = old.group->replace();
  entry.group->follow(before ? before : old.group);
  entry.earlier = std::move(old.earlier);
  entry.earlier.push_back(old.task);
  std::erase_if(entry.earlier, [](const net::TaskHandle& task) { return task.done(); });
}

void RuleManager::State::remove(Entry& entry) {
  entry.task.cancel();
  // Whom it was to take over from it still follows: those series end with its own.
  entry.group->follow(entry.group->replace());
  if (!started) return;
  entry.earlier.push_back(entry.task);
  tasks.spawn([this, group = entry.group, earlier = std::move(entry.earlier)] {
    return end(group, earlier);
  });
}

RuleManager::RuleManager(RuleContext context, net::Executors& executors, FileSystem& fs)
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
    if (old) state_->replace(old.mapped(), entry);
    if (state_->started) state_->launch(entry);
    next.emplace(std::move(key), std::move(entry));
  }
  for (auto& [key, entry] : state_->entries) {
    state_->remove(entry);
    retire_group_metrics(state_->context.metrics, concat(key.first, ";", key.second));
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
  while (!state_->tasks.wait(kStopPatience)) {  // a group in the middle uses what would go away
    state_->context.log.warn("rule groups are slow to stop", {{"running", state_->tasks.size()}});
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
