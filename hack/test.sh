#!/usr/bin/env bash
# All checks, one after the other; the last line is the count of all tests.
#   hack/test.sh              everything that a change must pass
#   hack/test.sh --extended   the long matrix as well
set -euo pipefail
cd "$(dirname "$0")/.."
extended=()
[ "${1:-}" = --extended ] && extended=(--extended)
out=${CARGO_TARGET_DIR:-target}/release
log=$(mktemp)
trap 'rm -f "$log"' EXIT
began=$SECONDS
part() { printf '\n== %s (at %d s)\n' "$1" $((SECONDS - began)); }

part 'Format'
cargo fmt --all --check
part 'Build'
# programs and tests together keep all cores busy
cargo build --release --locked --workspace --bins --tests
part 'Lints'
cargo clippy --release --locked --workspace --all-targets -- -D warnings
part 'Programs and images'
$out/kubectl-kubsets --yes images build
programs=$($out/kubectl-kubsets internal programs)
# a database or a browser that is missing is a failure here, not a skipped test
export KUBSETS_REQUIRE_POSTGRES=1 KUBSETS_REQUIRE_BROWSER=1
export KUBSETS_HELM=$programs/helm KUBSETS_KUBECTL=$programs/kubectl
part 'Unit and command line tests'
status=0
cargo test --release --locked --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?
part 'End to end'
$out/kubsets-tests "${extended[@]}" 2>&1 | tee -a "$log" || status=$?

passed=$(grep -oE '^(test result: .*ok\.|test result: FAILED\.) [0-9]+ passed' "$log" | grep -oE '[0-9]+ passed' | awk '{s+=$1} END {print s+0}')
failed=$(grep -oE '^test result: .* [0-9]+ failed' "$log" | grep -oE '[0-9]+ failed' | awk '{s+=$1} END {print s+0}')
e2e_passed=$(grep -E '^end-to-end: [0-9]+ passed, [0-9]+ failed$' "$log" | awk '{print $2}')
e2e_failed=$(grep -E '^end-to-end: [0-9]+ passed, [0-9]+ failed$' "$log" | awk '{print $4}')
printf '\nAll checks took %d s\n' $((SECONDS - began))
printf '%d passed, %d failed\n' $((passed + ${e2e_passed:-0})) $((failed + ${e2e_failed:-0}))
[ -n "$e2e_passed" ] || { echo 'the end-to-end tests did not finish' >&2; status=1; }
exit "$status"
