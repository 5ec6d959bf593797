package job

import (
	"context"
	"runtime"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

func TestPace(t *testing.T) {
	kept := newPace(&Spec{Store: &state.Store{}, EpochInterval: DefaultEpochInterval})
	brief := newPace(&Spec{Store: &state.Store{}, EpochInterval: time.Millisecond})
	steady := newPace(&Spec{EpochInterval: DefaultEpochInterval})
	for _, step := range []struct{ took, kept, brief, steady time.Duration }{
		{0, epochIntervalMin, time.Millisecond, DefaultEpochInterval},
		{time.Millisecond, epochIntervalMin, time.Millisecond, DefaultEpochInterval},
		{20 * time.Millisecond, 60 * time.Millisecond, time.Millisecond, DefaultEpochInterval},
		{time.Second, DefaultEpochInterval, time.Millisecond, DefaultEpochInterval},
		{10 * time.Millisecond, 30 * time.Millisecond, time.Millisecond, DefaultEpochInterval},
	} {
		for p, want := range map[*pace]time.Duration{&kept: step.kept, &brief: step.brief, &steady: step.steady} {
			if p.took(step.took); p.interval != want {
				t.Errorf("after %s: %s, want %s", step.took, p.interval, want)
			}
		}
	}
}

// gatedSource gives its rows when it is told to.
type gatedSource struct {
	rowSource
	open chan struct{}
}

func (s *gatedSource) Open(ctx context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r, err := s.rowSource.Open(ctx, split, from)
	return &gatedReader{r, s.open}, err
}

type gatedReader struct {
	connect.Reader
	open chan struct{}
}

func (r *gatedReader) Read(ctx context.Context) (*batch.Batch, error) {
	select {
	case <-r.open:
		return r.Reader.Read(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestRowsWakeAJobThatRests: rows that come after a rest do not wait for the
// longest interval.
func TestRowsWakeAJobThatRests(t *testing.T) {
	store, err := state.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // it is in memory
	s, p := windowPlan(plan.WindowSpec{Kind: plan.Tumble, Size: 100}, plan.EmitFinal, plan.LatePolicy{})
	sink := newTableSink()
	source := &gatedSource{rowSource{splits: [][]row{someRows}, batchRows: len(someRows), endless: true}, make(chan struct{})}
	j, err := New(Spec{Name: "rests", Plan: p, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: sink, Store: store, Context: streaming(), EpochInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- j.Run(t.Context()) }()
	for !j.resting.Load() {
		runtime.Gosched()
	}
	close(source.open)
	for sinkMark(sink) < someRows[len(someRows)-1].at-testDelay {
		if err := sink.wait(t.Context(), sink.applied()); err != nil {
			t.Fatal(err)
		}
	}
	j.Stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
