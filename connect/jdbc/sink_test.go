package jdbc

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// changesOf makes batches of changes such as "+I 1 a"; "|" begins a new one.
func changesOf(changes ...string) (batches []*batch.Batch) {
	next := func() *batch.Batch {
		b := &batch.Batch{Columns: []*batch.Column{batch.NewColumn(value.BigIntType, 0), batch.NewColumn(value.StringType, 0)}}
		batches = append(batches, b)
		return b
	}
	b := next()
	for _, text := range changes {
		if text == "|" {
			b = next()
			continue
		}
		var kind, name string
		var id int64
		if _, err := fmt.Sscan(text, &kind, &id, &name); err != nil {
			panic(err)
		}
		b.Kinds = append(b.Kinds, map[string]batch.Kind{"+I": batch.Insert, "-U": batch.UpdateBefore, "+U": batch.UpdateAfter, "-D": batch.Delete}[kind])
		b.Columns[0].AppendValue(value.OfBigInt(id))
		b.Columns[1].AppendValue(value.OfString(name))
		b.Rows++
	}
	return batches
}

func shown(changes []change) (all []string) {
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%d %s", c.b.Columns[0].Ints[c.row], c.b.Columns[1].Bytes(c.row)))
	}
	return all
}

func TestOnlyTheLastChangeOfAKeyIsWritten(t *testing.T) {
	for name, c := range map[string]struct{ changes, there, gone []string }{
		"new, updated and deleted":             {[]string{"+I 1 a", "+I 2 b", "-U 1 a", "+U 1 c", "-D 2 b", "-D 3 d"}, []string{"1 c"}, []string{"2 b", "3 d"}},
		"deleted and there again":              {[]string{"-D 1 a", "|", "+I 1 b"}, []string{"1 b"}, nil},
		"two workers, the new row came first":  {[]string{"+I 1 b", "|", "-D 1 a"}, []string{"1 b"}, nil},
		"two workers, and it is deleted again": {[]string{"+I 1 b", "-D 1 b", "|", "-D 1 a"}, nil, []string{"1 a"}},
		"updates only":                         {[]string{"-U 1 a", "+U 1 b", "-U 1 b", "+U 1 c"}, []string{"1 c"}, nil},
	} {
		there, gone := settled(changesOf(c.changes...), []int{0}, false)
		if diff := cmp.Diff([][]string{c.there, c.gone}, [][]string{shown(there), shown(gone)}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A row that an update has replaced is not told of again when nobody needs rows
// before updates: it does not come back when the newer one is deleted.
func TestUpsertsNeedNoRowBefore(t *testing.T) {
	there, gone := settled(changesOf("+I 1 a", "+U 1 b", "-D 1 b", "|", "+I 2 a", "+U 2 b"), []int{0}, true)
	if diff := cmp.Diff([][]string{{"2 b"}, {"1 b"}}, [][]string{shown(there), shown(gone)}); diff != "" {
		t.Error(diff)
	}
}

func newTestSink(t *testing.T, options map[string]string, key ...int) (*sink, error) {
	t.Helper()
	r := connect.Request{Table: "t", Options: map[string]string{optionURL: "jdbc:mysql://127.0.0.1:1/d", optionTable: "t"}, PrimaryKey: key, Keys: slices.Repeat([]string{"id"}, len(key)),
		Columns: []connect.Column{{Name: "id", Type: value.BigIntType}, {Name: "name", Type: value.StringType}}}
	for name, text := range options {
		r.Options[name] = text
	}
	s, err := newSink(r)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.(*sink), nil
}

// TestRowsAreNotTakenBackWithoutAKey before anything is written.
func TestRowsAreNotTakenBackWithoutAKey(t *testing.T) {
	s, err := newTestSink(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), connect.Commit{Epoch: 1, Batches: changesOf("+I 1 a", "-D 1 a")}); !problem.Is(err, problem.InvalidQuery) {
		t.Errorf("%v", err)
	}
	if epoch, _ := s.Committed(t.Context()); epoch != 0 {
		t.Errorf("epoch %d", epoch)
	}
}

// TestAnEpochWithoutRowsAsksNobody: no database listens there.
func TestAnEpochWithoutRowsAsksNobody(t *testing.T) {
	s, err := newTestSink(t, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), connect.Commit{Epoch: 7, Batches: changesOf()}); err != nil {
		t.Fatal(err)
	}
	if epoch, _ := s.Committed(t.Context()); epoch != 7 {
		t.Errorf("epoch %d", epoch)
	}
}
