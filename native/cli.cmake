# bitnet_add_cli(target platform): the program's sources, which native/ and wasi/ both build as they are.
include(BuiltinModel)

function(bitnet_add_cli target platform)
  set(folder "${PROJECT_SOURCE_DIR}/native")
  add_executable(${target}
    "${folder}/cli.cpp" "${folder}/common.cpp" "${folder}/commands.cpp"
    "${folder}/chat.cpp" "${folder}/bench.cpp" "${folder}/builtin.cpp")
  bitnet_builtin_model(${target})
  target_compile_definitions(${target} PRIVATE "BITNET_CLI_PLATFORM=\"${platform}\"")
  target_link_libraries(${target} PRIVATE bitnet_flags bitnet_cli bitnet_api bitnet_platform)
  # GCC 12 sees overlapping copies in "text" + std::string (its bug 105651).
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
endfunction()
