package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"

	"github.com/bluesky-social/indigo/atproto/repo"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"
)

// head is what a server says an account's newest commit is.
type head struct {
	DID    syntax.DID `json:"did"`
	Head   string     `json:"head"` // listRepos
	CID    string     `json:"cid"`  // getLatestCommit
	Rev    syntax.TID `json:"rev"`
	Active bool       `json:"active"`
	Status string     `json:"status"`
}

// export is a repository that was read from scratch.
type export struct {
	commit  *repo.Commit
	cid     cid.Cid
	content map[string]cid.Cid
}

// Repos exports every repository and compares it with everything else that the
// server says about it. quiet: nobody writes meanwhile, so that all must be
// equal; otherwise an export may be newer than the events.
func (a *Auditor) Repos(ctx context.Context, quiet bool) error {
	cursor := ""
	for {
		q := url.Values{"limit": {"1000"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		var page struct {
			Cursor string `json:"cursor"`
			Repos  []head `json:"repos"`
		}
		if err := a.getJSON(ctx, "com.atproto.sync.listRepos", q, &page); err != nil {
			return fmt.Errorf("listRepos: %w", err)
		}
		for _, row := range page.Repos {
			err := a.repo(ctx, row, quiet)
			if said := (statusError{}); errors.As(err, &said) {
				a.Findings = append(a.Findings, Finding{Rule: RuleHead, DID: row.DID, What: err.Error()})
			} else if err != nil {
				return fmt.Errorf("%s: %w", row.DID, err)
			}
		}
		if cursor = page.Cursor; cursor == "" || len(page.Repos) == 0 {
			return nil
		}
	}
}

func (a *Auditor) repo(ctx context.Context, row head, quiet bool) error {
	var f findings
	defer func() { a.report(Event{DID: row.DID}, f) }()
	a.checkStatus(ctx, &f, row)
	if !row.Active {
		return nil
	}
	q := url.Values{"did": {row.DID.String()}}
	var before, after head
	if err := a.getJSON(ctx, "com.atproto.sync.getLatestCommit", q, &before); err != nil {
		return fmt.Errorf("getLatestCommit: %w", err)
	}
	body, err := a.get(ctx, "com.atproto.sync.getRepo", q)
	if err != nil {
		return fmt.Errorf("getRepo: %w", err)
	}
	x, n := readExport(ctx, &f, row.DID, body, a.keys)
	body.Close()
	a.Exports++
	a.Records += n
	if x == nil {
		return nil
	}
	if err := a.getJSON(ctx, "com.atproto.sync.getLatestCommit", q, &after); err != nil {
		return fmt.Errorf("getLatestCommit: %w", err)
	}
	rev := syntax.TID(x.commit.Rev)
	switch {
	case rev < before.Rev || rev > after.Rev:
		f.add(RuleHead, "export of rev %s, getLatestCommit said %s before and %s after", rev, before.Rev, after.Rev)
	case rev == before.Rev && before.CID != x.cid.String():
		f.add(RuleHead, "export of %s, getLatestCommit says %s at the same rev", x.cid, before.CID)
	case quiet && before != after:
		f.add(RuleHead, "getLatestCommit moved from %s to %s", before.Rev, after.Rev)
	}
	if rev < row.Rev || rev == row.Rev && row.Head != x.cid.String() || quiet && rev != row.Rev {
		f.add(RuleHead, "export of %s rev %s, listRepos says %s rev %s", x.cid, rev, row.Head, row.Rev)
	}
	a.compare(&f, row.DID, x, quiet)
	return a.sample(ctx, &f, row.DID, x, quiet)
}

// readExport reads a whole repository: signed, complete, canonical, nothing
// missing and nothing that is not part of it.
func readExport(ctx context.Context, f *findings, did syntax.DID, r io.Reader, keys Keys) (_ *export, records int) {
	defer func() {
		if p := recover(); p != nil { // as in checkCommit
			f.add(RuleExport, "unreadable: %v", p)
		}
	}()
	car, err := readCAR(r)
	if err != nil {
		f.add(RuleExport, "%v", err)
		return nil, 0
	}
	commit, err := car.commit()
	if err != nil {
		f.add(RuleExport, "commit: %v", err)
		return nil, 0
	}
	if commit.DID != did.String() {
		f.add(RuleExport, "of %s", commit.DID)
	}
	checkSignature(ctx, f, keys, commit)
	tree, err := car.tree(commit.Data)
	if err != nil {
		f.add(RuleExport, "tree: %v", err)
		return nil, 0
	}
	if tree.IsPartial() {
		f.add(RuleExport, "the tree is not complete")
		return nil, 0
	}
	x := &export{commit, car.root, map[string]cid.Cid{}}
	if err := tree.WriteToMap(x.content); err != nil {
		f.add(RuleExport, "tree: %v", err)
		return nil, 0
	}
	for path, c := range x.content {
		collection, _, err := syntax.ParseRepoPath(path)
		b, ok := car.take(c)
		switch {
		case err != nil:
			f.add(RuleExport, "path %q: %v", path, err)
		case !ok:
			f.add(RuleExport, "the record of %s is missing", path)
		default:
			if err := checkRecord(b, collection.String()); err != nil {
				f.add(RuleRecord, "%s: %v", path, err)
			}
		}
	}
	if n, first := car.unneeded(); n > 0 {
		f.add(RuleExport, "%d blocks that are not part of it, first %s", n, first)
	}
	return x, len(x.content)
}

// compare holds an export against the events.
func (a *Auditor) compare(f *findings, did syntax.DID, x *export, quiet bool) {
	h := a.accounts[did]
	if h == nil || h.rev == "" {
		if a.complete && quiet {
			f.add(RuleHead, "no event of this repository")
		}
		return
	}
	rev := syntax.TID(x.commit.Rev)
	switch {
	case rev < h.rev:
		f.add(RuleHead, "export of rev %s, the firehose was at %s", rev, h.rev)
	case rev > h.rev && quiet:
		f.add(RuleHead, "export of rev %s, the firehose ended at %s", rev, h.rev)
	case rev == h.rev && x.cid != h.cid:
		f.add(RuleHead, "export of %s, the event of rev %s said %s", x.cid, rev, h.cid)
	case rev == h.rev && h.content != nil && !maps.Equal(x.content, h.content):
		f.add(RuleContent, "%s", difference(h.content, x.content))
	}
}

// difference names the first path that is not the same.
func difference(want, got map[string]cid.Cid) string {
	paths := slices.Sorted(maps.Keys(want))
	paths = append(paths, slices.Sorted(maps.Keys(got))...)
	for _, p := range paths {
		if want[p] != got[p] {
			return fmt.Sprintf("%s is %s by the events and %s in the export (of %d and %d records)", p, want[p], got[p], len(want), len(got))
		}
	}
	return "equal"
}

// sample reads a few records through the other door.
func (a *Auditor) sample(ctx context.Context, f *findings, did syntax.DID, x *export, quiet bool) error {
	paths := slices.Sorted(maps.Keys(x.content))
	if !quiet || len(paths) == 0 {
		return nil
	}
	for _, p := range slices.Compact([]string{paths[0], paths[len(paths)/2], paths[len(paths)-1]}) {
		collection, rkey, err := syntax.ParseRepoPath(p)
		if err != nil {
			continue // found before
		}
		var got struct {
			CID string `json:"cid"`
		}
		err = a.getJSON(ctx, "com.atproto.repo.getRecord", url.Values{
			"repo": {did.String()}, "collection": {collection.String()}, "rkey": {rkey.String()},
		}, &got)
		if said := (statusError{}); errors.As(err, &said) {
			f.add(RuleHead, "getRecord of %s: %v", p, err)
			continue
		}
		if err != nil {
			return err
		}
		if got.CID != x.content[p].String() {
			f.add(RuleHead, "getRecord of %s says %s, the export %s", p, got.CID, x.content[p])
		}
	}
	return nil
}

func (a *Auditor) checkStatus(ctx context.Context, f *findings, row head) {
	var status head
	if err := a.getJSON(ctx, "com.atproto.sync.getRepoStatus", url.Values{"did": {row.DID.String()}}, &status); err != nil {
		f.add(RuleHead, "getRepoStatus: %v", err)
		return
	}
	if status.Active != row.Active || status.Status != row.Status {
		f.add(RuleHead, "getRepoStatus says active=%v %q, listRepos active=%v %q", status.Active, status.Status, row.Active, row.Status)
	}
	if h := a.accounts[row.DID]; h != nil && h.status != "" && (h.status == active) != row.Active {
		f.add(RuleHead, "listRepos says active=%v, the firehose %s", row.Active, h.status)
	}
}

func (a *Auditor) getJSON(ctx context.Context, nsid string, q url.Values, v any) error {
	body, err := a.get(ctx, nsid, q)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(v)
}
