// NX_CHECK: a programmer's error ends the process, in release too; input can never reach it.
// NX_DCHECK: the same, in builds with sanitizers or without NDEBUG only.
#pragma once

namespace narthex {
/// Prints the check with its place and aborts. What the macros call; nothing is unwound, no
/// destructor runs.
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace narthex

#define NX_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::narthex::check_failed(#expression, __FILE__, __LINE__))
#ifdef NDEBUG
#define NX_DCHECK(expression) static_cast<void>(0)
#else
#define NX_DCHECK(expression) NX_CHECK(expression)
#endif
