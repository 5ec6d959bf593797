// Package compensation keeps the gaps that sources tell of: parts of the input of
// jobs of which it is not certain that all of it became rows.
//
// It does not find gaps and does not close them, the connector 'sites' does; and
// it does not decide how far a table is settled, progress does. It is what
// connects the two with people: it remembers, tells the board, and passes on that
// somebody wants a replay to run.
//
// Flow: a source notes a gap of a committed epoch → Book.Note keeps it in memory,
// puts it on the board and wakes Run → Run writes it to the meta store. Somebody
// approves a replay → Close notes that, durably → the source asks Approved, adds
// what is missing, and notes the gap again.
//
// Invariants:
//  1. Note does not wait for a disk. What a crash keeps from being written is
//     noted again: sources repeat what they know after every start.
//  2. An approval that Close has confirmed survives a crash.
//  3. A gap that closed stays closed, and is kept.
package compensation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/progress"
	"tidemark/store/meta"
)

// Kind is that of the documents gaps are kept in.
const Kind = "gap"

// Limits.
const (
	// gapsMax is how many gaps are kept; of more, those that closed first go.
	gapsMax = 10_000
	// writePause is between tries to write what could not be written.
	writePause = time.Second
)

// Book keeps gaps. It is safe for concurrent use.
type Book struct {
	store  *meta.Store
	board  *progress.Board
	logger *slog.Logger
	wake   chan struct{}
	// writing is held while a gap is written, so that what is older is never written
	// over what is newer.
	writing sync.Mutex
	mu      struct {
		sync.Mutex
		gaps    map[string]entry
		written map[string]entry // as the store has them
	}
}

// entry is a gap as it is kept.
type entry struct {
	Gap      connect.Gap `json:"gap"`
	Approved bool        `json:"approved"` // somebody wants its replay to run, or has seen to what came too late
}

var _ connect.GapLedger = (*Book)(nil)

// Open reads the gaps that are kept, and puts them on the board. One that cannot be
// read is logged and left out.
func Open(ctx context.Context, store *meta.Store, board *progress.Board, logger *slog.Logger) (*Book, error) {
	b := &Book{store: store, board: board, logger: logger, wake: make(chan struct{}, 1)}
	b.mu.gaps, b.mu.written = map[string]entry{}, map[string]entry{}
	kept, err := store.All(ctx, Kind)
	if err != nil {
		return nil, err
	}
	jobs := map[string]bool{}
	for _, document := range kept {
		var e entry
		if err := json.Unmarshal([]byte(document.Body), &e); err != nil || e.Gap.ID != document.Name {
			logger.Error("a gap that is kept cannot be read", "gap", document.Name, "error", err)
			continue
		}
		b.mu.gaps[e.Gap.ID], b.mu.written[e.Gap.ID] = e, e
		jobs[e.Gap.Job] = true
	}
	for job := range jobs {
		b.show(job)
	}
	return b, nil
}

