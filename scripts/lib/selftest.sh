# The toolchain's self-test: small programs of tests/toolchain with known answers, for whichever toolchains are set up.
# It runs once for each choice of tools. On the way Emscripten compiles its system libraries for the variants we use.

setup_selftest() {
  [ -z "${EMSCRIPTEN_ROOT:-}" ] || selftest emscripten "Emscripten $(emcc_version "$EMSCRIPTEN_ROOT/emcc"), node $("$BITNET_NODE" --version)" \
    "the first time Emscripten compiles its system libraries: about two minutes"
  [ -z "${WASI_SYSROOT:-}" ] || selftest wasi "$("$WASI_CXX" --version | head -n 1), ${BITNET_WASMTIME:+$("$BITNET_WASMTIME" --version)}" ""
}

# selftest WHICH VERSIONS NOTE
selftest() {
  local key started=$SECONDS dir=$TMPDIR/selftest-$1
  key="$2 $(cat "$root"/tests/toolchain/* "$toolchain"/env.d/{"$1",node,wasmtime}.sh 2>/dev/null || true)"
  ! is_fresh "selftest-$1" "$key" || return 0
  say "self-test of the $1 toolchain: $2${3:+ ($3)}"
  rm -rf "$dir"
  mkdir -p "$dir"
  if ! "selftest_$1" "$dir" >"$dir/log" 2>&1; then
    tail -n 20 "$dir/log" >&2
    die "the $1 toolchain does not work here ($2).
  The versions in scripts/toolchain.lock are known to work on Debian 12. If a WARNING above says that a package has moved on,
  adapt scripts/lib to the new version and record it there. If it is a tool of this machine that fails, leave it out with
  BITNET_PRIVATE=1 scripts/setup, which uses our own copies only. To start over: delete build/toolchain."
  fi
  rm -rf "$dir"
  mark_fresh "selftest-$1" "$key"
  say "self-test of the $1 toolchain passed ($((SECONDS - started)) s)"
}

selftest_emscripten() {
  local dir=$1 variant flags=()
  for variant in simd-st relaxed-st simd-mt relaxed-mt; do
    flags=(-O2 -std=c++20 -fno-exceptions -msimd128 -lembind -sMODULARIZE -sEXPORT_ES6 -sALLOW_MEMORY_GROWTH)
    case $variant in relaxed-*) flags+=(-mrelaxed-simd) ;; esac
    case $variant in *-mt) flags+=(-pthread -sPTHREAD_POOL_SIZE=1 -Wno-pthreads-mem-growth) ;; esac
    nice -n 5 "$EMSCRIPTEN_ROOT/em++" "${flags[@]}" "$root/tests/toolchain/module.cpp" -o "$dir/$variant.mjs" </dev/null || return 1
  done
  "$BITNET_NODE" "$root/tests/toolchain/modules.mjs" "$dir"/*.mjs </dev/null
}

selftest_wasi() {
  local dir=$1 variant runner runners=(node_wasi) output status
  node_wasi() { "$BITNET_NODE" "$root/scripts/node-wasi-run.mjs" "$@"; }
  [ -z "${BITNET_WASMTIME:-}" ] || runners+=("$BITNET_WASMTIME")
  for variant in -msimd128 "-msimd128 -mrelaxed-simd"; do
    # shellcheck disable=SC2086
    "$WASI_CXX" --target=wasm32-wasip1 --sysroot="$WASI_SYSROOT" -O2 -std=c++20 -fno-exceptions $variant \
      "$root/tests/toolchain/program.cpp" -o "$dir/program.wasm" || return 1
    for runner in "${runners[@]}"; do
      status=0
      output=$("$runner" run --dir "$dir::/data" --env ANSWER=42 "$dir/program.wasm" /data </dev/null) || status=$?
      [ "$output $status" = "ok 7" ] || {
        echo "$runner: program.cpp built with $variant printed '$output' and ended with $status, not 'ok' and 7"
        return 1
      }
    done
  done
}
