package account

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// A table is an immutable map in two levels of 64 branches. Changing a key
// copies one leaf, a 4096th of the entries, and the two arrays above it, so
// that every reader keeps the moment it looked at. The zero table is empty.
type table[K ~string, V any] struct {
	root *branch[branch[leaf[K, V]]]
	len  int
}

const fanout = 64

type (
	branch[T any]           [fanout]*T
	leaf[K ~string, V any]  []entry[K, V] // by key; a map has room for eight, however few it holds
	entry[K ~string, V any] struct {
		key   K
		value V
	}
	change[K ~string, V any] struct {
		key     K
		value   V
		present bool // false: the key goes
	}
)

// One seed for all tables: keys are names chosen by strangers.
var seed = maphash.MakeSeed()

func place[K ~string](key K) (i, j int) {
	h := maphash.String(seed, string(key))
	return int(h % fanout), int(h / fanout % fanout)
}

func (t table[K, V]) get(key K) (v V, ok bool) {
	i, j := place(key)
	l := t.leaf(i, j)
	at, ok := l.find(key)
	if ok {
		v = l[at].value
	}
	return v, ok
}

// leaf is the entries of one place.
func (t table[K, V]) leaf(i, j int) leaf[K, V] {
	if t.root == nil || t.root[i] == nil || t.root[i][j] == nil {
		return nil
	}
	return *t.root[i][j]
}

// with returns the table after the changes, in their order. What one call
// touches several times it copies once.
func (t table[K, V]) with(changes []change[K, V]) table[K, V] {
	if len(changes) == 0 {
		return t
	}
	next := table[K, V]{root: new(branch[branch[leaf[K, V]]]), len: t.len}
	if t.root != nil {
		*next.root = *t.root
	}
	var own branch[branch[bool]] // what was copied already
	for _, c := range changes {
		i, j := place(c.key)
		if own[i] == nil {
			own[i] = new(branch[bool])
			fresh := new(branch[leaf[K, V]])
			if old := next.root[i]; old != nil {
				*fresh = *old
			}
			next.root[i] = fresh
		}
		mid := next.root[i]
		if own[i][j] == nil {
			own[i][j] = new(bool)
			mid[j] = mid[j].clone()
		}
		before := len(*mid[j])
		mid[j].apply(c)
		next.len += len(*mid[j]) - before
	}
	return next
}

func (l leaf[K, V]) find(key K) (at int, ok bool) {
	return slices.BinarySearchFunc(l, key, func(e entry[K, V], key K) int { return cmp.Compare(e.key, key) })
}

func (l *leaf[K, V]) apply(c change[K, V]) {
	at, ok := l.find(c.key)
	switch {
	case ok && c.present:
		(*l)[at].value = c.value
	case ok:
		*l = slices.Delete(*l, at, at+1)
	case c.present:
		*l = slices.Insert(*l, at, entry[K, V]{c.key, c.value})
	}
}

func (l *leaf[K, V]) clone() *leaf[K, V] {
	var fresh leaf[K, V]
	if l != nil {
		fresh = slices.Clone(*l)
	}
	return &fresh
}
