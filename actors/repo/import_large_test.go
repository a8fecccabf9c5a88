package repo_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bluesky-social/indigo/atproto/syntax"
	"github.com/ipfs/go-cid"

	"troupe/actors/repo"
	"troupe/storage/car"
	"troupe/storage/dag"
	"troupe/storage/mst"
)

// synthetic writes a repository of n records, posts and likes, in tree order, and
// returns the root of its tree.
func synthetic(t testing.TB, w io.Writer, d syntax.DID, n int) cid.Cid {
	t.Helper()
	at := make(map[string]int, n)
	edit := mst.Empty().Edit()
	for i := range n {
		collection := "app.bsky.feed.post"
		if i%2 == 1 {
			collection = "app.bsky.feed.like"
		}
		key := collection + "/" + syntax.NewTID(1_700_000_000_000_000+int64(i)*7_000_000, 5).String()
		if err := edit.Create(key, dag.Sum(syntheticRecord(i))); err != nil {
			t.Fatal(err)
		}
		at[key] = i
	}
	tree, changed, err := edit.Finish()
	if err != nil {
		t.Fatal(err)
	}
	f := newForge(t, d)
	root := f.commit(changed.Root)
	out, err := car.NewWriter(w, root)
	if err == nil {
		err = out.Put(root, f.blocks[0].Data)
	}
	if err != nil {
		t.Fatal(err)
	}
	err = tree.Preorder(func(s mst.Step) error {
		if s.Node != nil {
			return out.Put(s.Node.CID, s.Node.Data)
		}
		return out.Put(s.Value, syntheticRecord(at[s.Key]))
	})
	if err != nil {
		t.Fatal(err)
	}
	return changed.Root
}

// syntheticRecord is the i-th record: of the size that posts and likes have.
func syntheticRecord(i int) []byte {
	b := make([]byte, 0, 320)
	if i%2 == 1 {
		b = dag.AppendMap(b, 3)
		b = dag.AppendText(dag.AppendText(b, "$type"), "app.bsky.feed.like")
		b = dag.AppendText(b, "subject")
		b = dag.AppendMap(b, 2)
		b = dag.AppendText(dag.AppendText(b, "cid"), dag.Sum(strconv.AppendInt(nil, int64(i), 10)).String())
		b = dag.AppendText(dag.AppendText(b, "uri"), "at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/"+syntax.NewTID(int64(i), 1).String())
		return dag.AppendText(dag.AppendText(b, "createdAt"), "2026-01-01T00:00:00.000Z")
	}
	b = dag.AppendMap(b, 4)
	b = dag.AppendText(dag.AppendText(b, "text"), fmt.Sprintf("post %d: %s", i, strings.Repeat("lorem ipsum ", 8)))
	b = dag.AppendText(dag.AppendText(b, "$type"), "app.bsky.feed.post")
	b = dag.AppendArray(dag.AppendText(b, "langs"), 1)
	b = dag.AppendText(b, "en")
	return dag.AppendText(dag.AppendText(b, "createdAt"), "2026-01-01T00:00:00.000Z")
}

// A large repository goes in and comes out again byte for byte, under memory
// that its size has no part in.
//
// With TROUPE_IMPORT_MAKE=<records>:<file> it only writes the file, and with
// TROUPE_IMPORT_FILE=<file> it takes that one, in a process whose memory no
// generator has been through.
func TestLargeImport(t *testing.T) {
	d := did(1)
	if to := os.Getenv("TROUPE_IMPORT_MAKE"); to != "" {
		n, path, _ := strings.Cut(to, ":")
		records, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := bufio.NewWriterSize(f, 1<<20)
		t.Log("made", synthetic(t, w, d, records))
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		f.Close()
		return
	}
	var source io.ReadSeeker
	if path := os.Getenv("TROUPE_IMPORT_FILE"); path != "" {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		source = f
	} else {
		var b bytes.Buffer
		synthetic(t, &b, d, 20_000)
		source = bytes.NewReader(b.Bytes())
	}

	w := open(t, t.TempDir(), 16)
	defer w.close()
	w.account(1)
	im := w.importer()
	var imported repo.Commit
	measure(t, "import", func() error {
		var err error
		imported, err = im.Import(t.Context(), d, source)
		return err
	})
	var snapshot interface {
		WriteCAR(context.Context, io.Writer, syntax.TID) error
		Close()
	} = ask(w, d, repo.OpenSnapshot{})
	defer snapshot.Close()
	if _, err := source.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	same := newComparison(t, source, imported.CID)
	measure(t, "export", func() error { return snapshot.WriteCAR(t.Context(), same, "") })
	same.end()
	t.Log(same.blocks, "blocks are equal")
	measure(t, "import again", func() error {
		if _, err := source.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := im.Import(t.Context(), d, source)
		return err
	})
}

// measure reports time, CPU and the growth of resident memory.
func measure(t *testing.T, what string, fn func() error) {
	t.Helper()
	debug.FreeOSMemory()
	before, peak := resident(), 0
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			peak = max(peak, resident())
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	cpu, began := processCPU(), time.Now()
	err := fn()
	took, used := time.Since(began), processCPU()-cpu
	close(stop)
	<-done
	if err != nil {
		t.Fatal(what, err)
	}
	t.Logf("%s: %v, CPU %v, resident memory %d MiB + %d MiB", what, took.Round(time.Millisecond), used.Round(time.Millisecond), before>>10, (peak-before)>>10)
}

// resident is VmRSS in KiB.
func resident() int {
	b, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return n
}

func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// comparison is written an export and holds every block but the commit against
// another one, as it comes.
type comparison struct {
	t      *testing.T
	in     *io.PipeWriter
	done   chan struct{}
	blocks int
}

func newComparison(t *testing.T, want io.Reader, root cid.Cid) *comparison {
	r, w := io.Pipe()
	c := &comparison{t: t, in: w, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		if err := c.compare(r, want, root); err != nil {
			t.Error(err)
			r.CloseWithError(err)
		}
	}()
	return c
}

func (c *comparison) compare(got, want io.Reader, root cid.Cid) error {
	a, err := car.NewReader(got, car.Limits{})
	if err != nil {
		return err
	}
	b, err := car.NewReader(want, car.Limits{})
	if err != nil {
		return err
	}
	if len(a.Roots()) != 1 || a.Roots()[0] != root {
		return fmt.Errorf("roots %v, not %s", a.Roots(), root)
	}
	for {
		x, errX := a.Next()
		y, errY := b.Next()
		switch {
		case errX == io.EOF && errY == io.EOF:
			return nil
		case errX != nil || errY != nil:
			return fmt.Errorf("after %d blocks: %w, %w", c.blocks, errX, errY)
		case c.blocks > 0 && (x.CID != y.CID || !bytes.Equal(x.Data, y.Data)):
			return fmt.Errorf("block %d is %s, not %s", c.blocks, x.CID, y.CID)
		}
		c.blocks++
	}
}

func (c *comparison) Write(p []byte) (int, error) { return c.in.Write(p) }

func (c *comparison) end() {
	c.in.Close()
	<-c.done
}
