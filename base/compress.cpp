// Compression over ISA-L.
#include "base/compress.h"

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <isa-l/igzip_lib.h>

#include "base/check.h"

namespace narthex {

std::string deflate(std::string_view text, DeflateFormat format) {
  NX_CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max());
  auto stream = std::make_unique<isal_zstream>();
  std::vector<std::uint8_t> scratch(ISAL_DEF_LVL1_DEFAULT);
  isal_deflate_init(stream.get());
  stream->level = 1;
  stream->level_buf = scratch.data();
  stream->level_buf_size = static_cast<std::uint32_t>(scratch.size());
  stream->gzip_flag = format == DeflateFormat::kGzip ? IGZIP_GZIP : IGZIP_ZLIB;
  stream->end_of_stream = 1;
  std::vector<std::uint8_t> input(text.begin(), text.end());  // the library wants it writable
  stream->next_in = input.data();
  stream->avail_in = static_cast<std::uint32_t>(input.size());

  std::string out;
  std::vector<std::uint8_t> block(64 * 1024);
  do {
    stream->next_out = block.data();
    stream->avail_out = static_cast<std::uint32_t>(block.size());
    NX_CHECK(isal_deflate(stream.get()) == COMP_OK);
    out.append(block.begin(), block.end() - stream->avail_out);
  } while (stream->internal_state.state != ZSTATE_END);
  return out;
}

}  // namespace narthex
