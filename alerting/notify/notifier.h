// Sends alerts to every Alertmanager that discovery finds. External labels and relabelling are
// applied once for all, then per block of `alertmanagers`; each Alertmanager has a queue of its
// own, so a slow one delays nobody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "alerting/alert.h"
#include "alerting/config.h"
#include "alerting/notify/queue.h"
#include "base/result.h"
#include "discovery/provider.h"
#include "model/labels.h"
#include "model/time.h"

namespace narthex::alerting {

/// Flags, for as long as the notifier lives.
struct NotifierOptions {
  QueueOptions queue;
  bool drain_on_shutdown = true;                        // upstream's default
  model::DurationMs discovery_reload_interval = 5'000;  // upstream's default
};

/// Thread-safe; prepare() and commit() are the halves of a reload, of which there is one at a time.
class Notifier {
 public:
  /// Everything must outlive the notifier.
  Notifier(discovery::Context context, NotifierOptions options);
  /// stop() must have been called.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// A checked configuration, ready to be committed once. Only what prepare() gave: one made by
  /// itself, or moved from, is empty.
  class Prepared {
   public:
    Prepared();
    Prepared(Prepared&&) noexcept;
    Prepared& operator=(Prepared&&) noexcept;
    ~Prepared();

   private:
    friend class Notifier;
    struct State;
    std::unique_ptr<State> state_;
  };

  /// Changes nothing. kInvalid for a rule that does not compile.
  Result<Prepared> prepare(AlertingConfig config, model::Labels external_labels);
  /// Takes effect before it returns; may wait for a disk, where targets are files. Queues of
  /// Alertmanagers that stay, under an equal block, go on. After stop() alerts go nowhere.
  void commit(Prepared prepared);

  /// Queues alerts for every Alertmanager; never waits for one. From any thread, also with a rule
  /// group's lock held. Alerts that relabelling drops are gone without a trace, those whose labels
  /// become too large are logged; after stop() all are dropped.
  void send(std::vector<Alert> alerts);

  /// Sends what is queued (or drops it, as configured) for at most 20 s, then ends. Not on an I/O
  /// thread. Called twice: nothing.
  void stop();

  /// URLs of the Alertmanagers that alerts go to, and of those that relabelling dropped (as they
  /// would have been without it), in the order of blocks; one that two blocks find comes twice.
  std::vector<std::string> active_alertmanagers() const;
  std::vector<std::string> dropped_alertmanagers() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `/`, prefix and /api/v2/alerts, joined and cleaned of empty, `.` and `..` elements.
std::string alerts_path(std::string_view prefix);

}  // namespace narthex::alerting
