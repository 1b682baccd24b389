# Compiler flags, each said once.
#
# Everything (Catch2 too) gets what changes the code's meaning: the language, floating point, SIMD level, threads, sanitizers.
# Our own targets link, PRIVATE, one of
#   bitnet_flags     the core and its faces: warnings, no exceptions, no RTTI
#   bitnet_warnings  tests and tools: warnings only
#   bitnet_fuzzer    fuzz targets: warnings, and libFuzzer's main

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

# The same sums in the same order on every target: a*b+c is never fused behind our back, and fast-math is never used.
add_compile_options(-ffp-contract=off)

if(EMSCRIPTEN OR CMAKE_SYSTEM_NAME STREQUAL "WASI")
  # Relaxed SIMD is for two files of core/kernels only: given the flag, the compiler turns plain float comparisons into
  # relaxed minima, whose results for NaN differ between engines.
  add_compile_options(-fno-exceptions -msimd128)
  if(BITNET_THREADS)
    add_compile_options(-pthread)
    add_link_options(-pthread)
  endif()
endif()

if(BITNET_SANITIZE)
  # The core has no RTTI, which the vptr check needs.
  set(sanitize -fsanitize=${BITNET_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_compile_options(${sanitize})
  add_link_options(${sanitize})
endif()

add_library(bitnet_warnings INTERFACE)
target_compile_options(bitnet_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(BITNET_WERROR)
  target_compile_options(bitnet_warnings INTERFACE -Werror)
endif()

add_library(bitnet_flags INTERFACE)
target_link_libraries(bitnet_flags INTERFACE bitnet_warnings)
target_compile_options(bitnet_flags INTERFACE -fno-exceptions -fno-rtti)

add_library(bitnet_fuzzer INTERFACE)
target_link_libraries(bitnet_fuzzer INTERFACE bitnet_warnings)
target_link_options(bitnet_fuzzer INTERFACE -fsanitize=fuzzer)
