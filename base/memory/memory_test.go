package memory

import (
	"testing"
	"unsafe"
)

func TestPieces(t *testing.T) {
	before := Held()
	for _, c := range []struct {
		name  string
		count int
		held  int64 // bytes
	}{
		{"nothing", 0, 0},
		{"small", Large/8 - 1, 0},
		{"large", Large / 8, Large},
		{"a little larger", Large/8 + 1, Large + grain},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time perhaps where the first piece was
				piece := Take[uint64](c.count)
				if len(piece) != c.count || Held()-before != c.held || c.held > 0 && int64(cap(piece)) != c.held/8 {
					t.Fatalf("%d words of %d, %d bytes held", len(piece), cap(piece), Held()-before)
				}
				all := piece[:cap(piece)]
				for i, word := range all {
					if word != 0 {
						t.Fatalf("word %d is %d", i, word)
					}
					all[i] = ^uint64(0)
				}
				Return(piece[:0:c.count])
				if Held() != before {
					t.Errorf("%d bytes are held", Held()-before)
				}
			}
		})
	}
}

func TestPiecesOfOddThings(t *testing.T) {
	type odd struct{ a, b, c uint32 }
	const count = Large / unsafe.Sizeof(odd{})
	before := Held()
	piece := Take[odd](int(count))
	if len(piece) != int(count) || Held()-before != Large {
		t.Errorf("%d things of %d, %d bytes held", len(piece), cap(piece), Held()-before)
	}
	piece[len(piece)-1] = odd{1, 2, 3}
	if Return(piece); Held() != before {
		t.Errorf("%d bytes are held", Held()-before)
	}
}
