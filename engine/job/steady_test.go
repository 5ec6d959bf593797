package job

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

// footprint is what a process keeps: what must not grow with the number of epochs.
type footprint struct {
	goroutines, files int
	heap              uint64
}

// measuringSink notes the footprint at two epochs.
type measuringSink struct {
	*tableSink
	dir          string
	early, late  int // epochs
	first, after footprint
}

func (s *measuringSink) Apply(ctx context.Context, c connect.Commit) error {
	if err := s.tableSink.Apply(ctx, c); err != nil {
		return err
	}
	s.mu.Lock()
	s.log = nil // the test's own
	commits := s.commits
	s.mu.Unlock()
	switch commits {
	case s.early:
		s.first = s.measure()
	case s.late:
		s.after = s.measure()
	}
	return nil
}

func (s *measuringSink) measure() footprint {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		panic(err)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

// TestManyEpochs commits as many epochs as an hour with one a second has, a row in
// each, and finds no more goroutines, files and memory at the end than early on.
func TestManyEpochs(t *testing.T) {
	epochs := 3600
	if testing.Short() {
		epochs /= 6
	}
	var rows []row
	for i := range epochs {
		rows = append(rows, row{fmt.Sprint("key ", i%10), int64(i), int64(i)})
	}
	dir := t.TempDir()
	store, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	sink := &measuringSink{tableSink: newTableSink(), dir: dir, early: epochs / 10, late: epochs * 9 / 10}
	s := scan()
	aggregated := &plan.Aggregate{Input: s, Keys: []plan.Expr{column(0, keyType)}, Names: []string{"k", "n"}, Calls: []plan.AggregateCall{aggregate("COUNT")}}
	runToEnd(t, Spec{
		Plan: aggregated, Sources: map[*plan.Scan]connect.Source{s: &rowSource{splits: [][]row{rows}, batchRows: 1, pace: sink.tableSink}}, Sink: sink,
		Context: streaming(), Store: store, EpochInterval: time.Millisecond, Parallelism: 2,
	})
	if sink.commits < sink.late {
		t.Fatalf("only %d epochs", sink.commits)
	}
	if sink.after.goroutines > sink.first.goroutines+2 || sink.after.files > sink.first.files+4 || sink.after.heap > sink.first.heap+8<<20 {
		t.Errorf("early %+v, late %+v", sink.first, sink.after)
	}
	t.Logf("early %+v, late %+v", sink.first, sink.after)
}
