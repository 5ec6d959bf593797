package progress

import (
	"context"
	"sort"
	"sync"
	"time"
)

// Board keeps the newest evidence of every table and wakes who waits for it. It
// is safe for concurrent use.
type Board struct {
	mu struct {
		sync.Mutex
		evidence map[string]Evidence
		gaps     map[string][]Gap
		changed  chan struct{} // closed and replaced at every report
	}
}

// NewBoard returns a board without tables.
func NewBoard() *Board {
	b := &Board{}
	b.mu.evidence, b.mu.gaps = map[string]Evidence{}, map[string][]Gap{}
	b.mu.changed = make(chan struct{})
	return b
}

// Report replaces what is known of a table. The maps and slices of e belong to
// the board afterwards.
func (b *Board) Report(e Evidence) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.evidence[e.Table] = e
	close(b.mu.changed)
	b.mu.changed = make(chan struct{})
}

// Note replaces the gaps of a table. The slice belongs to the board afterwards.
func (b *Board) Note(table string, gaps []Gap) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.gaps[table] = gaps
	close(b.mu.changed)
	b.mu.changed = make(chan struct{})
}

// Forget removes a table that was dropped.
func (b *Board) Forget(table string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.mu.evidence, table)
	delete(b.mu.gaps, table)
}

// Of decides the progress of a table for the windows that touch [from, to), in
// ms; false when nothing is known of it.
func (b *Board) Of(table string, from, to int64, now time.Time) (Progress, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return decide(b.mu.evidence, b.mu.gaps, table, from, to, now)
}

// Window is the grid of a table's windows; zero when it has none or is unknown.
func (b *Board) Window(table string) Windowing {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.evidence[table].Window
}

// Tables lists the tables on the board by name.
func (b *Board) Tables() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := make([]string, 0, len(b.mu.evidence))
	for name := range b.mu.evidence {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// FinalUntil is the least FinalUntil of several tables, in ms: how far an answer
// made from them is settled. Tables that are not on the board do not count;
// false when none is.
func (b *Board) FinalUntil(tables []string, now time.Time) (until int64, known bool) {
	for _, t := range tables {
		if p, ok := b.Of(t, 0, 0, now); ok {
			if !known || p.FinalUntil < until {
				until = p.FinalUntil
			}
			known = true
		}
	}
	return until, known
}

// WaitApplied waits until rows up to the position of a split of the table's
// source are visible, or ctx ends.
func (b *Board) WaitApplied(ctx context.Context, table, split string, position int64) error {
	for {
		b.mu.Lock()
		applied, changed := b.mu.evidence[table].Positions[split], b.mu.changed
		b.mu.Unlock()
		if applied >= position {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Changed is closed at the next report.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.changed
}
