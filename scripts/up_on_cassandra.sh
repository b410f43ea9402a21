#!/usr/bin/env bash
# Runs the shop on a real Apache Cassandra node of its own: starts the node, then the shop, and ends both in order.
# Everything stays under .store/cassandra; arguments go to `store up`. Needs Java 17+, and Maven for the first start.
set -euo pipefail
cd "$(dirname "$0")/.."

missing() { printf 'error: %s\n       %s\n' "$1" "$2" >&2; exit 2; }

command -v java >/dev/null || missing "Cassandra needs Java 17 or newer, and there is no java." \
    "Install it (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk@17)."
[ -d .store/cassandra/jars-5.0.9 ] || command -v mvn >/dev/null || missing \
    "Maven fetches Cassandra once, and there is no mvn." "Install it (apt install maven; brew install maven)."

node=infra/cassandra/node.sh
echo "Starting Cassandra (the first time it is fetched, too: about a minute)" >&2
"$node" fetch
trap '"$node" stop' EXIT
"$node" up
STORE_DATABASE="cassandra://127.0.0.1:${CASS_CQL_PORT:-9042}/?dc=datacenter1" \
    .venv/bin/store up --data .store/cassandra/shop "$@"
