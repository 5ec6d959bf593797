package state

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/connect"
	"tidemark/engine"
)

// TestFillParts demands that a store has of another what it is to have, under other
// numbers, as it was at the moment.
func TestFillParts(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	put := func(epoch engine.Epoch, text string) {
		t.Helper()
		var changes []*Changes
		for o := range Operator(5) {
			c := NewChanges(o)
			for group := range engine.KeyGroup(3) {
				for i := range 4 {
					c.Put(group, fmt.Appendf(nil, "key %d", i), fmt.Appendf(make([]byte, fillBytes/16), "%s of %d", text, o))
				}
			}
			changes = append(changes, c)
		}
		if err := s.Commit(&Record{Epoch: epoch}, changes, nil); err != nil {
			t.Fatal(err)
		}
	}
	put(1, "before")
	frozen := s.Freeze()
	put(2, "after")
	dir := filepath.Join(t.TempDir(), "filled")
	record := &Record{Epoch: 1, Sources: []Source{{Splits: []Split{{ID: connect.SplitID("0"), Offset: connect.Offset{7}}}}}}
	if err := frozen.FillParts(dir, record, []Part{{First: 1, Count: 2, To: 3}, {First: 4, Count: 1, To: 1}}); err != nil {
		t.Fatal(err)
	}
	for enough, want := range map[int]int{100: 12, 12: 12, 5: 5} {
		if n, err := frozen.Entries(2, enough); err != nil || n != want {
			t.Errorf("%d entries, %v; want %d", n, err, want)
		}
	}
	if err := errors.Join(frozen.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	filled, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer filled.Close()
	if got, err := filled.Newest(); err != nil || cmp.Diff(record, got) != "" {
		t.Errorf("its epoch is %+v, %v", got, err)
	}
	var got []string
	for o := range Operator(6) {
		err := filled.Load(o).Each(engine.WorkerOf(0, 1), func(group engine.KeyGroup, key, val []byte) error {
			got = append(got, fmt.Sprintf("%d %d %s: %s", o, group, key, val[fillBytes/16:]))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for to, from := range map[Operator]Operator{1: 4, 3: 1, 4: 2} {
		for group := range 3 {
			for i := range 4 {
				want = append(want, fmt.Sprintf("%d %d key %d: before of %d", to, group, i, from))
			}
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
