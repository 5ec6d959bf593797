package format

import (
	"sync"

	"tidemark/base/batch"
	"tidemark/base/invariant"
)

// Lender lends the batches of a JSON decoder that copies texts, and has them filled
// again when they come back. Lend and Reuse are for the goroutine that decodes;
// batches come back from any.
//
// When many are out, others are given without a lease: a lease keeps a whole batch
// in memory, also where only a few of its rows wait for a sink.
type Lender struct {
	mu struct {
		sync.Mutex
		out  int // leases that have not come back; those that never do count for ever
		back []*batch.Batch
	}
}

// Lend gives a batch with a lease on the memory of rows, which the decoder has just
// made, or rows themselves without one.
func (l *Lender) Lend(rows *batch.Batch) *batch.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.out == lentMax {
		return rows
	}
	l.mu.out++
	lent := *rows
	lent.Columns = batch.Lent(rows.Columns)
	lent.Lease = batch.NewLease(func() {
		if invariant.Enabled {
			batch.Spoil(rows.Columns)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.mu.out--
		l.mu.back = append(l.mu.back, rows)
	})
	return &lent
}

// Reuse gives the decoder a batch that came back, if there is one.
func (l *Lender) Reuse(d *JSONDecoder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.mu.back); n > 0 {
		d.Reuse(l.mu.back[n-1])
		l.mu.back[n-1] = nil
		l.mu.back = l.mu.back[:n-1]
	}
}
