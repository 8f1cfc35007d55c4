// Mutex and MutexLock with clang's capability annotations: a field says which mutex guards it, a
// helper which one it needs, and `-Wthread-safety` checks both. Ranks of all mutexes:
// docs/concurrency.md.
#pragma once

#include <mutex>
#include <shared_mutex>

#define NX_CAPABILITY(name) __attribute__((capability(name)))
#define NX_SCOPED_CAPABILITY __attribute__((scoped_lockable))
#define NX_GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
#define NX_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define NX_REQUIRES_SHARED(...) __attribute__((requires_shared_capability(__VA_ARGS__)))
#define NX_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define NX_ACQUIRE_SHARED(...) __attribute__((acquire_shared_capability(__VA_ARGS__)))
#define NX_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define NX_RELEASE_SHARED(...) __attribute__((release_shared_capability(__VA_ARGS__)))
#define NX_RELEASE_GENERIC(...) __attribute__((release_generic_capability(__VA_ARGS__)))
#define NX_NO_THREAD_SAFETY_ANALYSIS __attribute__((no_thread_safety_analysis))

namespace narthex {

/// std::mutex with the annotations. Not recursive. Every member of this type says its rank where it
/// is declared and in docs/concurrency.md.
class NX_CAPABILITY("mutex") Mutex {
 public:
  /// For the guards below, and for code whose lock outlives a scope.
  void lock() NX_ACQUIRE() { mutex_.lock(); }
  void unlock() NX_RELEASE() { mutex_.unlock(); }

  /// The plain mutex, for condition variables.
  std::mutex& native() { return mutex_; }

 private:
  std::mutex mutex_;
};

/// Holds `mutex` for its scope.
class NX_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) NX_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() NX_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Many readers or one writer, in turn: whoever waits keeps those that come later from going first,
/// so that readers without end do not starve a writer, nor writers a reader. Not recursive.
class NX_CAPABILITY("mutex") SharedMutex {
 public:
  /// Alone. Keeps the turn while it waits, so that readers who come later queue behind it.
  void lock() NX_ACQUIRE() {
    const std::lock_guard turn(turn_);
    mutex_.lock();
  }
  void unlock() NX_RELEASE() { mutex_.unlock(); }
  /// Beside other readers, once no writer that came earlier waits.
  void lock_shared() NX_ACQUIRE_SHARED() {
    {
      const std::lock_guard turn(turn_);
    }
    mutex_.lock_shared();
  }
  void unlock_shared() NX_RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::mutex turn_;  // held by a writer that waits
  std::shared_mutex mutex_;
};

/// Alone, for its scope.
class NX_SCOPED_CAPABILITY WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) NX_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~WriterLock() NX_RELEASE() { mutex_.unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Beside other readers, for its scope.
class NX_SCOPED_CAPABILITY ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) NX_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReaderLock() NX_RELEASE_GENERIC() { mutex_.unlock_shared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

}  // namespace narthex
