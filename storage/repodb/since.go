package repodb

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/storage/car"
	"troupe/storage/mst"
	"troupe/storage/sqlite"
)

// ExportSince writes the blocks that commits after rev brought in and that are
// still part of the repository, in tree order: none at all when rev is not older
// than the head.
func (r *Reader) ExportSince(ctx context.Context, w io.Writer, rev syntax.TID) error {
	root, ok, err := r.Root()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("repodb: export: %w", errors.New("the file is empty"))
	}
	out, err := car.NewWriter(w, root.Commit)
	if err != nil || root.Rev <= rev {
		return err
	}
	if err := out.Put(root.Commit, root.Block); err != nil {
		return err
	}
	d := difference{exporter{ctx: ctx, db: r, out: out}, revInt(rev)}
	return d.subtree(root.Data, 0)
}

// difference walks what is new in the tree. Nothing new lies below a node that
// is not: to change what a node leads to is to make another node.
type difference struct {
	exporter
	since int64
}

const (
	nodeSince   = `SELECT block FROM node WHERE cid = ? AND rev > ?`
	nodeThere   = `SELECT 1 FROM node WHERE cid = ?`
	recordSince = `SELECT block FROM record WHERE cid = ? AND rev > ? LIMIT 1`
)

func (d *difference) subtree(c cid.Cid, depth int) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	if depth > maxTreeDepth {
		return fmt.Errorf("%w: the tree is deeper than any key", sqlite.ErrCorrupt)
	}
	block, isNew, err := d.block(nodeSince, c)
	if err != nil {
		return err
	}
	if !isNew {
		return d.there(c)
	}
	if err := d.put(c, block); err != nil {
		return err
	}
	return mst.EachLink(block, func(link cid.Cid, isRecord bool) error {
		if !isRecord {
			return d.subtree(link, depth+1)
		}
		b, isNew, err := d.block(recordSince, link)
		if err != nil || !isNew {
			return err
		}
		return d.put(link, b)
	})
}

// block is what a CID stands for, if it came in after the rev.
func (d *difference) block(sql string, c cid.Cid) (block []byte, isNew bool, err error) {
	isNew, err = d.db.sql.One(sql, func(row *sqlite.Row) error {
		block = row.Blob(0)
		return nil
	}, c.Bytes(), d.since)
	return block, isNew, err
}

// there tells a node that is old from one that is lost.
func (d *difference) there(c cid.Cid) error {
	found, err := d.db.sql.One(nodeThere, func(*sqlite.Row) error { return nil }, c.Bytes())
	if err == nil && !found {
		err = fmt.Errorf("%w: tree node %s is missing", sqlite.ErrCorrupt, c)
	}
	return err
}
