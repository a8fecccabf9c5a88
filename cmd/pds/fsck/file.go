package fsck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
	"troupe/storage/keys"
	"troupe/storage/repodb"
	"troupe/storage/sqlite"
)

// file is what an account's store.sqlite turned out to be.
type file struct {
	view    *repodb.View
	root    repodb.Root
	there   bool // the file holds a commit
	trusted bool // root may be compared with the log
	torn    bool // SQLite has said what is wrong with it
	whole   bool // and the tables are what the commit says
	traces  traces

	collections []syntax.NSID // that hold records
}

func (f *file) close() {
	if f.view != nil {
		_ = f.view.Close()
	}
	f.traces.remove()
}

func folderExists(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

// readKeys opens the keys in the account's folder.
func (a *account) readKeys() (err error) {
	if a.vault == nil {
		return nil
	}
	if a.keys, err = a.vault.Inspect(a.dir, a.head.DID); err != nil {
		return err
	}
	for _, k := range a.keys {
		switch {
		case k.Err != nil:
			a.bad(RuleKey, a.place(k.Name, 0), "%s", strings.TrimPrefix(k.Err.Error(), "keys: "))
		case !k.Sealed:
			a.note(a.place(k.Name, 0), "not sealed yet; it will be when the account is next awake")
		}
	}
	if _, usable := a.signer(); !usable && !a.has("key") {
		a.bad(RuleKey, a.place("key", 0), "there is no signing key")
	}
	return nil
}

func (a *account) has(name string) bool {
	_, err := os.Lstat(filepath.Join(a.dir, name))
	return err == nil
}

// readFile checks store.sqlite against itself.
func (a *account) readFile(ctx context.Context) error {
	path := filepath.Join(a.dir, repodb.FileName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		a.file.trusted = true // an empty one, as far as the log is concerned
		return nil
	}
	a.file.traces.watch(path)
	view, err := repodb.OpenView(ctx, a.dir, a.head.DID, repodb.Options{})
	if err == nil {
		a.file.view = view
		err = view.Read(ctx, func(r *repodb.Reader) error { return a.inspect(ctx, r) })
	}
	switch {
	case err == nil, a.file.torn:
	case errors.Is(err, sqlite.ErrUnmade):
		a.file.trusted = true // made, and nothing was ever applied to it
	case ctx.Err() != nil:
		return err
	case damaged(err), errors.Is(err, repodb.ErrWrongAccount):
		a.bad(RuleStore, a.place(repodb.FileName, 0), "%v", err)
	default:
		a.unseen(a.place(repodb.FileName, 0), err)
	}
	a.count(func(s *Summary) { s.Files++ })
	return nil
}

func (a *account) inspect(ctx context.Context, r *repodb.Reader) error {
	complaints, err := r.Integrity()
	if err != nil {
		return err
	}
	if len(complaints) > 0 {
		a.file.torn = true
		a.bad(RuleStore, a.place(repodb.FileName, 0), "%s", together(complaints))
		return nil
	}
	root, ok, err := r.Root()
	if err != nil {
		return err
	}
	a.file.root, a.file.there = root, ok
	if !ok {
		a.file.trusted = true
		return nil
	}
	place := a.place(repodb.FileName, root.Seq)
	if root.DID != a.head.DID {
		return fmt.Errorf("%w: %s", repodb.ErrWrongAccount, root.DID)
	}
	commit, err := readRoot(root)
	if err != nil {
		a.bad(RuleHead, place, "commit %s: %v", root.Commit, err)
		return nil
	}
	a.file.trusted = true
	if k, usable := a.signer(); usable {
		if err := commit.Verify(k.Public); err != nil {
			a.bad(RuleSignature, place, "commit %s: %s", root.Commit, a.whoSigned(commit))
			a.events.unsigned = true
		}
	}
	if a.file.collections, err = r.Collections(); err != nil {
		return err
	}
	problems, err := r.Check(ctx)
	for _, p := range problems {
		a.bad(RuleStore, place, "%s", p)
	}
	a.file.whole = err == nil && len(problems) == 0
	return err
}

// readRoot decodes the commit of a root row and compares the two.
func readRoot(root repodb.Root) (signed, error) {
	if dag.Sum(root.Block) != root.Commit {
		return signed{}, errors.New("the block has another hash")
	}
	c, err := readCommit(root.Block)
	if err != nil {
		return signed{}, err
	}
	return c, c.matches(root.DID, root.Rev, root.Data)
}

// whoSigned says what is wrong with a signature that the account's key does
// not verify.
func (a *account) whoSigned(c signed) string {
	for _, k := range a.keys {
		if k.Err == nil && !k.Signs() && c.Verify(k.Public) == nil {
			return fmt.Sprintf("signed with %s, which is not the account's key now", k.Name)
		}
	}
	return "the account's key does not verify the signature"
}

// verifies says whether any key of the account, present or replaced, made a signature.
// Without a usable key of its own nothing can be said, and that has been said.
func (a *account) verifies(c signed) bool {
	_, usable := a.signer()
	return !usable || slices.ContainsFunc(a.keys, func(k keys.Held) bool { return k.Err == nil && c.Verify(k.Public) == nil })
}

// holds looks for nodes that the log says the file has.
func (a *account) holds(ctx context.Context, nodes map[cid.Cid]int64) error {
	if !a.file.whole || a.file.view == nil {
		return nil
	}
	return a.file.view.Read(ctx, func(r *repodb.Reader) error {
		for c, seq := range nodes {
			_, found, err := r.Node(c)
			if err != nil {
				return err
			}
			if !found {
				a.bad(RuleEffects, a.logged(seq), "node %s, which came in here and never went out, is not in the file", c)
			}
		}
		return nil
	})
}
