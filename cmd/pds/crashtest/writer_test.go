package crashtest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"

	"troupe/cmd/pds/audit"
)

const (
	putRecord    = "com.atproto.repo.putRecord"
	createRecord = "com.atproto.repo.createRecord"
)

// What a writer notes is what it may conclude from the answers, no more.
func TestWritersNoteWhatTheyMayConclude(t *testing.T) {
	commit := fmt.Sprintf(`{"commit":{"cid":%q,"rev":"3kaaaaaaaaa22"}}`, recordCID(newMaker(1, 1).post()))
	const (
		away = "" // the connection breaks
		gone = `{"error":"RecordNotFound"}`
		disk = `{"error":"InsufficientStorage"}`
		busy = `{"error":"NotEnoughResources"}`
	)
	status := map[string]int{commit: 200, `{}`: 200, gone: 400, disk: 503, busy: 503}
	for _, c := range []struct {
		name    string
		nsid    string
		answers []string
		want    audit.Answer
	}{
		{"done", createRecord, []string{commit}, audit.Committed},
		{"there already", putRecord, []string{`{}`}, audit.Unchanged},
		{"refused", createRecord, []string{gone}, audit.Refused},
		{"no room: nothing was kept", createRecord, []string{disk}, audit.Refused},
		{"another 503 may have come too late", createRecord, []string{busy}, audit.Unanswered},
		{"no answer", createRecord, []string{away}, audit.Unanswered},
		{"a put is sent again", putRecord, []string{away, busy, commit}, audit.Committed},
		{"a refusal says nothing of the attempt before", putRecord, []string{away, gone}, audit.Unanswered},
	} {
		t.Run(c.name, func(t *testing.T) {
			var n atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer := c.answers[n.Add(1)-1]
				if answer == away {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(status[answer])
				fmt.Fprint(w, answer)
			}))
			defer server.Close()
			acks, err := openAckLog(filepath.Join(t.TempDir(), "acks"))
			if err != nil {
				t.Fatal(err)
			}
			defer acks.close()
			w := &writer{maker: newMaker(1, 1), client: client{http: server.Client(), url: server.URL}, acks: acks}
			if err := w.send(t.Context(), person{DID: someone}, c.nsid, map[string]any{}, audit.Write{DID: someone}); err != nil {
				t.Fatal(err)
			}
			got, err := acks.read()
			if err != nil {
				t.Fatal(err)
			}
			want := audit.Write{DID: someone, Answer: c.want}
			if c.want == audit.Committed {
				h := acks.acknowledged()[someone]
				want.Rev = h.Rev
				want.Commit, _ = value(h.CID)
			}
			var one audit.Acks
			one.Add(want)
			if !reflect.DeepEqual(got, &one) || int(n.Load()) != len(c.answers) {
				t.Errorf("%+v after %d answers", got, n.Load())
			}
		})
	}
}

// A write that never left the machine did not happen, so it is not noted.
func TestAWriteThatWasNotSentIsNotNoted(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close() // nobody listens
	acks, err := openAckLog(filepath.Join(t.TempDir(), "acks"))
	if err != nil {
		t.Fatal(err)
	}
	defer acks.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &writer{maker: newMaker(1, 1), client: client{http: &http.Client{}, url: server.URL}, acks: acks}
	if err := w.send(ctx, person{DID: someone}, putRecord, map[string]any{}, audit.Write{DID: someone}); err != nil {
		t.Fatal(err)
	}
	if acks.n != 0 {
		t.Errorf("%d notes", acks.n)
	}
}
