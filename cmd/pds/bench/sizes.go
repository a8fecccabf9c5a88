package bench

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	startsOfOne  = 5    // starts of one round of start-up
	newAccounts  = 50   // of empty-account
	mostAwake    = 1000 // of awake-account
	quiet        = 3 * time.Second
	untilQuiet   = 30 * time.Second
	sampleOfDisk = 250 * time.Millisecond
)

// rest is what follows a start before memory is read; tests shorten it.
var rest = time.Second

// startUp starts the server again and again. Memory is read after a rest, in
// which a server may still do what it put off.
func startUp(ctx context.Context, t *target, o Options) (sum tally, err error) {
	if err := t.exist(ctx, o.Hosted); err != nil {
		return sum, err
	}
	for range startsOfOne {
		if err := t.restart(ctx, 0); err != nil {
			return sum, err
		}
		sum.ops++
		sum.latency = append(sum.latency, t.Process.Healthy)
		if err := pause(ctx, rest); err != nil {
			return sum, err
		}
		now := measure(t.PID)
		sum.serverKnown, sum.rss = now.known, max(sum.rss, now.rss)
		sum.serverCPU += now.server
		sum.figure("MB at rest", megabytes(now.rss))
	}
	sum.note(fmt.Sprintf("start-up on %s: %d accounts; p50 is start to healthy, CPU includes a second of rest", t.Name, len(t.state.Accounts)))
	return sum, nil
}

// awakeAccount reads from one account after the other and sees how memory
// grows. As many reads of one account come first: what requests leave behind
// in memory is not the accounts' share.
func awakeAccount(ctx context.Context, t *target, o Options) (sum tally, err error) {
	if err := t.exist(ctx, min(max(o.Accounts, o.Hosted), mostAwake)); err != nil {
		return sum, err
	}
	if t.Process != nil {
		if err := t.restart(ctx, 0); err != nil {
			return sum, err
		}
	}
	all := t.state.Accounts[:min(mostAwake, len(t.state.Accounts))]
	list := func(which func(i int) *account) error {
		return t.parallel(ctx, len(all), signUps, func(c *conn, i int) error {
			return t.query(c, "com.atproto.repo.listRecords", "", nil, "repo", which(i).DID.String(), "collection", collection, "limit", "50")
		})
	}
	if err := list(func(int) *account { return all[0] }); err != nil {
		return sum, err
	}
	before := measure(t.PID)
	if err := list(func(i int) *account { return all[i] }); err != nil {
		return sum, err
	}
	after := measure(t.PID)
	sum.spent(before, after)
	sum.ops = len(all)
	sum.rates = []float64{sum.rate()}
	if after.known && len(all) > 1 {
		sum.figure("kB of memory for each", max(0, float64(after.rss-before.rss))/1024/float64(len(all)-1))
	}
	return sum, nil
}

// emptyAccount makes accounts, and compares what is on the disk before and
// after while the server is stopped, so that nothing is on its way.
func emptyAccount(ctx context.Context, t *target, o Options) (sum tally, err error) {
	var before, after int64
	if err := t.paused(ctx, func() (err error) { before, err = onDisk(t.Process.data); return err }); err != nil {
		return sum, err
	}
	made, err := t.signUp(ctx, newAccounts)
	t.state.Accounts = append(t.state.Accounts, made...)
	if err != nil {
		return sum, fmt.Errorf("createAccount: %w", err)
	}
	if err := t.state.write(t.path); err != nil {
		return sum, err
	}
	if err := t.paused(ctx, func() (err error) { after, err = onDisk(t.Process.data); return err }); err != nil {
		return sum, err
	}
	sum.ops = len(made)
	sum.figure("kB of disk for each", float64(after-before)/1024/float64(len(made)))
	folder, err := folderOf(t.Process.data, made[0])
	if err != nil {
		return sum, err
	}
	own, err := onDisk(folder)
	sum.figure("kB of that in its folder", float64(own)/1024)
	return sum, err
}

// folderOf finds the folder that has the account's DID as its name.
func folderOf(data string, a *account) (found string, err error) {
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.EqualFold(d.Name(), a.DID.String()) {
			found = path
			return fs.SkipAll
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("no folder is called %s", a.DID)
	}
	return found, err
}

// onDisk is what files and folders below dir occupy, as du counts.
func onDisk(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += s.Blocks * 512
		}
		return nil
	})
	return sum, err
}

// diskPerPost is createRecord with a long end: the counts are read when the
// server has stopped writing, so that what it puts off is paid for here.
func diskPerPost(ctx context.Context, t *target, o Options) (tally, error) {
	all, err := t.accounts(ctx, o.Accounts)
	if err != nil {
		return tally{}, err
	}
	if err := t.calm(ctx); err != nil {
		return tally{}, err
	}
	o.Warmup = 0
	sum, _, err := t.run(ctx, o, job{workers: o.Workers, settle: t.calm, op: func(w *worker) error {
		_, err := w.create(w.pick(all))
		return err
	}})
	return sum, err
}

// calm waits until the server has written nothing for a while. One that cannot
// be watched gets that while.
func (t *target) calm(ctx context.Context) error {
	last, since := int64(-1), time.Now()
	for end := time.Now().Add(untilQuiet); time.Now().Before(end) && time.Since(since) < quiet; {
		if now := measure(t.PID).written; now != last {
			last, since = now, time.Now()
		}
		if err := pause(ctx, sampleOfDisk); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
