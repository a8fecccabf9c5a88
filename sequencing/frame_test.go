package sequencing

import (
	"bytes"
	"encoding/hex"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/api/atproto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/bluesky-social/indigo/events"
	lexutil "github.com/bluesky-social/indigo/lex/util"
	"github.com/fxamacker/cbor/v2"
	"github.com/ipfs/go-cid"

	"troupe/storage/dag"
)

var frameTime = time.Date(2026, 2, 3, 4, 5, 6, 7_000_000, time.UTC)

func commitFrame() CommitFrame {
	return CommitFrame{
		Repo: "did:plc:abcdefghijklmnopqrstuvwx", Commit: testCID("commit"), Rev: "3l4abcdefgh22", Since: "3l4abcdefgg22",
		Blocks: []byte("not a CAR, but bytes"), PrevData: testCID("prev"), Time: frameTime,
		Ops: []RepoOp{
			{Action: ActionCreate, Path: "app.bsky.feed.post/a", CID: testCID("a")},
			{Action: ActionUpdate, Path: "app.bsky.feed.post/b", CID: testCID("b"), Prev: testCID("b0")},
			{Action: ActionDelete, Path: "app.bsky.feed.post/c", Prev: testCID("c0")},
		},
	}
}

// unmarshaler is any of indigo's generated event types.
type unmarshaler interface {
	UnmarshalCBOR(io.Reader) error
	MarshalCBOR(io.Writer) error
}

// oracle decodes a wire frame with indigo, checks that nothing is left over,
// and that indigo's own encoding of what it read is byte for byte the same.
// indigo writes an absent blobs and a null since as we do.
func oracle(t *testing.T, wire []byte, wantType string, body unmarshaler) {
	t.Helper()
	r := bytes.NewReader(wire)
	var header events.EventHeader
	if err := header.UnmarshalCBOR(r); err != nil {
		t.Fatalf("header: %v", err)
	}
	if header.Op != events.EvtKindMessage || header.MsgType != wantType {
		t.Fatalf("header is %+v", header)
	}
	if err := body.UnmarshalCBOR(r); err != nil {
		t.Fatalf("body: %v", err)
	}
	if r.Len() != 0 {
		t.Fatalf("%d bytes behind the body", r.Len())
	}
	var again bytes.Buffer
	if err := header.MarshalCBOR(&again); err != nil {
		t.Fatal(err)
	}
	if err := body.MarshalCBOR(&again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), wire) {
		t.Errorf("indigo encodes the same event differently:\nours   %x\nindigo %x", wire, again.Bytes())
	}
	checkCanonical(t, wire)
}

// checkCanonical re-encodes both objects of a frame with a third CBOR library
// in core deterministic order by length, and with our own strict reader.
func checkCanonical(t *testing.T, wire []byte) {
	t.Helper()
	mode, err := cbor.EncOptions{Sort: cbor.SortLengthFirst}.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	var again []byte
	for rest := wire; len(rest) > 0; {
		var v any
		if rest, err = cbor.UnmarshalFirst(rest, &v); err != nil {
			t.Fatal(err)
		}
		b, err := mode.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		again = append(again, b...)
	}
	if !bytes.Equal(again, wire) {
		t.Errorf("not canonical:\nours  %x\nfixed %x", wire, again)
	}
	r := dag.NewReader(wire)
	for range 2 {
		if err := r.Skip(); err != nil {
			t.Errorf("not canonical: %v", err)
		}
	}
}

