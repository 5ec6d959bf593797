package olap

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
)

var counts = Table{
	Name:    "dws$counts",
	Columns: []value.Field{{Name: "minute", Type: value.TimestampOf(3).Required()}, {Name: "campaign", Type: value.StringType}, {Name: "n", Type: value.BigIntType}},
	Key:     []int{0, 1},
}

func openStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), vfs.OS(), dir, Options{MemoryMax: "512MB", Running: 2})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func writer(t *testing.T, s *Store, table Table) *Writer {
	t.Helper()
	if err := s.CreateTable(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(t.Context(), table)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// change is one row of counts with its kind.
type change struct {
	kind     batch.Kind
	minute   int64
	campaign any
	n        int64
}

func changes(all ...change) *batch.Batch {
	b := &batch.Batch{Rows: len(all), Kinds: make([]batch.Kind, len(all))}
	for _, f := range counts.Columns {
		b.Columns = append(b.Columns, batch.NewColumn(f.Type, len(all)))
	}
	for i, c := range all {
		b.Kinds[i] = c.kind
		b.Columns[0].AppendValue(value.Value{Int: c.minute * 60_000_000})
		if c.campaign == nil {
			b.Columns[1].AppendNull()
		} else {
			b.Columns[1].AppendValue(value.OfString(c.campaign.(string)))
		}
		b.Columns[2].AppendValue(value.OfBigInt(c.n))
	}
	return b
}

func ask(t *testing.T, s *Store, q Question) []string {
	t.Helper()
	var lines []string
	_, err := s.Query(t.Context(), q, func(_ []value.Field, b *batch.Batch) error {
		b.Each(func(i int) {
			var cells []string
			for _, c := range b.Columns {
				if c.IsNull(i) {
					cells = append(cells, "NULL")
					continue
				}
				switch v := c.Value(i); c.Type.Class() {
				case value.Strings:
					cells = append(cells, v.Text)
				case value.Floats:
					cells = append(cells, fmt.Sprint(v.Float))
				case value.Wides:
					cells = append(cells, bigOf(v.Wide).String())
				case value.Bools:
					cells = append(cells, fmt.Sprint(v.Bool))
				case value.Ints:
					cells = append(cells, fmt.Sprint(v.Int))
				default:
					cells = append(cells, fmt.Sprintf("%d items", len(v.Items)))
				}
			}
			lines = append(lines, strings.Join(cells, " "))
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

const allCounts = `SELECT campaign, n FROM "dws$counts" ORDER BY minute, campaign`

func TestLastChangeOfAKeyWins(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	w := writer(t, s, counts)
	apply := func(epoch uint64, b *batch.Batch) {
		t.Helper()
		if err := w.Apply(t.Context(), epoch, int64(epoch)*1000, []*batch.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	apply(1, changes(change{0, 1, "a", 1}, change{batch.UpdateBefore, 1, "a", 1}, change{batch.UpdateAfter, 1, "a", 2}, change{0, 1, nil, 7}))
	apply(2, changes(change{batch.UpdateBefore, 1, nil, 7}, change{batch.UpdateAfter, 1, nil, 8}, change{0, 2, "b", 1}, change{0, 2, "c", 5}))
	apply(3, changes(change{batch.Delete, 2, "b", 1}, change{batch.Delete, 2, "c", 5}, change{0, 2, "c", 6}))
	apply(3, changes(change{0, 9, "again", 9})) // an epoch applied twice changes nothing
	if diff := cmp.Diff([]string{"NULL 8", "a 2", "c 6"}, ask(t, s, Question{SQL: allCounts})); diff != "" {
		t.Error(diff)
	}
	epoch, mark, err := w.Committed(t.Context())
	if epoch != 3 || mark != 3000 || err != nil {
		t.Errorf("committed %d at %d, %v; want 3 at 3000", epoch, mark, err)
	}
}

// TestRowsOfAKeyComeFromTwoWorkers: when a row moves from one worker to another,
// the new row may come before the old one is taken away.
func TestRowsOfAKeyComeFromTwoWorkers(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	w := writer(t, s, counts)
	for epoch, batches := range [][]*batch.Batch{
		{changes(change{0, 1, "moved", 1}, change{0, 1, "moved twice", 1}, change{0, 1, "gone", 1})},
		{
			changes(change{0, 1, "moved", 2}, change{0, 1, "moved twice", 2}),
			changes(change{batch.Delete, 1, "moved", 1}, change{batch.Delete, 1, "gone", 1}, change{0, 1, "gone", 3}),
			changes(change{batch.Delete, 1, "moved twice", 1}, change{0, 1, "moved twice", 3}),
			changes(change{batch.Delete, 1, "moved twice", 2}, change{batch.Delete, 1, "gone", 3}),
		},
	} {
		if err := w.Apply(t.Context(), uint64(epoch+1), 0, batches); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"moved 2", "moved twice 3"}, ask(t, s, Question{SQL: allCounts})); diff != "" {
		t.Error(diff)
	}
}

// TestUpsertsNeedNoRowBefore: a row that an update has replaced, and that nobody took
// back, does not come again when the newer one is deleted.
func TestUpsertsNeedNoRowBefore(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	upserts := counts
	upserts.Upserts = true
	w := writer(t, s, upserts)
	for epoch, b := range []*batch.Batch{
		changes(change{0, 1, "stays", 1}, change{batch.UpdateAfter, 1, "stays", 2}, change{0, 1, "goes", 1}, change{batch.UpdateAfter, 1, "goes", 2}, change{batch.Delete, 1, "goes", 2}),
		changes(change{batch.UpdateAfter, 1, "stays", 3}, change{0, 1, "new", 1}),
		changes(change{batch.UpdateAfter, 1, "new", 2}, change{batch.Delete, 1, "new", 2}),
	} {
		if err := w.Apply(t.Context(), uint64(epoch+1), 0, []*batch.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"stays 3"}, ask(t, s, Question{SQL: allCounts})); diff != "" {
		t.Error(diff)
	}
}

func TestTableWithoutKeyRefusesRetractions(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	table := counts
	table.Key = nil
	w := writer(t, s, table)
	if err := w.Apply(t.Context(), 1, 0, []*batch.Batch{changes(change{0, 1, "kept", 1})}); err != nil {
		t.Fatal(err)
	}
	err := w.Apply(t.Context(), 2, 0, []*batch.Batch{changes(change{0, 1, "not kept", 1}, change{batch.Delete, 1, "kept", 1})})
	if !problem.Is(err, problem.InvalidQuery) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]string{"kept 1"}, ask(t, s, Question{SQL: allCounts})); diff != "" {
		t.Error("a refused epoch must leave nothing behind:\n" + diff)
	}
	if epoch, _, _ := w.Committed(t.Context()); epoch != 1 {
		t.Errorf("committed %d, want 1", epoch)
	}
}

// TestEveryTypeComesBack writes two rows of every type that can be stored, one of
// them NULL, and reads them as the same values.
func TestEveryTypeComesBack(t *testing.T) {
	sample := []value.Value{
		{Type: value.BooleanType, Bool: true}, {Type: value.TinyIntType, Int: -128}, {Type: value.SmallIntType, Int: 32767},
		{Type: value.IntType, Int: -1 << 31}, {Type: value.BigIntType, Int: 1<<63 - 1}, {Type: value.FloatType, Float: 0.5}, {Type: value.DoubleType, Float: 1e300},
		{Type: value.DecimalOf(38, 2), Wide: value.Int128{Hi: -5, Lo: 77}}, {Type: value.DecimalOf(9, 4), Wide: value.Int128{Lo: 12345}},
		{Type: value.CharOf(3), Text: "ab "}, {Type: value.StringType, Text: "wörter 水"}, {Type: value.BytesType, Text: "\x00\xff"},
		{Type: value.DateType, Int: -719162}, {Type: value.TimeOf(3), Int: 86_399_999}, {Type: value.TimestampOf(3), Int: -62_135_596_800_000_000},
		{Type: value.TimestampOf(9), Wide: value.Int128{Hi: -1, Lo: 1<<64 - 1}}, {Type: value.TimestampLTZOf(6), Int: 1_709_287_200_000_001},
		{Type: value.ArrayOf(value.IntType), Items: []value.Value{nullable(value.OfInt(1)), value.NullOf(value.IntType)}},
		{Type: value.MapOf(value.StringType, value.BigIntType), Items: []value.Value{nullable(value.OfString("k")), nullable(value.OfBigInt(5))}},
		{Type: value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.StringType}), Items: []value.Value{nullable(value.OfInt(9)), value.NullOf(value.StringType)}},
	}
	for _, keyed := range []bool{false, true} {
		table := Table{Name: "types", Columns: []value.Field{{Name: "id", Type: value.IntType.Required()}}}
		if keyed {
			table.Key = []int{0}
		}
		b := &batch.Batch{Rows: 2, Columns: []*batch.Column{batch.NewColumn(value.IntType.Required(), 2)}}
		b.Columns[0].AppendValue(value.OfInt(1))
		b.Columns[0].AppendValue(value.OfInt(2))
		for i, v := range sample {
			table.Columns = append(table.Columns, value.Field{Name: "c" + strconv.Itoa(i), Type: v.Type})
			c := batch.NewColumn(v.Type, 2)
			c.AppendValue(v)
			c.AppendNull()
			b.Columns = append(b.Columns, c)
		}
		s := openStore(t, t.TempDir())
		if err := writer(t, s, table).Apply(t.Context(), 1, 0, []*batch.Batch{b}); err != nil {
			t.Fatal(err)
		}
		_, err := s.Query(t.Context(), Question{SQL: "SELECT * FROM types ORDER BY id", Columns: table.Columns}, func(_ []value.Field, got *batch.Batch) error {
			for row := range 2 {
				if diff := cmp.Diff(b.Row(row), got.Row(row)); diff != "" {
					t.Errorf("keyed %t, row %d: %s", keyed, row, diff)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		s.Close()
	}
}

func TestAnswersAreCutInBatchesAndLimited(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	sizes := []int{}
	count := func(_ []value.Field, b *batch.Batch) error { sizes = append(sizes, b.Rows); return nil }
	stats, err := s.Query(t.Context(), Question{SQL: "SELECT range FROM range(10000)", RowsMax: 5000}, count)
	if err != nil || stats.Rows != 5000 || !stats.Truncated {
		t.Errorf("%+v, %v", stats, err)
	}
	if diff := cmp.Diff([]int{4096, 904}, sizes); diff != "" {
		t.Error(diff)
	}
	sizes = nil
	stats, err = s.Query(t.Context(), Question{SQL: "SELECT 1 WHERE false", RowsMax: 1}, count)
	if err != nil || stats.Truncated || len(sizes) != 1 || sizes[0] != 0 {
		t.Errorf("an empty answer has its columns once: %+v, %v, %v", stats, err, sizes)
	}
}

func TestNothingButTheDatabaseCanBeReached(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	for _, statement := range []string{
		"SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "COPY (SELECT 1) TO 'out.csv'",
		"ATTACH 'other.db'", "INSTALL httpfs", "SET enable_external_access=true", "SET memory_limit='1TB'",
	} {
		if _, err := s.Query(t.Context(), Question{SQL: statement}, func([]value.Field, *batch.Batch) error { return nil }); err == nil {
			t.Errorf("%s was allowed", statement)
		}
	}
}

func TestQuestionsEndWithTheirContext(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	slow := Question{SQL: "SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000) b"}
	ignore := func([]value.Field, *batch.Batch) error { return nil }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Query(ctx, slow, ignore); !problem.Is(err, problem.Timeout) {
		t.Errorf("got %v", err)
	}
	// While two run, a third waits, and leaves the queue when its context ends.
	busy, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			if _, err := s.Query(busy, slow, ignore); !problem.Is(err, problem.Canceled) {
				t.Errorf("got %v", err)
			}
		})
	}
	for len(s.admission.waiting) < 2 {
		time.Sleep(time.Millisecond)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.Query(gone, Question{SQL: "SELECT 1"}, ignore); !problem.Is(err, problem.Canceled) {
		t.Errorf("got %v", err)
	}
	stop()
	running.Wait()
	if a := s.admission; len(a.running)+len(a.long)+len(a.waiting) != 0 {
		t.Errorf("%d running, %d long, %d waiting after all have ended", len(a.running), len(a.long), len(a.waiting))
	}
}

func TestDamagedFilesArePutAside(t *testing.T) {
	for _, name := range []string{fileName, fileName + ".wal"} {
		dir := t.TempDir()
		s := openStore(t, dir)
		w := writer(t, s, counts)
		for epoch := uint64(1); epoch <= 20; epoch++ {
			if err := w.Apply(t.Context(), epoch, 0, []*batch.Batch{changes(change{0, int64(epoch), "a", 1})}); err != nil {
				t.Fatal(err)
			}
		}
		crashed := t.TempDir() // a copy of the files of a process that did not close them
		for _, n := range []string{fileName, fileName + ".wal"} {
			content, err := os.ReadFile(filepath.Join(dir, n))
			if err != nil {
				t.Fatal(err)
			}
			if n == name {
				for i := len(content) / 3; i < len(content)/3+64 && i < len(content); i++ {
					content[i] ^= 0x5a
				}
				if n == fileName {
					content[8] ^= 0xff
				}
			}
			if err := os.WriteFile(filepath.Join(crashed, n), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
		again := openStore(t, crashed)
		damage := again.Damage()
		if damage == nil {
			t.Fatalf("%s: damage was not noticed", name)
		}
		if _, err := os.Stat(damage.Kept); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if epoch, _, err := writer(t, again, counts).Committed(t.Context()); epoch != 0 || err != nil {
			t.Errorf("%s: a new store is at epoch %d, %v", name, epoch, err)
		}
		again.Close()
		once := openStore(t, crashed)
		if once.Damage() != nil {
			t.Errorf("%s: damaged again: %+v", name, once.Damage())
		}
		once.Close()
	}
}

func TestOtherColumnsAreAConflict(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	writer(t, s, counts)
	other := counts
	other.Columns = append([]value.Field{{Name: "extra", Type: value.IntType}}, counts.Columns...)
	if err := s.CreateTable(t.Context(), other); !problem.Is(err, problem.Conflict) {
		t.Fatalf("got %v", err)
	}
	if err := s.DropTable(t.Context(), counts.Name); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateTable(t.Context(), other); err != nil {
		t.Error(err)
	}
}

// TestKillAtAnyTime kills a process that applies epochs and looks whether table
// and epoch number agree: epoch e leaves e rows in the keyed and 3e in the other.
func TestKillAtAnyTime(t *testing.T) {
	appended := Table{Name: "log", Columns: counts.Columns}
	if dir := os.Getenv("OLAP_KILL_DIR"); dir != "" {
		s := openStore(t, dir)
		keyed, log := writer(t, s, counts), writer(t, s, appended)
		done, _, _ := keyed.Committed(t.Context())
		for epoch := done + 1; ; epoch++ {
			b := func() []*batch.Batch {
				m := int64(epoch)
				return []*batch.Batch{changes(change{0, m, "a", m}, change{0, m - 1, "a", m}, change{0, m, "a", m + 1})}
			}
			if err := log.Apply(t.Context(), epoch, 0, b()); err != nil {
				t.Fatal(err)
			}
			if err := keyed.Apply(t.Context(), epoch, 0, b()); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("acknowledged %d\n", epoch)
		}
	}
	dir := t.TempDir()
	for round := range 4 {
		child := exec.Command(os.Args[0], "-test.run", "^TestKillAtAnyTime$")
		child.Env = append(os.Environ(), "OLAP_KILL_DIR="+dir)
		out := &lastLine{want: 5 + rand.IntN(20), reached: make(chan struct{})}
		child.Stdout = out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		<-out.reached
		_ = child.Process.Kill()
		_ = child.Wait()
		s := openStore(t, dir)
		if s.Damage() != nil {
			t.Fatalf("a kill is no damage: %+v", s.Damage())
		}
		keyed, log := writer(t, s, counts), writer(t, s, appended)
		e, _, _ := keyed.Committed(t.Context())
		l, _, _ := log.Committed(t.Context())
		if e < uint64(out.last) || l < e || l > e+1 {
			t.Errorf("round %d: acknowledged %d, keyed at %d, log at %d", round, out.last, e, l)
		}
		got := ask(t, s, Question{SQL: `SELECT (SELECT count(*) FROM "dws$counts"), (SELECT count(*) FROM log)`})
		if want := fmt.Sprintf("%d %d", e+1, 3*l); got[0] != want {
			t.Errorf("round %d: rows %s, want %s", round, got[0], want)
		}
		s.Close()
	}
}

// lastLine reads "acknowledged n" lines and says when it has seen enough.
type lastLine struct {
	seen, want, last int
	reached          chan struct{}
}

func (l *lastLine) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "acknowledged "); ok {
			l.last, _ = strconv.Atoi(n)
			if l.seen++; l.seen == l.want {
				close(l.reached)
			}
		}
	}
	return len(p), nil
}

func nullable(v value.Value) value.Value {
	v.Type = v.Type.Optional()
	return v
}

// TestClosedWriterRefuses: a writer whose table was dropped, or whose store was closed,
// applies nothing, though it knows how far the table was.
func TestClosedWriterRefuses(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	w := writer(t, s, counts)
	rows := []*batch.Batch{changes(change{0, 1, "a", 1})}
	if err := w.Apply(t.Context(), 1, 0, rows); err != nil {
		t.Fatal(err)
	}
	if err := s.DropTable(t.Context(), counts.Name); err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(t.Context(), 2, 0, rows); !problem.Is(err, problem.Canceled) {
		t.Errorf("applied to a table that was dropped: %v", err)
	}
	if _, _, err := w.Committed(t.Context()); !problem.Is(err, problem.Canceled) {
		t.Errorf("committed of a table that was dropped: %v", err)
	}
}
