package repodb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"

	"troupe/storage/mst"
	"troupe/storage/sqlite"
)

// Problem is one broken invariant of a file.
type Problem struct{ What string }

func (p Problem) String() string { return p.What }

// Check verifies a file against itself: the tree is well formed and complete,
// every node and record is what its CID says, the record table holds exactly
// what the tree names, and what points at records points at ones that exist.
// It reads everything; err is for what kept it from looking.
func (r *Reader) Check(ctx context.Context) (problems []Problem, err error) {
	root, ok, err := r.Root()
	if err != nil || !ok {
		return nil, err
	}
	c := &checker{ctx: ctx, r: r}
	if sum := sha256.Sum256(root.Block); string(root.Commit.Hash()[2:]) != string(sum[:]) {
		c.add("the commit block does not match the commit's CID")
	}
	if err := c.importTables(root); err != nil {
		return c.problems, err
	}
	if err := c.preferences(); err != nil {
		return c.problems, err
	}
	if err := c.tree(root); err != nil {
		return c.problems, err
	}
	if err := c.pointers(); err != nil || len(c.problems) > 0 {
		return c.problems, err // a row that is missing is missing from the counts too
	}
	have, err := r.counted()
	if err == nil && have != root.Counts {
		c.add("the root counts %+v, there are %+v", root.Counts, have)
	}
	return c.problems, err
}

type checker struct {
	ctx      context.Context
	r        *Reader
	problems []Problem
}

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, Problem{fmt.Sprintf(format, args...)})
}

const countRows = `SELECT (SELECT count(*) FROM node), (SELECT count(*) FROM record)`

// tree walks the whole tree beside the record table.
func (c *checker) tree(root Root) error {
	scan, err := newRecordScan(c.r)
	if err != nil {
		return err
	}
	nodes, records := 0, 0
	err = mst.Load(root.Data, nodeSource{c.r}).Preorder(func(s mst.Step) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if s.Node != nil {
			nodes++
			return nil
		}
		records++
		b, err := scan.next(s.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Key, err)
		}
		return verify(s.Value, b)
	})
	switch {
	case errors.Is(err, mst.ErrMissing), errors.Is(err, mst.ErrInvalid), errors.Is(err, sqlite.ErrCorrupt):
		c.add("tree: %v", err)
		return nil // what follows would only repeat it
	case err != nil:
		return err
	}
	_, err = c.r.sql.One(countRows, func(row *sqlite.Row) error {
		if n := int(row.Int64(0)); n != nodes {
			c.add("%d nodes are stored, the tree has %d", n, nodes)
		}
		if n := int(row.Int64(1)); n != records {
			c.add("%d records are stored, the tree has %d", n, records)
		}
		return nil
	})
	return err
}

// nodeSource reads the tree from the tables.
type nodeSource struct{ r *Reader }

func (s nodeSource) Node(c cid.Cid) ([]byte, error) {
	b, found, err := s.r.Node(c)
	if err == nil && !found {
		err = mst.ErrMissing
	}
	return b, err
}

const (
	strayBlobs  = `SELECT count(*) FROM record_blob b WHERE NOT EXISTS (SELECT 1 FROM record r WHERE r.collection = b.collection AND r.rkey = b.rkey)`
	unheldBlobs = `SELECT count(*) FROM blob b WHERE state = 0 AND NOT EXISTS (SELECT 1 FROM record_blob r WHERE r.blob_cid = b.cid)`
	heldBlobs   = `SELECT count(*) FROM blob b WHERE state = 1 AND state > 0 AND EXISTS (SELECT 1 FROM record_blob r WHERE r.blob_cid = b.cid)`
	freedBlobs  = `SELECT count(*) FROM blob WHERE state = 4 AND state > 0 AND takedown_ref IS NULL`
	oddBlobs    = `SELECT count(*) FROM blob WHERE state NOT BETWEEN 0 AND 4`
)

// pointers counts rows that point at nothing. A record may point at a blob
// without a row: that is what an import leaves until the owner uploads it.
func (c *checker) pointers() error {
	for _, q := range []struct{ sql, what string }{
		{strayBlobs, "blob references belong to no record"},
		{unheldBlobs, "permanent blobs are referenced by no record"},
		{heldBlobs, "blobs are referenced by records and not permanent"},
		{freedBlobs, "blobs are banned and not taken down"},
		{oddBlobs, "blobs are in no known state"},
	} {
		_, err := c.r.sql.One(q.sql, func(row *sqlite.Row) error {
			if n := row.Int64(0); n > 0 {
				c.add("%d %s", n, q.what)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
