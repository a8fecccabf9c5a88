package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// transferTimeout bounds one export or import of a repository of any size.
const transferTimeout = 30 * time.Minute

// importRepo gives one repository to one new account after the other. Making
// accounts is not measured, nor is the export. Its operations are records.
func importRepo(ctx context.Context, t *target, o Options) (sum tally, err error) {
	a, err := t.large(ctx, o.Records)
	if err != nil {
		return sum, fmt.Errorf("large repository: %w", err)
	}
	repository, err := t.download(ctx, a)
	if err != nil {
		return sum, fmt.Errorf("export: %w", err)
	}
	defer repository.close()
	// A server that has just written all this has memory to spare.
	if t.Process != nil {
		if err := t.restart(ctx, 0); err != nil {
			return sum, err
		}
	}
	profiled := t.profile(ctx, o)
	defer profiled()
	for done := 0; done == 0 || sum.elapsed < o.Duration; done++ {
		made, err := t.signUp(ctx, 1)
		if err != nil {
			return sum, fmt.Errorf("createAccount: %w", err)
		}
		one, err := t.bring(ctx, made[0], repository)
		if err != nil {
			return sum, err
		}
		one.ops = a.Records
		sum.add(one)
		sum.note(fmt.Sprintf("import-repo on %s: %d records, %.1f MB", t.Name, a.Records, float64(repository.size)/1e6))
		if err := t.sameRecords(ctx, made[0], repository); err != nil {
			return sum, err
		}
	}
	sum.rates = []float64{sum.rate()}
	return sum, nil
}

// bring imports into one account, and watches the server's memory meanwhile.
func (t *target) bring(ctx context.Context, a *account, e *exported) (sum tally, err error) {
	car, size, err := e.of(a.DID)
	if err != nil {
		return sum, err
	}
	watched := watchMemory(t.PID)
	before := measure(t.PID)
	body, err := t.transfer(ctx, "POST", "com.atproto.repo.importRepo", a.Access, car, size)
	after := measure(t.PID)
	sum.rssGrown = watched()
	if err != nil {
		return sum, err
	}
	body.Close()
	sum.spent(before, after)
	sum.latency = []time.Duration{after.at.Sub(before.at)}
	sum.bytes = size
	return sum, nil
}

// sameRecords sees that an account now has the tree that was imported, and that
// the server gives out every block of it.
func (t *target) sameRecords(ctx context.Context, a *account, want *exported) error {
	got, err := t.download(ctx, a)
	if err != nil {
		return fmt.Errorf("export after the import: %w", err)
	}
	defer got.close()
	if got.data != want.data || got.size != want.size {
		return fmt.Errorf("the import is wrong: the tree %s of %d bytes instead of %s of %d", got.data, got.size, want.data, want.size)
	}
	return nil
}

// download exports a repository into a file.
func (t *target) download(ctx context.Context, a *account) (*exported, error) {
	body, err := t.transfer(ctx, "GET", "com.atproto.sync.getRepo"+params("did", a.DID.String()), "", nil, 0)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return strip(body)
}

// transfer sends or gets what is too large for memory. Nothing of it is small
// enough for the price of net/http to matter.
func (t *target) transfer(ctx context.Context, verb, method, token string, in io.Reader, size int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	r, err := http.NewRequestWithContext(ctx, verb, t.URL+"/xrpc/"+method, in)
	if err != nil {
		cancel()
		return nil, err
	}
	r.ContentLength = size
	if in != nil {
		r.Header.Set("Content-Type", "application/vnd.ipld.car")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Accept-Encoding", "identity")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		cancel()
		return nil, err
	}
	if answer.StatusCode >= 300 {
		defer cancel()
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
		return nil, newRefusal(answerOf(answer), text)
	}
	return &endingBody{answer.Body, cancel}, nil
}

func answerOf(r *http.Response) answer {
	return answer{status: r.StatusCode, reset: r.Header.Get("Retry-After")}
}

// endingBody frees what bounded the time of its request.
type endingBody struct {
	io.ReadCloser
	end context.CancelFunc
}

func (b *endingBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
