// FaultFs.
#include "tests/support/fault_fs.h"

#include <algorithm>
#include <atomic>

namespace narthex::test {

class FaultFs::File final : public WritableFile {
 public:
  File(FaultFs& fs, std::unique_ptr<WritableFile> file, std::string path)
      : fs_(fs), file_(std::move(file)), path_(std::move(path)), size_(file_->size()) {}
  ~File() override {
    if (syncing_.load() > 0) fs_.report("destroyed during sync: " + path_);
  }

  Result<void> append(std::span<const std::byte> bytes) override {
    if (closed_) fs_.report("append after close: " + path_);
    if (Result<void> asked = fs_.ask("append", path_); !asked) {
      (void)file_->append(bytes.first(bytes.size() / 2));
      return asked;
    }
    NX_TRY(file_->append(bytes));
    size_ += bytes.size();
    return {};
  }

  Result<void> sync() override {
    if (closed_) fs_.report("sync after close: " + path_);
    const std::uint64_t size = size_;
    ++syncing_;
    Result<void> asked = fs_.ask("sync", path_);
    --syncing_;
    const std::lock_guard lock(fs_.mutex_);
    Disk& disk = fs_.disk_[path_];
    if (disk.sync_failed) fs_.misuse_ += "sync of a file after one failed: " + path_ + "\n";
    if (!asked) disk.sync_failed = true;
    if (!disk.sync_failed) disk.durable_bytes = size;
    return asked;
  }

  Result<void> reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }

  Result<void> truncate(std::uint64_t size) override {
    NX_TRY(fs_.ask("truncate", path_));
    NX_TRY(file_->truncate(size));
    size_ = size;
    const std::lock_guard lock(fs_.mutex_);
    Disk& disk = fs_.disk_[path_];
    disk.durable_bytes = std::min(disk.durable_bytes, size);
    return {};
  }

  Result<void> close() override {
    if (syncing_.load() > 0) fs_.report("close during sync: " + path_);
    closed_ = true;
    NX_TRY(fs_.ask("close", path_));
    return file_->close();
  }

  std::uint64_t size() const override { return size_; }

 private:
  FaultFs& fs_;
  std::unique_ptr<WritableFile> file_;
  const std::string path_;
  std::atomic<std::uint64_t> size_;  // relaxed would do: read by a sync beside an append
  std::atomic<int> syncing_{0};
  std::atomic<bool> closed_{false};
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

Result<void> FaultFs::ask(const std::string& name, const std::string& path) {
  Hook hook;
  {
    const std::lock_guard lock(mutex_);
    calls_.push_back({name, path});
    hook = hook_;
  }
  if (!hook) return {};
  return hook({name, path});
}

void FaultFs::lose_what_was_not_synced() {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, disk] : disk_) {
    if (!real_file_system().exists(path)) continue;
    if (!disk.named) {
      (void)real_file_system().remove(path);
      continue;
    }
    const auto file = real_file_system().open_append(path);
    if (file) (void)(*file)->truncate(std::min((*file)->size(), disk.durable_bytes));
  }
  disk_.clear();
}

std::unique_ptr<WritableFile> FaultFs::track(std::unique_ptr<WritableFile> file,
                                             const std::string& path, bool is_new) {
  const std::lock_guard lock(mutex_);
  if (is_new) {
    disk_[path] = {};
  } else {
    disk_.try_emplace(path, Disk{.durable_bytes = file->size(), .named = true});
  }
  return std::make_unique<File>(*this, std::move(file), path);
}

Result<std::unique_ptr<WritableFile>> FaultFs::create(const std::string& path) {
  NX_TRY(ask("create", path));
  NX_TRY_ASSIGN(auto file, real_file_system().create(path));
  return track(std::move(file), path, true);
}

Result<std::unique_ptr<WritableFile>> FaultFs::open_append(const std::string& path) {
  NX_TRY(ask("open_append", path));
  const bool is_new = !real_file_system().exists(path);
  NX_TRY_ASSIGN(auto file, real_file_system().open_append(path));
  return track(std::move(file), path, is_new);
}

Result<std::string> FaultFs::read_file(const std::string& path) {
  return real_file_system().read_file(path);
}

Result<std::unique_ptr<MappedFile>> FaultFs::map(const std::string& path) {
  NX_TRY(ask("map", path));
  return real_file_system().map(path);
}

Result<std::vector<DirectoryEntry>> FaultFs::list(const std::string& path) {
  return real_file_system().list(path);
}

bool FaultFs::exists(const std::string& path) {
  return real_file_system().exists(path);
}

Result<void> FaultFs::make_directories(const std::string& path) {
  return real_file_system().make_directories(path);
}

Result<void> FaultFs::rename(const std::string& from, const std::string& to) {
  return real_file_system().rename(from, to);
}

Result<void> FaultFs::remove(const std::string& path) {
  return real_file_system().remove(path);
}

Result<void> FaultFs::remove_all(const std::string& path) {
  return real_file_system().remove_all(path);
}

Result<void> FaultFs::sync_directory(const std::string& path) {
  NX_TRY(ask("sync_directory", path));
  const std::lock_guard lock(mutex_);
  for (auto& [name, disk] : disk_) {
    if (name.starts_with(path + "/") && name.find('/', path.size() + 1) == std::string::npos)
      disk.named = true;
  }
  return {};
}

Result<std::unique_ptr<DirectoryLock>> FaultFs::lock(const std::string& path) {
  return real_file_system().lock(path);
}

}  // namespace narthex::test
