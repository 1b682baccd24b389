# Debian packages: installed ones (the only thing this project ever puts outside its folder) and unpacked ones (private).

apt_updated=
# apt_install PACKAGE...: those missing are installed, with a line that says what
apt_install() {
  local missing=() package sudo=()
  for package; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "this machine has no apt-get; install by hand what these Debian packages hold: ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "need root or sudo to run: apt-get install --no-install-recommends ${missing[*]}"
    sudo=(sudo)
  fi
  local size apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -o DPkg::Lock::Timeout=600)
  if [ -z "$apt_updated" ]; then
    "${apt[@]}" -qq update </dev/null || warn "apt-get update failed; trying with the package lists there are"
    apt_updated=1
  fi
  # apt-get answers its own question with "no", and that counts as a failure
  size=$({ "${apt[@]}" install --assume-no --no-install-recommends "${missing[@]}" 2>/dev/null || true; } | sed -n 's/^Need to get \(.*\) of archives.*/: \1 to fetch/p')
  say "apt-get install ${missing[*]}$size"
  "${apt[@]}" -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "${missing[@]}" </dev/null >"$TMPDIR/apt.log" 2>&1 || {
    tail -n 20 "$TMPDIR/apt.log" >&2
    die "apt-get install failed for: ${missing[*]}"
  }
}

# with_suite KIND SUITE COMMAND ARG...: apt-get COMMAND on another Debian release, through a private package state: signed by
# Debian's archive key, from the mirror this machine is set up with, touching nothing of the system's. KIND is deb or deb-src.
# (A mirror may lag behind the release file's expiry date, and what is fetched is checked against toolchain.lock.)
with_suite() {
  local kind=$1 suite=$2 state mirror
  shift 2
  state=$root/build/cache/apt-$suite-$kind
  local apt=(apt-get -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$state/lists" -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root
    -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none)
  if [ -z "$(find "$state" -maxdepth 1 -name updated -mmin -60 2>/dev/null)" ]; then
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -E '/debian/?$' | head -n 1)
    [ -n "$mirror" ] || die "this machine's apt sources name no Debian mirror, which is where $* comes from"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$kind" "$mirror" "$suite" >"$state/sources.list"
    "${apt[@]}" -qq update </dev/null || die "cannot read the package lists of Debian $suite"
    touch "$state/updated"
  fi
  "${apt[@]}" -qq "$@" </dev/null
}

# unpack_deb NAME INTO: the package of toolchain.lock, unpacked and not installed. NAME is PACKAGE, or PACKAGE@WHICH where the
# lock has several versions of one.
unpack_deb() {
  local name=$1 package=${1%@*} into=$2 suite version dir=$TMPDIR/deb-$1
  suite=$(lock_field "$name" 1)
  version=$(locked_version "$name")
  rm -rf "$dir"
  mkdir -p "$dir" "$into"
  if (cd "$dir" && with_suite deb "$suite" download "$package=$version" 2>/dev/null); then
    check_sum "$name" "$dir"/*.deb
  else
    moved_on "$name"
    (cd "$dir" && with_suite deb "$suite" download "$package") || die "cannot fetch $name from Debian $suite"
  fi
  dpkg-deb -x "$dir"/*.deb "$into"
  rm -rf "$dir"
}

# Debian forky's C and C++ libraries, in $toolchain/libc, for the private programs that need newer ones than this machine may have.
setup_libc() {
  local part key parts=(libc6 libstdc++6 libgcc-s1)
  key=$(for part in "${parts[@]}"; do locked_version "$part"; done)
  if is_fresh libc "$key"; then return; fi
  rm -rf "$toolchain/libc"
  for part in "${parts[@]}"; do unpack_deb "$part" "$toolchain/libc"; done
  rm -rf "$toolchain/libc/usr/share"
  mark_fresh libc "$key"
}
