package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
)

// Whole is a table that is held in memory as a whole. It fulfils
// connect.Lookuper.
type Whole struct {
	layout Layout
	source connect.Source
	reload time.Duration
	now    func() time.Time
	mu     struct {
		sync.Mutex
		index *index // nil before the first Lookup
		read  time.Time
	}
}

// WholeOptions is how a table is held.
type WholeOptions struct {
	Reload time.Duration    // how long what was read is good for; 0 for ever
	Now    func() time.Time // nil means time.Now
}

// NewWhole holds the rows of a source, whose columns are those of the layout.
func NewWhole(layout Layout, source connect.Source, options WholeOptions) (*Whole, error) {
	if !source.Bounded() {
		return nil, problem.New(problem.Unsupported, "table %s never ends, so it cannot be looked up as a whole", layout.Table).
			WithHint("use a regular join, or a temporal join in event time")
	}
	w := &Whole{layout: layout, source: source, reload: options.Reload, now: options.Now}
	if w.now == nil {
		w.now = time.Now
	}
	return w, nil
}

// Lookup finds rows in what was read, and reads the table when it was not read
// yet or too long ago.
func (w *Whole) Lookup(ctx context.Context, keys []*batch.Column, rows int) (connect.Found, error) {
	index, err := w.current(ctx)
	if err != nil {
		return connect.Found{}, err
	}
	return index.lookup(keys, rows), nil
}

// current is the index to look into. The table is read under the lock: whoever
// else asks needs it as well.
func (w *Whole) current(ctx context.Context) (*index, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.mu.index != nil && (w.reload == 0 || now.Sub(w.mu.read) < w.reload) {
		return w.mu.index, nil
	}
	all := newRows(&w.layout)
	if err := w.read(ctx, all); err != nil {
		return nil, fmt.Errorf("read table %s to look it up: %w", w.layout.Table, err)
	}
	w.mu.index, w.mu.read = all.index(), now
	return w.mu.index, nil
}

func (w *Whole) read(ctx context.Context, all *rows) error {
	splits, err := w.source.Splits(ctx)
	if err != nil {
		return err
	}
	for _, split := range splits {
		if err := w.readSplit(ctx, split, all); err != nil {
			return fmt.Errorf("%s: %w", split, err)
		}
	}
	return nil
}

func (w *Whole) readSplit(ctx context.Context, split connect.SplitID, all *rows) (err error) {
	reader, err := w.source.Open(ctx, split, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		b, err := reader.Read(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := all.add(b); err != nil {
			return err
		}
	}
}

// Settled reports whether the table is read only once.
func (w *Whole) Settled() bool { return w.reload == 0 }

// Close forgets the rows.
func (w *Whole) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.index = nil
	return nil
}
