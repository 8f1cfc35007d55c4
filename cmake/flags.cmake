# Compiler and linker flags for every target. -ffp-contract=off is part of the answer's correctness:
# a fused multiply-add changes the last bit of a PromQL result.
add_compile_options(
  -Wall -Wextra -Wshadow -Wconversion -Wold-style-cast -Wswitch-enum -Wthread-safety
  -Wno-missing-field-initializers
  -ffp-contract=off -fno-omit-frame-pointer -fno-strict-overflow
  -fstack-protector-strong -ftrivial-auto-var-init=zero
  -fPIE -pthread -Xclang -fno-pch-timestamp)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v3)
endif()
if(NARTHEX_WERROR)
  add_compile_options(-Werror)
endif()
add_compile_definitions(
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  _GLIBCXX_ASSERTIONS FMT_SHARED SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB SPDLOG_SHARED_LIB)
add_link_options(-pthread -fuse-ld=lld-19 -pie -Wl,-z,relro,-z,now)

if(NARTHEX_SANITIZE)
  add_compile_options(-fsanitize=${NARTHEX_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NARTHEX_SANITIZE})
else()
  add_compile_options($<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()

find_program(NARTHEX_CCACHE ccache)
if(NARTHEX_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${NARTHEX_CCACHE})
  # A precompiled header is its own timestamp check; ccache must not add one.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${NARTHEX_CCACHE})
endif()
