package main

import (
	"fmt"

	"troupe/storage/blob"
)

// openBlobs opens the store of blobs, and removes what an earlier process left
// of uploads that it had not finished.
func (s *Server) openBlobs() error {
	disk, err := blob.OpenDisk(s.config.Blobs)
	if err != nil {
		return fmt.Errorf("blobs: %w", err)
	}
	s.blobs, s.spool = disk, s.config.BlobSpool
	if s.spool == "" {
		s.spool = disk.TempDir()
	}
	if _, err := blob.RemoveSpools(s.spool); err != nil {
		return fmt.Errorf("blobs: uploads under way: %w", err)
	}
	return nil
}
