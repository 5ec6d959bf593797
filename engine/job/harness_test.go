package job

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/plan"
	"tidemark/plan/function"
)

// The table of these tests: t(k STRING, v BIGINT, at TIMESTAMP(3)).
type row struct {
	key string
	n   int64
	at  int64 // ms
}

var (
	keyType  = value.StringType
	nType    = value.BigIntType
	timeType = value.TimestampOf(3)
)

var testTable = &plan.Table{Name: "t", Columns: []plan.TableColumn{{Name: "k", Type: keyType}, {Name: "v", Type: nType}, {Name: "at", Type: timeType}}}

func scan() *plan.Scan { return &plan.Scan{Table: testTable, Columns: []int{0, 1, 2}} }

func column(i int, t value.Type) plan.Expr { return &plan.Column{Index: i, Of: t} }

// call builds a call of a function in the table of functions.
func call(name string, args ...plan.Expr) *plan.Call {
	f, overload := resolve(name, args)
	return &plan.Call{Function: f, Overload: overload, Args: args}
}

func aggregate(name string, args ...plan.Expr) plan.AggregateCall {
	f, overload := resolve(name, args)
	return plan.AggregateCall{Function: f, Overload: overload, Args: args}
}

func resolve(name string, args []plan.Expr) (*plan.Function, *plan.Overload) {
	f, ok := function.Lookup(name)
	if !ok {
		panic("no function " + name)
	}
	arguments := make([]plan.Argument, len(args))
	for i, a := range args {
		arguments[i].Type = a.Type()
		if l, ok := a.(*plan.Literal); ok {
			arguments[i].Literal = &l.Value
		}
	}
	overload, err := f.Resolve(arguments)
	if err != nil {
		panic(err)
	}
	return f, overload
}

// watermarked is the table with the watermark at - delay ms.
func watermarked(s *plan.Scan, delay int64) *plan.Watermark {
	late := &plan.Literal{Value: value.Value{Type: value.Type{Kind: value.IntervalDayTime, NotNull: true}, Int: delay}}
	return &plan.Watermark{Input: s, Column: 2, Delayed: call("-", column(2, timeType), late)}
}

// rowSource serves rows of some splits. An offset is the number of rows read.
type rowSource struct {
	splits    [][]row
	batchRows int
	endless   bool
	// pace, when set, makes readers wait between batches until the sink has
	// taken another epoch, so that there are many of them.
	pace *tableSink
}

func (s *rowSource) Splits(context.Context) ([]connect.SplitID, error) {
	var ids []connect.SplitID
	for i := range s.splits {
		ids = append(ids, connect.SplitID(fmt.Sprint("split ", i)))
	}
	return ids, nil
}

func (s *rowSource) Bounded() bool { return !s.endless }

func (s *rowSource) Open(_ context.Context, id connect.SplitID, from connect.Offset) (connect.Reader, error) {
	var number int
	if _, err := fmt.Sscanf(string(id), "split %d", &number); err != nil {
		return nil, err
	}
	r := &rowReader{source: s, rows: s.splits[number]}
	if from != nil {
		at, _ := binary.Uvarint(from)
		r.at = int(at)
	}
	return r, nil
}

type rowReader struct {
	source *rowSource
	rows   []row
	at     int
	epochs int // that the sink had when the last batch was given
	given  bool
}

