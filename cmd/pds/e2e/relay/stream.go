package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/coder/websocket"
	"github.com/fxamacker/cbor/v2"
)

// event is one frame, made comparable.
type event struct {
	did    string
	kind   string // "#commit", …
	seq    int64
	rev    string
	ops    int
	active bool              // of an #account
	sum    [sha256.Size]byte // of everything but the number
	bare   [sha256.Size]byte // of an #identity: the same without its handle
}

func (e event) String() string { return fmt.Sprintf("%s %d %s", e.kind, e.seq, e.rev) }

// The canonical form orders keys and keeps links and their tag, so equal
// content has equal bytes however it was encoded.
var canonical = func() cbor.EncMode {
	m, err := cbor.CanonicalEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// follow reads a firehose from now on until ctx ends. opened is called once
// events cannot be missed any more.
func follow(ctx context.Context, url string, opened func(), each func(event)) error {
	c, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/xrpc/com.atproto.sync.subscribeRepos", nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	c.SetReadLimit(8 << 20)
	opened()
	for {
		_, frame, err := c.Read(ctx)
		if err != nil {
			return fmt.Errorf("firehose of %s: %w", url, err)
		}
		e, err := decode(frame)
		if err != nil {
			return fmt.Errorf("firehose of %s: %w", url, err)
		}
		if e.did != "" {
			each(e)
		}
	}
}

// decode reads a frame; one that is about no account has no did.
func decode(frame []byte) (event, error) {
	d := cbor.NewDecoder(bytes.NewReader(frame))
	var header struct {
		Op int    `cbor:"op"`
		T  string `cbor:"t"`
	}
	var body map[string]any
	if err := d.Decode(&header); err != nil {
		return event{}, err
	}
	if err := d.Decode(&body); err != nil {
		return event{}, err
	}
	if header.Op != 1 {
		return event{}, fmt.Errorf("error frame: %v", body)
	}
	e := event{kind: header.T}
	if seq, ok := body["seq"].(uint64); ok {
		e.seq = int64(seq)
	}
	e.rev, _ = body["rev"].(string)
	if e.did, _ = body["did"].(string); e.did == "" {
		e.did, _ = body["repo"].(string)
	}
	e.active, _ = body["active"].(bool)
	ops, _ := body["ops"].([]any)
	e.ops = len(ops)
	delete(body, "seq")
	whole, err := canonical.Marshal(body)
	if err != nil {
		return event{}, err
	}
	e.sum = sha256.Sum256(whole)
	if e.kind == "#identity" {
		delete(body, "handle")
		bare, err := canonical.Marshal(body)
		if err != nil {
			return event{}, err
		}
		e.bare = sha256.Sum256(bare)
	}
	return e, nil
}
