// Package mst is the Merkle Search Tree of a repository: a sorted map from record
// path to record CID whose root hash names its whole content.
package mst
