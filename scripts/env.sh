# The environment every command of this project runs in. Usage, from bash: . scripts/env.sh
# Exports paths only: installs nothing, writes nothing but empty folders under build/. Sourcing it twice is harmless.
# What scripts/setup chose (its own copy, or the one this machine already had) is in build/toolchain/env.d/*.sh.

BITNET_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)
export BITNET_ROOT

# The machine's own PATH: without anything of ours, so that "is it installed already?" never finds our private copy.
BITNET_SYSTEM_PATH=$(printf %s "$PATH" | tr : '\n' | grep -vF "$BITNET_ROOT/" | paste -sd: -)
export BITNET_SYSTEM_PATH
PATH=$BITNET_SYSTEM_PATH

# Caches and temporary files stay inside the project.
export npm_config_cache="$BITNET_ROOT/build/cache/npm" npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false
export PIP_CACHE_DIR="$BITNET_ROOT/build/cache/pip" PIP_DISABLE_PIP_VERSION_CHECK=1
export TMPDIR="$BITNET_ROOT/build/tmp"
mkdir -p "$TMPDIR"

for bitnet_part in "$BITNET_ROOT"/build/toolchain/env.d/*.sh; do
  # shellcheck disable=SC1090
  [ ! -e "$bitnet_part" ] || . "$bitnet_part"
done
unset bitnet_part
export PATH
