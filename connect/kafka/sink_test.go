package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

func (w *world) sink(r connect.Request, upsert bool) *sink {
	w.Helper()
	s, err := newSink(r, upsert)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = s.Close() })
	return s
}

func (w *world) apply(s *sink, epoch connect.Epoch, batches ...*batch.Batch) {
	w.Helper()
	if err := s.Apply(w.Context(), connect.Commit{Epoch: epoch, Origin: originFor(epoch), Batches: batches}); err != nil {
		w.Fatal(err)
	}
}

// originFor gives the epochs of a test's one job their origins.
func originFor(epoch connect.Epoch) connect.Origin { return connect.Origin{byte(epoch), 1} }

// standing is that of a job whose epochs up to the newest one are its own, and
// whose sink had the epoch before.
func standing(newest, before connect.Epoch) (s connect.Standing) {
	if newest > 0 {
		s.Newest = connect.Mark{Epoch: newest, Origin: originFor(newest)}
	}
	if before > 0 {
		s.Before = connect.Mark{Epoch: before, Origin: originFor(before)}
	}
	return s
}

var keyed = []connect.Column{
	{Name: "id", Type: value.IntType.Required()}, {Name: "name", Type: value.StringType},
	{Name: "at", Type: value.TimestampLTZOf(3), Metadata: "timestamp"}, {Name: "h", Type: value.MapOf(value.StringType, value.BytesType), Metadata: "headers"},
}

