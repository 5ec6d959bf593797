package job

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

// joinPlan is l LEFT JOIN r ON l.k = r.k.
func joinPlan() (left, right *plan.Scan, p plan.Node) {
	left, right = scan(), scan()
	return left, right, &plan.Join{Kind: plan.LeftJoin, Left: left, Right: right, Keys: []plan.JoinKey{{}}}
}

// spilledKeys is how many rows each side has: several times what fits in the
// least memory that a job of two workers takes.
const spilledKeys = 20_000

// spilledSides is a row for each key on the left, for each but the last hundred
// on the right, and the table that joining them gives.
func spilledSides() (sides [2][]row, want string) {
	var lines []string
	for i := range spilledKeys {
		r := row{key: fmt.Sprintf("a key that is long enough to take some room %d", i), n: int64(i), at: int64(i)}
		sides[0] = append(sides[0], r)
		shown := fmt.Sprintf("%s %d %d", r.key, r.n, r.at)
		if i < spilledKeys-100 {
			sides[1] = append(sides[1], r)
			lines = append(lines, shown+" "+shown)
		} else {
			lines = append(lines, shown+" NULL NULL NULL")
		}
	}
	slices.Sort(lines)
	return sides, strings.Join(lines, "\n")
}

// watchingSink notes whether there were spilled files when it was given an epoch.
type watchingSink struct {
	*tableSink
	dir     string
	spilled bool
}

func (s *watchingSink) Apply(ctx context.Context, c connect.Commit) error {
	if _, err := vfs.OS().Stat(s.dir); err == nil {
		s.spilled = true
	}
	return s.tableSink.Apply(ctx, c)
}

// TestJobSpills: a job with more state than memory gives the right answer, in
// both modes, after a crash, and with another number of workers, and leaves no
// files.
func TestJobSpills(t *testing.T) {
	sides, joined := spilledSides()
	left, right, join := joinPlan()
	rows, groups, grouped := spilledGroups()
	for _, c := range []struct {
		name  string
		plan  plan.Node
		input map[*plan.Scan][]row
		want  string
	}{
		{"join", join, map[*plan.Scan][]row{left: sides[0], right: sides[1]}, joined},
		{"groups", groups, map[*plan.Scan][]row{groups.Input.(*plan.Scan): rows}, grouped},
	} {
		t.Run(c.name, func(t *testing.T) { testSpills(t, c.plan, c.input, c.want) })
	}
}

// spilledGroups is rows of which several have the same key, a plan that groups
// them, and the table that it gives.
func spilledGroups() (rows []row, p *plan.Aggregate, want string) {
	const times = 3
	var lines []string
	for i := range times * spilledKeys {
		n := i % spilledKeys
		key := fmt.Sprintf("a key that is long enough to take some room %d", n)
		rows = append(rows, row{key: key, n: int64(i), at: int64(i)})
		if i < spilledKeys {
			lines = append(lines, fmt.Sprintf("%s %d %d %d", key, times, n+(times-1)*spilledKeys, times))
		}
	}
	slices.Sort(lines)
	distinct := aggregate("COUNT", column(1, nType))
	distinct.Distinct = true
	p = &plan.Aggregate{
		Input: scan(), Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n", "most", "different"},
		Calls: []plan.AggregateCall{aggregate("COUNT"), aggregate("MAX", column(1, nType)), distinct},
	}
	return rows, p, strings.Join(lines, "\n")
}

func testSpills(t *testing.T, p plan.Node, input map[*plan.Scan][]row, want string) {
	dir := filepath.Join(t.TempDir(), "spill")
	spec := func(sink connect.Sink, workers int) Spec {
		s := Spec{Name: "test", Plan: p, Sink: sink, Context: streaming(), Parallelism: workers, MemoryBudget: int64(workers) * shareMin, SpillDir: dir}
		s.Sources = map[*plan.Scan]connect.Source{}
		for scanned, rows := range input {
			s.Sources[scanned] = &rowSource{splits: [][]row{rows}, batchRows: 1000}
		}
		return s
	}
	check := func(t *testing.T, sink *watchingSink) {
		t.Helper()
		if sink.table() != want {
			t.Errorf("the table of %d rows is another one", len(sink.content))
		}
		if _, err := vfs.OS().Stat(dir); err == nil {
			t.Error("files are left")
		}
		if !sink.spilled {
			t.Error("nothing was spilled")
		}
	}
	t.Run("batch", func(t *testing.T) {
		sink := &watchingSink{tableSink: newTableSink(), dir: dir}
		s := spec(sink, 2)
		s.Context.Streaming = false
		runToEnd(t, s)
		check(t, sink)
	})
	t.Run("streaming", func(t *testing.T) {
		store, err := state.OpenMemory()
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		sink := &watchingSink{tableSink: newTableSink(), dir: dir}
		sink.crashIn = 3
		s := spec(sink, 1)
		s.Store, s.EpochInterval = store, time.Millisecond
		j, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Run(context.Background()); !errors.Is(err, errCrash) {
			t.Fatalf("the job ended with %v", err)
		}
		s = spec(sink, 2)
		s.Store, s.EpochInterval = store, 20*time.Millisecond
		runToEnd(t, s)
		check(t, sink)
	})
}

func TestTooLittleMemory(t *testing.T) {
	left, right, p := joinPlan()
	_, err := New(Spec{
		Name: "test", Plan: p, Sink: newTableSink(), Context: streaming(), Parallelism: 2, MemoryBudget: 2*shareMin - 1,
		Sources: map[*plan.Scan]connect.Source{left: &rowSource{}, right: &rowSource{}},
	})
	if !problem.Is(err, problem.InvalidOption) {
		t.Errorf("got %v", err)
	}
}
