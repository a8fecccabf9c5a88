package sequencing

import "sync"

// One batch is at most this much, however much is waiting: it bounds how long
// the first of a batch waits for the last, and what a batch keeps in memory.
const (
	batchAppends = 1024
	batchBytes   = 8 << 20
)

// request is an append on its way through the committer.
type request struct {
	append Append
	done   func(Committed, error)
	size   int
}

// job is maintenance that runs on the committer between two batches.
type job func(*committer)

// queue stands between everybody and the committer. It is bounded by bytes,
// which are given back when a request was answered.
type queue struct {
	limit int

	mu       sync.Mutex
	requests []*request
	jobs     []job
	bytes    int   // of requests that are not answered yet
	closed   error // nil while open

	wake chan struct{} // capacity 1: something changed
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1)}
}

// put admits a request or says why not. One request larger than the limit is
// admitted when nothing else is waiting, or it could never be.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return q.closed
	}
	if q.bytes > 0 && q.bytes+r.size > q.limit {
		return ErrQueueFull
	}
	q.bytes += r.size
	q.requests = append(q.requests, r)
	q.signal()
	return nil
}

// putJob queues maintenance. Jobs are few: their callers wait for them.
func (q *queue) putJob(j job) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed != nil {
		return q.closed
	}
	q.jobs = append(q.jobs, j)
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for work: the requests of one batch, one job, or both. ok is false
// when the queue is closed and empty.
func (q *queue) take(batch []*request) (_ []*request, j job, ok bool) {
	for {
		q.mu.Lock()
		bytes := 0
		for len(q.requests) > 0 && len(batch) < batchAppends && (bytes == 0 || bytes+q.requests[0].size <= batchBytes) {
			bytes += q.requests[0].size
			batch = append(batch, q.requests[0])
			q.requests[0] = nil
			q.requests = q.requests[1:]
		}
		if len(q.requests) == 0 {
			q.requests = nil
		}
		if len(q.jobs) > 0 {
			j = q.jobs[0]
			q.jobs = q.jobs[1:]
		}
		if len(q.requests) > 0 || len(q.jobs) > 0 {
			q.signal()
		}
		closed := q.closed
		q.mu.Unlock()

		if len(batch) > 0 || j != nil {
			return batch, j, true
		}
		if closed != nil {
			return nil, nil, false
		}
		<-q.wake
	}
}

// release gives back the bytes of an answered request.
func (q *queue) release(bytes int) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= bytes
	return q.bytes
}

// close refuses what comes from now on with err; what is queued stays.
func (q *queue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = err
	}
	q.signal()
}