// What a sink writes, a source of the same table reads, in every format.
func TestRoundTrip(t *testing.T) {
	for _, options := range [][]string{
		{"format", "json"}, {"format", "csv"}, {"format", "debezium-json"},
		{"value.format", "json", "key.format", "raw", "key.fields", "name"},
		{"value.format", "csv", "key.format", "json", "key.fields", "id;name", "sink.delivery-guarantee", "exactly-once"},
		{"value.format", "json", "key.format", "csv", "key.fields", "id", "value.fields-include", "EXCEPT_KEY", "properties.compression.type", "zstd"},
	} {
		t.Run(strings.Join(options, " "), func(t *testing.T) {
			worlds(t, 1, func(w *world) {
				columns := keyed[:3]
				r := w.request(columns, append(options, "scan.bounded.mode", "latest-offset")...)
				s := w.sink(r, false)
				if _, err := s.Committed(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.apply(s, 1, batchOf(t, columns, []string{"+I", "1", "a", "2024-03-01 10:00:00.123"}, []string{"+I", "2", "b, \"c\"", "2024-03-01 10:00:00.124"}))
				w.apply(s, 2)
				w.apply(s, 3, batchOf(t, columns, []string{"+I", "3", "d", "2024-03-01 10:00:00.125"}))
				got := strings.ReplaceAll(strings.Join(w.all(w.source(r, false)), "|"), "+I ", "")
				if want := `1 a 2024-03-01 10:00:00.123|2 b, "c" 2024-03-01 10:00:00.124|3 d 2024-03-01 10:00:00.125`; got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
}

// An upsert table has one record a key and epoch; keys that go leave a tombstone.
func TestUpsert(t *testing.T) {
	worlds(t, 1, func(w *world) {
		columns := keyed[:2]
		r := w.request(columns, "key.format", "json", "value.format", "json", "scan.bounded.mode", "latest-offset", "scan.startup.mode", "")
		r.PrimaryKey = []int{0}
		s := w.sink(r, true)
		w.apply(s, 1, batchOf(t, columns, []string{"+I", "1", "a"}, []string{"-U", "1", "a"}, []string{"+U", "1", "b"}, []string{"+I", "2", "x"}))
		w.apply(s, 2, batchOf(t, columns, []string{"-U", "1", "b"}, []string{"+U", "3", "b"}), batchOf(t, columns, []string{"-D", "2", "x"}))
		expect(t, w.all(w.source(r, true)), []string{"+U 1 b", "+U 2 x", "-D 1 NULL", "+U 3 b", "-D 2 NULL"})
	})
}

func TestChangesNeedAFormat(t *testing.T) {
	w := fakeWorld(t, 1)
	s := w.sink(w.request(keyed[:2], "format", "json"), false)
	err := s.Apply(t.Context(), connect.Commit{Epoch: 1, Batches: []*batch.Batch{batchOf(t, keyed[:2], []string{"-D", "1", "a"})}})
	if !problem.Is(err, problem.Unsupported) {
		t.Errorf("a deletion for a table of events: %v", err)
	}
}

func TestHeadersAndTimestamps(t *testing.T) {
	worlds(t, 1, func(w *world) {
		b := batchOf(t, keyed, []string{"+I", "1", "a", "NULL", "NULL"})
		b.Columns[3] = batch.NewColumn(keyed[3].Type, 1)
		b.Columns[3].AppendValue(value.Value{Type: keyed[3].Type, Items: []value.Value{value.OfString("x"), {Type: value.BytesType, Text: "1"}, value.OfString("y"), value.NullOf(value.BytesType)}})
		r := w.request(keyed, "format", "json", "scan.bounded.mode", "latest-offset")
		before := time.Now().Add(-time.Minute).UTC().Format("2006-01-02 15:04:05.000")
		w.apply(w.sink(r, false), 1, b)
		got := w.all(w.source(r, false))
		if len(got) != 1 || !strings.HasSuffix(got[0], " {x=x'31', y=NULL}") || got[0][len("1 a "):][:len(before)] < before {
			t.Errorf("got %q", got)
		}
	})
}

// outbox is what a job keeps of its epochs: numbers that ascend by key.
type outbox [][]*batch.Batch

var counted = []connect.Column{{Name: "k", Type: value.IntType}, {Name: "n", Type: value.IntType}}

const keyCount = 5

func newOutbox(t *testing.T, epochs int, random *rand.Rand) (all outbox, next [keyCount]int) {
	all = append(all, nil)
	for e := range epochs {
		var rows [][]string
		for range random.IntN(60) * min(e%7, 1) { // every seventh is empty
			k := random.IntN(keyCount)
			rows = append(rows, []string{"+I", strconv.Itoa(k), strconv.Itoa(next[k])})
			next[k]++
		}
		var batches []*batch.Batch
		if len(rows) > 0 {
			batches = append(batches, batchOf(t, counted, rows...))
		}
		all = append(all, batches)
	}
	return all, next
}

var errStopped = errors.New("the process is gone")

// A crash at every point of a transaction, with the instance before waking up
// again, loses and doubles nothing.
func TestExactlyOnce(t *testing.T) {
	const epochs = 60
	worlds(t, 3, func(w *world) {
		random := rand.New(rand.NewPCG(1, uint64(len(w.Name()))))
		all, next := newOutbox(t, epochs, random)
		r := w.request(counted, "value.format", "json", "key.format", "json", "key.fields", "k", "sink.delivery-guarantee", "exactly-once", "scan.bounded.mode", "latest-offset")
		stops := map[string]int{}
		start := func(newest, before connect.Epoch) *sink {
			s := w.sink(r, false)
			if err := s.Resume(t.Context(), standing(newest, before)); err != nil {
				t.Fatal(err)
			}
			marker, err := s.Committed(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			// The job sends what the sink does not have, empty epochs as well.
			for e := marker + 1; e <= newest; e++ {
				w.apply(s, e, all[e]...)
			}
			return s
		}
		s := start(0, 0)
		for e := connect.Epoch(1); e <= epochs; e++ {
			before := s.Mark().Epoch
			point := []string{afterProduce, afterMarker, afterCommit, ""}[random.IntN(4)]
			gone, cancel := context.WithCancel(t.Context())
			s.exactly.stop = func(at string) error {
				if at != point {
					return nil
				}
				stops[at]++
				cancel() // it does not clear up
				return errStopped
			}
			err := s.Apply(gone, connect.Commit{Epoch: e, Origin: originFor(e), Batches: all[e]})
			cancel()
			if err == nil {
				continue
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			zombie := s
			s = start(e, before)
			if s.Mark().Epoch < e && len(all[e]) > 0 {
				t.Fatalf("epoch %d is not there: %d", e, s.Mark().Epoch)
			}
			_ = zombie.Close()
		}
		if stops[afterProduce] == 0 || stops[afterMarker] == 0 || stops[afterCommit] == 0 {
			t.Errorf("stopped %v", stops)
		}
		w.checkOrder(r, next)
	})
}

// checkOrder reads what is committed: every number once, in order by key.
func (w *world) checkOrder(r connect.Request, next [keyCount]int) {
	w.Helper()
	var seen [keyCount]int
	for _, line := range w.all(w.source(r, false)) {
		var k, n int
		if _, err := fmt.Sscan(line, &k, &n); err != nil {
			w.Fatal(err)
		}
		if n != seen[k] {
			w.Fatalf("key %d: %d after %d", k, n, seen[k]-1)
		}
		seen[k]++
	}
	if seen != next {
		w.Errorf("read %v, want %v", seen, next)
	}
}

// An instance that was only asleep wakes up in the middle of a transaction, when
// another one has taken over: it cannot commit, and does not take the sink back.
func TestZombies(t *testing.T) {
	for _, point := range []string{afterProduce, afterMarker} {
		t.Run(point, func(t *testing.T) {
			worlds(t, 2, func(w *world) {
				all, next := newOutbox(t, 4, rand.New(rand.NewPCG(7, 7)))
				r := w.request(counted, "value.format", "json", "key.format", "json", "key.fields", "k", "sink.delivery-guarantee", "exactly-once", "scan.bounded.mode", "latest-offset")
				zombie, heir := w.sink(r, false), w.sink(r, false)
				if _, err := zombie.Committed(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.apply(zombie, 1)
				w.apply(zombie, 2, all[2]...)
				zombie.exactly.stop = func(at string) error {
					if at != point {
						return nil
					}
					if err := heir.Resume(t.Context(), standing(3, 2)); err != nil {
						return err
					}
					marker, err := heir.Committed(t.Context())
					if err != nil || marker != 2 {
						return fmt.Errorf("the heir finds epoch %d, %v", marker, err)
					}
					w.apply(heir, 3, all[3]...)
					w.apply(heir, 4, all[4]...)
					return nil
				}
				err := zombie.Apply(t.Context(), connect.Commit{Epoch: 3, Origin: originFor(3), Batches: all[3]})
				if !problem.Is(err, problem.Conflict) {
					t.Errorf("the zombie ends with %v", err)
				}
				again := w.sink(r, false)
				if err := again.Resume(t.Context(), standing(3, 2)); !problem.Is(err, problem.Conflict) {
					t.Errorf("the zombie comes back: %v", err)
				}
				w.apply(heir, 5, batchOf(t, counted, []string{"+I", "0", strconv.Itoa(next[0])})) // and was not disturbed
				next[0]++
				w.checkOrder(r, next)
			})
		})
	}
}

// Two instances on copies of one state give their epochs the same numbers. The one
// that finds the other's marker does not take it for its own, whatever its number.
func TestTwins(t *testing.T) {
	worlds(t, 1, func(w *world) {
		r := w.request(counted, "format", "json", "sink.delivery-guarantee", "exactly-once", "scan.bounded.mode", "latest-offset")
		mine, theirs := batchOf(t, counted, []string{"+I", "1", "1"}), batchOf(t, counted, []string{"+I", "2", "2"})
		common := w.sink(r, false)
		if _, err := common.Committed(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.apply(common, 1, mine)
		// Both stored an epoch 2 of their own; the heir's comes first.
		heir := w.sink(r, false)
		own := connect.Mark{Epoch: 2, Origin: connect.Origin{2, 2}}
		if err := heir.Resume(t.Context(), connect.Standing{Newest: own, Before: standing(1, 0).Newest}); err != nil {
			t.Fatal(err)
		}
		if marker, err := heir.Committed(t.Context()); err != nil || marker != 1 {
			t.Fatalf("the heir finds epoch %d, %v", marker, err)
		}
		if err := heir.Apply(t.Context(), connect.Commit{Epoch: own.Epoch, Origin: own.Origin, Batches: []*batch.Batch{theirs}}); err != nil {
			t.Fatal(err)
		}
		for name, s := range map[string]connect.Standing{"same number": standing(2, 1), "a number behind": standing(3, 2), "no rows since": standing(3, 1)} {
			if err := w.sink(r, false).Resume(t.Context(), s); !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "did not make") {
				t.Errorf("%s: the twin is told %v", name, err)
			}
		}
		// It was asleep between being told and asking.
		late := w.sink(r, false)
		late.exactly.standing = standing(2, 1)
		if _, err := late.Committed(t.Context()); !problem.Is(err, problem.Conflict) {
			t.Errorf("the late twin finds %v", err)
		}
		// And in a process that had it all: the sink was taken, the epoch is not there.
		common.release()
		if err := common.Apply(t.Context(), connect.Commit{Epoch: 2, Origin: originFor(2), Batches: []*batch.Batch{mine}}); !problem.Is(err, problem.Conflict) {
			t.Errorf("the twin's epoch of the same number ends with %v", err)
		}
		// Whose marker it is goes on, also from the state of before.
		if err := w.sink(r, false).Resume(t.Context(), connect.Standing{Newest: connect.Mark{Epoch: 3, Origin: connect.Origin{3, 2}}, Before: own}); err != nil {
			t.Errorf("the heir is told %v", err)
		}
		expect(t, w.all(w.source(r, false)), []string{"1 1", "2 2"})
	})
}

// A marker that Kafka has forgotten is not taken for epoch 0.
func TestForgottenMarker(t *testing.T) {
	worlds(t, 1, func(w *world) {
		options := []string{"format", "json", "sink.delivery-guarantee", "exactly-once", "scan.bounded.mode", "latest-offset"}
		r := w.request(counted, options...)
		row := batchOf(t, counted, []string{"+I", "1", "0"})
		s := w.sink(r, false)
		if _, err := s.Committed(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Many epochs without rows leave the marker at 0, which is known.
		if err := w.sink(r, false).Resume(t.Context(), standing(9, 0)); err != nil {
			t.Errorf("a job without output: %v", err)
		}
		if _, err := s.Committed(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.apply(s, 9, row)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := kadm.NewClient(w.client).DeleteGroup(t.Context(), s.exactly.group); err != nil {
			t.Fatal(err)
		}
		err := w.sink(r, false).Resume(t.Context(), standing(9, 0))
		if !problem.Is(err, problem.Conflict) || !strings.Contains(err.Error(), "forgotten") {
			t.Errorf("a forgotten marker: %v", err)
		}
		for choice, want := range map[string]connect.Epoch{"resend": 0, "skip": 9} {
			s := w.sink(w.request(counted, append(options, "sink.missing-marker", choice)...), false)
			if err := s.Resume(t.Context(), standing(9, 0)); err != nil {
				t.Fatal(err)
			}
			if marker, err := s.Committed(t.Context()); err != nil || marker != want {
				t.Errorf("%s goes on behind epoch %d, %v; want %d", choice, marker, err, want)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := kadm.NewClient(w.client).DeleteGroup(t.Context(), s.exactly.group); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A sink that has nothing to write writes its marker from time to time.
func TestMarkerStaysYoung(t *testing.T) {
	worlds(t, 1, func(w *world) {
		r := w.request(counted, "format", "json", "sink.delivery-guarantee", "exactly-once")
		s := w.sink(r, false)
		if _, err := s.Committed(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.apply(s, 1, batchOf(t, counted, []string{"+I", "1", "0"}))
		if _, err := kadm.NewClient(w.client).DeleteGroup(t.Context(), s.exactly.group); err != nil {
			t.Fatal(err)
		}
		w.apply(s, 2)
		if err := w.sink(r, false).Resume(t.Context(), standing(2, 1)); !problem.Is(err, problem.Conflict) {
			t.Errorf("a young marker was written again: %v", err)
		}
		s.exactly.written = s.exactly.written.Add(-2 * markerAgeMax)
		w.apply(s, 3)
		again := w.sink(r, false)
		if err := again.Resume(t.Context(), standing(3, 1)); err != nil {
			t.Error(err)
		}
		if epoch, err := again.Committed(t.Context()); epoch != 1 || err != nil {
			t.Errorf("the marker says %d, %v", epoch, err)
		}
	})
}

// A transaction whose end is not known is asked about, not repeated blindly.
func TestCommitWithoutAnswer(t *testing.T) {
	w := fakeWorld(t, 2)
	r := w.request(counted, "value.format", "json", "key.format", "json", "key.fields", "k", "sink.delivery-guarantee", "exactly-once", "scan.bounded.mode", "latest-offset")
	s := w.sink(r, false)
	if _, err := s.Committed(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, next := newOutbox(t, 8, rand.New(rand.NewPCG(3, 3)))
	for e := 1; e < len(all); e++ {
		lost := false
		s.exactly.stop = func(at string) error {
			if at == afterCommit && !lost && e%2 == 0 {
				lost = true
				return errors.New("the answer is lost")
			}
			if at == afterProduce && !lost && e%3 == 0 {
				lost = true
				return errors.New("the connection is cut")
			}
			return nil
		}
		w.apply(s, connect.Epoch(e), all[e]...)
	}
	w.checkOrder(r, next)
}

// A coordinator that is busy is waited for.
func TestBusyCoordinator(t *testing.T) {
	w := fakeWorld(t, 1)
	var busy atomic.Int64
	w.fake.ControlKey(int16(kmsg.AddOffsetsToTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if busy.Add(1) > 3 {
			return nil, nil, false
		}
		w.fake.KeepControl()
		answer := r.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
		answer.ErrorCode = 51 // CONCURRENT_TRANSACTIONS
		return answer, nil, true
	})
	r := w.request(counted, "format", "json", "sink.delivery-guarantee", "exactly-once", "scan.bounded.mode", "latest-offset")
	s := w.sink(r, false)
	if _, err := s.Committed(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.apply(s, 1, batchOf(t, counted, []string{"+I", "1", "0"}))
	expect(t, w.all(w.source(r, false)), []string{"1 0"})
	if n := busy.Load(); n < 3 {
		t.Errorf("asked %d times", n)
	}
}

// Records without a key reach all partitions, those that are added as well; one
// that starves is reported.
func TestBalance(t *testing.T) {
	send := func(kind string, n, partitions int, key func(int) []byte) *partitioner {
		p, err := newPartitioner(kind, "t")
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			p.Partition(&kgo.Record{Key: key(i)}, partitions)
			if i%100 == 0 {
				p.nextTurn()
			}
		}
		p.look()
		return p
	}
	none := func(int) []byte { return nil }
	for _, kind := range []string{"default", "round-robin"} {
		p := send(kind, 3999, 4, none)
		for partition, n := range p.mu.sent {
			if n < 900 || n > 1100 {
				t.Errorf("%s sends %d of 3999 records to partition %d", kind, n, partition)
			}
		}
		if p.Partition(&kgo.Record{}, 5); len(p.mu.sent) != 5 {
			t.Errorf("%s does not see a partition that was added", kind)
		}
	}
	if w := send("default", 4000, 4, func(i int) []byte { return []byte(strconv.Itoa(i)) }).warning(); w != nil {
		t.Errorf("many keys: %v", w)
	}
	for kind, key := range map[string]func(int) []byte{"default": func(int) []byte { return []byte("one") }, "fixed": none} {
		if w := send(kind, 4000, 4, key).warning(); w == nil || !strings.Contains(w.Message, "none went to partition") {
			t.Errorf("%s: a partition that starves gives %v", kind, w)
		}
	}
	w := fakeWorld(t, 2)
	s := w.sink(w.request(counted, "format", "json", "sink.partitioner", "fixed"), false)
	var rows [][]string
	for i := range 2 * balanceRecords {
		rows = append(rows, []string{"+I", "1", strconv.Itoa(i)})
	}
	w.apply(s, 1, batchOf(t, counted, rows...))
	if s.Warning() == nil {
		t.Error("a sink that feeds one partition of two does not say so")
	}
}
