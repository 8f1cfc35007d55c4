// FileSystem over POSIX calls: the one file that makes them.
//
// Durability rests on four habits kept here. Bytes are written whole or the error is told, EINTR is
// nobody's business but ours, a sync is fdatasync() (the size is part of it, times are not), and a
// failed sync is never repeated as if it could still succeed. Errors carry the action, the path and
// the system's reason in Go's words, which people search for.
#include "base/fs.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

namespace narthex {
namespace {

namespace stdfs = std::filesystem;

// As Go prints them, which is what people search their logs for: in lower case.
std::string reason(std::string text) {
  const bool word = text.size() > 1 && text[1] >= 'a' && text[1] <= 'z';
  if (word && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
  return text;
}

Error errno_error(std::string_view action, const std::string& path) {
  const int number = errno;
  const Code code = number == ENOENT ? Code::kNotFound : Code::kIo;
  return Error(code, concat(action, " ", path, ": ", reason(std::strerror(number))));
}

Error system_error(std::string_view action, const std::string& path, const std::error_code& error) {
  const bool missing = error == std::errc::no_such_file_or_directory;
  return Error(missing ? Code::kNotFound : Code::kIo,
               concat(action, " ", path, ": ", reason(error.message())));
}

/// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  // For close(), whose result somebody wants to see.
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto kPipeWait = std::chrono::seconds(5);           // tuned: a secret store's answer
constexpr std::size_t kContentBytesMax = 1024 * 1024 * 1024;  // docs/compatibility.md

// Until there is something to read, or its end.
Result<void> wait_readable(int fd, const std::string& path, SteadyTime deadline) {
  using std::chrono::milliseconds;
  for (;;) {
    const auto left =
        std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = left <= 0 ? 0 : ::poll(&wanted, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready == 0) {
      return Error(Code::kTimeout, concat("read ", path, ": no end after 5 seconds"));
    }
    if (errno != EINTR) return errno_error("poll", path);
  }
}

// A pipe or a device may have nothing to give, or no end.
Result<std::string> read_all(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return errno_error("stat", path);
  const bool may_wait = !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
  const SteadyTime deadline = std::chrono::steady_clock::now() + kPipeWait;
  std::string content;
  char buffer[65536];
  for (;;) {
    if (may_wait) NX_TRY(wait_readable(fd, path, deadline));
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return errno_error("read", path);
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > kContentBytesMax) {
      return Error(Code::kLimit, concat("read ", path, ": larger than 1 GiB"));
    }
  }
}

// Opened with O_APPEND: a second writer's bytes, against all locks, would be moved, not
// overwritten.
class PosixFile final : public WritableFile {
 public:
  PosixFile(Descriptor fd, std::string path, std::uint64_t size)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}

  Result<void> append(std::span<const std::byte> bytes) override {
    const std::size_t total = bytes.size();
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno_error("write", path_);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    size_ += total;
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(fd_.get()) != 0) return errno_error("fdatasync", path_);
    return {};
  }

  Result<void> reserve(std::uint64_t bytes) override {
    const auto length = static_cast<off_t>(bytes);
    if (::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, length) != 0) {
      return errno_error("fallocate", path_);
    }
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
      return errno_error("truncate", path_);
    size_ = size;
    return {};
  }

  Result<void> close() override {
    if (::close(fd_.release()) != 0) return errno_error("close", path_);
    return {};
  }

  std::uint64_t size() const override { return size_; }

 private:
  Descriptor fd_;
  std::string path_;
  std::uint64_t size_;
};

class PosixMapping final : public MappedFile {
 public:
  PosixMapping(void* address, std::size_t size) : address_(address), size_(size) {}
  PosixMapping(const PosixMapping&) = delete;
  PosixMapping& operator=(const PosixMapping&) = delete;
  ~PosixMapping() override {
    if (address_ != nullptr) ::munmap(address_, size_);
  }
  std::span<const std::byte> bytes() const override {
    return {static_cast<const std::byte*>(address_), size_};
  }

