#!/usr/bin/env bash
# Tries the API of a running server against its own description.
# usage: tests/schemathesis.sh FOLDER-OF-SCHEMATHESIS QUIETROOM
set -euo pipefail
tool=$1 quietroom=$2
config=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/schemathesis.toml
folder=$(mktemp -d)
server=
trap '[[ -z "$server" ]] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT

cat >"$folder/quietroom.toml" <<SETTINGS
[http]
listen = "127.0.0.1:0"
[media]
port = 0
workers = 1
[metrics]
listen = ""
[store]
path = "$folder/store"
key_file = "$folder/key"
[api]
requests_per_second = 60000
request_burst = 60000
[limits]
joins_per_second = 60000
join_burst = 60000
SETTINGS
"$quietroom" store-key create "$folder/key" >/dev/null
key=$("$quietroom" api-key create --config "$folder/quietroom.toml" --name test \
	--scope sessions:read --scope sessions:write \
	--scope participants:read --scope participants:write 2>/dev/null)
"$quietroom" serve --config "$folder/quietroom.toml" >"$folder/ready" 2>"$folder/log" &
server=$!
for _ in $(seq 300); do
	grep -q http:// "$folder/ready" && break
	kill -0 "$server"
	sleep 0.1
done
address=$(grep -oE 'http://[a-z0-9.:]+' "$folder/ready")

cd "$folder"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tool "$tool/bin/schemathesis" \
	--config-file "$config" --no-color run "$address/v1/openapi.json" \
	--header "Authorization: Bearer $key" --workers 1 --request-timeout 30 || {
	status=$?
	tail -n 20 "$folder/log" >&2
	exit "$status"
}
