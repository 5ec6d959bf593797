// Package progress says how far every table is settled: which windows can still
// change, which are final, and who holds the others up.
//
// It is a pure decision over evidence that others bring, and a board where the
// newest evidence is kept and waited for. It asks nobody, moves no data and has
// no clock of its own.
//
// Flow: a job applies an epoch → Board.Report(evidence) → waiting questions,
// pages and alerts wake → Board.Of(table) → decide → Progress.
//
// Invariants:
//  1. Final is said of a window only when the watermark that came with applied
//     rows has passed its end: what was read but is not yet visible does not count.
//  2. A table is no further than what it is made from: the least watermark along
//     its lineage counts, and whoever blocks an upstream table blocks it.
//  3. FinalUntil never moves back while a table keeps its definition, but for a
//     Gap that is found: nothing from its beginning on is settled until it closes.
//     A window that changed after it was final is Amended, not open again; one that
//     lies in a gap is FinalWithGap when its time has come.
package progress

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"tidemark/base/batch"
)

// State is how settled a window is.
type State string

// The states of a window.
const (
	Open         State = "open"           // events of its time are still happening
	Provisional  State = "provisional"    // its time has passed, stragglers may come
	Final        State = "final"          // it changes no more
	FinalWithGap State = "final_with_gap" // final, but a known part is missing
	Blocked      State = "blocked"        // it would go on, but somebody holds it up
	Amended      State = "amended"        // it was final and has been corrected since
)

// StallAfter is how long a source may be silent, or a job may apply nothing of
// what waits for it, before what depends on it counts as blocked.
const StallAfter = 3 * time.Second

// JobState is the health of the job behind a table.
type JobState string

// The states of a job that matter here.
const (
	Running  JobState = "running"
	Failed   JobState = "failed"   // stopped by an error; it may be about to restart
	Stopped  JobState = "stopped"  // suspended by somebody
	Finished JobState = "finished" // its sources have ended
)

// Split is a part of a source as a job sees it.
type Split struct {
	Source    string // table
	Name      string
	Watermark int64     // ms; batch.NoMark before any row
	LastRow   time.Time // when it last gave a row; zero before any
	Idle      bool      // declared idle: nobody waits for it
	Ended     bool
	Waiting   int64 // rows it has that were not read yet; negative if unknown
}

// Evidence is what is known of one table.
type Evidence struct {
	Table    string
	Upstream []string // tables it is made from, directly
	Window   Windowing

	Applied   int64            // watermark that came with the newest visible rows, ms
	AppliedAt time.Time        // when they became visible
	Newest    int64            // greatest event time seen, ms; batch.NoMark for none
	Positions map[string]int64 // per split of its source: rows up to here are visible

	Job      string
	JobState JobState
	JobError string
	Started  time.Time
	Splits   []Split
	Late     int64           // rows that came too late
	Amended  map[int64]int64 // window start → how often it was corrected after it was final
}

// Gap is a stretch of event time of which a table may lack rows.
type Gap struct {
	ID          string
	From, Until int64 // ms, Until exclusive; batch.NoMark and batch.Final where unknown
	// Open says that rows may still be added. What is left out otherwise stays out,
	// until the table is built again.
	Open bool
	Text string // what is missing
}

func (g Gap) touches(from, until int64) bool { return g.From < until && from < g.Until }

// Windowing is the grid of a table's windows; the zero value means it has none.
type Windowing struct{ Size, Slide, Offset int64 } // ms

// Progress is the answer about one table.
type Progress struct {
	Table      string
	FinalUntil int64 // ms; batch.NoMark when nothing is final, batch.Final when everything is
	Watermark  int64 // the table's own, before lineage
	BlockedBy  string
	Late       int64
	Gaps       []Gap // of the table and what it is made from, that touch what was asked for or are open
	Windows    []Window
}

// Window is one window and its state.
type Window struct {
	Start, End int64 // ms, End exclusive
	State      State
	BlockedBy  string
	Revision   int64  // how often it was amended
	Gap        string // what is known to be missing
}

// windowsMax is how many windows one answer lists: the newest.
const windowsMax = 1000

