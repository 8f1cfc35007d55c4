// A file system over the real one that fails, waits and crashes as a test asks. It keeps to what
// Linux promises: bytes are on the disk once a sync of their file succeeded, names (of new,
// renamed and removed files, and of new directories) once their directory was synced; what a failed
// sync did not write is given up, though later syncs of that file succeed. A truncation holds at
// once. EINTR is none of its faults: base/fs.cpp answers it below this seam, and fs_test.cpp sends
// real signals. Callers that break the contracts of base/fs.h are reported by misuse().
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/fs.h"

namespace narthex::test {

/// How much of its work a call does before it fails. All of these are within base/fs.h.
enum class Fault : std::uint8_t {
  kNothing,  // EIO: no work at all
  kHalf,     // ENOSPC: half of an append, nothing of another call
  kAlmost,   // EIO: an append but for its last byte, nothing of another call
  kAll,      // EIO: the work is done, and the answer is an error all the same
};

/// Thread-safe.
class FaultFs final : public FileSystem {
 public:
  struct Call {
    // "create", "append", "sync", "truncate", "close", "read_at", or a method of FileSystem but for
    // exists()
    std::string name;
    std::string path;
    bool failed = false;  // by fail() or kill()
  };
  /// Asked before each of these calls, without a lock: an error makes the call fail as
  /// Fault::kHalf does. May wait.
  using Hook = std::function<Result<void>(const Call& call)>;
  static constexpr std::size_t kForEver = std::numeric_limits<std::size_t>::max();

  void set_hook(Hook hook);
  /// The calls since the last clear_calls(), in order.
  std::vector<Call> calls() const;
  std::size_t count(const std::string& name) const;
  void clear_calls();
  /// What callers did that they must not, one a line; empty when all is well.
  std::string misuse() const;

  /// The calls with numbers `first` to `first + count - 1` since the last clear_calls() fail; the
  /// first is number 0.
  void fail(Fault fault, std::size_t first, std::size_t count = 1);
  /// From now on every call fails and does nothing, as for a process that is dead: what is
  /// destroyed later leaves the disk alone. What was written stays.
  void kill();
  /// Cuts every file to what was made durable and takes back changes of names that were not. No
  /// file may be in use.
  void lose_what_was_not_synced();

  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> open_append(const std::string& path) override;
  Result<std::string> read_file(const std::string& path) override;
  Result<std::unique_ptr<MappedFile>> map(const std::string& path) override;
  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<void> make_directories(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_all(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) override;

 private:
  class File;
  class Readable;
  struct Disk {
    std::uint64_t durable_bytes = 0;
    bool sync_failed = false;  // since then nothing becomes durable, whoever syncs
  };
  struct NameChange {  // not durable before each of these directories was synced
    std::set<std::string> directories;
    std::function<void()> undo;
  };
  struct Answer {
    Result<void> result;
    Fault fault = Fault::kNothing;  // of an error
  };

  Answer ask(const std::string& name, const std::string& path);
  template <typename Work>
  auto run(const std::string& name, const std::string& path, Work work) -> decltype(work());
  void report(const std::string& what);
  std::unique_ptr<WritableFile> track(std::unique_ptr<WritableFile> file, const std::string& path,
                                      bool existed, bool truncated);
  void note(std::set<std::string> directories, std::function<void()> undo);
  std::function<void()> restorer(const std::string& path);
  void move_tracks(const std::string& from, const std::string& to);

  mutable std::mutex mutex_;
  Hook hook_;
  std::vector<Call> calls_;
  std::string misuse_;
  Fault fault_ = Fault::kNothing;
  std::size_t fail_first_ = 0;
  std::size_t fail_count_ = 0;
  std::map<std::string, Disk> disk_;
  std::vector<NameChange> names_;  // oldest first
};

}  // namespace narthex::test
