#!/usr/bin/env bash
# Builds the services for musl, where that target and its C compiler are installed, and puts them in place of the dynamic
# ones in the folder given: static programs need no library in their image. Elsewhere it changes nothing.
set -euo pipefail
out=$1 target=${STATIC_TARGET:-$(uname -m)-unknown-linux-musl}
services=(demo-app worker migrator heartbeat node-agent)

[ -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ] || exit 0
case $target in *-musl) command -v musl-gcc >/dev/null || exit 0 ;; esac
if ! cargo build --release --locked --target "$target" "${services[@]/#/--package=}" --bins; then
  echo "static-services: $target is installed but does not build the services; they stay dynamic" >&2
  exit 0
fi
for service in "${services[@]}"; do
  install -m 0755 "$(dirname "$out")/$target/release/$service" "$out/$service"
done
