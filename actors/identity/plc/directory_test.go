package plc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"troupe/actors/outbound"
)

// answers is a directory that says what the test tells it to, by method and path.
type answers map[string]struct {
	status int
	body   string
}

func (a answers) serve(t *testing.T) *Directory {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := a[r.Method+" "+r.URL.Path]
		if !ok {
			t.Errorf("unexpected %s %s", r.Method, r.URL.Path)
		}
		w.WriteHeader(answer.status)
		io.WriteString(w, answer.body)
	}))
	t.Cleanup(s.Close)
	return NewDirectory(s.URL+"/", outbound.NewClient(outbound.Options{AllowPrivate: true, AllowHTTP: true}))
}

func TestSubmit(t *testing.T) {
	server, _ := newKey(t)
	_, signing := newKey(t)
	did, op, err := Genesis(server, GenesisInput{Handle: "a.test", Endpoint: "https://pds.test", SigningKey: signing})
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := Genesis(server, GenesisInput{Handle: "b.test", Endpoint: "https://pds.test", SigningKey: signing})
	if err != nil {
		t.Fatal(err)
	}
	path := "/" + did.String()
	post, log := "POST "+path, "GET "+path+"/log"
	refusal := `{"message":"Operations not correctly ordered"}`
	for _, c := range []struct {
		name string
		says answers
		want error
	}{
		{"accepted", answers{post: {200, ""}}, nil},
		{"refused, log holds it", answers{post: {400, refusal}, log: {200, "[" + string(op) + "]"}}, nil},
		{"refused, log holds it before others", answers{post: {409, refusal}, log: {200, "[" + string(op) + "," + string(other) + "]"}}, nil},
		{"refused, log holds another", answers{post: {400, refusal}, log: {200, "[" + string(other) + "]"}}, ErrRejected},
		{"refused, no log", answers{post: {400, refusal}, log: {404, ""}}, ErrRejected},
		{"refused, log unavailable", answers{post: {400, refusal}, log: {503, ""}}, ErrUnavailable},
		{"refused, log is junk", answers{post: {400, refusal}, log: {200, "<html>"}}, ErrUnavailable},
		{"unknown DID", answers{post: {404, ""}, log: {404, ""}}, ErrRejected},
		{"server error", answers{post: {500, ""}}, ErrUnavailable},
		{"slow down", answers{post: {429, ""}}, ErrUnavailable},
		{"redirect", answers{post: {302, ""}}, ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.says.serve(t).Submit(context.Background(), did, op)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			var rejected *RejectedError
			if c.name == "refused, no log" && (!errors.As(err, &rejected) || rejected.Status != 400 || rejected.Message != "Operations not correctly ordered") {
				t.Errorf("got %+v", rejected)
			}
		})
	}
	if err := (answers{}).serve(t).Submit(context.Background(), did, []byte("{}")); !errors.Is(err, ErrOperation) {
		t.Errorf("junk was sent: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	d := NewDirectory(s.URL, outbound.NewClient(outbound.Options{AllowPrivate: true, AllowHTTP: true}))
	if _, err := d.Last(context.Background(), "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}

func TestReads(t *testing.T) {
	const did = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
	at := func(suffix string, status int, body string) answers {
		return answers{"GET /" + did + suffix: {status, body}}
	}
	ctx := context.Background()
	last := func(d *Directory) error { _, err := d.Last(ctx, did); return err }
	data := func(d *Directory) error { _, err := d.Data(ctx, did); return err }
	audit := func(d *Directory) error { _, err := d.Audit(ctx, did); return err }
	doc := func(d *Directory) error { _, err := d.Document(ctx, did); return err }
	for name, c := range map[string]struct {
		says answers
		read func(*Directory) error
		want error
	}{
		"last unknown":    {at("/log/last", 404, ""), last, ErrNotFound},
		"last junk":       {at("/log/last", 200, "{"), last, ErrUnavailable},
		"data gone":       {at("/data", 410, ""), data, ErrGone},
		"data of another": {at("/data", 200, `{"did":"did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"}`), data, ErrUnavailable},
		"data":            {at("/data", 200, `{"did":"`+did+`"}`), data, nil},
		"audit":           {at("/log/audit", 200, `[]`), audit, nil},
		"document":        {at("", 200, `{}`), doc, nil},
		"too large":       {at("", 200, strings.Repeat("x", maxAnswer+1)), doc, ErrUnavailable},
	} {
		if err := c.read(c.says.serve(t)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// What a directory says about a refusal is kept short and printable.
func TestMessage(t *testing.T) {
	long := message([]byte(strings.Repeat("é", 1000)))
	if len(long) > maxMessage+2 || !strings.HasPrefix(long, "éé") {
		t.Errorf("%d bytes", len(long))
	}
	if got := message([]byte(`{"message":"no"}`)); got != "no" {
		t.Errorf("got %q", got)
	}
}
