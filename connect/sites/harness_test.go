package sites

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event is one record. Its time of arrival is that of the event.
type event struct {
	id string
	at int64
}

// topic is one at a site, in memory.
type topic struct {
	mu struct {
		sync.Mutex
		partitions [][]event
		down       bool
		changed    chan struct{}
	}
}

func newTopic(partitions int) *topic {
	t := &topic{}
	t.mu.partitions, t.mu.changed = make([][]event, partitions), make(chan struct{})
	return t
}

func (t *topic) put(partition int, events ...event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.partitions[partition] = append(t.mu.partitions[partition], events...)
	close(t.mu.changed)
	t.mu.changed = make(chan struct{})
}

func (t *topic) all(partition int) []event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.partitions[partition]
}

// setDown makes the site unreachable, or reachable again.
func (t *topic) setDown(down bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.down = down
	close(t.mu.changed)
	t.mu.changed = make(chan struct{})
}

var errDown = problem.New(problem.Timeout, "nobody answers").Retryable()

// look gives a partition, or says that the site is down.
func (t *topic) look(partition int) ([]event, <-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.down {
		return nil, nil, errDown
	}
	return t.mu.partitions[partition], t.mu.changed, nil
}

// fakeSource reads a topic with the options of the connector kafka.
type fakeSource struct {
	topic   *topic
	columns []connect.Column
	options map[string]string
}

func (s *fakeSource) Bounded() bool { return s.options[optBoundedMode] != "" }

func (s *fakeSource) Splits(context.Context) ([]connect.SplitID, error) {
	if _, _, err := s.topic.look(0); err != nil {
		return nil, err
	}
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	var splits []connect.SplitID
	for i := range s.topic.mu.partitions {
		splits = append(splits, connect.SplitID(fmt.Sprintf("topic/%d", i)))
	}
	return splits, nil
}

func (s *fakeSource) Open(_ context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r := &fakeReader{source: s, end: -1}
	fmt.Sscanf(string(split), "topic/%d", &r.partition)
	events, _, err := s.topic.look(r.partition)
	if err != nil {
		return nil, err
	}
	if s.Bounded() {
		r.end = len(events)
	}
	switch {
	case from != nil:
		r.next.Store(int64(binary.BigEndian.Uint64(from)))
		r.begun = true
	case s.options[optStartMode] == "latest-offset":
		r.next.Store(int64(len(events)))
	case s.options[optStartMode] == "timestamp":
		millis, _ := strconv.ParseInt(s.options[optStartMillis], 10, 64)
		for _, e := range events {
			if e.at >= millis {
				break
			}
			r.next.Add(1)
		}
	}
	return r, nil
}

func (s *fakeSource) Locate(o connect.Offset) string {
	return fmt.Sprintf("offset %d", binary.BigEndian.Uint64(o))
}

type fakeReader struct {
	source    *fakeSource
	partition int
	next      atomic.Int64
	end       int
	begun     bool
}

// rowsAtOnce is small, so that things happen between batches.
const rowsAtOnce = 7

