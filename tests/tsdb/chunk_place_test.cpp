// A place survives its word.
#include "tsdb/head/chunk_place.h"

#include <gtest/gtest.h>

namespace narthex::tsdb {
namespace {

TEST(ChunkPlace, KeepsEveryFieldUpToItsBound) {
  for (const ChunkPlace& place :
       {ChunkPlace{},
        ChunkPlace{.offset = 0xFFFFFFFF,
                   .samples = 0xFFF,
                   .encoding = model::ChunkEncoding::kFloatHistogram,
                   .in_arena = true,
                   .bytes = 0x7FF,
                   .size_class = 0xF},
        ChunkPlace{.offset = 1, .samples = 240, .in_arena = true, .bytes = 1072, .size_class = 10},
        ChunkPlace{.offset = 0x12345678, .samples = 120, .in_arena = false, .file = 0xFFFF}}) {
    EXPECT_EQ(unpack(pack(place)), place);
    ClosedChunk chunk{};
    chunk.store(place);
    EXPECT_EQ(chunk.load(), place);
  }
}

}  // namespace
}  // namespace narthex::tsdb