func TestCommitFrameIsTheLexicon(t *testing.T) {
	f := commitFrame()
	var c atproto.SyncSubscribeRepos_Commit
	oracle(t, f.Encode().Wire(1<<40), "#commit", &c)
	want := atproto.SyncSubscribeRepos_Commit{
		Seq: 1 << 40, Repo: string(f.Repo), Commit: lexutil.LexLink(f.Commit), Rev: string(f.Rev), Since: ptr(string(f.Since)),
		Blocks: lexutil.LexBytes(f.Blocks), PrevData: ptr(lexutil.LexLink(f.PrevData)), Time: "2026-02-03T04:05:06.007Z",
		Blobs: []lexutil.LexLink{},
		Ops: []*atproto.SyncSubscribeRepos_RepoOp{
			{Action: "create", Path: "app.bsky.feed.post/a", Cid: ptr(lexutil.LexLink(testCID("a")))},
			{Action: "update", Path: "app.bsky.feed.post/b", Cid: ptr(lexutil.LexLink(testCID("b"))), Prev: ptr(lexutil.LexLink(testCID("b0")))},
			{Action: "delete", Path: "app.bsky.feed.post/c", Prev: ptr(lexutil.LexLink(testCID("c0")))},
		},
	}
	c.Blobs = append([]lexutil.LexLink{}, c.Blobs...) // nil and empty are one on the wire
	if !reflect.DeepEqual(c, want) {
		t.Errorf("indigo reads\n%+v\nwant\n%+v", c, want)
	}
}

func TestFirstCommitFrame(t *testing.T) {
	f := commitFrame()
	f.Since, f.PrevData, f.Ops = "", cid.Undef, nil
	var c atproto.SyncSubscribeRepos_Commit
	wire := f.Encode().Wire(1)
	oracle(t, wire, "#commit", &c)
	if c.Since != nil || c.PrevData != nil || len(c.Ops) != 0 {
		t.Errorf("since %v, prevData %v, ops %v", c.Since, c.PrevData, c.Ops)
	}
	// since is null, not absent; prevData is absent, not null.
	if !bytes.Contains(wire, []byte("\x65since\xf6")) || bytes.Contains(wire, []byte("prevData")) {
		t.Errorf("frame is %x", wire)
	}
}

func TestOtherFramesAreTheLexicon(t *testing.T) {
	const did = "did:plc:abcdefghijklmnopqrstuvwx"
	const at = "2026-02-03T04:05:06.007Z"
	tests := []struct {
		name  string
		frame Frame
		typ   string
		got   unmarshaler
		want  any
	}{
		{"sync", SyncFrame{DID: did, Rev: "3l4abcdefgh22", Blocks: []byte{1, 2}, Time: frameTime}.Encode(), "#sync",
			new(atproto.SyncSubscribeRepos_Sync),
			&atproto.SyncSubscribeRepos_Sync{Seq: 77, Did: did, Rev: "3l4abcdefgh22", Blocks: lexutil.LexBytes{1, 2}, Time: at}},
		{"identity", IdentityFrame{DID: did, Handle: "alice.test", Time: frameTime}.Encode(), "#identity",
			new(atproto.SyncSubscribeRepos_Identity),
			&atproto.SyncSubscribeRepos_Identity{Seq: 77, Did: did, Handle: ptr("alice.test"), Time: at}},
		{"identity without handle", IdentityFrame{DID: did, Time: frameTime}.Encode(), "#identity",
			new(atproto.SyncSubscribeRepos_Identity),
			&atproto.SyncSubscribeRepos_Identity{Seq: 77, Did: did, Time: at}},
		{"active account", AccountFrame{DID: did, Active: true, Status: StatusActive, Time: frameTime}.Encode(), "#account",
			new(atproto.SyncSubscribeRepos_Account),
			&atproto.SyncSubscribeRepos_Account{Seq: 77, Did: did, Active: true, Time: at}},
		{"deleted account", AccountFrame{DID: did, Status: StatusDeleted, Time: frameTime}.Encode(), "#account",
			new(atproto.SyncSubscribeRepos_Account),
			&atproto.SyncSubscribeRepos_Account{Seq: 77, Did: did, Status: ptr("deleted"), Time: at}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			oracle(t, tt.frame.Wire(77), tt.typ, tt.got)
			if !reflect.DeepEqual(tt.got, tt.want) {
				t.Errorf("indigo reads\n%+v\nwant\n%+v", tt.got, tt.want)
			}
		})
	}
}

