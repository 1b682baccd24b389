# Shared by the scripts: the environment, messages, the lock file's versions, stamps. Sourced, from bash.

# shellcheck source=../env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
root=$BITNET_ROOT
toolchain=$root/build/toolchain

say() { printf '==> %s\n' "$*"; }
warn() { printf 'WARNING: %s\n' "$*" >&2; }
die() {
  printf 'ERROR: %s\n' "$*" >&2
  exit 1
}

# on_system NAME: where the machine's own PATH (never our private prefix) has the program
on_system() { PATH=$BITNET_SYSTEM_PATH command -v "$1"; }

# existing NAME: the same, for a tool that we would otherwise get ourselves; BITNET_PRIVATE=1 ignores those of the machine
existing() { [ -z "${BITNET_PRIVATE:-}" ] && on_system "$1"; }

# version_at_least HAVE WANT
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- toolchain.lock ---
lock_field() { awk -v name="$1" -v field="$2" '$2 == name && $0 !~ /^#/ { print $field }' "$root/scripts/toolchain.lock"; }
locked_version() { lock_field "$1" 3; }

# check_sum NAME FILE: the file fetched is the one in toolchain.lock, or set-up stops
check_sum() {
  local want have
  want=$(lock_field "$1" 4)
  have=$(sha256sum "$2" | cut -d' ' -f1)
  [ "$have" = "$want" ] || die "$1 $(locked_version "$1") was fetched with SHA-256 $have, scripts/toolchain.lock says $want: not used"
}

moved_on() { warn "$1 $(locked_version "$1") can no longer be had; trying ${2:-the current version} (the self-test decides)"; }

# --- stamps: a step is done again only when its key (versions, choices, place) changes ---
key_of() { printf '%s\n' "$root" "$@" | sha256sum | cut -d' ' -f1; }
is_fresh() { [ "$(cat "$toolchain/stamps/$1" 2>/dev/null)" = "$(key_of "${@:2}")" ]; }
mark_fresh() {
  mkdir -p "$toolchain/stamps"
  key_of "${@:2}" >"$toolchain/stamps/$1"
}

# choose NAME VARIABLE=VALUE ...: what env.sh exports for this part from now on (PATH+=DIR puts a folder first on PATH,
# -VARIABLE unsets)
choose() {
  local name=$1 item
  shift
  mkdir -p "$toolchain/env.d"
  for item; do
    case $item in
      -*) printf 'unset %s\n' "${item#-}" ;;
      PATH+=*) printf 'PATH=%q:$PATH\n' "${item#PATH+=}" ;;
      *) printf 'export %s=%q\n' "${item%%=*}" "${item#*=}" ;;
    esac
  done >"$toolchain/env.d/$name.sh.new"
  mv "$toolchain/env.d/$name.sh.new" "$toolchain/env.d/$name.sh"
  # shellcheck source=../env.sh
  . "$root/scripts/env.sh"
}

# npm_ ARGS: the machine's npm, run by the node it came with; what npm starts sees our PATH
npm_() {
  local npm
  npm=$(on_system npm) || die "no npm: run scripts/setup node"
  "$(on_system node)" "$(readlink -f "$npm")" "$@"
}
