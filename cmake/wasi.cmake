# Toolchain file for WASI preview 1: clang with the sysroot that scripts/setup chose (. scripts/env.sh), or a WASI SDK.
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_VERSION 1)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}") # Platform/WASI.cmake

if(DEFINED ENV{WASI_CXX} AND DEFINED ENV{WASI_SYSROOT})
  set(CMAKE_CXX_COMPILER "$ENV{WASI_CXX}")
  set(CMAKE_SYSROOT "$ENV{WASI_SYSROOT}")
elseif(DEFINED ENV{WASI_SDK_PATH})
  set(CMAKE_CXX_COMPILER "$ENV{WASI_SDK_PATH}/bin/clang++")
  set(CMAKE_SYSROOT "$ENV{WASI_SDK_PATH}/share/wasi-sysroot")
else()
  message(FATAL_ERROR "no WASI compiler: run scripts/setup wasi and . scripts/env.sh, or set WASI_SDK_PATH")
endif()
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasip1)

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