 private:
  void* address_;
  std::size_t size_;
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    std::size_t filled = 0;
    while (filled < into.size()) {
      const auto from = static_cast<off_t>(offset + filled);
      const ssize_t got = ::pread(fd_.get(), into.data() + filled, into.size() - filled, from);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_error("read", path_);
      if (got == 0) break;
      filled += static_cast<std::size_t>(got);
    }
    return filled;
  }

  Result<std::uint64_t> size() override {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0) return errno_error("stat", path_);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

// flock() belongs to the descriptor: the kernel lets go when the process dies, however it dies.
class PosixLock final : public DirectoryLock {
 public:
  explicit PosixLock(Descriptor fd) : fd_(std::move(fd)) {}

 private:
  Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override {
    return open_for_write(path, O_CREAT | O_TRUNC);
  }

  Result<std::unique_ptr<WritableFile>> open_append(const std::string& path) override {
    return open_for_write(path, O_CREAT);
  }

  Result<std::string> read_file(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) return errno_error("open", path);
    return read_all(fd.get(), path);
  }

  Result<std::unique_ptr<MappedFile>> map(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return errno_error("open", path);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return errno_error("stat", path);
    const auto size = static_cast<std::size_t>(info.st_size);
    if (size == 0) return std::make_unique<PosixMapping>(nullptr, 0);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (address == MAP_FAILED) return errno_error("mmap", path);
    return std::make_unique<PosixMapping>(address, size);
  }

  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return errno_error("open", path);
    return std::make_unique<PosixReadableFile>(std::move(fd), path);
  }

  Result<std::vector<DirectoryEntry>> list(const std::string& path) override {
    std::error_code error;
    std::vector<DirectoryEntry> entries;
    for (stdfs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      // An entry may go between being listed and being looked at: it is shown with size 0 then, for
      // the caller meets the same race anyway.
      const bool is_directory = it->is_directory(ignored);
      const std::uint64_t size = is_directory ? 0 : it->file_size(ignored);
      entries.push_back({it->path().filename().string(), is_directory, ignored ? 0 : size});
    }
    if (error) return system_error("list", path, error);
    std::ranges::sort(entries, {}, &DirectoryEntry::name);
    return entries;
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<void> make_directories(const std::string& path) override {
    std::error_code error;
    stdfs::create_directories(path, error);
    if (error) return system_error("mkdir", path, error);
    return {};
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return errno_error("rename", from);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return errno_error("remove", path);
    return {};
  }

  Result<void> remove_all(const std::string& path) override {
    std::error_code error;
    stdfs::remove_all(path, error);
    if (error) return system_error("remove", path, error);
    return {};
  }

  Result<void> sync_directory(const std::string& path) override {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd.get() < 0) return errno_error("open", path);
    if (::fsync(fd.get()) != 0) return errno_error("fsync", path);
    return {};
  }

  Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) override {
    // A holder removes the file before it lets go. Whoever opened it before that then locks a file
    // that nobody else will find: only a lock on what the name stands for counts.
    for (;;) {
      Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
      if (fd.get() < 0) return errno_error("open", path);
      while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return errno_error("lock", path);
        return Error(Code::kUnavailable, concat("lock ", path, ": held by another process"));
      }
      struct stat locked{};
      struct stat named{};
      if (::fstat(fd.get(), &locked) != 0) return errno_error("stat", path);
      const bool is_there = ::stat(path.c_str(), &named) == 0;
      if (!is_there && errno != ENOENT) return errno_error("stat", path);
      if (is_there && named.st_dev == locked.st_dev && named.st_ino == locked.st_ino) {
        return std::make_unique<PosixLock>(std::move(fd));
      }
    }
  }

 private:
  static Result<std::unique_ptr<WritableFile>> open_for_write(const std::string& path, int flags) {
    Descriptor fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0644));
    if (fd.get() < 0) return errno_error("open", path);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return errno_error("stat", path);
    return std::make_unique<PosixFile>(std::move(fd), path,
                                       static_cast<std::uint64_t>(info.st_size));
  }
};

}  // namespace

FileSystem& real_file_system() {
  static PosixFileSystem instance;
  return instance;
}

}  // namespace narthex
