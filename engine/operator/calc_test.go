package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
)

// TestWholeUpdates: of an update of which one row passes a filter, the other one
// must not be waited for.
func TestWholeUpdates(t *testing.T) {
	const before, after, insert, remove = batch.UpdateBefore, batch.UpdateAfter, batch.Insert, batch.Delete
	for _, c := range []struct {
		name        string
		kinds, want []batch.Kind
		sel         []uint16
	}{
		{"both pass", []batch.Kind{before, after}, []batch.Kind{before, after}, []uint16{0, 1}},
		{"the old row passes", []batch.Kind{before, after, before, after}, []batch.Kind{remove, after, before, after}, []uint16{0, 2, 3}},
		{"the new row passes", []batch.Kind{insert, before, after}, []batch.Kind{insert, before, insert}, []uint16{0, 2}},
		{"the other row is elsewhere", []batch.Kind{after, insert, before}, []batch.Kind{after, insert, before}, []uint16{0, 2}},
	} {
		was := append([]batch.Kind(nil), c.kinds...)
		got := wholeUpdates(&batch.Batch{Rows: len(c.kinds), Kinds: c.kinds, Sel: c.sel})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if diff := cmp.Diff(was, c.kinds); diff != "" {
			t.Errorf("%s: the input was changed: %s", c.name, diff)
		}
	}
}
