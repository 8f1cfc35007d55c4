// Tests of what memory budgets count.
#pragma once

#include <gtest/gtest.h>

/// The thread sanitizer's own operator new counts nothing.
#if __has_feature(thread_sanitizer)
#define SKIP_WITHOUT_COUNTING() GTEST_SKIP() << "the thread sanitizer replaces operator new"
#else
#define SKIP_WITHOUT_COUNTING() static_cast<void>(0)
#endif