// decide gives the progress of a table from the evidence and the gaps of all
// tables, for the windows that touch [from, to), in ms.
func decide(all map[string]Evidence, gaps map[string][]Gap, table string, from, to int64, now time.Time) (Progress, bool) {
	e, known := all[table]
	if !known {
		return Progress{}, false
	}
	p := Progress{Table: table, Watermark: e.Applied, FinalUntil: e.Applied, BlockedBy: blocker(e, now), Late: e.Late}
	p.Gaps = append(p.Gaps, gaps[table]...)
	visit(all, e, map[string]bool{table: true}, func(up Evidence) {
		p.FinalUntil = min(p.FinalUntil, up.Applied)
		p.Gaps = append(p.Gaps, gaps[up.Table]...)
		if p.BlockedBy == "" {
			p.BlockedBy = blocker(up, now)
		}
	})
	if p.FinalUntil != batch.NoMark && p.FinalUntil != batch.Final {
		p.FinalUntil++ // the watermark itself is settled; "until" excludes
	}
	if e.Window.Slide > 0 {
		p.Windows = windows(e, p, from, to)
	}
	p.Gaps = slices.DeleteFunc(p.Gaps, func(g Gap) bool { return !g.Open && !g.touches(from, to) })
	for _, g := range p.Gaps {
		if g.Open {
			p.FinalUntil = min(p.FinalUntil, g.From)
		}
	}
	return p, true
}

// visit calls f with every table upstream of e once.
func visit(all map[string]Evidence, e Evidence, seen map[string]bool, f func(Evidence)) {
	for _, name := range e.Upstream {
		up, known := all[name]
		if !known || seen[name] {
			continue
		}
		seen[name] = true
		f(up)
		visit(all, up, seen, f)
	}
}

// blocker names who holds the table up, "" when nobody does.
func blocker(e Evidence, now time.Time) string {
	switch e.JobState {
	case Failed:
		return fmt.Sprintf("job %s: %s", e.Job, e.JobError)
	case Stopped:
		return fmt.Sprintf("job %s is suspended", e.Job)
	case Finished:
		return ""
	case Running:
	}
	held, found := holder(e.Splits)
	if !found {
		return ""
	}
	silent := now.Sub(latest(held.LastRow, e.Started))
	switch {
	case silent < StallAfter:
		return ""
	case held.Waiting > 0 && now.Sub(latest(e.AppliedAt, e.Started)) >= StallAfter:
		return fmt.Sprintf("job %s is %d rows behind %s", e.Job, held.Waiting, held.Source)
	case held.Waiting > 0:
		return ""
	}
	return fmt.Sprintf("source %s, %s: no event for %s", held.Source, held.Name, silent.Truncate(time.Second))
}

// holder is the split that holds the watermark back: the one furthest behind of
// those that are waited for, and the longest silent of those.
func holder(splits []Split) (Split, bool) {
	waited := make([]Split, 0, len(splits))
	for _, s := range splits {
		if !s.Idle && !s.Ended {
			waited = append(waited, s)
		}
	}
	if len(waited) == 0 {
		return Split{}, false
	}
	sort.SliceStable(waited, func(i, j int) bool {
		if waited[i].Watermark != waited[j].Watermark {
			return waited[i].Watermark < waited[j].Watermark
		}
		return waited[i].LastRow.Before(waited[j].LastRow)
	})
	return waited[0], true
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// windows lists the windows that touch [from, to) and have begun, oldest first.
func windows(e Evidence, p Progress, from, to int64) []Window {
	grid := e.Window
	last := e.Newest
	if last == batch.NoMark {
		return nil
	}
	to = min(to, last+1)
	first := floor(from-grid.Size, grid.Slide, grid.Offset) + grid.Slide
	if most := floor(to, grid.Slide, grid.Offset) - (windowsMax-1)*grid.Slide; first < most {
		first = most
	}
	var all []Window
	for start := first; start < to && len(all) < windowsMax; start += grid.Slide {
		all = append(all, window(e, p, start))
	}
	return all
}

func window(e Evidence, p Progress, start int64) Window {
	w := Window{Start: start, End: start + e.Window.Size, Revision: e.Amended[start]}
	for _, g := range p.Gaps {
		if g.touches(w.Start, w.End) {
			w.Gap = g.Text
		}
	}
	switch {
	case p.FinalUntil != batch.NoMark && w.End <= p.FinalUntil:
		w.State = Final
		if w.Gap != "" {
			w.State = FinalWithGap
		}
		if w.Revision > 0 {
			w.State = Amended
		}
	case p.BlockedBy != "":
		w.State, w.BlockedBy = Blocked, p.BlockedBy
	case w.End <= e.Newest:
		w.State = Provisional
	default:
		w.State = Open
	}
	return w
}

// floor is the greatest offset + n·step that is not above t.
func floor(t, step, offset int64) int64 {
	rest := (t - offset) % step
	if rest < 0 {
		rest += step
	}
	return t - rest
}
