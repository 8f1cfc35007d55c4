// Replays the fuzzers' corpora without a fuzzer, so that what they once found stays fixed.
#include <limits>

#include <gtest/gtest.h>

#include "base/fs.h"
#include "tests/fuzz/wal_records_check.h"
#include "tsdb/chunk/xor.h"
#include "tsdb/wal/reader.h"

namespace narthex::tsdb {
namespace {

TEST(WalCorpus, EndsAndStaysInsideTheSegment) {
  const std::string dir = "tests/fuzz/corpus/wal/";
  const auto entries = *real_file_system().list(dir);
  ASSERT_FALSE(entries.empty());
  for (const DirectoryEntry& entry : entries) {
    SCOPED_TRACE(entry.name);
    const std::string segment = *real_file_system().read_file(dir + entry.name);
    WalReader reader(std::as_bytes(std::span(segment)));
    std::size_t items = 0;
    while (reader.next()) ASSERT_LE(++items, segment.size());
    EXPECT_LE(reader.good_end(), segment.size());
  }
}

TEST(WalRecordsCorpus, IsRowsOrAnErrorAndComesBackEqual) {
  const std::string dir = "tests/fuzz/corpus/wal_records/";
  const auto entries = *real_file_system().list(dir);
  ASSERT_FALSE(entries.empty());
  for (const DirectoryEntry& entry : entries) {
    SCOPED_TRACE(entry.name);
    const std::string record = *real_file_system().read_file(dir + entry.name);
    check_record(std::as_bytes(std::span(record)));
  }
}

TEST(XorCorpus, EndsWithinTheBits) {
  const std::string dir = "tests/fuzz/corpus/xor/";
  const auto entries = *real_file_system().list(dir);
  ASSERT_FALSE(entries.empty());
  for (const DirectoryEntry& entry : entries) {
    SCOPED_TRACE(entry.name);
    std::string chunk = *real_file_system().read_file(dir + entry.name);
    const std::size_t size = chunk.size();
    chunk.resize(size + kXorPaddingBytes);
    model::SampleColumns out;
    (void)xor_decode(std::as_bytes(std::span(chunk)).first(size), 65535,
                     std::numeric_limits<model::TimeMs>::min(),
                     std::numeric_limits<model::TimeMs>::max(), out);
    EXPECT_LE(out.size(), 4 * size + 1);
  }
}

}  // namespace
}  // namespace narthex::tsdb
