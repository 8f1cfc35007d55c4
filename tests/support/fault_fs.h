// A file system over the real one that fails, waits and crashes as a test asks. It keeps to what
// Linux promises: bytes are on the disk once a sync of their file succeeded, names once their
// directory was synced; what a failed sync did not write is given up, though later syncs of that
// file succeed. Callers that break the contracts of base/fs.h are reported by misuse().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/fs.h"

namespace narthex::test {

/// Thread-safe.
class FaultFs final : public FileSystem {
 public:
  struct Call {
    std::string name;  // "create", "append", "sync", "truncate", "close", "sync_directory", "map"
    std::string path;
  };
  /// Asked before each of these calls, without a lock: an error makes the call fail (an append
  /// after half of its bytes). May wait.
  using Hook = std::function<Result<void>(const Call& call)>;

  void set_hook(Hook hook);
  /// The calls since the last clear_calls(), in order.
  std::vector<Call> calls() const;
  std::size_t count(const std::string& name) const;
  void clear_calls();
  /// What callers did that they must not, one a line; empty when all is well.
  std::string misuse() const;

  /// Cuts every file to what was made durable, and removes those whose name was not. No file may be
  /// in use.
  void lose_what_was_not_synced();

  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override;
  Result<std::unique_ptr<WritableFile>> open_append(const std::string& path) override;
  Result<std::string> read_file(const std::string& path) override;
  Result<std::unique_ptr<MappedFile>> map(const std::string& path) override;
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
  struct Disk {
    std::uint64_t durable_bytes = 0;
    bool named = false;        // its directory was synced
    bool sync_failed = false;  // since then nothing becomes durable
  };

  Result<void> ask(const std::string& name, const std::string& path);
  void report(const std::string& what);
  std::unique_ptr<WritableFile> track(std::unique_ptr<WritableFile> file, const std::string& path,
                                      bool is_new);

  mutable std::mutex mutex_;
  Hook hook_;
  std::vector<Call> calls_;
  std::string misuse_;
  std::map<std::string, Disk> disk_;
};

}  // namespace narthex::test
