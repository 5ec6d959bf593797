package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// record is a row of the table of the tests: a key in two columns, where "" is
// NULL, and what tells rows apart.
type record struct {
	kind batch.Kind
	a    int64
	b    string
	name string
}

func (r record) key() string { return fmt.Sprintf("%d %s", r.a, r.b) }

// layout asks for records by b and a.
func layout(primary ...int) Layout {
	return Layout{Table: "t", Keys: []int{2, 0}, Primary: primary, Columns: []value.Field{
		{Name: "a", Type: value.BigIntType.Required()}, {Name: "name", Type: value.StringType}, {Name: "b", Type: value.StringType},
	}}
}

func batchOf(records []record) *batch.Batch {
	out := &batch.Batch{Rows: len(records)}
	for _, f := range layout().Columns {
		out.Columns = append(out.Columns, batch.NewColumn(f.Type, 0))
	}
	for _, r := range records {
		out.Columns[0].AppendValue(value.OfBigInt(r.a))
		out.Columns[1].AppendValue(value.OfString(r.name))
		if r.b == "" {
			out.Columns[2].AppendNull()
		} else {
			out.Columns[2].AppendValue(value.OfString(r.b))
		}
		out.Kinds = append(out.Kinds, r.kind)
	}
	return out
}

// memory is a source of two splits.
type memory struct {
	connect.Source
	mu struct {
		sync.Mutex
		records []record
		reads   int
		failure error
	}
	endless bool
}

func (m *memory) set(records ...record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.records = records
}

func (m *memory) Bounded() bool { return !m.endless }

func (m *memory) Splits(context.Context) ([]connect.SplitID, error) {
	return []connect.SplitID{"first", "second"}, nil
}

func (m *memory) Open(_ context.Context, split connect.SplitID, _ connect.Offset) (connect.Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	half := len(m.mu.records) / 2
	if split == "first" {
		m.mu.reads++
		return &memoryReader{rest: m.mu.records[:half], failure: m.mu.failure}, nil
	}
	return &memoryReader{rest: m.mu.records[half:]}, nil
}

// memoryReader gives three records at a time.
type memoryReader struct {
	connect.Reader
	rest    []record
	failure error
}

func (r *memoryReader) Read(context.Context) (*batch.Batch, error) {
	if r.failure != nil {
		return nil, r.failure
	}
	if len(r.rest) == 0 {
		return nil, io.EOF
	}
	n := min(3, len(r.rest))
	b := batchOf(r.rest[:n])
	r.rest = r.rest[n:]
	return b, nil
}

func (r *memoryReader) Close() error { return nil }

// asked is what a Lookuper answers for keys: the names of each.
func asked(t require, l connect.Lookuper, keys []record) [][]string {
	t.Helper()
	b := batchOf(keys)
	found, err := l.Lookup(context.Background(), []*batch.Column{b.Columns[2], b.Columns[0]}, b.Rows)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !slices.IsSorted(found.Keys) {
		t.Fatalf("keys in the order %v", found.Keys)
	}
	names := make([][]string, len(keys))
	for i, key := range found.Keys {
		names[key] = append(names[key], string(found.Columns[1].Bytes(int(found.Rows[i]))))
		if got := found.Columns[0].Ints[found.Rows[i]]; got != keys[key].a {
			t.Fatalf("key %d was asked for, and a row of key %d found", keys[key].a, got)
		}
	}
	return names
}

type require interface {
	Helper()
	Fatalf(format string, args ...any)
}

var drawRecord = rapid.Custom(func(t *rapid.T) record {
	return record{a: rapid.Int64Range(0, 3).Draw(t, "a"), b: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "b")}
})

// drawRecords gives records with a name each, and their rows by key.
func drawRecords(t *rapid.T) (records []record, names map[string][]string) {
	records = rapid.SliceOfN(drawRecord, 0, 30).Draw(t, "records")
	names = map[string][]string{}
	for i := range records {
		records[i].name = fmt.Sprint("row ", i)
		if records[i].b != "" {
			names[records[i].key()] = append(names[records[i].key()], records[i].name)
		}
	}
	return records, names
}

func namesOf(keys []record, names map[string][]string) [][]string {
	want := make([][]string, len(keys))
	for i, k := range keys {
		want[i] = names[k.key()]
	}
	return want
}

// TestWholeFindsAllRowsOfAKey in the order in which they were read.
func TestWholeFindsAllRowsOfAKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, names := drawRecords(t)
		source := &memory{}
		source.set(records...)
		whole, err := NewWhole(layout(), source, WholeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			keys := rapid.SliceOfN(drawRecord, 1, 20).Draw(t, "keys")
			if diff := cmp.Diff(namesOf(keys, names), asked(t, whole, keys)); diff != "" {
				t.Fatal(diff)
			}
		}
		if !whole.Settled() || source.mu.reads != 1 {
			t.Fatalf("settled %v, read %d times", whole.Settled(), source.mu.reads)
		}
	})
}

