// Package blob keeps the bytes of blobs, on disk or in a bucket.
package blob
