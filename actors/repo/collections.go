package repo

import (
	"strings"

	"github.com/bluesky-social/indigo/atproto/syntax"

	"troupe/sequencing"
	"troupe/storage/mst"
)

// collections follows which collections a commit brings in or leaves empty. All
// of a collection's keys stand side by side in the tree, so whether there are any
// shows beside any one of them. What is asked here lies on ways that the edit and
// the commit's proof go anyway.
type collections []touched

// touched is a collection in which the commit changes something.
type touched struct {
	nsid    syntax.NSID
	was     bool   // held records before
	created bool   // the commit adds one
	deleted string // a key that the commit takes out, or ""
}

// create notes a key that is about to come in at its place.
func (c *collections) create(nsid syntax.NSID, at mst.Place) {
	t := c.of(nsid)
	if !t.created && t.deleted == "" {
		t.was = shows(at, nsid)
	}
	t.created = true
}

// delete notes a key that goes out.
func (c *collections) delete(nsid syntax.NSID, key string) {
	t := c.of(nsid)
	if !t.created {
		t.was = true
	}
	t.deleted = key
}

func (c *collections) of(nsid syntax.NSID) *touched {
	for i := range *c {
		if (*c)[i].nsid == nsid {
			return &(*c)[i]
		}
	}
	*c = append(*c, touched{nsid: nsid})
	return &(*c)[len(*c)-1]
}

// changes tells which collections tree, made by the commit, has come to hold or
// holds no longer.
func (c collections) changes(tree *mst.Tree) (changed []sequencing.Collection, err error) {
	for _, t := range c {
		now := t.created
		if !now {
			at, err := tree.Place(t.deleted)
			if err != nil {
				return nil, err
			}
			now = shows(at, t.nsid)
		}
		if now != t.was {
			changed = append(changed, sequencing.Collection{NSID: t.nsid, Present: now})
		}
	}
	return changed, nil
}

// shows reports whether a key of the collection stands beside the place of
// another one that is not there.
func shows(at mst.Place, nsid syntax.NSID) bool {
	return within(at.Left, nsid) || within(at.Right, nsid)
}

func within(key string, nsid syntax.NSID) bool {
	rest, ok := strings.CutPrefix(key, string(nsid))
	return ok && strings.HasPrefix(rest, "/")
}
