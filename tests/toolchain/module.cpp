// The toolchain's self-test for Emscripten: everything the browser module builds on, with answers known beforehand.
// Built with and without relaxed SIMD and threads; modules.mjs runs it.
#include <emscripten/bind.h>
#include <string>
#include <wasm_simd128.h>
#ifdef __EMSCRIPTEN_PTHREADS__
#include <thread>
#endif

namespace {

std::string greet(const std::string& name) { return "hello " + name; }

// 1 + (2*3)*4 in every lane, summed: 4 * 25.
int simd_sum() {
  const v128_t v =
      wasm_i32x4_add(wasm_i32x4_splat(1), wasm_i32x4_mul(wasm_i32x4_splat(6), wasm_i32x4_splat(4)));
  return wasm_i32x4_extract_lane(v, 0) + wasm_i32x4_extract_lane(v, 1) +
         wasm_i32x4_extract_lane(v, 2) + wasm_i32x4_extract_lane(v, 3);
}

// Lane 0 of acc + dot(a, b), a = -8..7 and b = 0, 1, 2, 0, 1, ...: 1000 + (-8*0 - 7*1 - 6*2 - 5*0) = 981.
// Without relaxed SIMD, by hand. (Some engines have returned dot + dot.)
int dot() {
  alignas(16) signed char a[16];
  alignas(16) signed char b[16];
  for (int i = 0; i < 16; ++i) {
    a[i] = static_cast<signed char>(i - 8);
    b[i] = static_cast<signed char>(i % 3);
  }
#ifdef __wasm_relaxed_simd__
  const v128_t r = wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(a), wasm_v128_load(b),
                                                          wasm_i32x4_splat(1000));
  return wasm_i32x4_extract_lane(r, 0);
#else
  return 1000 + a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
#endif
}

int on_thread() {
  int answer = 0;
#ifdef __EMSCRIPTEN_PTHREADS__
  std::thread([&answer] { answer = 42; }).join();
#else
  answer = 42;
#endif
  return answer;
}

} // namespace

EMSCRIPTEN_BINDINGS(selftest) {
  emscripten::function("greet", &greet);
  emscripten::function("simd_sum", &simd_sum);
  emscripten::function("dot", &dot);
  emscripten::function("on_thread", &on_thread);
}
