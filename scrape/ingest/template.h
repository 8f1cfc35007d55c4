// What a target's last good exposition looked like, line by line. Line i of the next one nearly
// always begins with the same bytes, so it is recognised by comparing in place: no hashing, no
// parsing, no look-up (docs/adr/0001-scrape-template.md).
//
// Keys are front-coded against the line before, with a full key every kRestartLines, at 20 bytes a
// line plus the suffix. A line is compared in two pieces: the shared prefix against the line before
// it in the *body* (still in cache), the suffix against the template. When that fails: the next few
// entries (series vanished), then a hash table over all keys (groups moved, series inserted). A
// target whose order is random is kept in hash mode: keys stored whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/metadata.h"
#include "model/storage.h"
#include "scrape/exposition/reader.h"

namespace narthex::scrape {

/// One line of the template. 20 bytes: there is one for every series of every target.
struct LineEntry {
  /// Bits of `flags`.
  enum Flag : std::uint8_t {
    kTracked = 1,  // had a sample in the last scrape that goes stale when it vanishes
    kTyped = 2,    // its labels depend on the type in force
    kDropped = 4,  // relabelling dropped the series
    kShared = 8,   // lines with other keys have had this series too
  };

  std::uint32_t suffix = 0;  // where in the keys
  std::uint32_t suffix_bytes = 0;
  model::SeriesHandle series;
  std::uint16_t shared_bytes = 0;  // taken from the key before
  std::uint8_t flags = 0;
  std::uint8_t kind_and_type = 0;

  exposition::EventKind kind() const {
    return static_cast<exposition::EventKind>(kind_and_type & 15);
  }
  /// In force at a sample; named by a TYPE line.
  model::MetricType type() const { return static_cast<model::MetricType>(kind_and_type >> 4); }
  void set(exposition::EventKind kind, model::MetricType type) {
    kind_and_type =
        static_cast<std::uint8_t>(static_cast<unsigned>(kind) | static_cast<unsigned>(type) << 4);
  }

  bool has(Flag flag) const { return (flags & flag) != 0; }
  void set(Flag flag, bool on) {
    flags = static_cast<std::uint8_t>(on ? flags | flag : flags & ~flag);
  }
};

/// A line of the body being read: where it is and what it turned out to be.
struct LineRef {
  std::uint32_t start = 0;
  std::uint32_t key_bytes = 0;
  std::uint32_t entry = 0;  // of the template, or kNewLine + index of a new entry
};
/// Marks an index into the new entries of a page; kNoLine is no line at all.
inline constexpr std::uint32_t kNewLine = 1U << 31;
inline constexpr std::uint32_t kNoLine = 0xFFFFFFFF;

/// Not thread-safe.
class Template {
 public:
  static constexpr std::size_t kRestartLines = 16;  // tuned: docs/adr/0001-scrape-template.md
  /// How many entries ahead find_near() looks before a hash is worth its price.
  static constexpr std::size_t kWindowLines = 4;

  std::size_t size() const { return lines_.size(); }
  LineEntry& line(std::size_t index) { return lines_[index]; }
  const LineEntry& line(std::size_t index) const { return lines_[index]; }
  std::size_t key_bytes(std::size_t index) const {
    return lines_[index].shared_bytes + std::size_t{lines_[index].suffix_bytes};
  }

  /// Does `rest` (the body from a line's start) begin with the key of `index`? `before` is where in
  /// the body the key of `index - 1` stands.
  bool matches(std::size_t index, const char* before, std::string_view rest) const;

  /// The first entry within the next kWindowLines behind `index` that `rest` begins with, or
  /// kNoLine. `scratch` is reused.
  std::uint32_t find_near(std::size_t index, const char* before, std::string_view rest,
                          std::string& scratch) const;

  /// An entry with exactly this key, or kNoLine. Builds the table first if it is missing; `scratch`
  /// is reused.
  std::uint32_t find(std::string_view key, std::string& scratch);
  /// Starts loading what find() will need for `key`; returns its hash for the other find().
  std::uint32_t prefetch(std::string_view key);
  std::uint32_t find(std::string_view key, std::uint32_t hash, std::string& scratch) const;

  /// The whole key of `index`.
  void key(std::size_t index, std::string& out) const;

  /// Takes the order and the new entries of the body just read.
  void rebuild(std::string_view body, const std::vector<LineRef>& refs,
               const std::vector<LineEntry>& fresh);
  /// Remembers how many of a scrape's lines were not where expected, and changes mode when that
  /// does not stop.
  void note_misses(std::size_t lines, std::size_t misses);
  bool hash_mode() const { return hash_mode_; }
  /// Hash mode for good, for benchmarks.
  void pin_hash_mode() { hash_mode_ = pinned_ = true; }

  /// Of entries, keys and table as allocated; without this object itself.
  std::size_t memory_bytes() const;

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t line = kNoLine;
  };
  void build_table();
  bool equals(std::size_t index, std::string_view key, std::string& scratch) const;
  void append(std::string_view key, std::string_view before, LineEntry entry);

  std::vector<LineEntry> lines_;
  std::string keys_;
  std::vector<Slot> table_;  // power of two slots; empty when not needed
  bool hash_mode_ = false;
  bool pinned_ = false;
  std::uint8_t bad_scrapes_ = 0;   // in a row, with too many misses
  std::uint8_t good_scrapes_ = 0;  // in a row, without any
};

/// The hash of keys.
std::uint32_t hash_key(std::string_view key);

}  // namespace narthex::scrape
