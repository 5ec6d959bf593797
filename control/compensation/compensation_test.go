package compensation

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/progress"
	"tidemark/store/meta"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a book over a real store.
type world struct {
	*testing.T
	dir   string
	store *meta.Store
	board *progress.Board
	book  *Book
	stop  func()
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, dir: t.TempDir()}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open() {
	w.Helper()
	var err error
	if w.store, err = meta.Open(w.Context(), vfs.OS(), w.dir); err != nil {
		w.Fatal(err)
	}
	w.board = progress.NewBoard()
	w.board.Report(progress.Evidence{Table: "per_ad", Applied: 99_999, Newest: 120_000, JobState: progress.Running})
	if w.book, err = Open(w.Context(), w.store, w.board, slog.New(slog.DiscardHandler)); err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.book.Run(ctx) })
	w.stop = func() {
		cancel()
		running.Wait()
	}
}

func (w *world) close() {
	w.stop()
	if err := w.store.Close(); err != nil {
		w.Error(err)
	}
}

func (w *world) restart() {
	w.close()
	w.open()
}

// finalUntil is what the board says of the table.
func (w *world) finalUntil() (int64, []progress.Gap) {
	w.Helper()
	p, known := w.board.Of("per_ad", 0, 200_000, time.UnixMilli(120_000))
	if !known {
		w.Fatal("nothing is known of per_ad")
	}
	return p.FinalUntil, p.Gaps
}

func gap(state connect.GapState) connect.Gap {
	return connect.Gap{ID: "per_ad-1", Table: "clicks", Job: "per_ad", Lost: "primary", Taken: "standby", From: 50_000, Until: 60_000, State: state, Opened: time.UnixMilli(61_000).UTC()}
}

// TestLife follows a gap from its opening to its close, over restarts.
func TestLife(t *testing.T) {
	w := newWorld(t)
	open := gap(connect.GapOpen)
	open.Until = batch.Final
	w.book.Note(open)
	w.restart()
	if diff := cmp.Diff([]connect.Gap{open}, w.book.Gaps()); diff != "" {
		t.Error(diff)
	}
	if until, gaps := w.finalUntil(); until != 50_000 || len(gaps) != 1 || !strings.Contains(gaps[0].Text, "primary site of clicks is away") {
		t.Errorf("with the gap open, final until %d, %+v", until, gaps)
	}
	if _, err := w.book.Close(t.Context(), "per_ad-1"); !problem.Is(err, problem.Conflict) {
		t.Errorf("close of a gap whose site is away: %v", err)
	}

	proposed := gap(connect.GapProposed)
	proposed.Missing, proposed.Differs = 3, "3 events never became rows"
	w.book.Note(proposed)
	if w.book.Approved("per_ad-1") {
		t.Error("approved by nobody")
	}
	if _, err := w.book.Close(t.Context(), "per_ad-1"); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.book.Note(proposed) // as the source does after a restart
	if !w.book.Approved("per_ad-1") {
		t.Error("the approval is forgotten")
	}

	closed := gap(connect.GapClosed)
	closed.Replayed, closed.Closed = 3, time.UnixMilli(90_000).UTC()
	w.book.Note(closed)
	w.book.Note(proposed) // what is older may come later
	w.restart()
	if g, err := w.book.Gap("per_ad-1"); err != nil || g.State != connect.GapClosed {
		t.Errorf("%+v, %v", g, err)
	}
	if until, gaps := w.finalUntil(); until != 100_000 || len(gaps) != 0 {
		t.Errorf("with the gap closed, final until %d, %+v", until, gaps)
	}
	if _, err := w.book.Close(t.Context(), "per_ad-1"); err != nil {
		t.Errorf("close again: %v", err)
	}
}

// TestLate: rows that came after watermarks had gone on are missing in windows
// until somebody has seen to it.
func TestLate(t *testing.T) {
	w := newWorld(t)
	closed := gap(connect.GapClosed)
	closed.Late = 2
	w.book.Note(closed)
	if until, gaps := w.finalUntil(); until != 100_000 || len(gaps) != 1 || gaps[0].Open || !strings.Contains(gaps[0].Text, "2 events came after") {
		t.Errorf("final until %d, %+v", until, gaps)
	}
	if _, err := w.book.Close(t.Context(), "per_ad-1"); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.book.Note(closed)
	if until, gaps := w.finalUntil(); until != 100_000 || len(gaps) != 0 {
		t.Errorf("after the table was made anew, final until %d, %+v", until, gaps)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	differing := gap(connect.GapDiffering)
	differing.Differs = "4 events are only at the primary site, 0 only at the standby"
	w.book.Note(differing)
	if _, err := w.book.Close(t.Context(), "per_ad-1"); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), differing.Differs) {
		t.Errorf("close of differing sites: %v", err)
	}
	_, err := w.book.Gap("per_ad-2")
	if p := problem.Of(err); p == nil || p.Code != problem.NotFound || !strings.Contains(p.Hint, "per_ad-1") {
		t.Errorf("a gap that is not there: %v", err)
	}
}

// TestForget: gaps go with their jobs.
func TestForget(t *testing.T) {
	w := newWorld(t)
	other := gap(connect.GapOpen)
	other.ID, other.Job = "other-1", "other"
	w.book.Note(gap(connect.GapOpen))
	w.book.Note(other)
	w.restart()
	if err := w.book.Forget(t.Context(), func(job string) bool { return job == "other" }); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if gaps := w.book.Gaps(); len(gaps) != 1 || gaps[0].ID != "other-1" {
		t.Errorf("there are %+v", gaps)
	}
}

// TestDamaged: a gap that cannot be read does not keep the others from being read.
func TestDamaged(t *testing.T) {
	w := newWorld(t)
	w.book.Note(gap(connect.GapOpen))
	w.restart()
	if _, err := w.store.Put(t.Context(), Kind, "broken", "{"); err != nil {
		t.Fatal(err)
	}
	w.restart()
	if gaps := w.book.Gaps(); len(gaps) != 1 {
		t.Errorf("there are %+v", gaps)
	}
}