func (r *rowReader) Read(ctx context.Context) (*batch.Batch, error) {
	if r.source.pace != nil && r.given {
		if err := r.source.pace.wait(ctx, r.epochs); err != nil {
			return nil, err
		}
	}
	if r.at == len(r.rows) {
		if r.source.endless {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, io.EOF
	}
	if r.source.pace != nil {
		r.epochs, r.given = r.source.pace.applied(), true
	}
	part := r.rows[r.at:min(r.at+r.source.batchRows, len(r.rows))]
	r.at += len(part)
	return batchOf(part), nil
}

func batchOf(rows []row) *batch.Batch {
	keys, numbers, times := batch.NewColumn(keyType, 0), batch.NewColumn(nType, 0), batch.NewColumn(timeType, 0)
	for _, r := range rows {
		keys.AppendValue(value.OfString(r.key))
		numbers.AppendValue(value.OfBigInt(r.n))
		times.AppendValue(value.Value{Type: timeType, Int: r.at * 1000})
	}
	return &batch.Batch{Columns: []*batch.Column{keys, numbers, times}, Rows: len(rows)}
}

func (r *rowReader) Offset() connect.Offset { return binary.AppendUvarint(nil, uint64(r.at)) }
func (r *rowReader) Watermark() int64       { return batch.NoMark }
func (r *rowReader) Close() error           { return nil }

// errCrash is how a test's sink brings a job down.
var errCrash = errors.New("crash")

// tableSink keeps a table up to date from a changelog, and outlives jobs as a
// table outlives them. It refuses to apply an epoch twice and to take back what
// is not there.
type tableSink struct {
	mu      sync.Mutex
	changed *sync.Cond
	content map[string]int // row → how often it is there
	log     []string
	epoch   connect.Epoch
	commits int
	mark    int64
	// crashIn fails the Apply that brings it to 0, before or after it took effect.
	crashIn    int
	crashAfter bool
}

func newTableSink() *tableSink {
	s := &tableSink{content: map[string]int{}}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *tableSink) Committed(context.Context) (connect.Epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch, nil
}

func (s *tableSink) Apply(_ context.Context, c connect.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed.Broadcast()
	s.commits++
	s.crashIn--
	if s.crashIn == 0 && !s.crashAfter {
		return errCrash
	}
	if c.Epoch <= s.epoch {
		return fmt.Errorf("epoch %d applied after %d", c.Epoch, s.epoch)
	}
	for _, b := range c.Batches {
		var bad string
		b.Each(func(i int) {
			shown := show(b, i)
			s.log = append(s.log, b.Kind(i).String()+" "+shown)
			if b.Kind(i).Retracts() {
				if s.content[shown]--; s.content[shown] == 0 {
					delete(s.content, shown)
				}
			} else {
				s.content[shown]++
			}
			if s.content[shown] < 0 {
				bad = shown
			}
		})
		if bad != "" {
			return fmt.Errorf("a row that is not there was taken back: %s", bad)
		}
	}
	s.epoch, s.mark = c.Epoch, c.Watermark
	if s.crashIn == 0 {
		return errCrash
	}
	return nil
}

func (s *tableSink) Close() error { return nil }

func (s *tableSink) applied() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commits
}

// wait waits for an epoch beyond the given number of them.
func (s *tableSink) wait(ctx context.Context, epochs int) error {
	stop := context.AfterFunc(ctx, s.changed.Broadcast)
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.commits <= epochs && ctx.Err() == nil {
		s.changed.Wait()
	}
	return ctx.Err()
}

// table is the content, sorted, one row a line.
func (s *tableSink) table() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []string
	for r, n := range s.content {
		for range n {
			rows = append(rows, r)
		}
	}
	slices.Sort(rows)
	return strings.Join(rows, "\n")
}

func show(b *batch.Batch, i int) string {
	var parts []string
	for _, v := range b.Row(i) {
		switch {
		case v.Null:
			parts = append(parts, "NULL")
		case v.Type.Class() == value.Strings:
			parts = append(parts, v.Text)
		case v.Type.IsTimestamp():
			parts = append(parts, fmt.Sprint(v.Int/1000))
		case v.Type.Class() == value.Bools:
			parts = append(parts, fmt.Sprint(v.Bool))
		default:
			parts = append(parts, fmt.Sprint(v.Int))
		}
	}
	return strings.Join(parts, " ")
}

// runToEnd runs a job that is expected to end well.
func runToEnd(t testing.TB, spec Spec) *Job {
	t.Helper()
	j, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return j
}
