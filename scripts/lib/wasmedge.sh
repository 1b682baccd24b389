# WasmEdge in the two generations that a plugin must be built for: 0.14 (plugin API 4) and 0.17 (plugin API 5), as Debian
# packages them. The machine's own `wasmedge` runs the tests of its generation; the other, and the headers of both, are private.

setup_wasmedge() {
  local prefix=$toolchain/wasmedge machine version chosen=() generation part key
  local parts=({wasmedge,libwasmedge0,libwasmedge-dev,libspdlog1.15}@{0.14,0.17} libfmt10 libllvm19 libxml2 liblzma5
    libfmt11 libllvm21 libxml2-16 libz3-4 libffi8 libedit2 libbsd0 libmd0 libtinfo6 libzstd1 zlib1g)
  if [ "$(dpkg --print-architecture)" != amd64 ]; then
    warn "the private WasmEdge is made of amd64 packages: its tests skip, and the plugin is built for installed headers only"
    return
  fi
  setup_libc
  key=$(for part in "${parts[@]}"; do locked_version "$part"; done)
  if ! is_fresh wasmedge "$key"; then
    say "WasmEdge $(locked_version wasmedge@0.14) and $(locked_version wasmedge@0.17), private, from Debian's packages: 70 MB to fetch"
    rm -rf "$prefix"
    # The two share what has one name and one version, or names that differ.
    for part in "${parts[@]}"; do
      case $part in
        *@*) unpack_deb "$part" "$prefix/${part#*@}" ;;
        *) unpack_deb "$part" "$prefix/shared" ;;
      esac
    done
    rm -rf "$prefix"/*/usr/share
    for generation in 0.14 0.17; do wrap_wasmedge "$prefix/$generation"; done
    mark_fresh wasmedge "$key"
  fi
  chosen=("BITNET_WASMEDGE_0_14=$prefix/0.14/wasmedge" "BITNET_WASMEDGE_0_17=$prefix/0.17/wasmedge"
    "BITNET_WASMEDGE_INCLUDE_4=$prefix/0.14/usr/include" "BITNET_WASMEDGE_INCLUDE_5=$prefix/0.17/usr/include")
  if machine=$(existing wasmedge); then
    version=$("$machine" --version | sed -n 's/.*version \([0-9]*\.[0-9]*\).*/\1/p')
    case $version in
      0.14 | 0.15 | 0.16) chosen+=("BITNET_WASMEDGE_0_14=$machine") ;;
      0.17) chosen+=("BITNET_WASMEDGE_0_17=$machine") ;;
      *) warn "this machine's WasmEdge ${version:-(unknown)} is neither 0.14 to 0.16 nor 0.17: not used" ;;
    esac
  fi
  choose wasmedge "${chosen[@]}"
}

# Both need a newer C library than this machine may have: each is started by the loader it needs.
wrap_wasmedge() {
  cat >"$1/wasmedge" <<'EOF'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
libs=usr/lib/x86_64-linux-gnu
libc=$here/../../libc/$libs
exec "$libc/ld-linux-x86-64.so.2" --argv0 wasmedge --library-path "$libc:$here/$libs:$here/../shared/$libs" "$here/usr/bin/wasmedge" "$@"
EOF
  chmod +x "$1/wasmedge"
}
