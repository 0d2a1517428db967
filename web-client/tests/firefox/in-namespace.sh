#!/usr/bin/env bash
# Runs a command in a network namespace of its own. Firefox sends no
# connectivity checks to the loopback, so there is an address beside it.
set -euo pipefail

unshare=(unshare --net)
if [[ "$(id -u)" != 0 ]]; then
  unshare+=(--user --map-root-user)
fi
exec "${unshare[@]}" bash -euo pipefail -c '
  ip link set lo up
  ip link add outside type veth peer name inside
  ip addr add 10.9.0.1/24 dev outside
  ip link set outside up
  ip link set inside up
  ip route add default via 10.9.0.2
  exec "$@"
' _ "$@"
