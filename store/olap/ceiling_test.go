package olap

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// visits has a key of two columns with a ceiling, which may be NULL.
var visits = Table{
	Name:    "visits",
	Columns: []value.Field{{Name: "at", Type: value.TimestampLTZOf(3)}, {Name: "page", Type: value.StringType}, {Name: "id", Type: value.IntType}},
	Key:     []int{2, 0},
}

// visit is the key of a row of visits; a negative number is NULL.
type visit struct{ at, id int }

// visitRows are rows of visits; those of no page are taken away.
func visitRows(pages map[visit]string) *batch.Batch {
	b := &batch.Batch{Rows: len(pages)}
	for _, f := range visits.Columns {
		b.Columns = append(b.Columns, batch.NewColumn(f.Type, len(pages)))
	}
	number := func(c *batch.Column, n int) {
		if n < 0 {
			c.AppendNull()
		} else {
			c.AppendValue(value.Value{Int: int64(n) * 1000})
		}
	}
	for v, page := range pages {
		number(b.Columns[0], v.at)
		b.Columns[1].AppendValue(value.OfString(page))
		number(b.Columns[2], v.id)
		kind := batch.Insert
		if page == "" {
			kind = batch.Delete
		}
		b.Kinds = append(b.Kinds, kind)
	}
	return b
}

// TestKeysAboveAll demands that a keyed table is what a map would be, whether keys are
// above all that are stored or not, over restarts, and when all rows are replaced.
func TestKeysAboveAll(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer func() { s.Close() }()
	rapid.Check(t, func(r *rapid.T) {
		if err := s.DropTable(t.Context(), visits.Name); err != nil {
			r.Fatal(err)
		}
		w := writer(t, s, visits)
		pages := map[visit]string{}
		someRows := func(epoch int, kinds ...string) map[visit]string {
			some := map[visit]string{}
			for range rapid.IntRange(0, 8).Draw(r, "rows") {
				v := visit{rapid.IntRange(-1, epoch+2).Draw(r, "at"), rapid.IntRange(-1, 2*epoch+2).Draw(r, "id")}
				some[v] = rapid.SampledFrom(kinds).Draw(r, "page")
			}
			return some
		}
		for epoch := range rapid.IntRange(1, 5).Draw(r, "epochs") {
			switch rapid.IntRange(0, 19).Draw(r, "event") {
			case 0:
				s.Close()
				s = openStore(t, dir)
				w = writer(t, s, visits)
			case 1, 2:
				pages = someRows(epoch, "a", "b")
				rows := []*batch.Batch{visitRows(pages)}
				rows[0].Kinds = nil
				if err := w.Replace(t.Context(), SavedEpoch{Epoch: uint64(epoch)}, func() (*batch.Batch, error) {
					if len(rows) == 0 {
						return nil, io.EOF
					}
					next := rows[0]
					rows = nil
					return next, nil
				}); err != nil {
					r.Fatal(err)
				}
			case 3:
				broken := errors.New("broken")
				if err := w.Replace(t.Context(), SavedEpoch{}, func() (*batch.Batch, error) { return nil, broken }); !errors.Is(err, broken) {
					r.Fatal(err)
				}
			}
			some := someRows(epoch, "a", "b", "")
			if err := w.Apply(t.Context(), uint64(epoch+1), 0, []*batch.Batch{visitRows(some)}); err != nil {
				r.Fatal(err)
			}
			maps.Copy(pages, some)
			maps.DeleteFunc(pages, func(_ visit, page string) bool { return page == "" })
			var want []string
			for v, page := range pages {
				want = append(want, fmt.Sprintf("%d %d %s", v.at, v.id, page))
			}
			slices.Sort(want)
			got := ask(t, s, Question{SQL: `SELECT coalesce(epoch_us("at") // 1000, -1), coalesce(id // 1000, -1), page FROM visits`})
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				r.Fatal(diff)
			}
		}
	})
}

// TestCeilings demands that rows above all that are stored are not looked for, after a
// restart, too, and others are.
func TestCeilings(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	defer func() { s.Close() }()
	w := writer(t, s, visits)
	apply := func(epoch uint64, pages map[visit]string) {
		t.Helper()
		if err := w.Apply(t.Context(), epoch, 0, []*batch.Batch{visitRows(pages)}); err != nil {
			t.Fatal(err)
		}
	}
	over := func(v visit) bool {
		t.Helper()
		if err := w.findCeilings(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w.isOver(place{visitRows(map[visit]string{v: "a"}), 0})
	}
	if !over(visit{0, -1}) || over(visit{-1, -1}) {
		t.Error("in an empty table a row that says something is above all, one of NULLs is not")
	}
	apply(1, map[visit]string{{5, 7}: "a", {3, 9}: "b"})
	for _, when := range []string{"before", "after"} {
		for v, want := range map[visit]bool{{5, 9}: false, {6, 0}: true, {0, 10}: true, {-1, 10}: true, {6, -1}: true, {-1, 9}: false} {
			if over(v) != want {
				t.Errorf("%s a restart: %v is above all: %v", when, v, !want)
			}
		}
		s.Close()
		s = openStore(t, dir)
		w = writer(t, s, visits)
	}
}
