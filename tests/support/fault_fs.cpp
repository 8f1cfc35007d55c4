// FaultFs.
#include "tests/support/fault_fs.h"

#include <algorithm>
#include <atomic>
#include <ranges>

#include "base/str.h"

namespace narthex::test {
namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error failure(Fault fault, const FaultFs::Call& call) {
  const char* reason = fault == Fault::kHalf ? "no space left on device" : "input/output error";
  return Error(Code::kIo, concat(call.name, " ", call.path, ": ", reason, " (injected)"));
}

void write_file(const std::string& path, const std::string& content) {
  const auto file = real_file_system().create(path);
  if (file) (void)(*file)->append(std::as_bytes(std::span(content)));
}

}  // namespace

class FaultFs::File final : public WritableFile {
 public:
  File(FaultFs& fs, std::unique_ptr<WritableFile> file, std::string path)
      : fs_(fs), file_(std::move(file)), path_(std::move(path)), size_(file_->size()) {}
  ~File() override {
    if (syncing_.load() > 0) fs_.report("destroyed during sync: " + path_);
  }

  Result<void> append(std::span<const std::byte> bytes) override {
    if (closed_) fs_.report("append after close: " + path_);
    if (Answer answer = fs_.ask("append", path_); !answer.result) {
      (void)file_->append(bytes.first(bytes_before(answer.fault, bytes.size())));
      return answer.result;
    }
    NX_TRY(file_->append(bytes));
    size_ += bytes.size();
    return {};
  }

  Result<void> sync() override {
    if (closed_) fs_.report("sync after close: " + path_);
    const std::uint64_t size = size_;
    ++syncing_;
    const Answer answer = fs_.ask("sync", path_);
    --syncing_;
    const std::lock_guard lock(fs_.mutex_);
    Disk& disk = fs_.disk_[path_];
    if (sync_failed_) fs_.misuse_ += "sync of a file after one failed: " + path_ + "\n";
    const bool reaches_disk = answer.result || answer.fault == Fault::kAll;
    if (reaches_disk && !disk.sync_failed) disk.durable_bytes = size;
    if (!answer.result) disk.sync_failed = sync_failed_ = true;
    return answer.result;
  }

  Result<void> reserve(std::uint64_t bytes) override {
    return fs_.run("reserve", path_, [&] { return file_->reserve(bytes); });
  }

  Result<void> truncate(std::uint64_t size) override {
    return fs_.run("truncate", path_, [&]() -> Result<void> {
      NX_TRY(file_->truncate(size));
      size_ = size;
      const std::lock_guard lock(fs_.mutex_);
      Disk& disk = fs_.disk_[path_];
      disk.durable_bytes = std::min(disk.durable_bytes, size);
      return {};
    });
  }

  Result<void> close() override {
    if (syncing_.load() > 0) fs_.report("close during sync: " + path_);
    closed_ = true;
    return fs_.run("close", path_, [&] { return file_->close(); });
  }

  std::uint64_t size() const override { return size_; }

 private:
  static std::size_t bytes_before(Fault fault, std::size_t size) {
    switch (fault) {
      case Fault::kNothing:
        break;
      case Fault::kHalf:
        return size / 2;
      case Fault::kAlmost:
        return size - std::min<std::size_t>(size, 1);
      case Fault::kAll:
        return size;
    }
    return 0;
  }

  FaultFs& fs_;
  std::unique_ptr<WritableFile> file_;
  const std::string path_;
  std::atomic<std::uint64_t> size_;  // relaxed would do: read by a sync beside an append
  std::atomic<int> syncing_{0};
  std::atomic<bool> closed_{false};
  bool sync_failed_ = false;  // under fs_.mutex_
};

void FaultFs::set_hook(Hook hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

std::vector<FaultFs::Call> FaultFs::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

std::size_t FaultFs::count(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count(calls_, name, &Call::name));
}

void FaultFs::clear_calls() {
  const std::lock_guard lock(mutex_);
  calls_.clear();
}

std::string FaultFs::misuse() const {
  const std::lock_guard lock(mutex_);
  return misuse_;
}

void FaultFs::report(const std::string& what) {
  const std::lock_guard lock(mutex_);
  misuse_ += what + "\n";
}

