package kafka

import (
	"context"
	"errors"

	"tidemark/connect"
)

var (
	_ connect.Waiter     = (*reader)(nil)
	_ connect.Positioner = (*reader)(nil)
)

// Wait waits for the broker's next answer, unless there is something to give.
func (r *reader) Wait(ctx context.Context) {
	if !r.begun || len(r.pending) > 0 || r.hasMore || r.came != nil || r.place.next >= r.place.end {
		return
	}
	select {
	case a := <-r.feed.answers:
		r.came = &a
	case <-ctx.Done():
	case <-r.closed:
	}
}

// next is the broker's next answer: what Wait has met, or what comes.
func (r *reader) next(ctx context.Context) (answer, error) {
	r.Wait(ctx)
	if r.came == nil {
		if err := ctx.Err(); err != nil {
			return answer{}, err
		}
		return answer{}, errors.New("the reader is closed")
	}
	a := *r.came
	r.came = nil
	return a, nil
}

// Position is the offset of the next record, and that behind the newest one that
// readers may see.
func (r *reader) Position() (next, end int64) { return r.at.Load(), r.feed.highMark.Load() }
