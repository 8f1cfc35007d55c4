// What a kind of service discovery is to everyone else: a configuration that can be compared,
// printed and turned into a provider, and the provider, which finds target groups until it is
// stopped. A new kind is a file that implements both and a line in the table of config.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/yaml.h"
#include "discovery/target_group.h"
#include "net/executors.h"

namespace narthex::discovery {

class DirectoryWatcher;

/// What finding targets needs; outlives whoever finds them.
struct Context {
  net::Executors& executors;
  FileSystem& fs;
  const Clock& clock;
  Metrics& metrics;
  Log& log;
};

/// The same, and what the providers of a manager share.
struct ProviderContext : Context {
  DirectoryWatcher& directories;
};

/// Takes groups that are new or other than they were. From any thread. When it throws, they are to
/// be given to it again.
using Publish = std::function<void(std::vector<TargetGroup> groups)>;

/// Looks for targets on tasks of its own. start() once, then stop(), also when start() threw;
/// neither on an I/O thread.
class Provider {
 public:
  virtual ~Provider() = default;
  /// What can be known without waiting for anyone else (static groups, files) is published before
  /// it returns.
  virtual void start(Publish publish) = 0;
  /// Waits for what runs; nothing is published after it returns. Called again when it lacked
  /// memory.
  virtual void stop() = 0;
};

/// One item of a `*_sd_configs` list (static_configs are one provider all together). Immutable.
class ProviderConfig {
 public:
  virtual ~ProviderConfig() = default;

  /// The list it stands in, such as "file_sd_configs".
  virtual std::string_view key() const = 0;
  /// `other` has the same key. Equal ones share a provider, which a reload leaves alone.
  virtual bool equals(const ProviderConfig& other) const = 0;
  /// Prints its items of the list, in upstream's order of fields.
  virtual void emit_items(yaml::Writer& out) const = 0;
  /// Relative paths become relative to `directory`.
  virtual std::shared_ptr<const ProviderConfig> in_directory(std::string_view directory) const = 0;
  /// What would be published without waiting for anyone else, for checks of a configuration.
  virtual Result<std::vector<TargetGroup>> look(FileSystem& fs) const = 0;
  /// A provider that has not been started; `context`'s references outlive it, this need not.
  virtual std::unique_ptr<Provider> make(const ProviderContext& context) const = 0;
};

/// The providers of one consumer, in the order of the file.
using ProviderConfigs = std::vector<std::shared_ptr<const ProviderConfig>>;

/// What decoding one of them must know.
struct DecodeOptions {
  bool plain_hosts = false;  // no relabelling follows: a static target holding '/' is an error
};

}  // namespace narthex::discovery
