package fsck

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/keys"
	"troupe/storage/logdb"
)

// trash is where deleted accounts wait to be unlinked.
const trash = ".trash"

// folders looks at names, owners and permissions of everything on disk.
func (c *check) folders(ctx context.Context, log *logdb.View) error {
	if c.DID != "" {
		dir := keys.ActorDir(c.Actors, c.DID)
		if !folderExists(dir) {
			return nil
		}
		c.hashed[filepath.Base(dir)] = c.DID
		return c.folder(ctx, log, dir)
	}
	if err := c.modes(); err != nil {
		return err
	}
	for did := range c.stories {
		c.hashed[filepath.Base(keys.ActorDir(c.Actors, did))] = did
	}
	shards, err := os.ReadDir(c.Actors)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, shard := range shards {
		path := filepath.Join(c.Actors, shard.Name())
		switch {
		case shard.Name() == trash:
		case shard.Name() == keys.ReservedDir:
			if err := c.modesOf(path); err != nil {
				return err
			}
		case !shard.IsDir():
			c.bad(RuleOrphan, c.at(path), "a file among the accounts' folders")
		default:
			c.mode(path, 0o077)
			if err := c.shard(ctx, log, path); err != nil {
				return err
			}
		}
	}
	return nil
}

// shard walks one of the 256 folders of folders.
func (c *check) shard(ctx context.Context, log *logdb.View, path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		page, err := dir.ReadDir(headPage)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, one := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.folder(ctx, log, filepath.Join(path, one.Name())); err != nil {
				return err
			}
		}
	}
}

// folder finds the account of a folder, and looks at the files in it.
func (c *check) folder(ctx context.Context, log *logdb.View, path string) error {
	c.count(func(s *Summary) { s.Folders++ })
	did, known := c.hashed[filepath.Base(path)]
	if !known && strings.HasPrefix(filepath.Base(path), "did:") {
		did, known = syntax.DID(filepath.Base(path)), true
	}
	switch {
	case !known:
		c.bad(RuleOrphan, c.at(path), "no account has this folder")
	case keys.ActorDir(c.Actors, did) != path:
		c.bad(RuleOrphan, c.of(did, path), "the account's folder is %s", c.at(keys.ActorDir(c.Actors, did)).File)
	case !c.stories[did]:
		if err := c.owner(ctx, log, did, path); err != nil {
			return err
		}
	}
	return c.modesOf(path)
}

// owner says whose folder it is not.
func (c *check) owner(ctx context.Context, log *logdb.View, did syntax.DID, path string) error {
	var head logdb.Head
	var found bool
	err := log.Read(ctx, func(r *logdb.Reader) (err error) {
		head, found, err = r.Head(did)
		return err
	})
	switch {
	case damaged(err) && ctx.Err() == nil:
		// The log's own check has said so.
	case err != nil:
		return err
	case !found:
		c.bad(RuleOrphan, c.of(did, path), "the log knows no such account, and nobody is making one")
	case sequencing.Status(head.Status) == sequencing.StatusDeleted:
		p := c.of(did, path)
		p.Seq = sequencing.Seq(head.Seq)
		c.bad(RuleOrphan, p, "the account is deleted, and nobody is deleting its folder")
	}
	return nil
}

// modes looks at what is not an account's.
func (c *check) modes() error {
	c.mode(c.Data, 0o022) // made by whoever set the server up; what is in it is closed
	for _, path := range []string{c.Sequencer, c.Accounts, c.DIDCache, c.LexiconCache} {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			c.mode(path+suffix, 0o077)
		}
	}
	c.mode(logdb.CeilingPath(c.Sequencer), 0o077)
	c.mode(c.Actors, 0o077)
	c.mode(filepath.Join(c.Actors, trash), 0o077)
	if c.vault != nil { // else it has been said
		c.mode(c.KEK, 0o077)
	}
	if rel, err := filepath.Rel(c.Data, filepath.Dir(c.KEK)); err == nil && filepath.IsLocal(rel) && rel != "." {
		c.mode(filepath.Dir(c.KEK), 0o077)
	}
	return nil
}

// modesOf looks at an account's folder and the files in it.
func (c *check) modesOf(path string) error {
	c.mode(path, 0o077)
	all, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		c.unseen(c.at(path), err)
		return nil
	}
	for _, one := range all {
		c.mode(filepath.Join(path, one.Name()), 0o077)
	}
	return nil
}

// mode looks at the permissions of one file or folder, if it is there.
func (c *check) mode(path string, forbidden fs.FileMode) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() == fs.ModeSymlink || info.Mode().Perm()&forbidden == 0 {
		return
	}
	want := "0600"
	if info.IsDir() {
		want = "0700"
	}
	c.bad(RuleMode, c.at(path), "mode %04o, want %s", info.Mode().Perm(), want)
}
