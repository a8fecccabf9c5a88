// Package mst is the Merkle Search Tree of a repository: a sorted map from record
// path to record CID, of which one hash, the root, names the whole content
// (Repository specification, atproto.com/specs/repository).
//
// A Tree is one state. It never changes; an Edit takes a batch of changes to the
// next state and says by which nodes the two differ. Nodes are read when they are
// needed and verified: against their CID, and against the place they were found
// in. So a repository of any size opens at no cost, and a commit costs the few
// nodes on the way to its keys.
//
//	Load, Empty            a state; nothing is read yet
//	Get, Walk, Preorder    reading
//	Edit … Finish          the next state, with the nodes that came and went
//	Path                   proof that a key is there or is not
//	Proof                  what lets a subscriber check a commit
//	Invert                 that check
//	Diff                   the keys in which two states differ
//	EachLink, EachItemDown what one block points at
//
// # The tree
//
// The hash of a key puts it into a layer, a quarter of the keys of each layer
// into the next one above. A node holds neighbouring keys of one layer, and in
// the gaps between them links to nodes one layer below, also where that layer has
// none of the keys and the node holds a single link. The root is the one node of
// the highest layer that any key is in. All of this follows from the keys, so
// equal contents have equal roots, however they came about.
//
// # Ownership
//
// One goroutine at a time may use a Tree, together with all trees and Edits that
// were made from it or that it was made from: they share nodes, and reading fills
// in what was read. Trees of different Load, Empty or Forget calls share nothing.
// Old trees stay valid whatever becomes of newer ones; they cost the nodes in
// which they differ.
//
// Get, Path, Proof and Edit keep the nodes they read in the tree; Walk, Preorder
// and Diff do not. A tree that lives long grows by what is touched in it. Its
// Source sees every read and can count; Forget lets go of all.
//
// A Source keeps the bytes it gives out. Blocks that this package gives out are
// the caller's, but those of one call share an array and must not be written to.
//
// # On disk
//
// Nothing. The account's database holds nodes by CID (package repodb); applying
// Changes to it keeps it at exactly the nodes of the current tree. The node of
// the empty tree is a node like any other: the first Edit of Empty removes it, and
// whoever stores an empty repository stores it.
//
// # Errors
//
// ErrMissing, ErrInvalid, ErrKey, ErrKeyExists and ErrKeyAbsent, and the errors of
// the Source, passed on wrapped. Except for the two about keys being there or
// not, an error of a change ends its Edit; no error harms a Tree.
//
// A hostile tree is met one node at a time and refused at the first that is not
// in its place. A root must hold a key, a child lies exactly one layer below its
// parent, a layer is the height of the keys in it: so recursion ends at the height
// of a key that somebody really found, and cycles and endless chains with it.
// What a node allocates is bounded by its own size times the length of a key.
//
// # Design notes
//
// Links and values are kept as the 32 bytes of their SHA-256 and become a cid.Cid
// where they leave the package. That takes half the memory, gives the collector
// nothing to follow, and makes every other form of CID unrepresentable.
//
// Nodes do not keep their encoding, which would double what a tree takes; it is
// made again where a proof asks for it, at less than a microsecond a node. Only
// because a block has one form is that sound, and a fuzz target holds decode to
// it.
//
// What an Edit changes is copied once and then changed in place, so a batch costs
// the nodes it touches, not those times its operations. Changing the tree itself
// and marking nodes as dirty was rejected: a commit that is refused leaves nothing
// to repair this way, and the actor keeps the committed state while it decides the
// next ones. Every node that leaves the tree passes Edit.drop, and every node that
// enters it is made by the Edit; the difference of these two is Changes, and no
// part of the old tree has to be read to know it.
//
// Get goes down by comparing keys and does not compute the height of the key it
// looks for. The hash costs more than the nodes that it might save, and a proof
// that a key is absent has to go down anyway: verifiers search without heights.
//
// Proof takes keys, not operations, and gives the same for a created, an updated
// and a deleted one: the path to the key and to its neighbours in the new tree.
// The least that would do is less for some operations, and depends on the order
// in which a verifier undoes them.
//
// Links that several goroutines may fill in at a time were rejected: they cost
// every reader an atomic load, and a tree has one owner, its actor. An export
// reads through a Load of its own.
package mst
