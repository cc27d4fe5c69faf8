#!/usr/bin/env bash
# Makes docs/canary.svg: the live picture of a bad release on the cluster of the current context, at 80x24.
set -euo pipefail
cd "$(dirname "$0")/.."
plugin=${CARGO_TARGET_DIR:-target}/release/kubectl-kubsets
session=kubsets-record-$$
tmux new-session -d -s "$session" -x 80 -y 24 "$plugin canary run bad-errors --yes"
trap 'tmux kill-session -t "$session" 2>/dev/null || true' EXIT
last=$(mktemp)
# the last full picture before the summary takes the screen
for _ in $(seq 1 240); do
  sleep 0.5
  screen=$(tmux capture-pane -p -e -t "$session" 2>/dev/null) || break
  case $screen in
    *'rolled back'*) break ;;
    *Evidence*) printf '%s\n' "$screen" >"$last" ;;
  esac
done
hack/terminal-svg.py <"$last" >docs/canary.svg
rm -f "$last"
