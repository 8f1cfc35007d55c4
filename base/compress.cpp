// gzip and zlib over ISA-L, which is several times faster than zlib at the level responses want.
//
// Both directions work on text in pieces because the library counts in 32 bits, and because what
// comes out must be counted as it comes: a kilobyte of gzip may hold a gigabyte. gunzip() grows its
// output by doubling and looks at the limits after every piece, so at most twice the allowed bytes
// are ever held.
#include "base/compress.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <isa-l/igzip_lib.h>

#include "base/check.h"
#include "base/str.h"

namespace narthex {
namespace {

constexpr std::size_t kRatioMax = 200;                      // docs/limits.md
constexpr std::size_t kRatioFreeBytes = 16U * 1024 * 1024;  // below it any ratio is fine
constexpr std::size_t kFirstBytes = 64U * 1024;
constexpr std::size_t kDeflatePartBytes = 16U * 1024 * 1024;  // the library counts in 32 bits

// The bounds after every piece of output. The ratio counts only above 16 MiB: short bodies that
// repeat themselves a thousand times are honest and harmless.
Result<void> check_size(std::size_t out, std::size_t in, std::size_t bytes_max) {
  if (out > bytes_max) {
    return Error(Code::kLimit, concat("decompressed body is larger than ", bytes_max, " bytes"));
  }
  if (out > kRatioFreeBytes && out / std::max<std::size_t>(in, 1) > kRatioMax) {
    return Error(Code::kLimit, concat("decompressed body is more than ", kRatioMax,
                                      " times the size of the compressed one"));
  }
  return {};
}

// In the words of Go's reader.
std::string_view describe(int inflate_status) {
  switch (inflate_status) {
    case ISAL_INVALID_WRAPPER:
    case ISAL_UNSUPPORTED_METHOD:
      return "gzip: invalid header";
    case ISAL_INCORRECT_CHECKSUM:
      return "gzip: invalid checksum";
    default:
      return "flate: corrupt input";
  }
}

}  // namespace

// All of it on the heap at once, some 100 KiB: the library's tables and hash chains, and a block
// into which it writes before the bytes reach the caller's string.
struct Deflater::State {
  isal_zstream stream;
  std::array<std::uint8_t, ISAL_DEF_LVL1_DEFAULT> scratch;
  std::array<std::uint8_t, kFirstBytes> block;
};

Deflater::Deflater(DeflateFormat format) : state_(std::make_unique<State>()) {
  isal_zstream& stream = state_->stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = state_->scratch.data();
  stream.level_buf_size = static_cast<std::uint32_t>(state_->scratch.size());
  stream.gzip_flag = format == DeflateFormat::kGzip ? IGZIP_GZIP : IGZIP_ZLIB;
}
Deflater::~Deflater() = default;
Deflater::Deflater(Deflater&&) noexcept = default;
Deflater& Deflater::operator=(Deflater&&) noexcept = default;

void Deflater::add(std::string_view text, bool is_last, std::string& out) {
  isal_zstream& stream = state_->stream;
  bool is_full = false;
  do {
    if (stream.avail_in == 0) {
      const std::string_view part = text.substr(0, kDeflatePartBytes);
      // The library's pointer is not const, but it only reads there.
      stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(part.data()));
      stream.avail_in = static_cast<std::uint32_t>(part.size());
      text.remove_prefix(part.size());
      stream.end_of_stream = is_last && text.empty() ? 1 : 0;
    }
    stream.next_out = state_->block.data();
    stream.avail_out = static_cast<std::uint32_t>(state_->block.size());
    NX_CHECK(isal_deflate(&stream) == COMP_OK);
    out.append(state_->block.begin(), state_->block.end() - stream.avail_out);
    is_full = stream.avail_out == 0;
    // Without an end the library may keep what it was given, so a block that was not filled says
    // that it has nothing more to give; at the end only its own state says so.
  } while (is_last ? stream.internal_state.state != ZSTATE_END
                   : is_full || stream.avail_in > 0 || !text.empty());
}

std::string deflate(std::string_view text, DeflateFormat format) {
  std::string out;
  Deflater(format).add(text, true, out);
  return out;
}

Result<void> gunzip(std::string_view input, std::size_t bytes_max, std::string& out,
                    BudgetShare* share) {
  // One byte more than may come, to see that it does.
  const std::size_t room_max = bytes_max + (bytes_max < out.max_size() ? 1 : 0);
  const auto make_room = [&](std::size_t wanted) -> Result<void> {
    const std::size_t room = std::min(wanted, room_max);
    if (share != nullptr && !share->grow_to(input.size() + std::max(room, out.capacity()))) {
      return Error(Code::kLimit, "no memory left for bodies");
    }
    out.resize(room);
    return {};
  };
  const auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_GZIP;
  if (input.size() > std::numeric_limits<std::uint32_t>::max()) {
    return Error(Code::kLimit, "compressed body is larger than 4 GiB");
  }
  // The library's pointer is not const, but it only reads there.
  state->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(input.data()));
  state->avail_in = static_cast<std::uint32_t>(input.size());
  std::size_t size = 0;
  NX_TRY(make_room(std::max({out.capacity(), input.size() * 4, kFirstBytes})));
  for (;;) {
    if (size == out.size()) NX_TRY(make_room(out.size() * 2));
    const std::size_t room = std::min<std::size_t>(out.size() - size, 1U << 30);
    state->next_out = reinterpret_cast<std::uint8_t*>(out.data()) + size;
    state->avail_out = static_cast<std::uint32_t>(room);
    const int status = isal_inflate(state.get());
    size += room - state->avail_out;
    if (status != ISAL_DECOMP_OK && status != ISAL_END_INPUT && status != ISAL_OUT_OVERFLOW) {
      return Error(Code::kCorrupt, std::string(describe(status)));
    }
    NX_TRY(check_size(size, input.size(), bytes_max));
    if (state->block_state == ISAL_BLOCK_FINISH) {
      if (state->avail_in == 0) break;
      isal_inflate_reset(state.get());  // the next member
      state->crc_flag = ISAL_GZIP;
      continue;
    }
    if (state->avail_in == 0 && state->avail_out != 0) {
      return Error(Code::kCorrupt, "unexpected EOF");
    }
  }
  out.resize(size);
  return {};
}

}  // namespace narthex
