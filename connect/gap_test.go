package connect

import (
	"testing"

	"pgregory.net/rapid"
)

// TestDigestsHaveNoOrder: a set has one digest, however it is put together, and
// loses it with any event.
func TestDigestsHaveNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hashes := rapid.SliceOfNDistinct(rapid.Uint64(), 1, 30, rapid.ID).Draw(t, "events")
		order := rapid.Permutation(hashes).Draw(t, "order")
		cut := rapid.IntRange(0, len(order)).Draw(t, "cut")
		var whole, first, second, fewer Digest
		for i, hash := range hashes {
			whole.Add(hash)
			if i > 0 {
				fewer.Add(hash)
			}
		}
		for i, hash := range order {
			if i < cut {
				first.Add(hash)
			} else {
				second.Add(hash)
			}
		}
		if got := first.Plus(second); got != whole {
			t.Fatalf("%v in another order is %v, not %v", hashes, got, whole)
		}
		if fewer == whole {
			t.Fatalf("%v and all but the first have one digest", hashes)
		}
	})
}
