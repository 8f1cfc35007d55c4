// What blocks a data directory holds. Reading and writing blocks has its own issue; until then the
// store must know of them, because answering without them would be answering wrongly. Source of
// the fact: upstream tsdb/db.go and tsdb/block.go, v3.14.0.
#pragma once

#include <string>
#include <vector>

#include "base/fs.h"
#include "base/result.h"
#include "model/time.h"

namespace narthex::tsdb {

/// The fields of a block's meta.json that say what it covers: [min_time, max_time).
struct BlockMeta {
  std::string ulid;
  model::TimeMs min_time = 0;
  model::TimeMs max_time = 0;
  std::uint64_t samples = 0;
  std::uint64_t series = 0;
};

/// 26 characters of Crockford's base 32, the first at most 7.
bool is_ulid(std::string_view text);

/// kCorrupt with the reason for anything that is not a version 1 meta.json.
Result<BlockMeta> parse_block_meta(std::string_view json);

/// The blocks of `dir`, oldest first. A directory with a block's name and an unreadable meta.json
/// is an error: kCorrupt with its path, kNotFound, kIo.
Result<std::vector<BlockMeta>> list_blocks(FileSystem& fs, const std::string& dir);

}  // namespace narthex::tsdb
