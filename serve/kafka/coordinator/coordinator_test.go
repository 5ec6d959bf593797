package coordinator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"tidemark/base/vfs"
	"tidemark/store/eventlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a coordinator over an event log in memory. What is applied stands in
// stored, once for each key, as a table would have it.
type bench struct {
	t     rapid.TB
	files *vfs.Mem
	log   *eventlog.Log
	*Coordinator
	now atomic.Int64 // ms since 1970
	mu  struct {
		sync.Mutex
		stored map[string]string
		order  []string // the records, as they came
		broken error    // what applying fails with
	}
}

// records are some records in the encoded form: a text for each.
func records(texts ...string) []byte {
	var b []byte
	for i, text := range texts {
		b = append(b, byte(2*(6+len(text))), 0, 0, byte(2*i), 1, byte(2*len(text)))
		b = append(append(b, text...), 0)
	}
	return b
}

func newBench(t rapid.TB) *bench {
	b := &bench{t: t, files: vfs.NewMem()}
	b.now.Store(1700000000000)
	b.mu.stored = map[string]string{}
	b.open()
	return b
}

func (b *bench) open() {
	b.t.Helper()
	var err error
	if b.log, err = eventlog.Open(b.files, "/log", eventlog.Options{SegmentBytes: vfs.BlockSize, Now: b.clock}); err != nil {
		b.t.Fatal(err)
	}
	b.Coordinator, err = Open(b.log, Options{Now: b.clock, Logger: slog.New(slog.DiscardHandler), Apply: func(_ context.Context, key string, batch Batch) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.mu.broken != nil {
			return b.mu.broken
		}
		if _, twice := b.mu.stored[key]; !twice {
			b.mu.order = append(b.mu.order, string(batch.Encoded))
		}
		b.mu.stored[key] = fmt.Sprintf("%s/%d", batch.Topic, batch.Partition)
		return nil
	}})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) clock() time.Time { return time.UnixMilli(b.now.Load()) }

// again opens the coordinator as it is after a crash, or after a clean stop.
func (b *bench) again(crash bool) {
	b.t.Helper()
	after := b.files.CrashClone(vfs.LoseAll)
	b.close()
	if crash {
		b.files = after
	}
	b.open()
}

