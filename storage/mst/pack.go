package mst

import (
	"crypto/sha256"

	"troupe/storage/car"
)

// pack collects nodes, parents before their children, and makes blocks of them
// that share one array: a commit's worth of nodes is one allocation.
type pack struct {
	nodes []*node
	size  int // more bytes than their encodings take
}

func (p *pack) add(n *node) {
	if p.nodes == nil {
		p.nodes = make([]*node, 0, 12) // few commits and no path have more
	}
	p.nodes = append(p.nodes, n)
	p.size += n.bound()
}

// addUnsealed adds what an Edit made, in key order.
func (p *pack) addUnsealed(l *link) {
	n := l.node
	if n == nil || n.sealed {
		return
	}
	p.add(n)
	for i := range len(n.entries) + 1 {
		p.addUnsealed(n.gap(i))
	}
}

// blocks encodes the nodes, in the order they were added, and seals those that
// are not. It goes backwards: a parent's encoding needs its children's sums.
func (p *pack) blocks() []car.Block {
	buf := make([]byte, 0, p.size)
	out := make([]car.Block, len(p.nodes))
	for i := len(p.nodes) - 1; i >= 0; i-- {
		n := p.nodes[i]
		if !n.sealed {
			n.takeSums()
		}
		start := len(buf)
		buf = n.encode(buf)
		data := buf[start:len(buf):len(buf)]
		if !n.sealed {
			n.sum, n.sealed = sha256.Sum256(data), true
		}
		out[i] = car.Block{CID: n.sum.cid(), Data: data}
	}
	return out
}

// takeSums takes over the sums of the children, which are sealed by now.
func (n *node) takeSums() {
	for i := range len(n.entries) + 1 {
		if g := n.gap(i); g.node != nil {
			g.sum = g.node.sum
		}
	}
}
