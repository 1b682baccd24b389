# Target `catch2`: Catch2 3 with its main(), compiled once per build from the two amalgamated files.
if(NOT BITNET_BUILD_TESTS)
  return()
endif()
if(NOT EXISTS "${BITNET_CATCH2_DIR}/catch_amalgamated.cpp")
  message(FATAL_ERROR "BITNET_CATCH2_DIR does not hold catch_amalgamated.cpp: run scripts/setup catch2 and . scripts/env.sh")
endif()

include(CheckCXXCompilerFlag)
add_library(catch2 STATIC EXCLUDE_FROM_ALL "${BITNET_CATCH2_DIR}/catch_amalgamated.cpp")
target_include_directories(catch2 SYSTEM PUBLIC "${BITNET_CATCH2_DIR}")
target_compile_options(catch2 PRIVATE -w -O0 -g0) # it is compiled in every build, and takes a minute when optimised
check_cxx_compiler_flag(-Wc2y-extensions BITNET_HAS_WC2Y)
if(BITNET_HAS_WC2Y) # TEST_CASE uses __COUNTER__, which new clangs call an extension
  target_compile_options(catch2 PUBLIC -Wno-c2y-extensions)
endif()
if(EMSCRIPTEN OR CMAKE_SYSTEM_NAME STREQUAL "WASI")
  # A failed REQUIRE ends the program there, and the report names the test it was in.
  target_compile_definitions(catch2 PUBLIC CATCH_CONFIG_DISABLE_EXCEPTIONS CATCH_CONFIG_NO_POSIX_SIGNALS)
endif()
