#!/usr/bin/env bash
# Compares `kubectl kubsets load` with other load generators, each pinned to one core, against the leanest server
# (an example of crates/kubsets-load) on another core. All traffic stays on 127.0.0.1.
#
#   benches/load-compare.sh [build|throughput|stall|freeze|memory]...     (default: throughput stall freeze)
#
# Tools are taken from the PATH and from $TOOLS_DIR/bin; `build` puts there what cargo and go can build. A tool that is
# not found is left out. Settings by environment: SECONDS_EACH, CONNECTIONS, ROUNDS, TOOLS, REQUESTS (memory).
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-5} connections=${CONNECTIONS:-32} rounds=${ROUNDS:-3} requests=${REQUESTS:-10000000}
tools=${TOOLS:-kubsets wrk wrk2 oha vegeta fortio k6 hey}
tools_dir=${TOOLS_DIR:-${CARGO_TARGET_DIR:-target}/load-tools}
out=${CARGO_TARGET_DIR:-target}/release
export PATH=$tools_dir/bin:$PATH K6_NO_USAGE_REPORT=true
plugin=$out/kubectl-kubsets server=$out/examples/lean_server
generator_core=0 server_core=1

work=$(mktemp -d)
server_pid=
stop_server() {
  [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || true
  server_pid=
}
trap 'stop_server; rm -rf "$work"' EXIT

build() {
  mkdir -p "$tools_dir"
  local root
  root=$(cd "$tools_dir" && pwd)
  cargo install oha --locked --root "$root" --no-default-features --features rustls || echo 'oha does not build here'
  local module
  for module in github.com/tsenart/vegeta/v12 fortio.org/fortio go.k6.io/k6 github.com/rakyll/hey; do
    GOBIN=$root/bin go install "$module@latest" || echo "$module does not build here"
  done
  echo 'wrk comes from the package of that name; wrk2 is built from its repository'
}

# Starts the server, with a stall if two numbers are given, and sets url.
start_server() {
  stop_server
  : >"$work/url"
  taskset -c "$server_core" "$server" "$@" >"$work/url" &
  server_pid=$!
  while [ ! -s "$work/url" ]; do sleep 0.05; done
  url=$(cat "$work/url")
}

# Seconds of processor time of a process.
cpu_of() { awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); print ($12 + $13) / hz}' "/proc/$1/stat"; }

has() {
  case $1 in
    kubsets) [ -x "$plugin" ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

k6_script() {
  cat <<END
import http from 'k6/http'
export const options = $1
export default function () { http.get('$url', { timeout: '60s' }) }
END
}

# As many requests as go through, for so many seconds.
full_speed() {
  case $1 in
    kubsets) "$plugin" load "$url" --rate "closed:$connections" --max-rate none --duration "${seconds}s" --no-tty -o json ;;
    wrk) wrk -t1 "-c$connections" "-d${seconds}s" "$url" ;;
    wrk2) wrk2 -t1 "-c$connections" "-d${seconds}s" -R 1000000 "$url" ;;
    oha) oha --no-tui -c "$connections" -z "${seconds}s" "$url" ;;
    vegeta) echo "GET $url" | vegeta attack -rate 0 -max-workers "$connections" -duration "${seconds}s" | vegeta report ;;
    fortio) fortio load -quiet -qps 0 -c "$connections" -t "${seconds}s" "$url" ;;
    hey) hey -cpus 1 -c "$connections" -z "${seconds}s" "$url" ;;
    k6) k6_script "{ vus: $connections, duration: '${seconds}s' }" | k6 run --no-usage-report -q - ;;
  esac
}

# 100 requests a second for 10 s over at most 50 connections.
paced() {
  case $1 in
    kubsets) "$plugin" load "$url" --rate 100 -c 50 --duration 10s --timeout 60s --no-tty -o json ;;
    wrk2) wrk2 -t1 -c50 -d10s -R 100 --latency --timeout 60s "$url" ;;
    oha) oha --no-tui -c 50 -q 100 --latency-correction -z 10s -t 60s "$url" ;;
    vegeta) echo "GET $url" | vegeta attack -rate 100 -duration 10s -timeout 60s | vegeta report ;;
    fortio) fortio load -quiet -qps 100 -c 50 -t 10s -timeout 60s -p 90,99 "$url" ;;
    hey) hey -cpus 1 -c 50 -q 2 -z 10s -t 60 "$url" ;;
    k6) k6_script "{ summaryTrendStats: ['p(90)', 'p(99)'], scenarios: { load: { executor: 'constant-arrival-rate', rate: 100,
          timeUnit: '1s', duration: '10s', preAllocatedVUs: 50, maxVUs: 50, gracefulStop: '60s' } } }" |
      k6 run --no-usage-report -q - ;;
    *) return 64 ;;
  esac
}

# The number of answered requests in a tool's output.
count() {
  case $1 in
    kubsets) sed -n '/"accounting"/,/}/s/.*"ok": \([0-9]*\).*/\1/p' ;;
    wrk | wrk2) sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' ;;
    oha) sed -n 's/^ *\[200\] *\([0-9]*\) responses.*/\1/p' ;;
    vegeta) sed -n 's/^Requests .*\] *\([0-9]*\),.*/\1/p' ;;
    fortio) sed -n 's/^Code 200 : \([0-9]*\).*/\1/p' ;;
    hey) sed -n 's/^ *\[200\][^0-9]*\([0-9]*\) responses.*/\1/p' ;;
    k6) sed -n 's/^ *http_reqs[^0-9]*: \([0-9]*\) .*/\1/p' ;;
  esac | head -1
}

