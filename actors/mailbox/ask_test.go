package mailbox_test

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"troupe/actors/mailbox"
)

func TestAskIsAnsweredWithTheTypeOfTheMessage(t *testing.T) {
	at := spawn(t, 8, lives{}).Address()
	n, err := mailbox.Ask(t.Context(), at, value(7))
	var answer int = n // the point of the test is that this compiles
	if answer != 7 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
}

func TestWrongPairsDoNotCompile(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "build", "./testdata/right",
		"./testdata/wronganswer", "./testdata/wrongactor", "./testdata/wronghandler").CombinedOutput()
	if err == nil {
		t.Fatal("everything compiled")
	}
	for _, part := range strings.Split(string(out), "# troupe/actors/mailbox/testdata/")[1:] {
		dir, complaint, _ := strings.Cut(part, "\n")
		want, ok := map[string]string{
			"wronganswer":  "cannot use n (variable of type int) as string value",
			"wrongactor":   "does not match inferred type mailbox.Message[*Other, R]",
			"wronghandler": "does not satisfy mailbox.Message[A, R]",
		}[dir]
		if !ok || !strings.Contains(complaint, want) {
			t.Errorf("%s: %s", dir, complaint)
		}
	}
	if n := strings.Count(string(out), "# troupe/"); n != 3 {
		t.Errorf("%d packages were refused, want 3:\n%s", n, out)
	}
}

func TestErrorsArriveAsTheHandlerReturnedThem(t *testing.T) {
	mine := errors.New("mine")
	at := spawn(t, 8, lives{}).Address()
	_, err := ask(t, at, do{f: func(context.Context, *probe) (int, error) { return 0, mine }})
	if err != mine {
		t.Fatalf("got %v", err)
	}
}

func TestContextTravelsWithTheRequest(t *testing.T) {
	type key struct{}
	at := spawn(t, 8, lives{}).Address()
	n, err := mailbox.Ask(context.WithValue(t.Context(), key{}, 42), at,
		do{f: func(ctx context.Context, _ *probe) (int, error) { return ctx.Value(key{}).(int), nil }})
	if n != 42 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
}

func TestAMessageWithoutAHandlerIsAnswered(t *testing.T) {
	at := spawn(t, 8, lives{}).Address()
	wants(t, at, odd{}, 0, mailbox.ErrUnhandled)
	wants(t, at, value(1), 1, nil)
}

func TestTheZeroAddressIsStopped(t *testing.T) {
	wants(t, mailbox.Address[*probe]{}, value(1), 0, mailbox.ErrStopped)
	if err := <-post(t.Context(), mailbox.Address[*probe]{}, value(1)).done; err != mailbox.ErrStopped {
		t.Fatal(err)
	}
}

func TestPostIsDoneOnce(t *testing.T) {
	at := spawn(t, 8, lives{}).Address()
	p := post(t.Context(), at, keep{f: func(_ *probe, answer func(int, error)) {
		answer(1, nil)
		answer(2, nil)
	}})
	if err := <-p.done; err != nil {
		t.Fatal(err)
	}
	wants(t, at, value(1), 1, nil)
	if n := p.times.Load(); n != 1 {
		t.Fatalf("done ran %d times", n)
	}
}

func TestExpiredRequestsAreShedUnread(t *testing.T) {
	at := spawn(t, 8, lives{}).Address()
	release := block(t, at)
	handled := false
	mark := do{f: func(context.Context, *probe) (int, error) { handled = true; return 0, nil }}

	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the client hung up")
	p := post(ctx, at, mark)
	cancel(why)
	early, cancelEarly := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancelEarly()
	_, err := mailbox.Ask(early, at, mark)
	if !errors.Is(err, mailbox.ErrExpired) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ask: %v", err)
	}

	release()
	if err := <-p.done; !errors.Is(err, mailbox.ErrExpired) || !errors.Is(err, why) {
		t.Errorf("post: %v", err)
	}
	wants(t, at, value(1), 1, nil) // behind both
	if handled {
		t.Error("an expired request was handled")
	}
}

func TestAnExpiredContextIsNotEvenSent(t *testing.T) {
	at := spawn(t, 1, lives{}).Address()
	defer block(t, at)() // full: anything that is sent gets ErrBusy
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mailbox.Ask(ctx, at, value(1)); !errors.Is(err, mailbox.ErrExpired) {
		t.Error(err)
	}
	if err := <-post(ctx, at, value(1)).done; !errors.Is(err, mailbox.ErrExpired) {
		t.Error(err)
	}
}

func TestALateAnswerIsDropped(t *testing.T) {
	at := spawn(t, 8, lives{}).Address()
	ctx, cancel := context.WithCancel(t.Context())
	var answer func(int, error)
	_, err := mailbox.Ask(ctx, at, keep{f: func(_ *probe, a func(int, error)) {
		answer = a
		cancel()
	}})
	if !errors.Is(err, mailbox.ErrExpired) {
		t.Fatal(err)
	}
	wants(t, at, value(1), 1, nil)
	answer(1, nil) // nobody is there: must not block
}
