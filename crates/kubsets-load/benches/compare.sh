#!/usr/bin/env bash
# Compares the generator with others that are on the PATH (wrk, oha, hey), each pinned to one core, against the
# lean server of the example `throughput` on another core. Prints requests per second and requests per second of
# processor time; the latter is the generator's own cost when the server is the limit.
#
# usage: compare.sh [SECONDS] [CONNECTIONS] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/../../.."
seconds=${1:-5} connections=${2:-32} rounds=${3:-3}
example=${CARGO_TARGET_DIR:-target}/release/examples/throughput
[ -x "$example" ] || cargo build --release -p kubsets-load --example throughput

work=$(mktemp -d)
taskset -c 1 "$example" serve >"$work/url" &
server=$!
trap 'kill "$server"; rm -r "$work"' EXIT
while [ ! -s "$work/url" ]; do sleep 0.1; done
url=$(cat "$work/url")

# Runs a tool on core 0; $2 extracts the number of requests from its output.
measure() {
  local name=$1 extract=$2
  shift 2
  local TIMEFORMAT='%R %U %S'
  { time taskset -c 0 "$@" >"$work/out" 2>&1; } 2>"$work/time"
  local requests
  requests=$(eval "$extract" <"$work/out" | head -1)
  awk -v name="$name" -v n="${requests:-0}" -v s="$seconds" '{
    cpu = $2 + $3
    per_cpu = 0
    if (cpu) per_cpu = n / cpu
    printf "%-10s %10d requests %9.0f per s %9.0f per s of processor time (user %.2f s, system %.2f s)\n",
      name, n, n / s, per_cpu, $2, $3
  }' "$work/time"
}

for _ in $(seq "$rounds"); do
  measure kubsets "sed -n 's/^planned .* ok \([0-9]*\) .*/\1/p'" "$example" "closed:$connections" "$seconds" "$url"
  if command -v wrk >/dev/null; then
    measure wrk "sed -n 's/^ *\([0-9]*\) requests in .*/\1/p'" wrk -t1 "-c$connections" "-d${seconds}s" "$url"
  fi
  if command -v oha >/dev/null; then
    measure oha "sed -n 's/^ *\[200\] *\([0-9]*\) responses.*/\1/p'" \
      oha --no-tui -c "$connections" -z "${seconds}s" "$url"
  fi
  if command -v hey >/dev/null; then
    measure hey "sed -n 's/^ *\[200\][^0-9]*\([0-9]*\) responses.*/\1/p'" \
      hey -cpus 1 -c "$connections" -z "${seconds}s" "$url"
  fi
done
