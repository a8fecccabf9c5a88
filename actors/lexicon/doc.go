// Package lexicon knows the schemas of the protocol: which methods exist, what their parameters and bodies must look
// like, and what a record of a well-known type must look like.
package lexicon
