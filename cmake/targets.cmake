# narthex_library(<name> SOURCES ... DEPENDS <folder targets> LINKS <third-party>): one per folder.
# narthex_test(<name> LABEL unit|script|e2e|crash|tidy SOURCES ... DEPENDS ...): one GoogleTest program.
add_library(narthex_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_precompile_headers(narthex_pch PRIVATE
  <algorithm> <array> <atomic> <bit> <chrono> <cmath> <compare> <cstddef> <cstdint> <cstring> <expected>
  <functional> <limits> <map> <memory> <mutex> <optional> <span> <string> <string_view> <tuple>
  <unordered_map> <utility> <variant> <vector>)

function(narthex_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LINKS" ${ARGN})
  add_library(narthex_${name} STATIC ${ARG_SOURCES})
  target_include_directories(narthex_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  list(TRANSFORM ARG_DEPENDS PREPEND narthex_)
  target_link_libraries(narthex_${name} PUBLIC ${ARG_DEPENDS} ${ARG_LINKS})
  target_precompile_headers(narthex_${name} REUSE_FROM narthex_pch)
endfunction()

function(narthex_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;DEPENDS;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  list(TRANSFORM ARG_DEPENDS PREPEND narthex_)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ${ARG_LINKS} GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name} REUSE_FROM narthex_test_pch)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
endfunction()
