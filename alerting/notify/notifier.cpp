// From discovered targets to queues, and from alerts to those queues.
//
// The state is a list of sets, one for each block of `alertmanagers`: the block with its rules
// compiled, and the queues of the Alertmanagers that it stands for now. Two things change it. A
// reload puts new blocks in place and carries over the queues of a block that is equal to an old
// one, because those would go on the same way. Discovery changes who is found for a block: sync()
// makes queues for newcomers and lets those go whose Alertmanager has left. Such a queue lives on
// in its coroutine until it is empty.
//
// A target becomes a URL as a scrape's target does: scheme and path of the block and the group's
// labels are added, relabelling decides, and the labels that are left are put together. What
// relabelling drops the API shows; what is no URL is logged.
//
// Alerts are relabelled once for all blocks (external labels below an alert's own, then
// alert_relabel_configs), and on a copy for a block that has rules of its own. send() does this on
// the thread that evaluated the rule and hands the alerts to queues, which only take them in: no
// Alertmanager delays an evaluation, however slow it is.
//
// At the end discovery stops first, so that nobody makes queues any more; then the queues get 20 s
// to empty themselves, or were emptied here if they need not be sent; then what is in flight is cut
// off.
//
// Locks: State::mutex is taken below a rule group's and above discovery's and the queues'.
#include "alerting/notify/notifier.h"

#include <algorithm>
#include <map>
#include <set>

#include "alerting/notify/metrics.h"
#include "base/check.h"
#include "base/exceptions.h"
#include "base/str.h"
#include "discovery/follower.h"
#include "model/relabel.h"
#include "net/http/client.h"

namespace narthex::alerting {
namespace {

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kScheme = "__scheme__";
constexpr std::string_view kPath = "__alerts_path__";
constexpr std::size_t kAnswerBytesMax = 1U << 20;
constexpr auto kDrainTimeout =
    std::chrono::seconds(20);  // tuned: ends within the 30 s that Kubernetes grants a stop

/// One block of `alertmanagers`, compiled.
struct Block {
  AlertmanagerConfig config;
  model::Relabeler targets;
  model::Relabeler alerts;
};

struct Found {
  std::map<std::string, net::http::Url> active;  // by their text
  std::vector<std::string> dropped;
};

std::string url_text(const model::LabelsBuilder& labels) {
  return net::http::make_url_text(labels.get(kScheme), labels.get(kAddress), labels.get(kPath));
}

// The Alertmanagers of one block.
Found find_alertmanagers(const Block& block, const std::vector<discovery::TargetGroup>& groups,
                         Log& log) {
  Found found;
  for (const discovery::TargetGroup& group : groups) {
    for (const model::Labels& target : group.targets) {
      model::LabelsBuilder labels(target);
      labels.set(kScheme, block.config.scheme).set(kPath, alerts_path(block.config.path_prefix));
      for (const auto& [name, value] : group.labels) {
        if (!target.has(name)) labels.set(name, value);
      }
      const std::string before = url_text(labels);
      const Result<bool> kept = block.targets.apply(labels);
      if (!kept) {
        log.error("cannot relabel an Alertmanager", {{"url", before}, {"error", kept.error()}});
        continue;
      }
      if (!*kept) {
        found.dropped.push_back(before);
        continue;
      }
      const std::string text = url_text(labels);
      Result<net::http::Url> url = net::http::parse_url(text);
      // It would pass for the beginning of the path, and alerts would go somewhere else.
      const bool has_slash = labels.get(kAddress).find('/') != std::string_view::npos;
      if (url && !has_slash) {
        found.active.emplace(text, *std::move(url));
      } else {
        log.error("discovered Alertmanager has a bad address", {{"url", text}});
      }
    }
  }
  return found;
}

// An alert whose labels become too large is dropped as one that relabelling drops.
void relabel(const model::Relabeler& relabeler, const model::Labels& external_labels,
             std::vector<Alert>& alerts, Log& log) {
  model::LabelsBuilder labels;
  std::erase_if(alerts, [&](Alert& alert) {
    labels.reset(alert.labels);
    for (const auto& [name, value] : external_labels) {
      if (!alert.labels.has(name)) labels.set(name, value);
    }
    const Result<bool> kept = relabeler.apply(labels);
    if (kept && !*kept) return true;
    Result<model::Labels> built = kept ? labels.build_within() : std::unexpected(kept.error());
    if (!built) log.error("cannot relabel an alert", {{"error", built.error()}});
    if (built) alert.labels = *std::move(built);
    return !built;
  });
}

}  // namespace

std::string alerts_path(std::string_view prefix) {
  std::vector<std::string_view> parts;
  for (const std::string_view part : split(prefix, '/')) {
    if (part.empty() || part == ".") continue;
    if (part != "..")
      parts.push_back(part);
    else if (!parts.empty())
      parts.pop_back();
  }
  std::string out;
  for (const std::string_view part : parts) out += concat("/", part);
  return out + "/api/v2/alerts";
}

struct Notifier::Prepared::State {
  std::vector<Block> blocks;
  model::Relabeler alerts;
  model::Labels external_labels;
};

Notifier::Prepared::Prepared() = default;
Notifier::Prepared::Prepared(Prepared&&) noexcept = default;
Notifier::Prepared& Notifier::Prepared::operator=(Prepared&&) noexcept = default;
Notifier::Prepared::~Prepared() = default;

struct Notifier::State {
  /// A block and the queues of its Alertmanagers.
  struct Set {
    Block block;
    std::map<std::string, std::shared_ptr<AlertQueue>> queues;  // by URL
    std::vector<std::string> dropped;
  };

