# Compilers: LLVM 22 for native code and as the back end of the other two, Emscripten, the WASI sysroot.

# The Debian release this was made for has LLVM 22 in its security suite; any clang >= 16 and g++ >= 12 compiles the native build.
setup_native() {
  if [ -z "$(on_system cmake)" ] || [ -z "$(on_system ninja)" ]; then apt_install cmake ninja-build; fi
  setup_llvm
  setup_json
  # the C and C++ library's headers
  echo '#include <filesystem>' | "$CXX" -std=c++20 -x c++ -fsyntax-only - 2>/dev/null || apt_install libstdc++-12-dev libc6-dev
}

setup_llvm() {
  if ! on_system clang++-22 >/dev/null || ! on_system wasm-ld-22 >/dev/null || ! on_system llvm-ar-22 >/dev/null; then
    apt_install clang-22 lld-22 llvm-22 libclang-rt-22-dev
  fi
  choose llvm "BITNET_LLVM=$(llvm_bin)" "CC=$(llvm_bin)/clang" "CXX=$(llvm_bin)/clang++"
}
llvm_bin() { dirname "$(readlink -f "$(on_system clang-22)")"; }

# WebAssembly is built in several flavours that differ in their kernels: what is equal is compiled once. Only faster, so a
# machine that cannot have it does without.
setup_ccache() {
  if ! on_system ccache >/dev/null && ! (apt_install ccache); then
    warn "no ccache: WebAssembly builds more slowly"
    return
  fi
  choose ccache "BITNET_CCACHE=$(on_system ccache)" "EM_COMPILER_WRAPPER=$(on_system ccache)" "CCACHE_DIR=$root/build/cache/ccache"
}

# To build for 64-bit ARM Linux elsewhere, and to run programs of other processors: Debian's cross compiler, and QEMU.
setup_aarch64() {
  if [ "$(uname -m)" = aarch64 ]; then return; fi # the native build is that
  apt_install g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
  local chosen=("BITNET_QEMU_AARCH64=$(on_system qemu-aarch64)")
  if [ "$(uname -m)" = x86_64 ]; then chosen+=("BITNET_QEMU_X86_64=$(on_system qemu-x86_64)"); fi # lesser ones than this
  choose aarch64 "${chosen[@]}"
}

setup_lint() {
  setup_llvm
  if ! on_system clang-format-22 >/dev/null || ! on_system clang-tidy-22 >/dev/null; then apt_install clang-format-22 clang-tidy-22; fi
}

# --- Emscripten: the machine's own when it is new enough, else Debian forky's, private, on forky's own C library ---
setup_emscripten() {
  local emcc version prefix=$toolchain/emscripten key parts=(emscripten binaryen node-acorn) part
  setup_node
  setup_json
  setup_ccache
  if emcc=$(existing emcc); then
    version=$(emcc_version "$emcc")
    if version_at_least "${version:-0}" 4.0.0; then
      is_fresh emscripten "$emcc" "$version" || say "Emscripten $version of this machine is used ($emcc)"
      choose emscripten "EMSCRIPTEN_ROOT=$("$(dirname "$emcc")/em-config" EMSCRIPTEN_ROOT 2>/dev/null || dirname "$(readlink -f "$emcc")")" \
        "EM_CACHE=$root/build/cache/emscripten-$version"
      mark_fresh emscripten "$emcc" "$version"
      return
    fi
    warn "this machine's Emscripten ${version:-(unknown)} is older than 4.0.0: a private one is made"
  fi
  setup_llvm
  [ "$(dpkg --print-architecture)" = amd64 ] || die "the private Emscripten is made of amd64 packages; install Emscripten >= 4.0.0 on this machine"
  setup_libc
  key=$(for part in "${parts[@]}"; do locked_version "$part"; done)
  if ! is_fresh emscripten "$key" "$BITNET_NODE" "$BITNET_LLVM"; then
    say "Emscripten $(locked_version emscripten), private, from Debian forky's packages: 30 MB to fetch, half a minute"
    rm -rf "$prefix"
    for part in "${parts[@]}"; do unpack_deb "$part" "$prefix"; done
    rm -rf "$prefix/usr/share/doc" "$prefix/usr/share/man"
    wrap_binaryen "$prefix"
    adapt_emscripten "$prefix"
    mark_fresh emscripten "$key" "$BITNET_NODE" "$BITNET_LLVM"
  fi
  # A foreign configuration in the environment would override ours.
  choose emscripten -EM_CONFIG -EM_LLVM_ROOT -EM_BINARYEN_ROOT -EM_CACHE -EMSDK -EMSDK_PYTHON -EMSDK_NODE \
    "EMSCRIPTEN_ROOT=$prefix/usr/share/emscripten" "PATH+=$prefix/usr/share/emscripten"
}

