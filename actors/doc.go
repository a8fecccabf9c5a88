// Package actors holds the supervision tree: who owns which file, and who
// decides what.
package actors