  State(discovery::Context c, NotifierOptions o)
      : context(c),
        options(std::move(o)),
        discovery(c, "notify", options.discovery_reload_interval, [this] { sync_when_changed(); }),
        senders(c.executors, [this](std::string_view what) { report(what); }),
        metrics(c.metrics, options.queue.capacity) {}

  void report(std::string_view what) const {
    report_exception(context.log, context.metrics, {"notifier", "sending alerts"}, what);
  }
  void sync_when_changed();
  void sync() NX_REQUIRES(mutex);
  std::shared_ptr<AlertQueue> make_queue(const AlertmanagerConfig& config, const std::string& text,
                                         const net::http::Url& url) const;

  discovery::Context context;
  NotifierOptions options;
  discovery::Follower discovery;
  net::TaskGroup senders;
  NotifierMetrics metrics;
  mutable Mutex mutex;  // rank 14: taken while a rule group is evaluated
  std::vector<Set> sets NX_GUARDED_BY(mutex);
  std::set<std::string> measured NX_GUARDED_BY(mutex);  // URLs that metrics are shown of
  model::Relabeler alerts NX_GUARDED_BY(mutex);
  model::Labels external_labels NX_GUARDED_BY(mutex);
  bool stopped NX_GUARDED_BY(mutex) = false;
};

Notifier::Notifier(discovery::Context context, NotifierOptions options)
    : state_(std::make_unique<State>(context, std::move(options))) {}

Notifier::~Notifier() {
  NX_CHECK(state_->senders.size() == 0);
}

Result<Notifier::Prepared> Notifier::prepare(AlertingConfig config, model::Labels external_labels) {
  Prepared prepared;
  prepared.state_ = std::make_unique<Prepared::State>();
  NX_TRY_ASSIGN(prepared.state_->alerts, model::Relabeler::create(config.alert_relabel_rules));
  for (AlertmanagerConfig& manager : config.alertmanagers) {
    Block block;
    NX_TRY_ASSIGN(block.targets, model::Relabeler::create(manager.relabel_rules));
    NX_TRY_ASSIGN(block.alerts, model::Relabeler::create(manager.alert_relabel_rules));
    block.config = std::move(manager);
    prepared.state_->blocks.push_back(std::move(block));
  }
  prepared.state_->external_labels = std::move(external_labels);
  return prepared;
}

void Notifier::commit(Prepared prepared) {
  State& state = *state_;
  discovery::DiscoveryConfigs configs;
  for (std::size_t i = 0; i < prepared.state_->blocks.size(); ++i) {
    configs.emplace(concat("config-", i), prepared.state_->blocks[i].config.discovery);
  }
  state.discovery.apply(configs);
  const MutexLock lock(state.mutex);
  if (state.stopped) return;
  state.alerts = std::move(prepared.state_->alerts);
  state.external_labels = std::move(prepared.state_->external_labels);
  std::vector<State::Set> before = std::move(state.sets);
  state.sets.clear();
  for (Block& block : prepared.state_->blocks) {
    State::Set& set = state.sets.emplace_back();
    const auto same = std::ranges::find_if(
        before, [&](const State::Set& old) { return old.block.config == block.config; });
    // An equal block means the same client, the same path and the same rules; each old set is taken
    // once, for what is left of it has no queues.
    if (same != before.end()) set.queues = std::move(same->queues);
    set.block = std::move(block);
  }
  state.sync();
}

void Notifier::State::sync_when_changed() {
  const MutexLock lock(mutex);
  if (!stopped) sync();
}

// A queue whose Alertmanager is gone empties itself and ends.
void Notifier::State::sync() {
  const std::shared_ptr<const discovery::TargetSets> groups = discovery.groups();
  std::size_t active = 0;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    Set& set = sets[i];
    const auto own = groups->find(concat("config-", i));
    Found found;
    if (own != groups->end()) found = find_alertmanagers(set.block, own->second, context.log);
    std::erase_if(set.queues,
                  [&](const auto& entry) { return !found.active.contains(entry.first); });
    for (const auto& [text, url] : found.active) {
      std::shared_ptr<AlertQueue>& queue = set.queues[text];
      if (!queue) queue = make_queue(set.block.config, text, url);
    }
    set.dropped = std::move(found.dropped);
    active += set.queues.size();
  }
  std::set<std::string> now;
  for (const Set& set : sets) {
    for (const auto& [url, queue] : set.queues) now.insert(url);
  }
  for (const std::string& url : measured) {
    if (!now.contains(url)) retire_queue_metrics(context.metrics, url);
  }
  measured = std::move(now);
  metrics.discovered.set(static_cast<double>(active));
}