void FaultFs::fail(Fault fault, std::size_t first, std::size_t count) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  fail_first_ = first;
  fail_count_ = count;
}

void FaultFs::kill() {
  fail(Fault::kNothing, 0, kForEver);
  set_hook({});
}

FaultFs::Answer FaultFs::ask(const std::string& name, const std::string& path) {
  Hook hook;
  {
    const std::lock_guard lock(mutex_);
    const std::size_t number = calls_.size();
    calls_.push_back({name, path});
    if (number >= fail_first_ && number - fail_first_ < fail_count_) {
      calls_.back().failed = true;
      return {failure(fault_, calls_.back()), fault_};
    }
    hook = hook_;
  }
  if (!hook) return {};
  return {hook({name, path}), Fault::kHalf};
}

template <typename Work>
auto FaultFs::run(const std::string& name, const std::string& path, Work work) -> decltype(work()) {
  Answer answer = ask(name, path);
  if (answer.result) return work();
  if (answer.fault == Fault::kAll) (void)work();
  return std::move(answer.result).error();
}

void FaultFs::note(std::set<std::string> directories, std::function<void()> undo) {
  const std::lock_guard lock(mutex_);
  names_.push_back({std::move(directories), std::move(undo)});
}

// Puts back what stands at `path` now, as far as it is durable.
std::function<void()> FaultFs::restorer(const std::string& path) {
  FileSystem& real = real_file_system();
  if (!real.exists(path)) return [] {};
  auto content = real.read_file(path);
  if (content) {
    const std::lock_guard lock(mutex_);
    const auto disk = disk_.find(path);
    if (disk != disk_.end() && disk->second.durable_bytes < content->size())
      content->resize(disk->second.durable_bytes);
    return [path, text = *std::move(content)] { write_file(path, text); };
  }
  std::vector<std::function<void()>> inside;  // a directory
  const auto entries = real.list(path);
  for (const DirectoryEntry& entry : entries.value_or(std::vector<DirectoryEntry>()))
    inside.push_back(restorer(path + "/" + entry.name));
  return [path, inside = std::move(inside)] {
    (void)real_file_system().make_directories(path);
    for (const auto& restore : inside) restore();
  };
}

void FaultFs::lose_what_was_not_synced() {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, disk] : disk_) {
    if (!real_file_system().exists(path)) continue;
    const auto file = real_file_system().open_append(path);
    if (file) (void)(*file)->truncate(std::min((*file)->size(), disk.durable_bytes));
  }
  for (const NameChange& change : std::views::reverse(names_)) change.undo();
  disk_.clear();
  names_.clear();
}

std::unique_ptr<WritableFile> FaultFs::track(std::unique_ptr<WritableFile> file,
                                             const std::string& path, bool existed,
                                             bool truncated) {
  if (!existed) note({directory_of(path)}, [path] { (void)real_file_system().remove(path); });
  const std::lock_guard lock(mutex_);
  if (!existed || truncated) {
    disk_[path] = {};
  } else {
    disk_.try_emplace(path, Disk{.durable_bytes = file->size()});
  }
  return std::make_unique<File>(*this, std::move(file), path);
}

Result<std::unique_ptr<WritableFile>> FaultFs::create(const std::string& path) {
  return run("create", path, [&]() -> Result<std::unique_ptr<WritableFile>> {
    const bool existed = exists(path);
    NX_TRY_ASSIGN(auto file, real_file_system().create(path));
    return track(std::move(file), path, existed, true);
  });
}

Result<std::unique_ptr<WritableFile>> FaultFs::open_append(const std::string& path) {
  return run("open_append", path, [&]() -> Result<std::unique_ptr<WritableFile>> {
    const bool existed = exists(path);
    NX_TRY_ASSIGN(auto file, real_file_system().open_append(path));
    return track(std::move(file), path, existed, false);
  });
}

Result<std::string> FaultFs::read_file(const std::string& path) {
  return run("read_file", path, [&] { return real_file_system().read_file(path); });
}

Result<std::unique_ptr<MappedFile>> FaultFs::map(const std::string& path) {
  return run("map", path, [&] { return real_file_system().map(path); });
}

