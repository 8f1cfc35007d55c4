// The registry keeps an empty shell of what has ended: registries live as long as the process.
#include "base/metrics_refresh.h"

#include <utility>

#include "base/mutex.h"

namespace narthex {

struct MetricsRefresh::State {
  Mutex mutex;  // held while `refresh` runs
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
