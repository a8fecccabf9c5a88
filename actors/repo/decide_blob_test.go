package repo

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/sequencing"
	"troupe/storage/dag"
	"troupe/storage/mst"
	"troupe/storage/repodb"
)

// rows is a View of an account that has these blobs.
type rows map[cid.Cid]repodb.Blob

func (rows) Backlinks(syntax.NSID, string) ([]syntax.RecordKey, error) { return nil, nil }

func (v rows) Blob(c cid.Cid) (repodb.Blob, bool, error) {
	b, found := v[c]
	return b, found, nil
}

func blobOf(text, mimeType string) dag.Blob {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: 0x12}.Sum([]byte(text))
	if err != nil {
		panic(err)
	}
	return dag.Blob{CID: c, MimeType: mimeType, Size: int64(len(text))}
}

func row(b dag.Blob, s repodb.BlobState) repodb.Blob { return repodb.Blob{Blob: b, State: s} }

// taken is a row that is taken down.
func taken(r repodb.Blob) repodb.Blob { r.Takedown = "ref"; return r }

// showing is a record that points at blobs.
func showing(t *testing.T, rkey string, blobs ...dag.Blob) Write {
	t.Helper()
	text := `{"$type":"com.example.album","pictures":[`
	for i, b := range blobs {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(`{"$type":"blob","ref":{"$link":%q},"mimeType":%q,"size":%d}`, b.CID, b.MimeType, b.Size)
	}
	rec, err := dag.FromJSON([]byte(text+"]}"), dag.RecordLimits)
	if err != nil {
		t.Fatal(err)
	}
	return Write{Action: sequencing.ActionCreate, Collection: "com.example.album", RKey: syntax.RecordKey(rkey), Record: rec}
}

func moment(t *testing.T) Moment {
	t.Helper()
	key, err := atcrypto.GeneratePrivateKeyK256()
	if err != nil {
		t.Fatal(err)
	}
	return Moment{Rev: syntax.NewTID(1_000_000, 0), Key: key}
}

// Given a blob in some state, when a record points at it, then the write is
// taken or refused by name.
func TestDecideReference(t *testing.T) {
	gif := blobOf("GIF89a", "image/gif")
	other, long := gif, gif
	other.MimeType, long.Size = "image/png", 7
	for _, c := range []struct {
		name  string
		given rows
		when  dag.Blob
		then  error // a BlobProblem; nil: taken
	}{
		{"never uploaded", rows{}, gif, BlobProblem{gif.CID, BlobMissing}},
		{"temporary", rows{gif.CID: row(gif, repodb.BlobTemporary)}, gif, nil},
		{"temporary, of another type", rows{gif.CID: row(gif, repodb.BlobTemporary)}, other, BlobProblem{gif.CID, BlobMime}},
		{"temporary, of another size", rows{gif.CID: row(gif, repodb.BlobTemporary)}, long, BlobProblem{gif.CID, BlobSize}},
		{"permanent", rows{gif.CID: row(gif, repodb.BlobPermanent)}, gif, nil},
		{"permanent, of another type", rows{gif.CID: row(gif, repodb.BlobPermanent)}, other, nil},
		{"permanent, of another size", rows{gif.CID: row(gif, repodb.BlobPermanent)}, long, nil},
		{"uploading", rows{gif.CID: row(gif, repodb.BlobUploading)}, gif, BlobProblem{gif.CID, BlobMissing}},
		{"deleting", rows{gif.CID: row(gif, repodb.BlobDeleting)}, gif, BlobProblem{gif.CID, BlobMissing}},
		{"taken down", rows{gif.CID: taken(row(gif, repodb.BlobPermanent))}, gif, BlobProblem{gif.CID, BlobMissing}},
		{"banned", rows{gif.CID: taken(row(gif, repodb.BlobBanned))}, gif, BlobProblem{gif.CID, BlobMissing}},
	} {
		s := State{DID: "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa", Exists: true, Status: sequencing.StatusActive, Tree: mst.Empty()}
		d, _, err := decideWrites(c.given, s, ApplyWrites{Writes: []Write{showing(t, "a", c.when)}}, moment(t))
		if !errors.Is(err, c.then) {
			t.Errorf("%s: %v, want %v", c.name, err, c.then)
		}
		if c.then == nil && (len(d.Entries) != 1 || len(d.Entries[0].Effects.Blobs) != 1 || d.Entries[0].Effects.Blobs[0].Blob.CID != gif.CID) {
			t.Errorf("%s: the entry does not name the blob: %+v", c.name, d.Entries)
		}
	}
}

