package native

import (
	"context"

	"tidemark/connect"
)

var (
	_ connect.Waiter     = (*reader)(nil)
	_ connect.Positioner = (*reader)(nil)
)

// Wait waits for the log to have a record behind the last batch.
func (r *reader) Wait(ctx context.Context) {
	if r.block != nil || r.source.request.Bounded {
		return
	}
	_ = r.source.topic.Await(ctx, r.partition, r.next) // Read meets what is wrong
}

// Position is the offset of the next record, and that behind the newest one.
func (r *reader) Position() (next, end int64) {
	high, err := r.source.topic.HighWater(r.partition)
	if err != nil {
		return r.at.Load(), -1
	}
	return r.at.Load(), int64(high)
}
