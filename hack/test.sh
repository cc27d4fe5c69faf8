#!/usr/bin/env bash
# All checks, one after the other; the last line is the count of all tests.
#   hack/test.sh              everything that a change must pass
#   hack/test.sh --extended   the long matrix as well
set -euo pipefail
cd "$(dirname "$0")/.."
extended=()
[ "${1:-}" = --extended ] && extended=(--extended)
out=${CARGO_TARGET_DIR:-target}/release
log=$(mktemp) images_log=$(mktemp)
began=$SECONDS
broken=() finished=false unwell=false images=

# Sums the numbers before a word in the closing lines of the test runners.
total() { { grep -oE "^(test result: .*|end-to-end: .*)[0-9]+ $1" "$log" || true; } | awk '{s += $(NF-1)} END {print s + 0}'; }

closing_line() {
  local status=$? passed failed
  passed=$(total passed)
  failed=$(total failed)
  # what ended before its tests could be counted is a failure of its own
  $finished || [ ${#broken[@]} -gt 0 ] || broken=('a check that was cut off')
  if $finished && ! grep -qE '^end-to-end: [0-9]+ passed' "$log"; then broken+=('end to end'); fi
  if $unwell && [ "$failed" -eq 0 ]; then broken+=('a test program'); fi
  [ -z "$images" ] || kill "$images" 2>/dev/null || true
  rm -f "$log" "$images_log"
  printf '\nAll checks took %d s\n' $((SECONDS - began))
  [ ${#broken[@]} -eq 0 ] || printf 'failed: %s\n' "${broken[@]}"
  failed=$((failed + ${#broken[@]}))
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] || status=1
  exit "$status"
}
trap closing_line EXIT

part() { printf '\n== %s (at %d s)\n' "$1" $((SECONDS - began)); }
# A part without which the next ones mean nothing.
must() {
  local title=$1
  shift
  part "$title"
  "$@" || { broken+=("$title"); exit 1; }
}

# Clippy's driver compiles the tests and lints them by the way: a check of its own would go through everything once more,
# other people's code included. CLIPPY_ARGS is how cargo-clippy hands its arguments on.
deny=-D__CLIPPY_HACKERY__warnings
tests() {
  RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=$deny \
    cargo test --profile bench --locked --workspace "$@"
}

must 'Format' cargo fmt --all --check
# the example makes Cargo choose the same features of other people's crates as the tests need
must 'Build' cargo build --release --locked --workspace --bins --example lean_server
# the tests leave programs of their own kind in the place of these
programs=$out/programs
install -d "$programs"
install -m 0755 -t "$programs" "$out"/{kubectl-kubsets,demo-app,worker,migrator,heartbeat,node-agent,kubsets-tests}

part 'Images, and meanwhile lints and tests'
"$programs/kubectl-kubsets" --yes images build >"$images_log" 2>&1 &
images=$!
tests --no-run || { broken+=('lints, or tests that compile'); deny=; }
if cargo deny --version >/dev/null 2>&1; then
  part 'Dependencies'
  cargo deny --offline check bans licenses sources || broken+=('dependencies')
else
  echo 'cargo-deny is not installed: licenses and sources of the dependencies are not checked'
fi
built_images() {
  local status=0
  wait "$images" || status=$?
  images=
  cat "$images_log"
  return "$status"
}
must 'Images' built_images

host_programs=$("$programs/kubectl-kubsets" internal programs)
# a database or a browser that is missing is a failure here, not a skipped test
export KUBSETS_REQUIRE_POSTGRES=1 KUBSETS_REQUIRE_BROWSER=1
export KUBSETS_HELM=$host_programs/helm KUBSETS_KUBECTL=$host_programs/kubectl
part 'Unit and command line tests'
tests --no-fail-fast 2>&1 | tee "$log" || unwell=true
part 'End to end'
"$programs/kubsets-tests" "${extended[@]}" 2>&1 | tee -a "$log" || unwell=true
finished=true