// Given a row, when its bytes are announced, then this is what the row becomes.
func TestDecideReserve(t *testing.T) {
	gif := blobOf("GIF89a", "image/gif")
	png := gif
	png.MimeType = "image/png"
	now := time.UnixMicro(5)
	for _, c := range []struct {
		name        string
		found       bool
		given       repodb.Blob
		used, quota int64
		state       repodb.BlobState
		write       bool
		err         error
	}{
		{name: "new", state: repodb.BlobUploading, write: true},
		{name: "new, and it fits", used: 94, quota: 100, state: repodb.BlobUploading, write: true},
		{name: "new, and it does not fit", used: 95, quota: 100, err: ErrQuota},
		{name: "known, and the account is full", found: true, given: row(gif, repodb.BlobTemporary), used: 100, quota: 100, state: repodb.BlobTemporary, write: true},
		{name: "uploading", found: true, given: row(gif, repodb.BlobUploading), state: repodb.BlobUploading, write: true},
		{name: "temporary", found: true, given: row(gif, repodb.BlobTemporary), state: repodb.BlobTemporary, write: true},
		{name: "permanent", found: true, given: row(gif, repodb.BlobPermanent), state: repodb.BlobPermanent},
		{name: "deleting", found: true, given: row(gif, repodb.BlobDeleting), err: ErrBlobBusy},
		{name: "taken down", found: true, given: taken(row(gif, repodb.BlobPermanent)), err: ErrBlobTakendown},
		{name: "taken down, deleting", found: true, given: taken(row(gif, repodb.BlobDeleting)), err: ErrBlobTakendown},
		{name: "banned", found: true, given: taken(row(gif, repodb.BlobBanned)), err: ErrBlobTakendown},
	} {
		next, write, err := decideReserve(c.given, c.found, png, now, c.used, c.quota)
		if !errors.Is(err, c.err) || write != c.write || err == nil && next.State != c.state {
			t.Errorf("%s: state %d, write %v, %v", c.name, next.State, write, err)
		}
		if write && (next.MimeType != png.MimeType || next.Size != png.Size || !next.Uploaded.Equal(now)) {
			t.Errorf("%s: not as the newest upload said: %+v", c.name, next)
		}
	}
}

// Given a row, when its bytes are durable, then it is usable, or the upload
// has been given up.
func TestDecideConfirm(t *testing.T) {
	gif := blobOf("GIF89a", "image/gif")
	for _, c := range []struct {
		name              string
		found, referenced bool
		given             repodb.Blob
		state             repodb.BlobState
		write             bool
		err               error
	}{
		{name: "uploading", found: true, given: row(gif, repodb.BlobUploading), state: repodb.BlobTemporary, write: true},
		{name: "uploading, and a record waits", found: true, referenced: true, given: row(gif, repodb.BlobUploading), state: repodb.BlobPermanent, write: true},
		{name: "temporary already", found: true, given: row(gif, repodb.BlobTemporary), state: repodb.BlobTemporary},
		{name: "permanent already", found: true, referenced: true, given: row(gif, repodb.BlobPermanent), state: repodb.BlobPermanent},
		{name: "given up", err: ErrNotReserved},
		{name: "being given up", found: true, given: row(gif, repodb.BlobDeleting), err: ErrNotReserved},
		{name: "taken down meanwhile", found: true, given: taken(row(gif, repodb.BlobUploading)), err: ErrBlobTakendown},
	} {
		next, write, err := decideConfirm(c.given, c.found, c.referenced)
		if !errors.Is(err, c.err) || write != c.write || err == nil && next.State != c.state {
			t.Errorf("%s: state %d, write %v, %v", c.name, next.State, write, err)
		}
	}
}

