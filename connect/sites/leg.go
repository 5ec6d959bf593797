package sites

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
)

// leg reads a split at one site until it is stopped. When the site cannot be
// reached it tries again: whether to wait for it is decided elsewhere.
type leg struct {
	source *source
	site   int
	number int
	from   connect.Offset // behind what was given; nil before reading has begun
	start  *start         // where to begin without from; nil for where the table says
	pieces chan piece
	cancel context.CancelFunc
	lag    atomic.Pointer[connect.Lagger]
	giving atomic.Bool // rows were read and are not taken yet
}

// piece is what a leg gives: rows with the offset behind them, or why there are no
// more.
type piece struct {
	leg    *leg
	rows   *batch.Batch
	offset connect.Offset
	last   bool // nothing waited behind it
	err    error
}

// begin makes a leg of the reader's.
func (r *reader) begin(site int, from connect.Offset, start *start) *leg {
	l := &leg{source: r.source, site: site, number: r.number, from: from, start: start, pieces: make(chan piece)}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	r.legs.Go(func() { l.run(ctx) })
	return l
}

func (l *leg) run(ctx context.Context) {
	for {
		err := l.read(ctx)
		if ctx.Err() != nil {
			return
		}
		if problem.Of(err).Retry == problem.Never && !errors.Is(err, context.DeadlineExceeded) {
			l.give(ctx, piece{leg: l, err: atSite(l.site, err)})
			return
		}
		if !sleep(ctx, reopenPause) {
			return
		}
	}
}

// read opens the split and gives what it reads until something fails.
func (l *leg) read(ctx context.Context) error {
	split, err := l.source.splitAt(ctx, l.site, l.number)
	if err != nil {
		return err
	}
	if l.from == nil && l.start != nil {
		if l.from, err = l.place(ctx, split); err != nil {
			return err
		}
	}
	reader, err := l.source.sites[l.site].Open(ctx, split, l.from)
	if err != nil {
		return err
	}
	defer reader.Close()
	if lagger, ok := reader.(connect.Lagger); ok {
		l.lag.Store(&lagger)
		defer l.lag.Store(nil)
	}
	for {
		rows, err := reader.Read(ctx)
		if err != nil {
			return err
		}
		l.giving.Store(true)
		offset := reader.Offset()
		if !l.give(ctx, piece{leg: l, rows: rows, offset: offset, last: l.caughtUp()}) {
			return ctx.Err()
		}
		l.giving.Store(false)
		l.from = offset
	}
}

func (l *leg) give(ctx context.Context, p piece) bool {
	select {
	case l.pieces <- p:
		return true
	case <-ctx.Done():
		return false
	}
}

// place finds the offset where the leg is to begin.
func (l *leg) place(ctx context.Context, split connect.SplitID) (connect.Offset, error) {
	source, err := l.source.sourceAt(l.site, *l.start)
	if err != nil {
		return nil, err
	}
	return firstOffset(ctx, source, split)
}

// firstOffset is where a split's reading begins.
func firstOffset(ctx context.Context, source connect.Source, split connect.SplitID) (connect.Offset, error) {
	reader, err := source.Open(ctx, split, nil)
	if err != nil {
		return nil, err
	}
	offset := reader.Offset()
	return offset, reader.Close()
}

// caughtUp reports whether nothing waits to be read.
func (l *leg) caughtUp() bool {
	lagger := l.lag.Load()
	if lagger == nil {
		return false
	}
	rows, _ := (*lagger).Lag()
	return rows == 0
}

// sleep waits; false when ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
