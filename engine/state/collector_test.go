package state

import (
	"runtime/debug"
	"testing"
)

// gcPercent is the setting at the moment.
func gcPercent() int {
	is := debug.SetGCPercent(100)
	debug.SetGCPercent(is)
	return is
}

// TestSpillTightensTheCollector: for as long as there is a file, and not where it
// is tight already.
func TestSpillTightensTheCollector(t *testing.T) {
	for before, during := range map[int]int{100: spillingGCPercent, 30: 30, -1: -1} {
		original := debug.SetGCPercent(before)
		var spills [2]*Spill
		for i := range spills {
			spills[i] = NewMemorySpill()
			writeRun(t, spills[i].Area(), []uint64{1}, 10)
		}
		for i, s := range spills {
			if is := gcPercent(); is != during {
				t.Errorf("with %d of two spills open, it is %d, not %d", 2-i, is, during)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if is := debug.SetGCPercent(original); is != before {
			t.Errorf("%d became %d", before, is)
		}
	}
}

// TestSpillSize counts the files of both kinds.
func TestSpillSize(t *testing.T) {
	spill := NewMemorySpill()
	defer spill.Close() //nolint:errcheck // it is in memory
	run, _ := writeRun(t, spill.Area(), []uint64{1, 2}, 10)
	if size := spill.Size(); size != run.Size() || size == 0 {
		t.Errorf("%d bytes, the file has %d", size, run.Size())
	}
	if err := run.Remove(); err != nil {
		t.Fatal(err)
	}
	if size := spill.Size(); size != 0 {
		t.Errorf("%d bytes are left", size)
	}
}
