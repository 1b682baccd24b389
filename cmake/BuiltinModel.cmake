# bitnet_builtin_model(target): the small model as builtin_model.inc, generated for one target and on its include path.
set(BITNET_BUILTIN_MODEL "${PROJECT_SOURCE_DIR}/models/bitnet-tiny-stories.gguf" CACHE FILEPATH
    "GGUF file compiled into the programs")

function(bitnet_builtin_model target)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/generated")
  set(embed "${PROJECT_SOURCE_DIR}/cmake/embed.cmake")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(
    OUTPUT "${folder}/builtin_model.inc"
    COMMAND "${CMAKE_COMMAND}" -D "MODEL=${BITNET_BUILTIN_MODEL}" -D "OUT=${folder}/builtin_model.inc" -P "${embed}"
    DEPENDS "${BITNET_BUILTIN_MODEL}" "${embed}"
    VERBATIM)
  target_sources(${target} PRIVATE "${folder}/builtin_model.inc")
  target_include_directories(${target} PRIVATE "${folder}")
endfunction()
