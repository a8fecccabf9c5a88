package keys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// CheckSealed looks at the headers of the key files below root, the folder
// given to ActorDir, and returns ErrSealed if one needs another key-encryption
// key. It looks at most at perShard keys of each of the 256 folders; 0 means
// all. The server does not start on ErrSealed: with the wrong key every account
// would fail one by one.
func (v *Vault) CheckSealed(root string, perShard int) error {
	return eachSealed(root, perShard, func(path string, head []byte) error {
		id, err := fingerprintOf(head)
		if err != nil {
			return nil // damage of one key concerns its account only
		}
		if id != v.fingerprint {
			return fmt.Errorf("keys: %s: %w: it needs the key-encryption key %x, this is %x", path, ErrSealed, id, v.fingerprint)
		}
		return nil
	})
}

// AnySealed says whether there is a sealed key below root. If so, a missing
// key-encryption key has to be restored, not made anew.
func AnySealed(root string) (bool, error) {
	errFound := errors.New("found")
	err := eachSealed(root, 0, func(_ string, head []byte) error {
		if _, err := fingerprintOf(head); err == nil {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

// eachSealed calls fn with the first bytes of key files, at most perShard of
// each shard folder.
func eachSealed(root string, perShard int, fn func(path string, head []byte) error) error {
	shards, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever stored
	}
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	for _, shard := range shards {
		if !shard.IsDir() || len(shard.Name()) != 2 {
			continue
		}
		if err := eachInShard(filepath.Join(root, shard.Name()), perShard, fn); err != nil {
			return err
		}
	}
	return nil
}

func eachInShard(shard string, limit int, fn func(path string, head []byte) error) error {
	dir, err := os.Open(shard)
	if err != nil {
		return fmt.Errorf("keys: %w", err)
	}
	defer dir.Close()
	for seen := 0; limit == 0 || seen < limit; {
		names, err := dir.Readdirnames(64)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		for _, name := range names {
			path := filepath.Join(shard, name, keyFile)
			head, err := readFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				continue // an account that is being created or deleted
			}
			if err != nil && !errors.Is(err, ErrBadKey) {
				return fmt.Errorf("keys: %w", err)
			}
			if err := fn(path, head); err != nil {
				return err
			}
			if seen++; limit != 0 && seen >= limit {
				break
			}
		}
	}
	return nil
}