func (b *bench) close() {
	b.t.Helper()
	if err := errors.Join(b.Coordinator.Close(), b.log.Close()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) init(name string) Producer {
	b.t.Helper()
	p, err := b.Init(context.Background(), Producer{Transaction: name, ID: -1}, time.Minute)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(want, got error) {
	b.t.Helper()
	if !errors.Is(got, want) {
		b.t.Errorf("%v, want %v", got, want)
	}
}

func batchOf(sequence int32, texts ...string) Batch {
	return Batch{Topic: "t", Sequence: sequence, Count: len(texts), Encoded: records(texts...)}
}

var part = []Partition{{"t", 0}}

func TestWhatEachStepOfATransactionAllows(t *testing.T) {
	for _, crash := range []bool{true, false} {
		ctx, b := t.Context(), newBench(t)
		p := b.init("a")
		b.want(ErrState, b.Stage(ctx, p, batchOf(0, "x"))) // no partition was added
		b.must(b.Add(ctx, p, part))
		b.want(ErrState, b.Stage(ctx, p, Batch{Topic: "other", Count: 1, Encoded: records("x")}))
		b.must(b.Stage(ctx, p, batchOf(0, "x", "y")))
		b.must(b.Stage(ctx, p, batchOf(0, "x", "y"))) // again
		b.want(eventlog.ErrOutOfSequence, b.Stage(ctx, p, batchOf(5, "z")))
		b.must(b.StageOffsets(ctx, p, "g", []Offset{{Partition: part[0], Offset: 7}}))
		if offsets, unstable := b.Committed("g"); len(offsets) != 0 || !unstable[part[0]] {
			t.Errorf("%v, %v", offsets, unstable)
		}
		b.again(crash)
		b.must(b.Stage(ctx, p, batchOf(0, "x", "y"))) // again
		b.must(b.Stage(ctx, p, batchOf(2, "z")))
		b.want(ErrUnknown, b.End(ctx, Producer{"a", p.ID + 1, p.Epoch}, true))
		b.want(ErrFenced, b.End(ctx, Producer{"a", p.ID, p.Epoch + 1}, true))
		b.must(b.End(ctx, p, true))
		b.must(b.End(ctx, p, true)) // the answer was lost
		b.want(ErrState, b.End(ctx, p, false))
		b.again(crash)
		if len(b.mu.stored) != 2 {
			t.Errorf("stored: %v", b.mu.stored)
		}
		if offsets, unstable := b.Committed("g"); offsets[part[0]].Offset != 7 || len(unstable) != 0 {
			t.Errorf("%v, %v", offsets, unstable)
		}
		// The same producer goes on counting; what it aborts is not stored.
		b.must(b.Add(ctx, p, part))
		b.must(b.Stage(ctx, p, batchOf(3, "aborted")))
		b.must(b.End(ctx, p, false))
		next := b.init("a")
		if next.ID != p.ID || next.Epoch != p.Epoch+1 {
			t.Errorf("%v after %v", next, p)
		}
		b.want(ErrFenced, b.Add(ctx, p, part))
		b.must(b.Add(ctx, next, part))
		b.must(b.Stage(ctx, next, batchOf(0, "new")))
		b.must(b.End(ctx, next, true))
		if len(b.mu.stored) != 3 {
			t.Errorf("stored: %v", b.mu.stored)
		}
		b.close()
	}
}

// A commit that cannot be applied stays decided, over crashes, until it can.
func TestDecidedCommitIsApplied(t *testing.T) {
	ctx, b := t.Context(), newBench(t)
	p := b.init("a")
	b.must(b.Add(ctx, p, part))
	b.must(b.Stage(ctx, p, batchOf(0, "x")))
	b.mu.broken = errors.New("no disk")
	b.want(ErrConcurrent, b.End(ctx, p, true))
	b.want(ErrState, b.End(ctx, p, false))
	b.want(ErrConcurrent, b.Add(ctx, p, part))
	b.again(true)
	b.mu.Lock()
	b.mu.broken = nil
	b.mu.Unlock()
	b.must(b.End(ctx, p, true))
	if len(b.mu.stored) != 1 {
		t.Errorf("stored: %v", b.mu.stored)
	}
	b.close()
}

func TestProducerIDsAreGivenOnce(t *testing.T) {
	b := newBench(t)
	given := map[int64]bool{}
	for i := range 3 * idsAtOnce {
		id, err := b.ProducerID(t.Context())
		b.must(err)
		if given[id] {
			t.Fatalf("%d is given twice", id)
		}
		given[id] = true
		if i%700 == 0 {
			b.again(i%1400 == 0)
		}
	}
	b.close()
}

// A snapshot makes what came before it needless, but for what open transactions
// have staged.
func TestSnapshot(t *testing.T) {
	ctx, b := t.Context(), newBench(t)
	p, held := b.init("a"), b.init("held")
	for i := range 50 {
		b.must(b.Commit(ctx, "g", []Offset{{Partition: part[0], Offset: int64(i), Metadata: strings.Repeat("m", 1000)}}))
	}
	b.must(b.Add(ctx, held, part))
	b.must(b.Stage(ctx, held, batchOf(0, "held")))
	for i := range 50 {
		b.must(b.Add(ctx, p, part))
		b.must(b.Stage(ctx, p, batchOf(int32(i), strings.Repeat("x", 60))))
		b.must(b.End(ctx, p, true))
	}
	b.must(b.save(ctx))
	start, err := b.journal.StartOffset(0)
	b.must(err)
	if start == 0 || start > 60 {
		t.Errorf("the journal begins at %d", start)
	}
	b.again(true)
	b.must(b.End(ctx, held, true))
	if n := len(b.mu.order); n != 51 || b.mu.order[n-1] != string(records("held")) {
		t.Errorf("%d are stored, the last is %q", n, b.mu.order[n-1])
	}
	if offsets, _ := b.Committed("g"); offsets[part[0]].Offset != 49 {
		t.Errorf("%v", offsets)
	}
	b.must(b.save(ctx))
	if after, err := b.journal.StartOffset(0); err != nil || after <= start {
		t.Errorf("the journal begins at %d as before, %v", after, err)
	}
	b.now.Add((groupsExpire + time.Hour).Milliseconds())
	b.must(b.save(ctx))
	if groups, ids := b.Groups(), b.Summaries(); len(groups) != 0 || len(ids) != 0 {
		t.Errorf("%q and %v are remembered", groups, ids)
	}
	b.close()
}

// Whatever is done, and whenever it crashes: the state is that of a coordinator
// that never did, and what is committed is stored once and in order.
func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, b := context.Background(), newBench(t)
		defer b.close()
		producers, sequences := map[string]Producer{}, map[string]int32{}
		pending, committed := map[string][]string{}, []string{}
		begun := map[string]bool{}
		names := rapid.SampledFrom([]string{"a", "b", "c"})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name := names.Draw(t, "name")
			p, known := producers[name]
			switch step := rapid.SampledFrom([]string{"init", "stage", "stage", "stage", "commit", "abort", "crash", "stop", "save"}).Draw(t, "step"); step {
			case "init":
				producers[name], sequences[name], pending[name], begun[name] = b.init(name), 0, nil, false
			case "stage":
				if !known {
					continue
				}
				b.must(b.Add(ctx, p, part))
				text := fmt.Sprintf("%s%d", name, sequences[name])
				b.must(b.Stage(ctx, p, batchOf(sequences[name], text)))
				sequences[name]++
				pending[name], begun[name] = append(pending[name], text), true
			case "commit", "abort":
				if !begun[name] {
					continue
				}
				b.must(b.End(ctx, p, step == "commit"))
				if step == "commit" {
					committed = append(committed, pending[name]...)
				}
				pending[name], begun[name] = nil, false
			case "save":
				b.must(b.save(ctx))
			default:
				b.again(step == "crash")
			}
		}
		for i, text := range committed {
			committed[i] = string(records(text))
		}
		if diff := cmp.Diff(committed, b.mu.order, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestOverdueTransactionsAreAborted(t *testing.T) {
	ctx, b := t.Context(), newBench(t)
	p := b.init("a")
	b.must(b.Add(ctx, p, part))
	if names := b.overdue(); len(names) != 0 {
		t.Errorf("%q are overdue", names)
	}
	b.now.Add(time.Minute.Milliseconds() + 1)
	b.must(b.inTurn(transactionTurn("a"), func() error { return b.attend("a") }))
	b.want(ErrFenced, b.End(ctx, p, true))
	if s := b.Summaries(); len(s) != 1 || s[0].State != "CompleteAbort" || s[0].Epoch != p.Epoch+1 {
		t.Errorf("%+v", s)
	}
	b.close()
}

// TestJournalEntries pins what is written.
func TestJournalEntries(t *testing.T) {
	datadriven.RunTest(t, "testdata/journal", func(t *testing.T, d *datadriven.TestData) string {
		ctx, b := t.Context(), newBench(t)
		p := b.init("a")
		b.must(b.Add(ctx, p, part))
		b.must(b.Stage(ctx, p, batchOf(0, "x", "y")))
		b.must(b.StageOffsets(ctx, p, "g", []Offset{{Partition: part[0], Offset: 7, LeaderEpoch: 1, Metadata: "m"}}))
		b.must(b.End(ctx, p, true))
		b.must(b.Add(ctx, p, part))
		b.must(b.End(ctx, p, false))
		b.must(b.Commit(ctx, "h", []Offset{{Partition: part[0], Offset: 8}}))
		_, err := b.Forget(ctx, "h")
		b.must(err)
		b.must(b.save(ctx))
		r, err := b.journal.Reader(0, 0)
		b.must(err)
		var lines []string
		for {
			block, err := r.NextAvailable()
			if err != nil {
				break
			}
			for i := range block.Len() {
				record, err := block.Record(i)
				b.must(err)
				lines = append(lines, fmt.Sprintf("%s %q", record.Key, record.Value))
			}
		}
		b.must(r.Close())
		b.close()
		return strings.Join(lines, "\n") + "\n"
	})
}

func TestPlaces(t *testing.T) {
	var tr transaction
	for i := range int32(7) {
		if known, err := tr.place(part[0], produced{i, 1}); known || err != nil {
			t.Fatal(i, known, err)
		}
		tr.count(part[0], produced{i, 1})
	}
	want := []produced{{2, 1}, {3, 1}, {4, 1}, {5, 1}, {6, 1}}
	if diff := cmp.Diff(want, tr.Sequences[part[0].String()]); diff != "" {
		t.Error(diff)
	}
	if _, err := tr.place(part[0], produced{1, 1}); !errors.Is(err, eventlog.ErrOutOfSequence) {
		t.Errorf("one that is forgotten: %v", err)
	}
}
