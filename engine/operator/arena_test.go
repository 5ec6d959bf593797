package operator

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/memory"
)

// TestArenaReleases: what is not the collector's is given back, all of it.
func TestArenaReleases(t *testing.T) {
	before := memory.Held()
	a := arena{outside: true}
	for range 3 {
		a.put(make([]byte, arenaBlockMax))
	}
	if held := memory.Held() - before; held != 3*arenaBlockMax {
		t.Errorf("%d bytes are taken", held)
	}
	a.release()
	if a.put([]byte("a")); memory.Held() != before {
		t.Errorf("%d bytes are still taken", memory.Held()-before)
	}
}

// Pieces stay what they are, whatever comes behind them, until all are forgotten.
func TestArenaKeepsPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := arena{outside: rapid.Bool().Draw(t, "outside")}
		defer a.release()
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(arenaBlockMin-2, 3*arenaBlockMin), rapid.IntRange(memory.Large-1, memory.Large+1)), 1, 60)
		for range 2 {
			var pieces [][]byte
			var spans []span
			held := 0
			for i, size := range sizes.Draw(t, "sizes") {
				piece := bytes.Repeat([]byte{byte(i + 1)}, size)
				pieces, spans = append(pieces, piece), append(spans, a.put(piece))
				held += size
			}
			for i, s := range spans {
				if got := a.at(s); !bytes.Equal(got, pieces[i]) || s.size() != len(pieces[i]) {
					t.Fatalf("piece %d is %d bytes %x, not %d bytes %x", i, len(got), got, len(pieces[i]), pieces[i])
				}
			}
			if a.held != held {
				t.Fatalf("holds %d bytes, not %d", a.held, held)
			}
			a.clear()
		}
	})
}
