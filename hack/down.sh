#!/usr/bin/env bash
# Removes the cluster NAME and everything that came with it, with the plugin of this checkout, else with the installed one.
# Where there is neither it compiles one only if there is a cluster to remove.
#   hack/down.sh [NAME]
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-kubsets}
built=${CARGO_TARGET_DIR:-target}/release/kubectl-kubsets
# it is made before anything else of a native cluster, and goes with the last one
root=${KUBSETS_NATIVE_ROOT:-/var/lib/kubsets}

# Whether a tool lists the cluster. One that hangs may have it: the plugin says so then.
lists() {
  local status=0 list
  command -v "$1" >/dev/null || return 1
  list=$(timeout 30 "$@" 2>/dev/null) || status=$?
  [ "$status" -eq 124 ] || grep -qE "^$name( |\$)" <<<"$list"
}

plugin=
for candidate in "$built" "${BIN_DIR:-$HOME/.local/bin}/kubectl-kubsets" "$(command -v kubectl-kubsets || true)"; do
  if [ -x "$candidate" ]; then
    plugin=$candidate
    break
  fi
done
if [ -z "$plugin" ]; then
  if ! [ -e "$root" ] && ! lists kind get clusters --quiet && ! lists k3d cluster list --no-headers; then
    echo "there is no cluster $name: nothing to remove"
    exit 0
  fi
  cargo build --release --locked -p kubectl-kubsets
  plugin=$built
fi
exec "$plugin" --yes down --name "$name"
