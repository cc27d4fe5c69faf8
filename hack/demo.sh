#!/usr/bin/env bash
# The demo: cluster, stack, one order, a good canary, a bad canary; then the times.
set -euo pipefail
cd "$(dirname "$0")/.."
plugin=${CARGO_TARGET_DIR:-target}/release/kubectl-kubsets
now() { date +%s; }
# runs a command, keeps its time and the exit code that is expected of it
times=()
stage() {
  local title=$1 expected=$2 began code=0
  shift 2
  printf '\n== %s\n   $ kubectl kubsets %s\n' "$title" "$*"
  began=$(now)
  "$plugin" --yes "$@" || code=$?
  times+=("$(printf '%-42s %4d s' "$title" $(($(now) - began)))")
  if [ "$code" -ne "$expected" ]; then
    printf 'the exit code is %d, expected %d\n' "$code" "$expected" >&2
    exit 1
  fi
}
began=$(now)
stage 'Cluster and demo stack' 0 up
stage 'One order all the way' 0 smoke
# another name each time, so that the demo can be repeated on the same cluster
stage 'A good release is promoted' 0 canary run good-release --set "version=0.2.0-$(date +%H%M%S)"
stage 'A bad release is rolled back' 1 canary run bad-errors
printf '\n== Times\n'
printf '   %s\n' "${times[@]}"
printf '   %-42s %4d s\n' 'All' $(($(now) - began))
printf '\nThe cluster stays for you. `make install` gives you `kubectl kubsets`; `make down` removes the cluster.\n'
