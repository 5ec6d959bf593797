package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/engine/state"
	"tidemark/plan"
)

// growingSource is a rowSource whose splits become more, whose readers say first
// where they begin, and wait for more at the end.
type growingSource struct {
	rowSource
	mu      sync.Mutex
	grown   chan struct{} // closed when there is another split
	found   []connect.SplitID
	applied map[connect.SplitID]connect.Offset
}

func newGrowingSource(splits ...[]row) *growingSource {
	return &growingSource{rowSource: rowSource{splits: splits, batchRows: 2, endless: true}, grown: make(chan struct{}), applied: map[connect.SplitID]connect.Offset{}}
}

func (s *growingSource) Splits(ctx context.Context) ([]connect.SplitID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rowSource.Splits(ctx)
}

// grow adds a split.
func (s *growingSource) grow(rows []row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.splits = append(s.splits, rows)
	close(s.grown)
	s.grown = make(chan struct{})
}

func (s *growingSource) Discover(ctx context.Context, known []connect.SplitID) error {
	s.mu.Lock()
	more, grown := len(s.splits) > len(known), s.grown
	s.mu.Unlock()
	if more {
		return nil
	}
	select {
	case <-grown:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *growingSource) Open(ctx context.Context, id connect.SplitID, from connect.Offset) (connect.Reader, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.rowSource.Open(ctx, id, from)
	return &growingReader{Reader: r, source: s, id: id}, err
}

func (s *growingSource) OpenFound(ctx context.Context, id connect.SplitID) (connect.Reader, error) {
	s.mu.Lock()
	s.found = append(s.found, id)
	s.mu.Unlock()
	return s.Open(ctx, id, nil)
}

type growingReader struct {
	connect.Reader
	source *growingSource
	id     connect.SplitID
	begun  bool
}

func (r *growingReader) Read(ctx context.Context) (*batch.Batch, error) {
	if !r.begun {
		r.begun = true
		return &batch.Batch{}, nil
	}
	return r.Reader.Read(ctx)
}

func (r *growingReader) Applied(offset connect.Offset) {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	r.source.applied[r.id] = offset
}

// run starts a job over the source; it gives what Run will return.
func (s *growingSource) run(t *testing.T, store *state.Store, sink connect.Sink) (*Job, <-chan error) {
	t.Helper()
	in := scan()
	j, err := New(Spec{Name: "grows", Plan: in, Sources: map[*plan.Scan]connect.Source{in: s}, Sink: sink, Parallelism: 2, Store: store, EpochInterval: time.Millisecond, Context: plan.Context{Streaming: true}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- j.Run(t.Context()) }()
	return j, done
}

// waitFor waits until the sink has a number of rows.
func (s *tableSink) waitFor(t *testing.T, rows int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.log) < rows {
		s.changed.Wait()
	}
}

// A source that grows ends the run with an epoch, and the next run reads the new
// split from its first row and the others where they were.
func TestSourceGrows(t *testing.T) {
	store, err := state.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s, sink := newGrowingSource([]row{{"a", 1, 0}, {"b", 2, 0}, {"c", 3, 0}}), newTableSink()
	_, done := s.run(t, store, sink)
	sink.waitFor(t, 3)
	s.grow([]row{{"x", 7, 0}})
	if err := <-done; !errors.Is(err, ErrMoreSplits) {
		t.Fatalf("the run ends with %v", err)
	}
	j, done := s.run(t, store, sink)
	sink.waitFor(t, 4)
	j.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := "a 1 0\nb 2 0\nc 3 0\nx 7 0"; sink.table() != want {
		t.Errorf("got\n%s\nwant\n%s", sink.table(), want)
	}
	if want := []connect.SplitID{"split 1"}; !slices.Equal(s.found, want) {
		t.Errorf("found %v, want %v", s.found, want)
	}
	if s.applied["split 0"] == nil || s.applied["split 1"] == nil {
		t.Errorf("readers were told %v", s.applied)
	}
	// A split that is gone is not forgotten.
	s.splits = s.splits[:1]
	if _, done := s.run(t, store, sink); !problem.Is(<-done, problem.NotFound) {
		t.Error("a split that is gone was not missed")
	}
}

// Where reading begins is committed although no row has come.
func TestBeginningIsCommitted(t *testing.T) {
	store, err := state.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s, sink := newGrowingSource(nil, nil), newTableSink()
	j, done := s.run(t, store, sink)
	for j.Status().Epoch == 0 {
		time.Sleep(time.Millisecond)
	}
	record, err := store.Newest()
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range record.Sources[0].Splits {
		if split.Offset == nil {
			t.Errorf("%s has no offset in the first epoch", split.ID)
		}
	}
	j.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// resumingSink refuses to resume, or notes what it was told.
type resumingSink struct {
	*tableSink
	told    []connect.Standing
	written connect.Mark // as if outside
	asked   bool
	refusal error
}

func (s *resumingSink) Resume(_ context.Context, standing connect.Standing) error {
	if s.asked {
		return fmt.Errorf("asked for the epoch before it was told")
	}
	s.told = append(s.told, standing)
	return s.refusal
}

func (s *resumingSink) Committed(ctx context.Context) (connect.Epoch, error) {
	s.asked = true
	return s.tableSink.Committed(ctx)
}

// Apply writes down epochs that have rows.
func (s *resumingSink) Apply(ctx context.Context, c connect.Commit) error {
	if len(c.Batches) > 0 {
		s.written = connect.Mark{Epoch: c.Epoch, Origin: c.Origin}
	}
	return s.tableSink.Apply(ctx, c)
}

func (s *resumingSink) Mark() connect.Mark { return s.written }

func (s *resumingSink) Warning() *problem.Problem {
	return problem.New(problem.Conflict, "one of two gets nothing")
}

// A sink is told where the job stands before it is asked what it has: the job's
// newest epoch, by number and origin, and what the sink had before that.
func TestSinkResumes(t *testing.T) {
	store, err := state.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	spec := func(sink connect.Sink) Spec {
		in := scan()
		return Spec{Name: "resumes", Plan: in, Sources: map[*plan.Scan]connect.Source{in: &rowSource{splits: [][]row{{{"a", 1, 0}}}, batchRows: 1}}, Sink: sink, Store: store, Context: plan.Context{Streaming: true}}
	}
	sink := &resumingSink{tableSink: newTableSink()}
	j := runToEnd(t, spec(sink))
	if w := j.Status().Warning; w == nil {
		t.Error("the status has no warning")
	}
	first := sink.written
	sink.asked = false
	runToEnd(t, spec(sink))
	sink.asked = false
	runToEnd(t, spec(sink))
	if len(sink.told) != 3 || sink.told[0] != (connect.Standing{}) {
		t.Fatalf("the sink was told %v", sink.told)
	}
	var none connect.Origin
	if s := sink.told[1]; s.Newest.Epoch < first.Epoch || s.Newest.Origin == none || s.Newest.Epoch == first.Epoch && s != (connect.Standing{Newest: first}) {
		t.Errorf("the sink was told %v, and has written %v", s, first)
	}
	if s := sink.told[2]; s.Before != first || s.Newest.Epoch <= first.Epoch || s.Newest.Origin == first.Origin {
		t.Errorf("behind an epoch without rows the sink was told %v, and has written %v", s, first)
	}
	sink.asked, sink.refusal = false, problem.New(problem.Conflict, "no")
	refused, err := New(spec(sink))
	if err != nil {
		t.Fatal(err)
	}
	if err := refused.Run(t.Context()); !problem.Is(err, problem.Conflict) || sink.asked {
		t.Errorf("a refusal ends with %v; asked %v", err, sink.asked)
	}
}
