// The toolchain's self-test for WASI: files, folders, streams, arguments, environment, exit status, SIMD.
// usage: program FOLDER, with ANSWER=42 in the environment; prints "ok" and ends with status 7.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <wasm_simd128.h>

int main(int argc, char** argv) {
  if (argc != 2)
    return 1;
  const std::filesystem::path file = std::filesystem::path(argv[1]) / "selftest.txt";
  std::ofstream(file) << "written by WASI";
  std::string text;
  std::getline(std::ifstream(file), text);
  if (text != "written by WASI" || std::filesystem::file_size(file) != text.size())
    return 2;
  std::filesystem::remove(file);
  if (std::filesystem::exists(file))
    return 3;
  const char* answer = std::getenv("ANSWER");
  if (answer == nullptr || std::string(answer) != "42")
    return 4;
#ifdef __wasm_relaxed_simd__
  const v128_t r = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_i8x16_splat(-5), wasm_i8x16_splat(2),
                                                          wasm_i32x4_splat(1000));
#else
  const v128_t r = wasm_i32x4_add(wasm_i32x4_splat(1000), wasm_i32x4_splat(-40));
#endif
  if (wasm_i32x4_extract_lane(r, 3) != 960)
    return 5;
  std::cout << "ok\n";
  return 7;
}