// Given a row, when it is taken down or no longer is, then this is left of it.
func TestDecideTakedown(t *testing.T) {
	gif := blobOf("GIF89a", "image/gif")
	for _, c := range []struct {
		name              string
		found, referenced bool
		given             repodb.Blob
		ref               string
		keep              bool
		state             repodb.BlobState
		err               error
	}{
		{name: "permanent", found: true, given: row(gif, repodb.BlobPermanent), ref: "ref", keep: true},
		{name: "lifted", found: true, given: taken(row(gif, repodb.BlobPermanent)), keep: true},
		{name: "never here", ref: "ref", err: ErrBlobNotFound},
		{name: "imported, and not uploaded", referenced: true, ref: "ref", keep: true, state: repodb.BlobBanned},
		{name: "that, lifted", found: true, referenced: true, given: taken(row(gif, repodb.BlobBanned))},
	} {
		next, keep, err := decideTakedown(gif.CID, c.given, c.found, c.referenced, c.ref, time.UnixMicro(1))
		if !errors.Is(err, c.err) || keep != c.keep || keep && (next.State != c.state || next.Takedown != c.ref || next.CID != gif.CID) {
			t.Errorf("%s: %+v, keep %v, %v", c.name, next, keep, err)
		}
	}
}

// Given a blob and its holders, when a chain has been decided and not applied,
// then the next decision sees the blob as it will be.
func TestBlobAfterAChain(t *testing.T) {
	gif, png := blobOf("GIF89a", "image/gif"), blobOf("PNG", "image/png")
	put := func(rkey string, blobs ...dag.Blob) repodb.RecordChange {
		return repodb.RecordChange{Collection: "com.example.album", RKey: syntax.RecordKey(rkey), CID: gif.CID, Blobs: blobs}
	}
	del := func(rkey string) repodb.RecordChange {
		return repodb.RecordChange{Collection: "com.example.album", RKey: syntax.RecordKey(rkey)}
	}
	commit := func(r ...repodb.RecordChange) repodb.Change { return repodb.Change{Records: r} }
	for _, c := range []struct {
		name    string
		given   repodb.BlobState
		holders []string
		chain   []repodb.Change
		want    repodb.BlobState
	}{
		{"nothing", repodb.BlobPermanent, []string{"a"}, nil, repodb.BlobPermanent},
		{"the last record goes", repodb.BlobPermanent, []string{"a"}, []repodb.Change{commit(del("a"))}, repodb.BlobDeleting},
		{"one of two goes", repodb.BlobPermanent, []string{"a", "b"}, []repodb.Change{commit(del("a"))}, repodb.BlobPermanent},
		{"both go", repodb.BlobPermanent, []string{"a", "b"}, []repodb.Change{commit(del("a")), commit(del("b"))}, repodb.BlobDeleting},
		{"another record goes", repodb.BlobPermanent, []string{"a"}, []repodb.Change{commit(del("x"))}, repodb.BlobPermanent},
		{"it moves in one batch", repodb.BlobPermanent, []string{"a"}, []repodb.Change{commit(del("a"), put("b", gif))}, repodb.BlobPermanent},
		{"it moves in one batch, new first", repodb.BlobPermanent, []string{"a"}, []repodb.Change{commit(put("b", gif), del("a"))}, repodb.BlobPermanent},
		{"its record is written again", repodb.BlobPermanent, []string{"a"}, []repodb.Change{commit(put("a", png, gif))}, repodb.BlobPermanent},
		{"its record shows another", repodb.BlobPermanent, []string{"a"}, []repodb.Change{commit(put("a", png))}, repodb.BlobDeleting},
		{"it is used", repodb.BlobTemporary, nil, []repodb.Change{commit(put("a", gif))}, repodb.BlobPermanent},
		{"it is used and dropped", repodb.BlobTemporary, nil, []repodb.Change{commit(put("a", gif)), commit(del("a"))}, repodb.BlobDeleting},
		{"something else happens", repodb.BlobTemporary, nil, []repodb.Change{commit(put("a", png))}, repodb.BlobTemporary},
	} {
		holders := map[string]struct{}{}
		for _, h := range c.holders {
			holders["com.example.album/"+h] = struct{}{}
		}
		if got := blobAfter(row(gif, c.given), holders, c.chain); got.State != c.want {
			t.Errorf("%s: state %d, want %d", c.name, got.State, c.want)
		}
	}
}
