package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// scenario is one kind of load.
type scenario struct {
	name    string
	help    string
	usual   bool // part of the set that is run when none is named
	cold    bool // wants a server that keeps few accounts awake
	started bool // only possible with a server that the run started
	bytes   bool // of bodies matter: MB/s are shown
	unit    string
	run     func(ctx context.Context, t *target, o Options) (tally, error)
}

// scenarios is every load, in the order in which they run: the firehose is
// replayed last, when the others have filled it.
var scenarios = []scenario{
	{name: "create-record", usual: true, help: "createRecord, spread over all accounts", run: createRecord},
	{name: "create-record-one", usual: true, help: "createRecord by one client", run: createRecordOne},
	{name: "create-record-hot", usual: true, help: "createRecord by all workers in one account; each record is proved afterwards", run: createRecordHot},
	{name: "apply-writes-10", help: "applyWrites of 10 creates", run: applyWrites(10)},
	{name: "apply-writes-200", usual: true, help: "applyWrites of 200 creates", run: applyWrites(200)},
	{name: "put-record", help: "putRecord over records that exist", run: putRecord},
	{name: "delete-record", help: "deleteRecord of records that exist", run: deleteRecord},
	{name: "get-record", usual: true, help: "getRecord, spread over all accounts", run: getRecord},
	{name: "list-records", help: "listRecords, pages of 50", run: listRecords},
	{name: "describe-repo", help: "describeRepo", run: describeRepo},
	{name: "resolve-handle", help: "resolveHandle of handles of the server", run: resolveHandle},
	{name: "get-latest-commit", help: "getLatestCommit", run: getLatestCommit},
	{name: "list-repos", help: "listRepos, pages of 500", run: listRepos},
	{name: "get-session", help: "getSession: the price of a token", run: getSession},
	{name: "proxy", started: true, help: "a query that goes to an app view, beside the same query asked there directly, by 1, 64 and 512 clients", run: proxied},
	{name: "create-session", unit: "sessions", help: "createSession: a password is hashed", run: createSession},
	{name: "create-account", unit: "accounts", help: "createAccount, with a PLC operation", run: createAccount},
	{name: "get-repo", usual: true, bytes: true, unit: "exports", help: "getRepo of one large repository by two readers", run: getRepo},
	{name: "import-repo", bytes: true, unit: "records", help: "importRepo of that repository into new accounts, one at a time", run: importRepo},
	{name: "upload-blob", bytes: true, help: "uploadBlob of 1 MB each", run: uploadBlob},
	{name: "get-blob", bytes: true, help: "getBlob of 1 MB each", run: getBlob},
	{name: "cold-read", cold: true, help: "getRecord in accounts that are asleep", run: coldRead},
	{name: "cold-write", cold: true, help: "createRecord in accounts that are asleep", run: coldWrite},
	{name: "disk-per-post", unit: "posts", help: "createRecord, and everything that is written later because of it", run: diskPerPost},
	{name: "empty-account", started: true, unit: "accounts", help: "what a new account takes on the disk", run: emptyAccount},
	{name: "awake-account", unit: "accounts", help: "memory for each account that is read from, up to 1000", run: awakeAccount},
	{name: "start-up", started: true, unit: "starts", help: "start to healthy, and memory at rest, with --hosted accounts", run: startUp},
	{name: "firehose-fanout", usual: true, help: "paced writes and their lag at every subscriber", run: firehosePaced},
	{name: "firehose-flat", help: "writes as fast as they go, deliveries a second", run: firehoseFlat},
	{name: "firehose-crowd", help: "paced writes in turns without and with a crowd of subscribers: does it delay them?", run: firehoseCrowd},
	{name: "firehose-backfill", bytes: true, unit: "events", help: "the whole firehose from cursor 0 to one subscriber", run: firehoseBackfill},
}

// choose finds scenarios by name; "all" is every one, no name the usual ones.
func choose(names []string) ([]scenario, error) {
	var chosen []scenario
	for _, s := range scenarios {
		if slices.Contains(names, s.name) || slices.Contains(names, "all") || len(names) == 0 && s.usual {
			chosen = append(chosen, s)
		}
	}
	for _, n := range names {
		if n != "all" && !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == n }) {
			return nil, fmt.Errorf("there is no scenario %q; there are: all, %s", n, strings.Join(Names(), ", "))
		}
	}
	return chosen, nil
}

// Names lists every scenario.
func Names() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// Describe lists every scenario with what it does; * marks the usual ones.
func Describe() string {
	var b strings.Builder
	for _, s := range scenarios {
		mark := " "
		if s.usual {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-18s %s\n", mark, s.name, s.help)
	}
	return b.String()
}
