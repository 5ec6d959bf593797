package operator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/memory"
	"tidemark/base/value"
	"tidemark/plan"
)

func testGenerations(width int64) *generations {
	schema := plan.Schema{{Name: "id", Type: value.StringType}, {Name: "at", Type: value.TimestampOf(3)}}
	return newGenerations('l', false, true, width, newHeldForm(newJoinInput(schema, []int{0}, nil), 1))
}

// TestGenerationsAreLists does the same to generations and to a map of lists: rows of
// any size come, are found by key and in order, and go; what is gone is used again.
func TestGenerationsAreLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const width = 1000
		g := testGenerations(width)
		defer g.giveBack()
		type kept struct {
			row string
			at  int64
		}
		want := map[int64][]kept{}
		for n := range rapid.IntRange(1, 400).Draw(t, "rows") {
			if rapid.IntRange(0, 50).Draw(t, "drop") == 0 && len(want) > 0 {
				id := slices.Min(slices.Collect(maps.Keys(want)))
				g.drop(g.byID[id])
				delete(want, id)
			}
			key := fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "key"))
			encoded := string(rune(len(key)+2)) + key
			row := encoded + fmt.Sprint(n) + strings.Repeat("x", rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 5, 5, 5, 300, 300, 300, blockBytes / 3, blockBytes / 3, 2 * blockBytes}).Draw(t, "more"))
			at := rapid.Int64Range(-2*width, 3*width).Draw(t, "at")
			if err := g.add(g.of(at), generationHash([]byte(encoded)), []byte(encoded), []byte(row), heldRow{at: at}); err != nil {
				t.Fatal(err)
			}
			id := floorDivide(at, width)
			want[id] = append(want[id], kept{row, at})
		}
		if len(g.byID) != len(want) {
			t.Fatalf("%d generations, want %d", len(g.byID), len(want))
		}
		var held int64
		for id, rows := range want {
			of := g.byID[id]
			at := rowPlace(0)
			byKey := map[string][]string{}
			for i, w := range rows {
				at = of.next(at)
				within, _ := of.timeOf(at)
				if at == 0 || string(of.row(at)) != w.row || id*width+within != w.at {
					t.Fatalf("row %d of generation %d is not as it was", i, id)
				}
				key := w.row[:1+int(w.row[0])-2]
				byKey[key] = append(byKey[key], w.row)
			}
			if of.next(at) != 0 || of.last != at {
				t.Fatalf("there is more than %d rows", len(rows))
			}
			for key, rows := range byKey {
				found := of.latest(generationHash([]byte(key)), []byte(key))
				for _, row := range slices.Backward(rows) {
					if found == 0 || string(of.row(found)) != row {
						t.Fatalf("a row of key %q is not where it should be", key[1:])
					}
					found = of.older(found)
				}
				if found != 0 {
					t.Fatalf("key %q has more rows", key[1:])
				}
			}
			held += int64(cap(of.slots)) * 8
			for _, b := range of.blocks {
				held += int64(cap(b))
			}
		}
		for _, b := range g.free {
			held += int64(cap(b))
		}
		for _, s := range g.spare {
			held += int64(cap(s)) * 8
		}
		if held != g.held() {
			t.Fatalf("%d bytes are held, counted as %d", held, g.held())
		}
	})
}

// TestGenerationsUseMemoryAgain: as many rows again take no more memory.
func TestGenerationsUseMemoryAgain(t *testing.T) {
	g := testGenerations(generationWidthMin)
	defer g.giveBack()
	var steady int64
	for id := range int64(20) {
		for n := range 50_000 {
			key := fmt.Sprintf("\x09%07d", n)
			at := id * generationWidthMin
			if err := g.add(g.of(at), generationHash([]byte(key)), []byte(key), []byte(key), heldRow{at: at, paired: true}); err != nil {
				t.Fatal(err)
			}
		}
		g.dropUntil((id - 1) * generationWidthMin)
		if id == 5 {
			steady = g.held()
		}
	}
	if g.held() > steady {
		t.Errorf("%d bytes are held, and %d were", g.held(), steady)
	}
	if perRow := g.held() / (3 * 50_000); perRow > 60 {
		t.Errorf("a row takes %d bytes", perRow)
	}
}

// What is large is returned to the system, not left to the collector.
func TestGenerationsGiveTheirMemoryBack(t *testing.T) {
	before := memory.Held()
	g := testGenerations(1000)
	row := []byte("\x02" + strings.Repeat("x", blockBytes/3))
	for n := range int64(30) {
		if err := g.add(g.of(1000*(n%5)), uint64(n)<<40, row[:1], row, heldRow{at: 1000 * (n % 5)}); err != nil {
			t.Fatal(err)
		}
	}
	g.dropUntil(3000)
	if g.of(9000).slots = g.takeSlots(memory.Large); memory.Held() <= before || g.held() <= memory.Held()-before {
		t.Errorf("%d bytes of large pieces and %d in all", memory.Held()-before, g.held())
	}
	if g.giveBack(); memory.Held() != before || g.held() != 0 {
		t.Errorf("%d bytes are left", memory.Held()-before)
	}
}

// TestSieve: no key that is there falls through, of the others most do, and a
// generation of many keys has no sieve.
func TestSieve(t *testing.T) {
	g := testGenerations(1000)
	defer g.giveBack()
	of := g.of(0)
	key := func(n int) []byte { return []byte(fmt.Sprintf("\x08%06d", n)) }
	keys := []int{1, 100, 10_000, 50_000, 60_000}
	for n := 0; len(keys) > 0; n++ {
		if n == keys[0] {
			hashes := make([]uint64, 0, 2*n)
			for k := range 2 * n {
				hashes = append(hashes, generationHash(key(k)))
			}
			likely := of.sift(hashes, nil)
			for k := range n {
				if len(likely) <= k || likely[k].row != k {
					t.Fatalf("key %d of %d is not found", k, n)
				}
			}
			if more := len(likely) - n; more > 3 { // by chance it is one of 50,000 times
				t.Errorf("%d keys are likely that are not among %d", more, n)
			}
			fell := 0
			for _, hash := range hashes[n:] {
				if of.sieve == nil {
					break
				}
				if word, bit := of.hole(hash); of.sieve[word]&bit == 0 {
					fell++
				}
			}
			if has := n < 60_000; has != (of.sieve != nil) || n >= 100 && has != (fell > n*4/5) {
				t.Errorf("of %d other keys %d fall through; a sieve: %v", n, fell, of.sieve != nil)
			}
			keys = keys[1:]
		}
		if err := g.add(of, generationHash(key(n)), key(n), key(n), heldRow{}); err != nil {
			t.Fatal(err)
		}
	}
}
