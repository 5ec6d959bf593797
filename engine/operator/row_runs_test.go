package operator

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Runs are what sorted lists would be, whatever their lengths.
func TestRowRunsAreSortedLists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const partitions = 3
		var runs rowRuns
		runs.resize(partitions)
		var reference [partitions][]uint32
		compare := func(a, b uint32) int { return cmp.Compare(a%1000*7, b%1000*7) } // no two rows sort alike
		most := rapid.SampledFrom([]int{4, 40, 1 << runBits, 5 << runBits}).Draw(t, "most")
		for range rapid.IntRange(0, 2*most).Draw(t, "steps") {
			code := rapid.Uint32Range(0, partitions-1).Draw(t, "code")
			row := rapid.Uint32Range(0, uint32(min(most, 999))).Draw(t, "row")
			at, there := slices.BinarySearchFunc(reference[code], row, compare)
			switch {
			case there:
				runs.remove(code, row, compare)
				reference[code] = slices.Delete(reference[code], at, at+1)
			default:
				runs.insert(code, row, compare)
				reference[code] = slices.Insert(reference[code], at, row)
			}
			if rapid.IntRange(0, 200).Draw(t, "drop") == 0 {
				runs.drop(code)
				reference[code] = nil
			}
		}
		for code := range uint32(partitions) {
			want := reference[code]
			if got := runs.list(code); !slices.Equal(got, want) || runs.size(code) != len(want) {
				t.Fatalf("run of %d rows %d, want %d", runs.size(code), got, want)
			}
			if len(want) == 0 {
				continue
			}
			if got := runs.last(code); got != want[len(want)-1] {
				t.Errorf("the last row is %d, want %d", got, want[len(want)-1])
			}
			from := rapid.Uint32Range(0, 1000).Draw(t, "from")
			var got []uint32
			runs.from(code, func(row uint32) bool { return row >= from }, func(row uint32) bool {
				got = append(got, row)
				return len(got) < 3
			})
			at, _ := slices.BinarySearch(want, from)
			if want := want[at:min(at+3, len(want))]; !slices.Equal(got, want) {
				t.Errorf("from %d on: %d, want %d", from, got, want)
			}
		}
	})
}

// A partition whose rows come and go takes up no more room than at its longest.
func TestRowRunsGiveRoomAgain(t *testing.T) {
	var runs rowRuns
	runs.resize(1)
	for range 1000 {
		for row := range uint32(100) {
			runs.insert(0, row, cmp.Compare[uint32])
		}
		for row := range uint32(100) {
			runs.remove(0, row, cmp.Compare[uint32])
		}
	}
	if runs.size(0) != 0 || len(runs.blocks) > 1 {
		t.Errorf("%d rows and %d blocks for no row at all", runs.size(0), len(runs.blocks))
	}
}