func TestInfoAndErrorFrames(t *testing.T) {
	var info atproto.SyncSubscribeRepos_Info
	oracle(t, InfoFrame("OutdatedCursor", "too old"), "#info", &info)
	if info.Name != "OutdatedCursor" || *info.Message != "too old" {
		t.Errorf("info %+v", info)
	}
	r := bytes.NewReader(ErrorFrame("FutureCursor", "Cursor in the future."))
	var header events.EventHeader
	var body events.ErrorFrame
	if err := header.UnmarshalCBOR(r); err != nil || header.Op != events.EvtKindErrorFrame {
		t.Fatalf("header %+v: %v", header, err)
	}
	if err := body.UnmarshalCBOR(r); err != nil || body.Error != "FutureCursor" || body.Message != "Cursor in the future." {
		t.Fatalf("body %+v: %v", body, err)
	}
	checkCanonical(t, ErrorFrame("FutureCursor", ""))
	checkCanonical(t, InfoFrame("OutdatedCursor", ""))
}

func TestDecodeFrameReadsWhatEncodeWrote(t *testing.T) {
	const did = syntax.DID("did:plc:abcdefghijklmnopqrstuvwx")
	first := commitFrame()
	first.Since, first.PrevData = "", cid.Undef
	for _, f := range []interface{ Encode() Frame }{
		commitFrame(), first,
		SyncFrame{DID: did, Rev: "3l4abcdefgh22", Blocks: []byte{9}, Time: frameTime},
		IdentityFrame{DID: did, Handle: "a.test", Time: frameTime},
		IdentityFrame{DID: did, Time: frameTime},
		AccountFrame{DID: did, Active: true, Status: StatusActive, Time: frameTime},
		AccountFrame{DID: did, Status: StatusTakendown, Time: frameTime},
		AccountFrame{DID: did, Time: frameTime},
	} {
		for _, seq := range []Seq{1, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<53 - 1} {
			got, n, err := DecodeFrame(f.Encode().Wire(seq))
			if err != nil || n != seq || !reflect.DeepEqual(got, any(f)) {
				t.Fatalf("decoded %+v, %d, %v; want %+v, %d", got, n, err, f, seq)
			}
		}
	}
}

func TestDecodeFrameRefusesWhatIsNone(t *testing.T) {
	wire := commitFrame().Encode().Wire(5)
	for i := range wire {
		if _, _, err := DecodeFrame(wire[:i]); err == nil {
			t.Fatalf("the first %d bytes of a frame were accepted", i)
		}
	}
	for name, b := range map[string][]byte{
		"more behind":  append(bytes.Clone(wire), 0),
		"info":         InfoFrame("a", "b"),
		"error":        ErrorFrame("a", "b"),
		"number zero":  commitFrame().Encode().Wire(0),
		"unknown type": bytes.Replace(wire, []byte("#commit"), []byte("#commix"), 1),
		"bad action":   bytes.Replace(wire, []byte("update"), []byte("upsert"), 1),
	} {
		if got, _, err := DecodeFrame(b); err == nil {
			t.Errorf("%s: accepted as %+v", name, got)
		}
	}
}

// The golden bytes fail when the format moves, which subscribers would notice
// before any other test does.
func TestGoldenFrame(t *testing.T) {
	got := hex.EncodeToString(AccountFrame{DID: "did:web:a.test", Status: StatusDeleted, Time: frameTime}.Encode().Wire(500))
	const golden = "a26174682361" + "63636f756e74" + "626f7001" +
		"a5" + "63646964" + "6e6469643a7765623a612e74657374" + "63736571" + "1901f4" +
		"6474696d65" + "7818323032362d30322d30335430343a30353a30362e3030375a" +
		"66616374697665" + "f4" + "66737461747573" + "6764656c65746564"
	if got != golden {
		t.Errorf("frame\n%s\nwant\n%s", got, golden)
	}
}

func ptr[T any](v T) *T { return &v }

func FuzzDecodeFrame(f *testing.F) {
	f.Add(commitFrame().Encode().Wire(9))
	f.Add(AccountFrame{DID: "did:web:a.test", Time: frameTime}.Encode().Wire(1))
	f.Add(SyncFrame{DID: "did:web:a.test", Rev: "3l4abcdefgh22", Time: frameTime}.Encode().Wire(1))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, seq, err := DecodeFrame(b)
		if err == nil && (frame == nil || seq <= 0) {
			t.Fatalf("accepted %x as %v, %d", b, frame, seq)
		}
	})
}
