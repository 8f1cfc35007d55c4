// The registry keeps callbacks for as long as it lives, and it lives as long as the process. So it
// gets a shell that outlives the part: the part's end empties the shell, under the lock that a run
// holds, and what remains does nothing.
#include "base/metrics_refresh.h"

#include <utility>

#include "base/mutex.h"

namespace narthex {

struct MetricsRefresh::State {
  Mutex mutex;  // rank 10: held while `refresh` runs
  std::function<void()> refresh NX_GUARDED_BY(mutex);
};

MetricsRefresh::MetricsRefresh(Metrics& metrics, std::function<void()> refresh)
    : state_(std::make_shared<State>()) {
  {
    const MutexLock lock(state_->mutex);
    state_->refresh = std::move(refresh);
  }
  metrics.on_collect([state = state_] {
    const MutexLock lock(state->mutex);
    if (state->refresh) state->refresh();
  });
}

MetricsRefresh::~MetricsRefresh() {
  const MutexLock lock(state_->mutex);
  state_->refresh = nullptr;
}

}  // namespace narthex
