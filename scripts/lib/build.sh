# Building, by preset of CMakePresets.json. Sourced, after common.sh.

build_dir() {
  case $1 in
    native-release) echo "$root/build/native" ;;
    wasi-simd) echo "$root/build/wasi" ;;
    wasm-*) echo "$root/build/wasm/$1" ;;
    *) echo "$root/build/$1" ;;
  esac
}

# build PRESET [-DNAME=VALUE]... [-- TARGET...]: quiet unless it fails; configures only when what that hangs on has changed
build() {
  local preset=$1 dir log=$root/build/log/$1.log defines=() started=$SECONDS key
  dir=$(build_dir "$preset")
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    defines+=("$1")
    shift
  done
  [ $# -eq 0 ] || shift
  # Emscripten runs it by itself
  if [[ $preset == wasi-* ]] && [ -n "${BITNET_CCACHE:-}" ]; then defines+=("-DCMAKE_CXX_COMPILER_LAUNCHER=$BITNET_CCACHE"); fi
  mkdir -p "$root/build/log"
  say "building $preset"
  key=$(cat "$root/CMakePresets.json" "$toolchain"/env.d/*.sh)
  if ! is_fresh "configure-$preset" "$key" || ! is_defined "$dir" "${defines[@]}"; then
    (cd "$root" && { cmake --preset "$preset" "${defines[@]}" || cmake --fresh --preset "$preset" "${defines[@]}"; }) >"$log" 2>&1 </dev/null || {
      tail -n 40 "$log" >&2
      return 1
    }
    mark_fresh "configure-$preset" "$key"
  fi
  nice -n 5 cmake --build "$dir" -j "$(nproc)" --target "${@:-all}" >"$log" 2>&1 </dev/null || {
    grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | head -n 60 >&2
    return 1
  }
  [ $((SECONDS - started)) -lt 5 ] || say "built $preset in $((SECONDS - started)) s"
}

# is_defined DIR -DNAME=VALUE...: the build folder is configured so already
is_defined() {
  local dir=$1 define
  shift
  [ -e "$dir/build.ninja" ] || return 1
  for define; do
    define=${define#-D}
    grep -q "^${define%%=*}:[A-Z]*=${define#*=}\$" "$dir/CMakeCache.txt" || return 1
  done
}

# The npm package at web/dist: four WebAssembly modules, then the TypeScript around them.
build_web() {
  local preset
  for preset in wasm-simd-st wasm-relaxed-st wasm-simd-mt wasm-relaxed-mt; do
    build "$preset" "$@" || return 1
  done
  [ -e "$root/web/package.json" ] || return 0
  say "building the npm package"
  (cd "$root/web" && npm_ run --silent build </dev/null) >"$root/build/log/web.log" 2>&1 || {
    tail -n 40 "$root/build/log/web.log" >&2
    return 1
  }
}
