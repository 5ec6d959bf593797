package job

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
	"tidemark/plan"
)

func TestTally(t *testing.T) {
	var w tally
	at := func(seconds int) time.Time { return time.Unix(int64(seconds), 0) }
	w.end(at(1)) // nothing is under way
	w.begin(at(2))
	if got := w.sum(at(5)); got != 3*time.Second {
		t.Errorf("under way for %v", got)
	}
	w.end(at(6))
	w.begin(at(10))
	if got := w.sum(at(11)); got != 5*time.Second {
		t.Errorf("both together %v", got)
	}
	w.end(at(11))
	if got := w.sum(at(20)); got != 5*time.Second {
		t.Errorf("in the end %v", got)
	}
}

func TestHoldup(t *testing.T) {
	one, other := &meter{}, &meter{}
	nodes := []plan.Node{scan(), scan(), scan()}
	for _, c := range []struct {
		name string
		all  []worked
		want *Holdup
	}{
		{"nothing", nil, nil},
		{"nobody is busy", []worked{{one, nodes[0], 0.1}, {other, nodes[1], 0.1}}, nil},
		{"the busiest goroutine counts, not the busiest node", []worked{{one, nodes[0], 0.6}, {other, nodes[1], 0.4}, {other, nodes[2], 0.5}}, &Holdup{nodes[2], 0.9}},
		{"the sink", []worked{{one, nodes[0], 0.6}, {nil, nil, 0.9}}, &Holdup{nil, 0.9}},
		{"no more than all the time", []worked{{one, nodes[0], 4}}, &Holdup{nodes[0], 1}},
	} {
		got := holdup(c.all)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// runs reports whether something is under way.
func (t *tally) runs() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.mu.since.IsZero()
}

// blockedSink takes no epoch before it is released.
type blockedSink struct {
	*tableSink
	release chan struct{}
	began   sync.Once
	asked   chan struct{} // closed when the first epoch has come
}

func (s *blockedSink) Apply(ctx context.Context, c connect.Commit) error {
	s.began.Do(func() { close(s.asked) })
	select {
	case <-s.release:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// TestSlowSinkHoldsBack fills a job whose sink does not come: the source's readers wait
// all the time in the end, and the sink is named.
func TestSlowSinkHoldsBack(t *testing.T) {
	var rows []row
	for i := range batch.MaxRows {
		rows = append(rows, row{fmt.Sprint("key ", i), int64(i), int64(i)})
	}
	sink := &blockedSink{tableSink: newTableSink(), release: make(chan struct{}), asked: make(chan struct{})}
	s := scan()
	j, err := New(Spec{
		Plan: s, Sources: map[*plan.Scan]connect.Source{s: &columnSource{batches: []*batch.Batch{batchOf(rows)}, repeat: 4 * outputRowsMax / batch.MaxRows}}, Sink: sink,
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- j.Run(t.Context()) }()
	<-sink.asked
	for !j.sources[0].splits[0].room.runs() || !j.sources[0].splits[1].room.runs() {
		runtime.Gosched() // until the readers wait, from where only the sink gets them
	}
	// Hours that have not been: what waits, waits all of them.
	j.status.measure(time.Now().Add(time.Hour))
	j.status.measure(time.Now().Add(2 * time.Hour))
	st := j.Status()
	if st.BackPressure < 0.99 {
		t.Errorf("back-pressure %v", st.BackPressure)
	}
	if st.HeldBy == nil || st.HeldBy.Node != nil || st.HeldBy.Busy < 0.9 {
		t.Errorf("held by %+v", st.HeldBy)
	}
	for _, c := range j.Costs() {
		if c.Node == plan.Node(s) && c.Recent.OutputWait < 0.9 {
			t.Errorf("the source waits %v of the time", c.Recent.OutputWait)
		}
		if c.Node == nil && c.Recent.Busy < 0.9 {
			t.Errorf("the sink is busy %v of the time", c.Recent.Busy)
		}
	}
	close(sink.release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// idleSource has many splits in which nothing ever comes.
type idleSource struct {
	splits int
	opened chan struct{}
}

func (s *idleSource) Splits(context.Context) (ids []connect.SplitID, err error) {
	for i := range s.splits {
		ids = append(ids, connect.SplitID(fmt.Sprint(i)))
	}
	return ids, nil
}

func (s *idleSource) Bounded() bool { return false }

func (s *idleSource) Open(context.Context, connect.SplitID, connect.Offset) (connect.Reader, error) {
	return &idleReader{source: s}, nil
}

type idleReader struct{ source *idleSource }

func (r *idleReader) Wait(ctx context.Context) {
	r.source.opened <- struct{}{}
	<-ctx.Done()
}

func (r *idleReader) Read(ctx context.Context) (*batch.Batch, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (r *idleReader) Offset() connect.Offset { return nil }
func (r *idleReader) Watermark() int64       { return batch.NoMark }
func (r *idleReader) Close() error           { return nil }

// TestIdleSplitsHoldNoThreads has readers of many splits wait: that takes goroutines and
// no threads.
func TestIdleSplitsHoldNoThreads(t *testing.T) {
	const splits = 200
	source := &idleSource{splits: splits, opened: make(chan struct{})}
	s := scan()
	j, err := New(Spec{Plan: s, Sources: map[*plan.Scan]connect.Source{s: source}, Sink: newTableSink(), Context: plan.Context{Streaming: true}})
	if err != nil {
		t.Fatal(err)
	}
	before := pprof.Lookup("threadcreate").Count()
	done := make(chan error, 1)
	go func() { done <- j.Run(t.Context()) }()
	for range splits {
		<-source.opened
	}
	if made := pprof.Lookup("threadcreate").Count() - before; made > splits/4 {
		t.Errorf("%d splits that are idle made %d threads", splits, made)
	}
	j.Stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
