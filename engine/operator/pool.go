package operator

import "sync/atomic"

// Pool is memory for the state of several operators. Each may take its share
// whatever the others do, and what they leave beside: so one key may take nearly
// all of it. An operator that holds more than its share gives everything back as
// soon as the pool is full, with its next batch or Flush at the latest.
//
// It is used by many goroutines. What it knows of the others is as old as their
// last batches.
type Pool struct {
	limit int64 // bytes
	held  atomic.Int64
}

// NewPool makes a pool of so many bytes.
func NewPool(bytes int64) *Pool { return &Pool{limit: usable(bytes)} }

// usable is how much of some memory may be filled: tables and slices grow by a
// quarter or more at a time.
func usable(bytes int64) int64 { return bytes / 5 * 4 }

// left is how much nobody has. Who asks holds so many bytes more than he said
// before.
func (p *Pool) left(more int64) int64 { return p.limit - p.held.Add(more) }