emcc_version() { "$1" --version 2>/dev/null </dev/null | sed -n '1s/.*) \([0-9.]*\).*/\1/p'; }

# forky's binaryen needs a newer C library than this machine may have: each tool is started by the loader it was built with.
wrap_binaryen() {
  local prefix=$1 tool name
  mkdir -p "$prefix/binaryen/bin"
  for tool in "$prefix"/usr/bin/wasm-* "$prefix"/usr/bin/wasm2js; do
    name=$(basename "$tool")
    cat >"$prefix/binaryen/bin/$name" <<EOF
#!/bin/sh
prefix=\$(cd "\$(dirname "\$0")/../.." && pwd)
libs=\$prefix/../libc/usr/lib/x86_64-linux-gnu
exec "\$libs/ld-linux-x86-64.so.2" --argv0 $name --library-path "\$libs:\$prefix/usr/lib/x86_64-linux-gnu" "\$prefix/usr/bin/$name" "\$@"
EOF
    chmod +x "$prefix/binaryen/bin/$name"
  done
}

# Debian builds emscripten for its LLVM 21 and patched it accordingly; with LLVM 22 wasm-ld puts the stack first unless told not to.
adapt_emscripten() {
  local prefix=$1 em=$1/usr/share/emscripten
  ln -sfn nodejs "$prefix/usr/share/node_modules" # where emcc's JavaScript passes look for acorn
  sed -i 's/readlink -f \$0)/readlink -f "$0")/' "$em"/em* # its launchers, in a folder with a space in its name
  sed -i 's/^EXPECTED_LLVM_VERSION = .*/EXPECTED_LLVM_VERSION = 22/' "$em/tools/shared.py"
  python3 - "$em/tools/building.py" <<'EOF' || die "emscripten has changed: adapt adapt_emscripten in scripts/lib/compilers.sh, or install Emscripten >= 4.0.0 on this machine"
import sys
path = sys.argv[1]
text = open(path).read()
if '--no-stack-first' not in text:
    here = "  if settings.STACK_FIRST:\n    cmd.append('--stack-first')\n"
    if text.count(here) != 1:
        sys.exit(1)
    open(path, 'w').write(text.replace(here, here + "  else:\n    cmd.append('--no-stack-first')\n"))
EOF
  cat >"$em/.emscripten" <<EOF
LLVM_ROOT = '$BITNET_LLVM'
LLVM_ADD_VERSION = ''
CLANG_ADD_VERSION = ''
BINARYEN_ROOT = '$prefix/binaryen'
NODE_JS = '$BITNET_NODE'
CACHE = '$prefix/cache'
EOF
}

# --- WASI: an existing WASI SDK wins; else clang-22 with the sysroot (libc++ with filesystem) in npm's @yowasp/clang ---
setup_wasi() {
  local sdk=${WASI_SDK_PATH:-} sysroot=$toolchain/wasi-sysroot version
  setup_ccache
  if [ -z "${BITNET_PRIVATE:-}" ] && [ -n "$sdk" ] && [ -x "$sdk/bin/clang++" ] && [ -d "$sdk/share/wasi-sysroot" ]; then
    is_fresh wasi "$sdk" || say "the WASI SDK of this machine is used ($sdk)"
    choose wasi "WASI_CXX=$sdk/bin/clang++" "WASI_SYSROOT=$sdk/share/wasi-sysroot"
    mark_fresh wasi "$sdk"
    return
  fi
  setup_llvm
  apt_install libclang-rt-22-dev-wasm32
  version=$(locked_version @yowasp/clang)
  if ! is_fresh wasi "$version"; then
    say "WASI sysroot out of the npm package @yowasp/clang $version: 27 MB to fetch"
    rm -rf "$sysroot"
    mkdir -p "$sysroot"
    unpack_npm @yowasp/clang "$TMPDIR/yowasp" package/gen/llvm-resources.tar
    tar -xf "$TMPDIR/yowasp/package/gen/llvm-resources.tar" -C "$sysroot"
    rm -rf "$TMPDIR/yowasp"
    mark_fresh wasi "$version"
  fi
  choose wasi "WASI_CXX=$BITNET_LLVM/clang++" "WASI_SYSROOT=$sysroot"
}
