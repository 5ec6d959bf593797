package progress

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"tidemark/base/batch"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// TestDecide runs testdata/decide. Times are seconds around noon. A table line
// gives the evidence of one table, "ask" prints its progress.
func TestDecide(t *testing.T) {
	all, gaps := map[string]Evidence{}, map[string][]Gap{}
	datadriven.RunTest(t, "testdata/decide", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "table":
			e := Evidence{JobState: Running, Started: noon.Add(-time.Hour), AppliedAt: noon, Applied: batch.NoMark, Newest: batch.NoMark, Amended: map[int64]int64{}}
			e.Table = d.CmdArgs[0].Key
			gaps[e.Table] = nil
			e.Job = e.Table
			for _, line := range strings.Split(d.Input, "\n") {
				if words := strings.Fields(line); words[0] == "gap" {
					gaps[e.Table] = append(gaps[e.Table], Gap{ID: words[1], From: at(t, words[2]), Until: at(t, words[3]), Open: words[4] == "open", Text: strings.Join(words[5:], " ")})
				} else {
					readEvidence(t, &e, words)
				}
			}
			all[e.Table] = e
			return ""
		case "ask":
			p, ok := decide(all, gaps, d.CmdArgs[0].Key, noon.UnixMilli()-180_000, noon.UnixMilli()+180_000, noon)
			if !ok {
				return "unknown\n"
			}
			return show(p)
		}
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	})
}

func at(t *testing.T, text string) int64 {
	t.Helper()
	switch text {
	case "none":
		return batch.NoMark
	case "end":
		return batch.Final
	}
	var seconds int64
	if _, err := fmt.Sscan(text, &seconds); err != nil {
		t.Fatalf("time %q: %v", text, err)
	}
	return noon.UnixMilli() + seconds*1000
}

func readEvidence(t *testing.T, e *Evidence, words []string) {
	t.Helper()
	switch words[0] {
	case "upstream":
		e.Upstream = words[1:]
	case "windows":
		fmt.Sscan(words[1], &e.Window.Size)
		fmt.Sscan(words[2], &e.Window.Slide)
		e.Window.Size, e.Window.Slide = e.Window.Size*1000, e.Window.Slide*1000
	case "applied":
		e.Applied = at(t, words[1])
		if len(words) > 2 {
			e.AppliedAt = time.UnixMilli(at(t, words[2]))
		}
	case "newest":
		e.Newest = at(t, words[1])
	case "job":
		e.JobState, e.JobError = JobState(words[1]), strings.Join(words[2:], " ")
	case "amended":
		e.Amended[at(t, words[1])] = 1
	case "split":
		s := Split{Source: words[1], Name: words[2], Watermark: at(t, words[3]), LastRow: time.UnixMilli(at(t, words[4]))}
		for _, w := range words[5:] {
			switch w {
			case "idle":
				s.Idle = true
			case "ended":
				s.Ended = true
			default:
				fmt.Sscanf(w, "waiting=%d", &s.Waiting)
			}
		}
		e.Splits = append(e.Splits, s)
	default:
		t.Fatalf("unknown evidence %q", words[0])
	}
}

func show(p Progress) string {
	clock := func(ms int64) string {
		switch ms {
		case batch.NoMark:
			return "none"
		case batch.Final:
			return "end"
		}
		return fmt.Sprint(float64(ms-noon.UnixMilli()) / 1000)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "final until %s", clock(p.FinalUntil))
	if p.BlockedBy != "" {
		fmt.Fprintf(&b, ", blocked by %s", p.BlockedBy)
	}
	for _, g := range p.Gaps {
		fmt.Fprintf(&b, ", gap %s", g.ID)
	}
	b.WriteString("\n")
	for _, w := range p.Windows {
		fmt.Fprintf(&b, "  [%s, %s) %s", clock(w.Start), clock(w.End), w.State)
		if w.Gap != "" {
			fmt.Fprintf(&b, ": %s", w.Gap)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestFinalNeverMovesBack: whatever evidence of a running job comes with rising
// watermarks, a window that was final stays final or amended.
func TestFinalNeverMovesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		board := NewBoard()
		grid := Windowing{Size: 60_000, Slide: rapid.SampledFrom([]int64{20_000, 60_000}).Draw(t, "slide")}
		mark, newest, settled := int64(0), int64(0), map[int64]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			mark += rapid.Int64Range(0, 90_000).Draw(t, "advance")
			newest = max(newest, mark+rapid.Int64Range(0, 30_000).Draw(t, "ahead"))
			e := Evidence{Table: "t", Window: grid, Applied: mark, Newest: newest, JobState: rapid.SampledFrom([]JobState{Running, Failed, Stopped}).Draw(t, "job"), Amended: map[int64]int64{}}
			for start := range settled {
				if rapid.Bool().Draw(t, "amend") {
					e.Amended[start] = 1
				}
			}
			board.Report(e)
			p, _ := board.Of("t", 0, newest+1, noon)
			for _, w := range p.Windows {
				done := w.State == Final || w.State == Amended
				if settled[w.Start] && !done {
					t.Fatalf("window %d was final and is %s", w.Start, w.State)
				}
				if done != (w.End <= mark+1) {
					t.Fatalf("window [%d, %d) is %s at watermark %d", w.Start, w.End, w.State, mark)
				}
				settled[w.Start] = done
			}
		}
	})
}

func TestWaitAppliedWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := NewBoard()
		result := make(chan error, 1)
		go func() { result <- board.WaitApplied(t.Context(), "t", "0", 7) }()
		board.Report(Evidence{Table: "t", Positions: map[string]int64{"0": 6, "1": 9}})
		synctest.Wait()
		select {
		case err := <-result:
			t.Fatalf("woke too early: %v", err)
		default:
		}
		board.Report(Evidence{Table: "t", Positions: map[string]int64{"0": 7}})
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := board.WaitApplied(ctx, "t", "0", 8); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
