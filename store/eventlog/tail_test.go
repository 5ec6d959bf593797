package eventlog

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// appendTo adds bytes to a tail as a writer does, behind a lead of some length.
func appendTo(kept *tail, pool *bufferPool, s *segment, position int64, lead int, b []byte) {
	run := pool.take(lead + len(b))
	defer run.release()
	copy(run.bytes[lead:], b)
	kept.append(s, position, run, lead, lead+len(b))
}

// What the tail gives is what was appended, for as long as it is held, and the
// newest is there.
func TestTailGivesWhatWasAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const first = 70
		all := bytes.Repeat([]byte{0xff}, first) // written before the tail began
		s := &segment{}
		var kept tail
		var pool bufferPool
		var held []piece
		for i := range rapid.IntRange(1, 20).Draw(t, "appends") {
			size := rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(tailShareBytes-1, tailShareBytes+1), rapid.Just(tailBytes/3), rapid.Just(tailBytes+1)).Draw(t, "size")
			b := bytes.Repeat([]byte{byte(i)}, size)
			start := len(all)
			appendTo(&kept, &pool, s, int64(start), rapid.IntRange(0, 10).Draw(t, "lead"), b)
			all = append(all, b...)
			at := rapid.IntRange(0, len(all)-1).Draw(t, "position")
			p, here := kept.at(s, int64(at))
			if at < first && here || at >= start && !here {
				t.Fatalf("byte %d of %d, the last run from %d: %v", at, len(all), start, here)
			}
			if here {
				held = append(held, p)
			}
			if kept.mu.size > 2*(tailBytes+1+10) {
				t.Fatalf("the tail holds %d bytes", kept.mu.size)
			}
		}
		for _, p := range held {
			if !bytes.Equal(p.bytes, all[p.start:p.start+int64(len(p.bytes))]) {
				t.Fatalf("what stood at %d has changed", p.start)
			}
			p.buffer.release()
		}
	})
}

func TestTailForgetsOtherSegments(t *testing.T) {
	old, s := &segment{}, &segment{}
	var kept tail
	var pool bufferPool
	appendTo(&kept, &pool, old, 0, 0, []byte("old"))
	appendTo(&kept, &pool, s, 0, 0, []byte("new"))
	if p, here := kept.at(old, 0); here {
		t.Errorf("the old segment gives %q", p.bytes)
	}
	if p, here := kept.at(s, 0); !here || string(p.bytes) != "new" {
		t.Errorf("the new segment gives %q", p.bytes)
	}
	appendTo(&kept, &pool, s, 10, 0, []byte("gap"))
	if _, here := kept.at(s, 2); here {
		t.Error("there is something in front of a gap")
	}
	if p, here := kept.at(s, 11); !here || p.start != 10 || string(p.bytes) != "gap" {
		t.Errorf("behind a gap there is %q", p.bytes)
	}
}

func TestBufferGoesBackWhenNobodyHoldsIt(t *testing.T) {
	var pool bufferPool
	b := pool.take(10)
	b.hold()
	b.release()
	if b.holders.Load() != 1 {
		t.Fatalf("%d holders, want 1", b.holders.Load())
	}
	if other := pool.take(10); other == b {
		t.Fatal("a buffer that is held was given out again")
	}
	b.release()
	if b.holders.Load() != 0 {
		t.Fatalf("%d holders, want none", b.holders.Load())
	}
}