// Note replaces what is known of a gap.
func (b *Book) Note(gap connect.Gap) {
	b.mu.Lock()
	before, known := b.mu.gaps[gap.ID]
	if known && before.Gap.State == connect.GapClosed {
		b.mu.Unlock()
		return
	}
	b.mu.gaps[gap.ID] = entry{Gap: gap, Approved: before.Approved}
	b.mu.Unlock()
	if !known || before.Gap.State != gap.State {
		b.logger.Warn("gap in the input of a job", "gap", gap.ID, "state", gap.State, "table", gap.Table, "lost", gap.Lost, "reason", gap.Reason,
			"missing", gap.Missing, "replayed", gap.Replayed, "differs", gap.Differs)
	}
	b.show(gap.Job)
	select {
	case b.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Approved reports whether somebody wants the replay of a gap to run.
func (b *Book) Approved(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.gaps[id].Approved
}

// show puts the gaps of a job on the board.
func (b *Book) show(job string) {
	b.mu.Lock()
	var all []progress.Gap
	for _, e := range b.mu.gaps {
		if e.Gap.Job == job && (e.Gap.State != connect.GapClosed || e.Gap.Late > 0 && !e.Approved) {
			all = append(all, shown(e.Gap))
		}
	}
	b.mu.Unlock()
	sort.Slice(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	b.board.Note(job, all)
}

// shown is a gap as the board has it.
func shown(g connect.Gap) progress.Gap {
	p := progress.Gap{ID: g.ID, From: g.From, Until: g.Until, Open: g.State != connect.GapClosed}
	switch g.State {
	case connect.GapOpen:
		p.Text = fmt.Sprintf("%s: the %s site of %s is away", g.ID, g.Lost, g.Table)
	case connect.GapComparing:
		p.Text = fmt.Sprintf("%s: the sites of %s are being compared", g.ID, g.Table)
	case connect.GapProposed, connect.GapReplaying, connect.GapDiffering:
		p.Text = g.ID + ": " + g.Differs
	case connect.GapClosed:
		p.Text = fmt.Sprintf("%s: %d events came after watermarks had gone on; make the table anew, then tidemark gaps close %s", g.ID, g.Late, g.ID)
	}
	return p
}

// Gaps lists all, the newest first.
func (b *Book) Gaps() []connect.Gap {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]connect.Gap, 0, len(b.mu.gaps))
	for _, e := range b.mu.gaps {
		all = append(all, e.Gap)
	}
	sort.Slice(all, func(i, j int) bool {
		if !all[i].Opened.Equal(all[j].Opened) {
			return all[i].Opened.After(all[j].Opened)
		}
		return all[i].ID < all[j].ID
	})
	return all
}

// Gap finds one.
func (b *Book) Gap(id string) (connect.Gap, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e, known := b.mu.gaps[id]; known {
		return e.Gap, nil
	}
	names := make([]string, 0, len(b.mu.gaps))
	for name := range b.mu.gaps {
		names = append(names, name)
	}
	p := problem.New(problem.NotFound, "there is no gap %s", id).WithHint("tidemark gaps lists them")
	if near := problem.Nearest(id, names); near != "" {
		p.WithHint("did you mean %q?", near)
	}
	return connect.Gap{}, p
}

// Close has the replay of a gap run that waits for it, or notes that somebody has
// seen to what came too late. It refuses where neither would help, and says what
// would.
func (b *Book) Close(ctx context.Context, id string) (connect.Gap, error) {
	g, err := b.Gap(id)
	if err != nil {
		return g, err
	}
	switch g.State {
	case connect.GapClosed:
		if g.Late == 0 {
			return g, nil
		}
	case connect.GapOpen:
		return g, problem.New(problem.Conflict, "the %s site of %s is away, so nobody knows what is missing", g.Lost, g.Table).WithHint("bring it back; the gap is looked at by itself then")
	case connect.GapDiffering:
		return g, problem.New(problem.Conflict, "%s cannot be closed: %s", id, g.Differs).WithHint("bring the events to both sites; the gap is looked at again by itself")
	case connect.GapComparing, connect.GapReplaying:
		return g, nil // it is on its way
	case connect.GapProposed:
	}
	if err := b.write(ctx, id, true); err != nil {
		return g, err
	}
	b.mu.Lock()
	now := b.mu.gaps[id]
	now.Approved = true
	b.mu.gaps[id] = now
	b.mu.Unlock()
	b.show(now.Gap.Job)
	return now.Gap, nil
}

// Run writes what is noted until ctx ends, and once more then.
func (b *Book) Run(ctx context.Context) {
	for {
		last := ctx.Err() != nil
		err := b.writeAll(context.WithoutCancel(ctx))
		if err != nil {
			b.logger.Error("keep gaps", "error", err)
		}
		if last {
			return
		}
		var again <-chan time.Time
		if err != nil {
			again = time.After(writePause)
		}
		select {
		case <-b.wake:
		case <-again:
		case <-ctx.Done():
		}
	}
}

// writeAll writes what the store does not have yet, and removes the oldest of too
// many.
func (b *Book) writeAll(ctx context.Context) error {
	b.mu.Lock()
	var due []string
	var closed []connect.Gap
	for id, e := range b.mu.gaps {
		if w, written := b.mu.written[id]; !written || !same(w, e) {
			due = append(due, id)
		}
		if e.Gap.State == connect.GapClosed {
			closed = append(closed, e.Gap)
		}
	}
	excess := len(b.mu.gaps) - gapsMax
	b.mu.Unlock()
	for _, id := range due {
		if err := b.write(ctx, id, false); err != nil {
			return err
		}
	}
	sort.Slice(closed, func(i, j int) bool { return closed[i].Closed.Before(closed[j].Closed) })
	for i := 0; i < excess && i < len(closed); i++ {
		if err := b.store.Delete(ctx, Kind, closed[i].ID); err != nil {
			return err
		}
		b.mu.Lock()
		delete(b.mu.gaps, closed[i].ID)
		delete(b.mu.written, closed[i].ID)
		b.mu.Unlock()
	}
	return nil
}

// write writes a gap as it is now; as approved, also when it is not yet.
func (b *Book) write(ctx context.Context, id string, approved bool) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	e := b.mu.gaps[id]
	e.Approved = e.Approved || approved || b.mu.written[id].Approved
	b.mu.Unlock()
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write gap %s: %w", e.Gap.ID, err)
	}
	if _, err := b.store.Put(ctx, Kind, e.Gap.ID, string(text)); err != nil {
		return err
	}
	b.mu.Lock()
	b.mu.written[e.Gap.ID] = e
	b.mu.Unlock()
	return nil
}

// same reports whether two entries are written alike.
func same(a, b entry) bool {
	one, errA := json.Marshal(a)
	other, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(one) == string(other)
}

// Forget removes the gaps of jobs that are there no more.
func (b *Book) Forget(ctx context.Context, isThere func(job string) bool) error {
	for _, g := range b.Gaps() {
		if isThere(g.Job) {
			continue
		}
		if err := b.store.Delete(ctx, Kind, g.ID); err != nil {
			return err
		}
		b.mu.Lock()
		delete(b.mu.gaps, g.ID)
		delete(b.mu.written, g.ID)
		b.mu.Unlock()
		b.show(g.Job)
	}
	return nil
}