# The 90th or 99th percentile as a tool tells it, in milliseconds.
percentile() {
  case $1 in
    kubsets) sed -n '/"corrected": {/,/}/s/.*"p'"$2"'": \([0-9.]*\).*/\1 ms/p' ;;
    wrk2) sed -n 's/^ *'"$2"'\.000% *\([0-9.]*\)\([a-z]*\)/\1 \2/p' ;;
    oha | hey) sed -n 's/^ *'"$2"'[.0-9]*%%* in \([0-9.]*\) *\([a-z]*\).*/\1 \2/p' ;;
    vegeta) awk -F', *' -v at="$([ "$2" = 90 ] && echo 4 || echo 6)" '/^Latencies/ {sub(/.*\] */, ""); print $at}' |
      sed 's/^\([0-9.]*\)\(.*\)/\1 \2/' ;;
    fortio) sed -n 's/^# target '"$2"'% \(.*\)/\1 s/p' ;;
    k6) sed -n 's/^ *http_req_duration.*p('"$2"')=\([0-9.]*\)\([a-zµ]*\).*/\1 \2/p' ;;
  esac | head -1 | awk '{
    unit["us"] = unit["µs"] = 0.001; unit["ms"] = 1; unit["m"] = 60000
    unit["s"] = unit["sec"] = unit["secs"] = 1000
    if ($2 in unit) printf "%.1f", $1 * unit[$2]; else print "?"
  }'
}

throughput() {
  start_server
  echo "| tool | requests/s | CPU s of the generator | CPU s of the server | requests per CPU s of the generator |"
  echo "|---|---|---|---|---|"
  local round tool
  for round in $(seq "$rounds"); do
    for tool in $tools; do
      has "$tool" || continue
      local before after TIMEFORMAT='%U %S'
      before=$(cpu_of "$server_pid")
      export GOMAXPROCS=1
      taskset -cp "$generator_core" $BASHPID >/dev/null
      { time full_speed "$tool" >"$work/out" 2>"$work/err" </dev/null; } 2>"$work/time" || true
      after=$(cpu_of "$server_pid")
      awk -v name="$tool" -v n="$(count "$tool" <"$work/out")" -v s="$seconds" -v server="$(awk "BEGIN {print $after - $before}")" '
        n == "" {printf "| %s | ? | %.2f | %.2f | ? |\n", name, $1 + $2, server; next}
        {cpu = $1 + $2; printf "| %s | %.0f | %.2f | %.2f | %.0f |\n", name, n / s, cpu, server, cpu ? n / cpu : 0}' "$work/time"
    done
  done
}

# The server stops answering 6 s after the first request, until 16 s. All that is planned after 6 s, 400 of 1,000, is
# answered at 16 s: the slowest tenth, planned in the 7th second, takes 9 s and more.
stall() {
  echo "| tool | p90 told, truth 9000 ms | within 2 % |"
  echo "|---|---|---|"
  local tool told
  for tool in $tools; do
    has "$tool" && [ "$tool" != wrk ] || continue
    start_server 6 16
    taskset -cp "$generator_core" $BASHPID >/dev/null
    paced "$tool" >"$work/out" 2>&1 </dev/null || true
    told=$(percentile "$tool" 90 <"$work/out")
    awk -v name="$tool" -v told="$told" 'BEGIN {
      right = told >= 8820 && told <= 9180 ? "yes" : "no"
      printf "| %s | %s ms | %s |\n", name, told, right
    }'
  done
}

# The generator is stopped for 3 of 10 seconds; the server is fine. Whatever a tool measures then says nothing of the
# server, and a tool should say that.
freeze() {
  echo "| tool | p99 told | says that the run is spoiled | exit code |"
  echo "|---|---|---|---|"
  local tool status child said
  for tool in $tools; do
    has "$tool" && [ "$tool" != wrk ] || continue
    start_server
    set -m
    (taskset -cp "$generator_core" $BASHPID >/dev/null; paced "$tool" >"$work/out" 2>"$work/err" </dev/null) &
    child=$!
    set +m
    sleep 4
    kill -STOP -- "-$child"
    sleep 3
    kill -CONT -- "-$child"
    status=0
    wait "$child" || status=$?
    said=no
    if grep -qiE 'stood still|invalid|stall|fell behind|could not keep up' "$work/out" "$work/err" &&
      ! grep -q '"valid": true' "$work/out"; then said=yes; fi
    echo "| $tool | $(percentile "$tool" 99 <"$work/out") ms | $said | $status |"
  done
}

# The largest resident memory of our generator over many requests.
memory() {
  start_server
  local child peak=0 now
  (
    exec taskset -c "$generator_core" "$plugin" load "$url" --rate "closed:$connections" --max-rate none \
      --duration "${MEMORY_SECONDS:-120}s" --no-tty -o json >"$work/out" 2>/dev/null
  ) &
  child=$!
  while now=$(awk '/^VmHWM/ {print $2}' "/proc/$child/status" 2>/dev/null) && [ -n "$now" ]; do
    peak=$now
    sleep 0.25
  done
  wait "$child" || true
  local done
  done=$(count kubsets <"$work/out")
  echo "$done requests (wanted: $requests), largest resident memory $((peak / 1024)) MiB"
}

[ $# -gt 0 ] || set -- throughput stall freeze
if [ "$*" != build ] && ! { [ -x "$plugin" ] && [ -x "$server" ]; }; then
  cargo build --release --locked --workspace --bin kubectl-kubsets --example lean_server
fi
for part in "$@"; do
  case $part in
    build | throughput | stall | freeze | memory) "$part" ;;
    *) echo "unknown part: $part" >&2 && exit 2 ;;
  esac
done
