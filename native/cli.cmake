# bitnet_add_cli(target platform): the program's sources, which native/ and wasi/ both build as they are.
set(BITNET_BUILTIN_MODEL "${PROJECT_SOURCE_DIR}/models/bitnet-tiny-stories.gguf" CACHE FILEPATH
    "GGUF file compiled into the program")

function(bitnet_add_cli target platform)
  set(folder "${PROJECT_SOURCE_DIR}/native")
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/generated")
  file(MAKE_DIRECTORY "${generated}")
  add_custom_command(
    OUTPUT "${generated}/builtin_model.inc"
    COMMAND "${CMAKE_COMMAND}" -D "MODEL=${BITNET_BUILTIN_MODEL}" -D "OUT=${generated}/builtin_model.inc"
            -P "${folder}/embed.cmake"
    DEPENDS "${BITNET_BUILTIN_MODEL}" "${folder}/embed.cmake"
    VERBATIM)
  add_executable(${target}
    "${folder}/cli.cpp" "${folder}/common.cpp" "${folder}/commands.cpp"
    "${folder}/chat.cpp" "${folder}/bench.cpp" "${folder}/builtin.cpp" "${generated}/builtin_model.inc")
  target_include_directories(${target} PRIVATE "${generated}")
  target_compile_definitions(${target} PRIVATE "BITNET_CLI_PLATFORM=\"${platform}\"")
  target_link_libraries(${target} PRIVATE bitnet_flags bitnet_cli bitnet_api bitnet_platform)
  # GCC 12 sees overlapping copies in "text" + std::string (its bug 105651).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
endfunction()