func (r *fakeReader) Read(ctx context.Context) (*batch.Batch, error) {
	if !r.begun {
		r.begun = true
		return &batch.Batch{}, nil
	}
	for {
		events, changed, err := r.source.topic.look(r.partition)
		if err != nil {
			return nil, err
		}
		if r.end >= 0 {
			events = events[:r.end]
		}
		if next := int(r.next.Load()); next < len(events) {
			some := events[next:min(next+rowsAtOnce, len(events))]
			r.next.Add(int64(len(some)))
			return rowsOf(r.source.columns, some), nil
		}
		if r.end >= 0 {
			return nil, io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func rowsOf(columns []connect.Column, events []event) *batch.Batch {
	b := &batch.Batch{Rows: len(events)}
	for _, c := range columns {
		column := batch.NewColumn(c.Type, len(events))
		for _, e := range events {
			if c.Name == "id" {
				column.AppendValue(value.OfString(e.id))
			} else {
				column.AppendValue(value.Value{Int: e.at})
			}
		}
		b.Columns = append(b.Columns, column)
	}
	return b
}

func (r *fakeReader) Offset() connect.Offset {
	return binary.BigEndian.AppendUint64(nil, uint64(r.next.Load()))
}
func (r *fakeReader) Watermark() int64 { return batch.NoMark }
func (r *fakeReader) Close() error     { return nil }
func (r *fakeReader) Lag() (int64, time.Duration) {
	return int64(len(r.source.topic.all(r.partition)) - int(r.next.Load())), 0
}

// ledger keeps what it is told.
type ledger struct {
	mu struct {
		sync.Mutex
		gaps     map[string]connect.Gap
		states   []string // each new one, in order
		approved bool
	}
}

func (l *ledger) Note(g connect.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, known := l.mu.gaps[g.ID]; !known || before.State != g.State {
		l.mu.states = append(l.mu.states, string(g.State))
	}
	if l.mu.gaps == nil {
		l.mu.gaps = map[string]connect.Gap{}
	}
	l.mu.gaps[g.ID] = g
}

func (l *ledger) Approved(string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.approved
}

func (l *ledger) all() (gaps []connect.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.mu.gaps {
		gaps = append(gaps, g)
	}
	return gaps
}

// world is two sites and a job that reads them.
type world struct {
	t      testing.TB
	topics [2]*topic
	ledger *ledger
	source connect.Source
	splits []*follower
	stop   context.CancelFunc
	all    sync.WaitGroup
	extra  map[string]string
}

// follower reads a split as a job does: what is committed is some prefix of what
// was read.
type follower struct {
	id     connect.SplitID
	reader connect.Reader
	mu     struct {
		sync.Mutex
		rows      []string
		offset    connect.Offset
		marks     []int64
		committed int
		kept      connect.Offset
	}
}

func newWorld(t testing.TB, partitions int, options ...string) *world {
	w := &world{t: t, ledger: &ledger{}, extra: map[string]string{}}
	for i := range w.topics {
		w.topics[i] = newTopic(partitions)
	}
	for i := 0; i < len(options); i += 2 {
		w.extra[options[i]] = options[i+1]
	}
	return w
}

var columns = []connect.Column{{Name: "id", Type: value.StringType}, {Name: "at", Type: value.BigIntType}}

func (w *world) request() connect.Request {
	r := connect.Request{
		Table: "clicks", Job: "per_ad", Columns: columns[:1], Schema: columns, Zone: time.UTC, Gaps: w.ledger,
		Options: map[string]string{
			"connector": Name, "topic": "clicks", "primary.properties.bootstrap.servers": "a", "standby.properties.bootstrap.servers": "b", "format": "json",
			optID: "id", optTime: "at", optOverlap: "1 s", optUnreachable: "1 s", optBehind: "5 s", optHold: "1 min", optStartMode: "earliest-offset",
		},
	}
	for key, text := range w.extra {
		r.Options[key] = text
	}
	return r
}

// kafka is the connector of the sites.
func (w *world) kafka() connect.Connector {
	return connect.Connector{Name: "kafka", Source: func(r connect.Request) (connect.Source, error) {
		site := map[string]int{"a": primary, "b": standby}[r.Options["properties.bootstrap.servers"]]
		return &fakeSource{topic: w.topics[site], columns: r.Columns, options: r.Options}, nil
	}}
}

// start runs the job from what is committed.
func (w *world) start() {
	w.t.Helper()
	var err error
	if w.source, err = newSource(w.request(), w.kafka()); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	splits, err := w.source.Splits(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.splits == nil {
		for _, id := range splits {
			w.splits = append(w.splits, &follower{id: id})
		}
	}
	for _, f := range w.splits {
		f.mu.rows, f.mu.offset = f.mu.rows[:f.mu.committed], f.mu.kept
		if f.reader, err = w.source.Open(ctx, f.id, f.mu.kept); err != nil {
			w.t.Fatal(err)
		}
		w.all.Go(func() { f.run(ctx, w.t) })
	}
}

func (f *follower) run(ctx context.Context, t testing.TB) {
	for {
		b, err := f.reader.Read(ctx)
		if ctx.Err() != nil || errors.Is(err, context.Canceled) {
			return
		}
		if err != nil {
			t.Errorf("read %s: %v", f.id, err)
			return
		}
		f.mu.Lock()
		b.Each(func(i int) { f.mu.rows = append(f.mu.rows, b.Columns[0].Value(i).Text) })
		f.mu.offset = f.reader.Offset()
		f.mu.marks = append(f.mu.marks, f.reader.Watermark())
		f.mu.Unlock()
	}
}

// commit makes an epoch of what every split has read by now.
func (w *world) commit() {
	for _, f := range w.splits {
		f.mu.Lock()
		f.mu.committed, f.mu.kept = len(f.mu.rows), f.mu.offset
		kept := f.mu.kept
		f.mu.Unlock()
		if kept != nil {
			f.reader.(connect.Follower).Applied(kept)
		}
	}
}

// kill ends the job; what is not committed is lost.
func (w *world) kill() {
	w.stop()
	w.all.Wait()
	for _, f := range w.splits {
		if err := f.reader.Close(); err != nil {
			w.t.Error(err)
		}
	}
}

// rows counts how often each event became a row.
func (w *world) rows() map[string]int {
	counts := map[string]int{}
	for _, f := range w.splits {
		f.mu.Lock()
		for _, id := range f.mu.rows {
			counts[id]++
		}
		f.mu.Unlock()
	}
	return counts
}

// until runs the job, with an epoch every 200 ms, until done, and not for ever.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for range 3000 {
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		w.commit()
		if done() {
			return
		}
	}
	w.kill()
	for id, n := range w.rows() {
		if n != 1 {
			w.t.Errorf("event %s became %d rows", id, n)
		}
	}
	w.t.Fatalf("%s: never; gaps %+v", what, w.ledger.all())
}
