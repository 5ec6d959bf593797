package kafka

import (
	"context"
	"sync"
)

// budget bounds a sum of bytes. Those who wait for some get them in their order,
// so that a large request is not passed by small ones for ever.
type budget struct {
	total int
	mu    struct {
		sync.Mutex
		used    int
		waiting []*claim
	}
}

// claim is somebody who waits for bytes.
type claim struct {
	bytes   int
	granted chan struct{}
}

func newBudget(total int) *budget { return &budget{total: total} }

// take waits until there are bytes left, at most the total, and takes them.
func (b *budget) take(ctx context.Context, bytes int) error {
	b.mu.Lock()
	if len(b.mu.waiting) == 0 && b.mu.used+bytes <= b.total {
		b.mu.used += bytes
		b.mu.Unlock()
		return nil
	}
	c := &claim{bytes, make(chan struct{})}
	b.mu.waiting = append(b.mu.waiting, c)
	b.mu.Unlock()
	select {
	case <-c.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, w := range b.mu.waiting {
		if w == c {
			b.mu.waiting = append(b.mu.waiting[:i], b.mu.waiting[i+1:]...)
			b.grant()
			return ctx.Err()
		}
	}
	b.mu.used -= bytes // it was granted in between
	b.grant()
	return ctx.Err()
}

// give gives bytes back.
func (b *budget) give(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.used -= bytes
	b.grant()
}

// grant serves those who wait; the caller holds the mutex.
func (b *budget) grant() {
	for len(b.mu.waiting) > 0 && b.mu.used+b.mu.waiting[0].bytes <= b.total {
		c := b.mu.waiting[0]
		b.mu.waiting = b.mu.waiting[1:]
		b.mu.used += c.bytes
		close(c.granted)
	}
}

// load is how much of the total is in use, and more than 1 when somebody waits.
func (b *budget) load() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	used := b.mu.used
	for _, c := range b.mu.waiting {
		used += c.bytes
	}
	return float64(used) / float64(b.total)
}