class FaultFs::Readable final : public ReadableFile {
 public:
  Readable(FaultFs& fs, std::unique_ptr<ReadableFile> file, std::string path)
      : fs_(fs), file_(std::move(file)), path_(std::move(path)) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) override {
    return fs_.run("read_at", path_, [&] { return file_->read_at(offset, into); });
  }
  Result<std::uint64_t> size() override { return file_->size(); }

 private:
  FaultFs& fs_;
  std::unique_ptr<ReadableFile> file_;
  const std::string path_;
};

Result<std::unique_ptr<ReadableFile>> FaultFs::open_read(const std::string& path) {
  return run("open_read", path, [&]() -> Result<std::unique_ptr<ReadableFile>> {
    NX_TRY_ASSIGN(auto file, real_file_system().open_read(path));
    return std::make_unique<Readable>(*this, std::move(file), path);
  });
}

Result<std::vector<DirectoryEntry>> FaultFs::list(const std::string& path) {
  return run("list", path, [&] { return real_file_system().list(path); });
}

bool FaultFs::exists(const std::string& path) {
  return real_file_system().exists(path);
}

Result<void> FaultFs::make_directories(const std::string& path) {
  return run("make_directories", path, [&]() -> Result<void> {
    std::vector<std::string> missing;  // innermost first
    for (std::string at = path; !exists(at); at = directory_of(at)) missing.push_back(at);
    NX_TRY(real_file_system().make_directories(path));
    for (const std::string& made : std::views::reverse(missing))
      note({directory_of(made)}, [made] { (void)real_file_system().remove_all(made); });
    return {};
  });
}

void FaultFs::move_tracks(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Disk> moved;
  for (const auto& [path, disk] : disk_) {
    const bool is_inside = path.starts_with(from + "/");
    if (path == from || is_inside) moved[to + path.substr(from.size())] = disk;
  }
  std::erase_if(disk_, [&](const auto& entry) {
    return entry.first == from || entry.first.starts_with(from + "/");
  });
  disk_.insert(moved.begin(), moved.end());
}

Result<void> FaultFs::rename(const std::string& from, const std::string& to) {
  return run("rename", from, [&]() -> Result<void> {
    const std::function<void()> restore = restorer(to);
    NX_TRY(real_file_system().rename(from, to));
    {
      const std::lock_guard lock(mutex_);
      disk_.erase(to);
    }
    move_tracks(from, to);
    note({directory_of(from), directory_of(to)}, [from, to, restore] {
      (void)real_file_system().rename(to, from);
      restore();
    });
    return {};
  });
}

Result<void> FaultFs::remove(const std::string& path) {
  return run("remove", path, [&]() -> Result<void> {
    std::function<void()> restore = restorer(path);
    NX_TRY(real_file_system().remove(path));
    note({directory_of(path)}, std::move(restore));
    const std::lock_guard lock(mutex_);
    disk_.erase(path);
    return {};
  });
}

Result<void> FaultFs::remove_all(const std::string& path) {
  return run("remove_all", path, [&]() -> Result<void> {
    std::function<void()> restore = restorer(path);
    NX_TRY(real_file_system().remove_all(path));
    note({directory_of(path)}, std::move(restore));
    const std::lock_guard lock(mutex_);
    std::erase_if(disk_, [&](const auto& entry) {
      return entry.first == path || entry.first.starts_with(path + "/");
    });
    return {};
  });
}

Result<void> FaultFs::sync_directory(const std::string& path) {
  return run("sync_directory", path, [&]() -> Result<void> {
    const std::lock_guard lock(mutex_);
    for (NameChange& change : names_) change.directories.erase(path);
    std::erase_if(names_, [](const NameChange& change) { return change.directories.empty(); });
    return {};
  });
}

Result<std::unique_ptr<DirectoryLock>> FaultFs::lock(const std::string& path) {
  return run("lock", path, [&]() -> Result<std::unique_ptr<DirectoryLock>> {
    const bool existed = exists(path);
    NX_TRY_ASSIGN(auto lock, real_file_system().lock(path));
    if (!existed) note({directory_of(path)}, [path] { (void)real_file_system().remove(path); });
    return lock;
  });
}

}  // namespace narthex::test