std::shared_ptr<AlertQueue> Notifier::State::make_queue(const AlertmanagerConfig& config,
                                                        const std::string& text,
                                                        const net::http::Url& url) const {
  // One client for each queue: its connections and credentials belong to this block.
  const auto client = std::make_shared<net::http::Client>(config.client);
  const std::string agent = options.queue.user_agent;
  const net::http::FetchLimits limits{.timeout = std::chrono::milliseconds(config.timeout),
                                      .body_bytes_max = kAnswerBytesMax,
                                      .ignores_body = true};
  // Not a coroutine itself: it only makes one, whose arguments hold everything.
  PostAlerts post = [client, agent, limits, url](std::string body) {
    net::http::ClientRequest request{.method = "POST", .url = url, .body = std::move(body)};
    request.headers.add("User-Agent", agent);
    request.headers.add("Content-Type", "application/json");
    return client->fetch(std::move(request), limits);
  };
  return std::make_shared<AlertQueue>(text, options.queue, std::move(post), context.clock,
                                      context.metrics, context.log);
}

void Notifier::send(std::vector<Alert> alerts) {
  const MutexLock lock(state_->mutex);
  if (state_->stopped) return;
  relabel(state_->alerts, state_->external_labels, alerts, state_->context.log);
  for (State::Set& set : state_->sets) {
    if (set.block.alerts.empty()) {
      for (const auto& [url, queue] : set.queues) queue->add(alerts, state_->senders);
      continue;
    }
    std::vector<Alert> own = alerts;
    relabel(set.block.alerts, model::Labels(), own, state_->context.log);
    for (const auto& [url, queue] : set.queues) queue->add(own, state_->senders);
  }
}

void Notifier::stop() {
  {
    const MutexLock lock(state_->mutex);
    if (state_->stopped) return;
    state_->stopped = true;
    if (!state_->options.drain_on_shutdown) {
      for (const State::Set& set : state_->sets) {
        for (const auto& [url, queue] : set.queues) queue->drop_all();
      }
    }
  }
  // Not under the lock, which its last look may be waiting for.
  state_->discovery.stop();
  state_->senders.close();
  if (!state_->senders.wait(kDrainTimeout)) {
    state_->context.log.warn("alert notifications are slow to drain, giving up");
  }
  state_->senders.stop();
  while (!state_->senders.wait(std::chrono::seconds(10))) {
    state_->context.log.warn("notifications are slow to stop");
  }
}

std::vector<std::string> Notifier::active_alertmanagers() const {
  const MutexLock lock(state_->mutex);
  std::vector<std::string> out;
  for (const State::Set& set : state_->sets) {
    for (const auto& [url, queue] : set.queues) out.push_back(url);
  }
  return out;
}

std::vector<std::string> Notifier::dropped_alertmanagers() const {
  const MutexLock lock(state_->mutex);
  std::vector<std::string> out;
  for (const State::Set& set : state_->sets) {
    out.insert(out.end(), set.dropped.begin(), set.dropped.end());
  }
  return out;
}

}  // namespace narthex::alerting
