// Files come in through FileSystem, so that crashes, short writes and full disks can be simulated.
// No code outside base/fs.cpp calls open, write, rename or mmap. Paths are relative to the
// process's working directory or absolute. Errors: kIo with the path and the system's text,
// kNotFound where a file is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace narthex {

/// A file open for writing at its end. Not thread-safe, except that one sync() may run beside
/// append() and truncate(). Destroying an unclosed file closes it without sync.
class WritableFile {
 public:
  virtual ~WritableFile() = default;

  /// Writes all bytes with write(2), so that they survive the death of the process (not of the
  /// machine). After an error an unknown prefix was written; `size()` counts only whole appends.
  virtual Result<void> append(std::span<const std::byte> bytes) = 0;

  /// Returns once the bytes appended before the call are on the disk. After an error what was not
  /// on the disk must be taken as lost: the system may have given the bytes up, and a later sync of
  /// this file would succeed without them.
  virtual Result<void> sync() = 0;

  /// Reserves disk blocks for `bytes` without changing the size. Best effort: an error may be
  /// ignored.
  virtual Result<void> reserve(std::uint64_t bytes) = 0;
  /// Cuts the file to its first `size` bytes, or fills it up with zeros. The next append goes to
  /// the new end. Not durable before the next sync().
  virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Once, and last. Does not sync. An error says that the system may have lost something.
  virtual Result<void> close() = 0;

  /// Bytes in the file.
  virtual std::uint64_t size() const = 0;
};

/// A file mapped for reading. Immutable; the bytes live as long as this object.
class MappedFile {
 public:
  virtual ~MappedFile() = default;
  /// Empty for an empty file. Reading behind the end of a file that was cut meanwhile kills the
  /// process (SIGBUS): map only what nobody cuts.
  virtual std::span<const std::byte> bytes() const = 0;
};

/// A file open for reading at any place while others may append to it or cut it: what a mapping
/// must not be used for, since reading behind the end of a file that was cut kills the process. The
/// file may have been removed; its bytes stay until this object goes. Thread-safe.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;

  /// Fills `into` with the bytes from `offset` on. Fewer only at the end of the file; 0 behind it.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) = 0;
  /// Bytes in the file now.
  virtual Result<std::uint64_t> size() = 0;
};

/// A lock on a directory, held until destroyed.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

/// One name in a directory, without the path. `size` is 0 for directories and for what went away
/// while it was looked at.
struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  std::uint64_t size = 0;
};

/// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Creates or truncates.
  virtual Result<std::unique_ptr<WritableFile>> create(const std::string& path) = 0;
  /// Creates when missing; appends go behind what is there.
  virtual Result<std::unique_ptr<WritableFile>> open_append(const std::string& path) = 0;
  /// All of it, at most 1 GiB (kLimit). A pipe or a device is read to its end; kTimeout when
  /// that does not come within five seconds, so that no such file holds up a reload.
  virtual Result<std::string> read_file(const std::string& path) = 0;
  /// Maps the file as it is now; the mapping outlives the file system and the file's name.
  virtual Result<std::unique_ptr<MappedFile>> map(const std::string& path) = 0;
  virtual Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) = 0;

  /// Sorted by name, without "." and "..".
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
  /// Follows symbolic links; false also where the path cannot be looked at.
  virtual bool exists(const std::string& path) = 0;
  /// With all parents; no error for those that are there.
  virtual Result<void> make_directories(const std::string& path) = 0;
  /// Atomic within a file system: readers see the old `to` or the new one, never neither. Durable
  /// after sync_directory().
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// A file, or with remove_all() a tree, which is no error when it is not there.
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> remove_all(const std::string& path) = 0;

  /// Makes creations, renames and removals inside `path` durable.
  virtual Result<void> sync_directory(const std::string& path) = 0;

  /// flock on `path`, created when missing. kUnavailable when another process holds it. The holder
  /// may remove the file before it lets go: the lock is always on the file that has the name.
  virtual Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) = 0;
};

/// The real one.
FileSystem& real_file_system();

}  // namespace narthex
