// Who sees which commit. A commit's id is open only while its rows are applied; a reader's snapshot
// is the next id and the ids open at that moment, taken without a lock. Ids are 64 bits wide: they
// ascend for good, so that an idle series' last commit never looks new again. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "tsdb/wal/segment.h"

namespace narthex::tsdb {

inline constexpr std::size_t kOpenAppendsMax =
    64;  // tuned: commits applying at once, at least the CPU pool
inline constexpr std::size_t kIsolationReadersMax = 512;  // tuned: queriers open at once

/// What one reader may see.
struct ReadSnapshot {
  std::uint64_t next = 0;  // ids from here on are invisible
  std::uint32_t open_count = 0;
  std::array<std::uint64_t, kOpenAppendsMax> open{};

  bool sees(std::uint64_t append_id) const;
  /// The oldest id this reader does not see.
  std::uint64_t low() const;
};

class Isolation {
  struct Slot;

 public:
  /// An open commit; closed by destruction.
  class Commit {
   public:
    /// `from`: where the log was when it opened, so that its records are not before that.
    explicit Commit(Isolation& isolation, WalPosition from = {});
    ~Commit();
    Commit(const Commit&) = delete;
    Commit& operator=(const Commit&) = delete;
    std::uint64_t id() const { return id_; }
    /// Commits before this id are seen by every reader that is open now or opens later; of the
    /// others a reader may have to hide what they added, for as long as it lives.
    std::uint64_t horizon() const { return horizon_; }

   private:
    Slot* slot_;
    std::uint64_t id_;
    std::uint64_t horizon_;
  };

  /// A registered reader; unregistered by destruction.
  class Reader {
   public:
    explicit Reader(Isolation& isolation);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    const ReadSnapshot& snapshot() const { return snapshot_; }

   private:
    Slot* slot_;
    ReadSnapshot snapshot_;
  };

  /// Where the log was when the first of the commits that are open now opened; none is open:
  /// nothing. What closed before the call is not counted, what opens during it may be.
  std::optional<WalPosition> oldest_open() const;

 private:
  // Slots hold kFree, kTaken (an id is about to be written) or the id plus kIdBase.
  static constexpr std::uint64_t kFree = 0;
  static constexpr std::uint64_t kTaken = 1;
  static constexpr std::uint64_t kIdBase = 2;
  struct alignas(64) Slot {
    std::atomic<std::uint64_t> value{kFree};  // seq_cst with next_: taken before an id is drawn
    std::atomic<std::uint64_t> from{0};       // of a commit; written before `value` says its id
  };

  std::atomic<std::uint64_t> next_{1};
  std::array<Slot, kOpenAppendsMax> appends_;
  std::array<Slot, kIsolationReadersMax> readers_;
};

}  // namespace narthex::tsdb
