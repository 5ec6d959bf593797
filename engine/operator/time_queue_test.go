package operator

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTimeQueue compares random pushes and pops, nearly in order or not, with a
// sorted list.
func TestTimeQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q timeQueue
		var want []timed
		disorder := rapid.SampledFrom([]int64{0, 3, 1000}).Draw(t, "disorder")
		for i := range rapid.IntRange(0, 200).Draw(t, "steps") {
			if len(want) > 0 && rapid.IntRange(0, 2).Draw(t, "pop") == 0 {
				if q.isDue(want[0].due-1) || !q.isDue(want[0].due) {
					t.Fatalf("what is due at %d is not due then", want[0].due)
				}
				if got := q.pop(); got != want[0] {
					t.Fatalf("%v is first, not %v", got, want[0])
				}
				want = want[1:]
				continue
			}
			next := timed{due: int64(i) - rapid.Int64Range(0, disorder).Draw(t, "late"), order: uint64(i), number: uint32(i)}
			q.push(next)
			at, _ := slices.BinarySearchFunc(want, next, func(a, b timed) int {
				return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.order, b.order))
			})
			want = slices.Insert(want, at, next)
		}
		for _, next := range want {
			if got := q.pop(); got != next {
				t.Fatalf("%v is first, not %v", got, next)
			}
		}
		if q.isDue(1 << 40) {
			t.Fatal("something is left")
		}
	})
}
