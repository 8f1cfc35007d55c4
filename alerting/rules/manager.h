// All rule groups: reads rule files, runs one coroutine per group, and moves to a new configuration
// in two steps, so that a bad file changes nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "alerting/rules/group.h"
#include "base/fs.h"
#include "net/executors.h"

namespace narthex::alerting {

/// What the configuration says about rules.
struct RulesConfig {
  std::vector<std::string> files;  // existing paths, patterns already expanded
  model::DurationMs evaluation_interval = 60'000;
  model::DurationMs query_offset = 0;
  model::Labels external_labels;
};

/// Thread-safe; prepare() and commit() are the halves of a reload, of which there is one at a time.
class RuleManager {
 public:
  /// All references in `context` must outlive the manager, and `executors` and `fs` too.
  RuleManager(RuleContext context, net::Executors& executors, FileSystem& fs);
  /// stop() must have been called if start() was.
  ~RuleManager();
  RuleManager(const RuleManager&) = delete;
  RuleManager& operator=(const RuleManager&) = delete;

  /// Checked groups, ready to be committed once.
  class Prepared {
   public:
    Prepared() = default;

   private:
    friend class RuleManager;
    std::vector<GroupSettings> groups_;
  };

  /// Reads and checks every file, on the calling thread; changes nothing. kInvalid names file and
  /// line; kIo, kNotFound.
  Result<Prepared> prepare(const RulesConfig& config);

  /// Takes effect before it returns, and waits for no evaluation: equal groups go on undisturbed,
  /// changed ones take over their rules' state, series of removed ones end two intervals later.
  /// Groups of the first commit restore their alerts' `for` state.
  void commit(Prepared prepared);

  /// Evaluation begins: call when the store is ready, before or after the first commit.
  void start();

  /// Ends evaluation and waits for what runs, without staleness markers. Not on an I/O thread.
  /// Twice: nothing.
  void stop();

  /// Sorted by file, then name. Waits for no evaluation.
  std::vector<GroupSnapshot> groups() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::alerting
