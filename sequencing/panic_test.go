package sequencing

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"

	"troupe/storage/logdb"
)

// Wherever the committer panics, the log has stopped: everybody is answered
// exactly once, what was acknowledged is there, what was not is there whole or
// not at all, and nothing was published that is not.
func TestAPanicOfTheCommitterStopsTheLog(t *testing.T) {
	for _, c := range []struct {
		name   string
		poison func(*committer) // on the committer's goroutine
		answer bool             // the panic is in the callback of the second of the batch
	}{
		{name: "while a batch is written", poison: func(c *committer) { c.heads = nil }},
		{name: "behind the fsync", poison: func(c *committer) { c.options.Ring = &Ring{} }},
		{name: "in a callback", answer: true},
		{name: "in a job", poison: func(*committer) { panic("injected") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, ring := logPath(t), NewRing(0)
			var stopped []error
			l := openTest(t, path, LogOptions{Ring: ring, Fatal: func(err error) { stopped = append(stopped, err) }})
			acked := mustDo(t, l, firstCommit(testDID(0), 100))

			// All that follows is queued behind a job, and so becomes one batch.
			hold, held := make(chan struct{}), make(chan struct{})
			err := l.queue.putJob(func(m *committer) {
				close(held)
				<-hold
				if c.poison != nil {
					c.poison(m)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			<-held
			var mu sync.Mutex
			var all sync.WaitGroup
			answers := map[int][]error{}
			submit := func(i int) {
				all.Add(1)
				l.Append(firstCommit(testDID(i), 100), func(_ Committed, err error) {
					mu.Lock()
					answers[i] = append(answers[i], err)
					mu.Unlock()
					all.Done()
					if c.answer && i == 2 && err == nil {
						panic("injected")
					}
				})
			}
			for i := 1; i <= 4; i++ {
				submit(i)
			}
			close(hold)
			all.Wait() // whoever is not answered makes this test time out
			if _, err := do(l, firstCommit(testDID(9), 100)); !errors.Is(err, ErrClosed) {
				t.Errorf("behind the panic: %v", err)
			}
			for i, errs := range answers {
				if len(errs) != 1 || errs[0] != nil && !errors.Is(errs[0], ErrClosed) {
					t.Errorf("append %d was answered with %v", i, errs)
				}
			}
			l.Close()
			if len(stopped) != 1 {
				t.Errorf("stopped with %v", stopped)
			}

			l = openTest(t, path, LogOptions{})
			there := map[Seq]bool{}
			for _, e := range history(t, l, 0) {
				there[e.Seq] = true
			}
			for _, seq := range acked.Seqs {
				if !there[seq] {
					t.Errorf("acknowledged number %d is lost", seq)
				}
			}
			for _, item := range ring.view.Load().items {
				if !there[item.seq] {
					t.Errorf("number %d was published and is not there", item.seq)
				}
			}
			for i, errs := range answers {
				n := 0
				if err := l.Replay(ctx, testDID(i), 0, func(Event) error { n++; return nil }); err != nil {
					t.Fatal(err)
				}
				if n != 0 && n != 3 || errs[0] == nil && n != 3 {
					t.Errorf("append %d was answered with %v; %d of its 3 entries are there", i, errs[0], n)
				}
			}
			mustDo(t, l, firstCommit(testDID(20), 100))
			l.Close()
			checkLog(t, path)
		})
	}
}

// So does the goroutine that copies the WAL back for it.
func TestAPanicOfTheCopyStopsTheLog(t *testing.T) {
	path := logPath(t)
	var stopped []error
	l := openTest(t, path, LogOptions{Fatal: func(err error) { stopped = append(stopped, err) }})
	mustDo(t, l, firstCommit(testDID(1), 100))
	if err := l.maintain(ctx, "poison", func(c *committer) error { c.copier = &logdb.Copier{}; return nil }); err != nil {
		t.Fatal(err)
	}
	if copyNow(t, l, func() {}) {
		t.Error("the log goes on")
	}
	if _, err := do(l, firstCommit(testDID(2), 100)); !errors.Is(err, ErrClosed) {
		t.Errorf("behind the panic: %v", err)
	}
	l.Close()
	if len(stopped) != 1 || !errors.Is(stopped[0], errPanicked) {
		t.Errorf("stopped with %v", stopped)
	}
	l = openTest(t, path, LogOptions{})
	if _, ok, err := l.Head(ctx, testDID(1)); err != nil || !ok {
		t.Errorf("what was acknowledged: %v, %v", ok, err)
	}
}

// The process that nobody overrides ends with the status that supervisors know.
func TestAPanicOfTheCommitterEndsTheProcess(t *testing.T) {
	const dir = "TROUPE_TEST_COMMITTER_PANICS"
	if path := os.Getenv(dir); path != "" {
		l, err := OpenLog(ctx, path, LogOptions{Logger: quiet})
		if err != nil {
			t.Fatal(err)
		}
		mustDo(t, l, firstCommit(testDID(1), 100))
		l.Append(firstCommit(testDID(2), 100), func(Committed, error) { panic("injected") })
		select {} // until the process ends
	}
	path := logPath(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), dir+"="+path)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitDisk {
		t.Fatalf("the process ended with %v\n%s", err, out)
	}
	l := openTest(t, path, LogOptions{})
	for i := 1; i <= 2; i++ {
		if _, ok, err := l.Head(ctx, testDID(i)); err != nil || !ok {
			t.Errorf("account %d: %v, %v", i, ok, err)
		}
	}
}
