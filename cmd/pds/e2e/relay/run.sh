#!/usr/bin/env bash
# Runs the relay of the indigo project against this server and compares the two
# firehoses event by event; see doc.go. Needs Go, a C compiler (the relay's
# database driver) and sqlite3. Not part of .ci/run.
#
#   cmd/pds/e2e/relay/run.sh [-for 2m] [-accounts 64] …   flags of the program
#
# PORT is the first of five ports (default 27500). RELAY is a relay that was
# built before; without it one is installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
version=v0.0.0-20260818202247-4b983a7e86c8
port=${PORT:-27500}
pds=$port plc=$((port + 1)) relay=$((port + 2)) metrics=$((port + 3)) pdsmetrics=$((port + 4))
dir=$(mktemp -d "${TMPDIR:-/tmp}/relay.XXXXXX")
started=()

finish() {
	for p in "${started[@]}"; do kill "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
}
trap finish EXIT

die() { echo "run.sh: $*" >&2; exit 2; }

# await WHAT COMMAND…: until it succeeds, for half a minute.
await() {
	local what=$1
	shift
	for _ in $(seq 300); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	die "$what did not happen; see $dir"
}

if [ -z "${RELAY:-}" ]; then
	echo "installing the relay: a few minutes the first time"
	GOBIN="$dir" go install "github.com/bluesky-social/indigo/cmd/relay@$version"
	RELAY=$dir/relay
fi
(cd "$root" && go build -o "$dir/pds" ./cmd/pds && go build -o "$dir/compare" ./cmd/pds/e2e/relay)

"$dir/pds" dev --port "$pds" --plc-port "$plc" --metrics "127.0.0.1:$pdsmetrics" --data "$dir/dev" >"$dir/pds.log" 2>&1 &
server=$!
started+=($server)
await "the server's start" grep -q 'accounts: alice' "$dir/pds.log"

# Once to make its database: it refuses localhost by requestCrawl, so the host
# is written where the relay would have.
serve_relay() {
	RELAY_ADMIN_PASSWORD=relay "$RELAY" --plc-host "http://localhost:$plc" serve --db-url "sqlite://$dir/relay.sqlite" \
		--persist-dir "$dir/persist" --bind "127.0.0.1:$relay" --metrics-listen "127.0.0.1:$metrics" >>"$dir/relay.log" 2>&1 &
	peer=$!
}
serve_relay
started+=($peer)
await "the relay's first start" curl -sf "http://127.0.0.1:$relay/xrpc/_health"
kill "$peer"
wait "$peer" || true
sqlite3 "$dir/relay.sqlite" "INSERT INTO host(created_at,updated_at,hostname,no_ssl,account_limit,trusted,status,last_seq,account_count)
	VALUES(datetime('now'),datetime('now'),'localhost:$pds',1,1000000,1,'active',-1,0)"
serve_relay
started+=($peer)
await "the relay's start" curl -sf "http://127.0.0.1:$relay/xrpc/_health"
await "the relay's subscription" bash -c "curl -sf 'http://127.0.0.1:$pdsmetrics/metrics' | grep -q '^troupe_firehose_connections [1-9]'"

failed=0
"$dir/compare" -pds "http://localhost:$pds" -relay "http://127.0.0.1:$relay" "$@" || failed=$?

# The last two mean that nothing was verified at all.
for line in 'failed verification' 'dropping' 'miss-matching' 'failed to invert' 'failed to load identity' 'skipping commit signature validation'; do
	n=$(grep -c -- "$line" "$dir/relay.log" || true)
	echo "relay's log, '$line': $n"
	[ "$n" = 0 ] || failed=1
done

kill "$server"
wait "$server" || true
"$dir/pds" fsck --quiet --data "$dir/dev/data" || failed=$?

if [ "$failed" = 0 ]; then
	finish
	rm -rf "$dir"
	echo PASS
else
	echo "FAIL; logs and data are in $dir"
fi
exit "$failed"
