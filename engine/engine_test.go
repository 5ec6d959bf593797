package engine

import "testing"

// TestEveryGroupHasOneWorker: whatever the number of workers, WorkerOf and
// Route agree, and no group is left out.
func TestEveryGroupHasOneWorker(t *testing.T) {
	for n := 1; n <= KeyGroups; n++ {
		next := KeyGroup(0)
		for i := range n {
			w := WorkerOf(i, n)
			if w.From != next || w.To <= w.From {
				t.Fatalf("worker %d of %d has [%d, %d), want from %d", i, n, w.From, w.To, next)
			}
			for g := w.From; g < w.To; g++ {
				if Route(g, n) != i || !w.Has(g) {
					t.Fatalf("group %d goes to worker %d of %d, but %d has it", g, Route(g, n), n, i)
				}
			}
			next = w.To
		}
		if next != KeyGroups {
			t.Fatalf("%d workers have %d groups", n, next)
		}
	}
}

// TestGroupsOfKeysStay: stored state is found by them.
func TestGroupsOfKeysStay(t *testing.T) {
	for key, want := range map[string]KeyGroup{"": 20, "a": 94, "a longer key than sixteen bytes": 34} {
		if got := GroupOf([]byte(key)); got != want {
			t.Errorf("key %q is in group %d, want %d", key, got, want)
		}
	}
}
