package operator

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Pieces stay what they are, whatever comes behind them, until all are forgotten.
func TestArenaKeepsPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a arena
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(arenaBlockMin-2, 3*arenaBlockMin)), 1, 60)
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
