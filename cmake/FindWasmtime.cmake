# Wasmtime's C API: target Wasmtime::Wasmtime, and Wasmtime_VERSION as the headers tell it. A folder with include/ and lib/ may be
# named in WASMTIME_DIR (scripts/setup wasmtime-c makes one); else where this machine keeps its libraries.
set(WASMTIME_DIR "$ENV{WASMTIME_DIR}" CACHE PATH "Folder of Wasmtime's C API: include/wasmtime.h and lib/")
find_path(Wasmtime_INCLUDE_DIR wasmtime.h HINTS "${WASMTIME_DIR}/include" "$ENV{WASMTIME_DIR}/include")
find_library(Wasmtime_LIBRARY wasmtime HINTS "${WASMTIME_DIR}/lib" "$ENV{WASMTIME_DIR}/lib")
mark_as_advanced(Wasmtime_INCLUDE_DIR Wasmtime_LIBRARY)

if(Wasmtime_INCLUDE_DIR)
  file(STRINGS "${Wasmtime_INCLUDE_DIR}/wasmtime.h" line REGEX "^#define WASMTIME_VERSION ")
  string(REGEX REPLACE ".*\"(.*)\".*" "\\1" Wasmtime_VERSION "${line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Wasmtime REQUIRED_VARS Wasmtime_LIBRARY Wasmtime_INCLUDE_DIR
                                  VERSION_VAR Wasmtime_VERSION)

if(Wasmtime_FOUND AND NOT TARGET Wasmtime::Wasmtime)
  if(Wasmtime_LIBRARY MATCHES "\\.a$")
    add_library(Wasmtime::Wasmtime STATIC IMPORTED)
    set_target_properties(Wasmtime::Wasmtime PROPERTIES INTERFACE_LINK_LIBRARIES "pthread;dl;m")
  else()
    add_library(Wasmtime::Wasmtime SHARED IMPORTED)
    # The wheel's library carries no name of its own; programs then look for the file's.
    set_target_properties(Wasmtime::Wasmtime PROPERTIES IMPORTED_NO_SONAME TRUE)
  endif()
  set_target_properties(Wasmtime::Wasmtime PROPERTIES
    IMPORTED_LOCATION "${Wasmtime_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${Wasmtime_INCLUDE_DIR}")
endif()
