package job

import (
	"sync"
	"time"
)

// tally adds up how long one goroutine has been at something, such as waiting, with
// the time that is under way. Any goroutine may ask.
type tally struct {
	mu struct {
		sync.Mutex
		total time.Duration
		since time.Time // when it began; zero while it is not at it
	}
}

func (t *tally) begin(now time.Time) {
	t.mu.Lock()
	t.mu.since = now
	t.mu.Unlock()
}

// end stops the clock; when it does not run, it does nothing.
func (t *tally) end(now time.Time) {
	t.mu.Lock()
	if !t.mu.since.IsZero() {
		t.mu.total += now.Sub(t.mu.since)
		t.mu.since = time.Time{}
	}
	t.mu.Unlock()
}

// sum is how long it has been at it until now.
func (t *tally) sum(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.since.IsZero() {
		return t.mu.total
	}
	return t.mu.total + max(now.Sub(t.mu.since), 0)
}
