package eventlog

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// What the tail gives is what was appended, and everything that fits is there.
func TestTailGivesWhatWasAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const first = 70
		all := bytes.Repeat([]byte{0xff}, first) // written before the tail began
		s := &segment{}
		var kept tail
		kept.mu.ring = make([]byte, 64)
		for range rapid.IntRange(1, 20).Draw(t, "appends") {
			b := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "bytes")
			kept.append(s, int64(len(all)), b)
			all = append(all, b...)
			from := rapid.IntRange(0, len(all)).Draw(t, "from")
			to := rapid.IntRange(from, len(all)).Draw(t, "to")
			read := make([]byte, to-from)
			here := kept.read(s, int64(from), read)
			if want := from >= first && from >= len(all)-64; here != want {
				t.Fatalf("read %d to %d of %d: %v, want %v", from, to, len(all), here, want)
			}
			if here && !bytes.Equal(read, all[from:to]) {
				t.Fatalf("read %d to %d of %d: %x, want %x", from, to, len(all), read, all[from:to])
			}
		}
	})
}

func TestTailForgetsOtherSegments(t *testing.T) {
	old, s := &segment{}, &segment{}
	var kept tail
	kept.append(old, 0, []byte("old"))
	kept.append(s, 0, []byte("new"))
	b := make([]byte, 3)
	if kept.read(old, 0, b) {
		t.Errorf("the old segment gives %q", b)
	}
	if !kept.read(s, 0, b) || string(b) != "new" {
		t.Errorf("the new segment gives %q", b)
	}
	kept.append(s, 10, []byte("gap"))
	if kept.read(s, 2, b[:1]) || !kept.read(s, 10, b) || string(b) != "gap" {
		t.Errorf("behind a gap there is %q", b)
	}
}