// TestWholeKeepsTheLastRowOfAPrimaryKey: updates and deletes count.
func TestWholeKeepsTheLastRowOfAPrimaryKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, _ := drawRecords(t)
		last := map[int64]record{}
		for i := range records {
			records[i].kind = rapid.SampledFrom([]batch.Kind{batch.Insert, batch.UpdateBefore, batch.UpdateAfter, batch.Delete}).Draw(t, "kind")
			switch records[i].kind {
			case batch.Insert, batch.UpdateAfter:
				last[records[i].a] = records[i]
			case batch.Delete:
				delete(last, records[i].a)
			case batch.UpdateBefore:
			}
		}
		names := map[string][]string{}
		for r := range maps.Values(last) {
			if r.b != "" {
				names[r.key()] = []string{r.name}
			}
		}
		source := &memory{}
		source.set(records...)
		whole, err := NewWhole(layout(0), source, WholeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		keys := rapid.SliceOfN(drawRecord, 1, 20).Draw(t, "keys")
		if diff := cmp.Diff(namesOf(keys, names), asked(t, whole, keys)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestWholeIsReadAgain after its interval, not before.
func TestWholeIsReadAgain(t *testing.T) {
	now := time.UnixMilli(0)
	source, key := &memory{}, []record{{a: 1, b: "x"}}
	whole, err := NewWhole(layout(), source, WholeOptions{Reload: time.Minute, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	if whole.Settled() {
		t.Error("a table that is read again is settled")
	}
	expect := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff([][]string{want}, asked(t, whole, key)); diff != "" {
			t.Error(diff)
		}
	}
	expect()
	source.set(record{a: 1, b: "x", name: "new"})
	now = now.Add(time.Minute - 1)
	expect()
	now = now.Add(1)
	expect("new")
	source.mu.failure = errors.New("no such file")
	now = now.Add(time.Minute)
	b := batchOf(key)
	if _, err := whole.Lookup(t.Context(), []*batch.Column{b.Columns[2], b.Columns[0]}, 1); err == nil || !errors.Is(err, source.mu.failure) {
		t.Errorf("a table that cannot be read again: %v", err)
	}
}

func TestWholeOfAnEndlessSourceIsRefused(t *testing.T) {
	if _, err := NewWhole(layout(), &memory{endless: true}, WholeOptions{}); !problem.Is(err, problem.Unsupported) {
		t.Errorf("%v", err)
	}
}

// TestAskedFindsWhatIsThere, whether a cache stands in front or not, as long as
// what it keeps is not too old.
func TestAskedFindsWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, names := drawRecords(t)
		now := time.UnixMilli(0)
		options := AskedOptions{Now: func() time.Time { return now }}
		if rapid.Bool().Draw(t, "cached") {
			options.Cache = &CacheOptions{RowsMax: rapid.IntRange(1, 20).Draw(t, "rows"), AfterWrite: time.Second, Missing: rapid.Bool().Draw(t, "missing")}
		}
		table := NewAsked(layout(), func(_ context.Context, keys []*batch.Column, rows int, each func(*batch.Batch) error) error {
			for i := range rows {
				if anyNull(keys, i) {
					t.Fatalf("asked for NULL")
				}
			}
			return each(batchOf(records)) // more than was asked for
		}, options)
		for range 4 {
			keys := rapid.SliceOfN(drawRecord, 1, 20).Draw(t, "keys")
			if diff := cmp.Diff(namesOf(keys, names), asked(t, table, keys)); diff != "" {
				t.Fatal(diff)
			}
			if rapid.Bool().Draw(t, "changes") {
				records, names = drawRecords(t)
				now = now.Add(time.Second)
			}
		}
	})
}

// TestCache: what is kept, and for how long.
func TestCache(t *testing.T) {
	now := time.UnixMilli(0)
	rows := func(n int) [][]byte { return make([][]byte, n) }
	c := newCache(CacheOptions{RowsMax: 4, AfterWrite: 10 * time.Second, AfterAccess: 4 * time.Second, Missing: true}, func() time.Time { return now })
	expect := func(want string) {
		t.Helper()
		got := ""
		for _, key := range []string{"a", "b", "c", "d"} {
			if _, ok := c.mu.entries[key]; ok {
				got += key
			}
		}
		if got != want {
			t.Errorf("%q is kept, not %q", got, want)
		}
	}
	get := func(key string, want bool) {
		t.Helper()
		if _, ok := c.get([]byte(key)); ok != want {
			t.Errorf("%s found: %v, not %v", key, ok, want)
		}
	}
	c.put([]byte("a"), rows(2))
	c.put([]byte("b"), nil)
	c.put([]byte("c"), rows(1))
	expect("abc")
	get("a", true) // b is now the one that was asked for longest ago
	c.put([]byte("d"), rows(1))
	expect("acd")
	c.put([]byte("d"), rows(9)) // too much for the cache itself
	expect("ac")
	c.put([]byte("a"), rows(1))
	for range 3 {
		now = now.Add(3 * time.Second)
		get("a", true)
	}
	now = now.Add(time.Second)
	get("a", false) // ten seconds after it was put in
	c.put([]byte("a"), rows(1))
	now = now.Add(4 * time.Second)
	get("a", false)
	get("c", false)
	if c.mu.rows != 0 {
		t.Errorf("%d rows are counted in an empty cache", c.mu.rows)
	}
	c.options.Missing = false
	c.put([]byte("a"), nil)
	get("a", false)
}
