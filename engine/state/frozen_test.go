package state

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"tidemark/engine"
)

// TestFrozen demands that a store filled from a moment of another is that moment,
// whatever came afterwards.
func TestFrozen(t *testing.T) {
	s, err := OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	commit := func(epoch engine.Epoch, val string) {
		t.Helper()
		c := NewChanges(1)
		c.Put(0, []byte("key"), []byte(val))
		c.Put(0, []byte(val), make([]byte, fillBytes/2))
		if err := s.Commit(&Record{Epoch: epoch}, []*Changes{c}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for epoch := range engine.Epoch(6) {
		commit(epoch+1, string(rune('a'+epoch)))
	}
	frozen := s.Freeze()
	commit(7, "later")
	type entry struct{ key, val string }
	read := func(f *Frozen) (all []entry) {
		t.Helper()
		if err := f.Each(func(key, val []byte) error {
			all = append(all, entry{string(key), string(val)})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := read(frozen)
	if err := errors.Join(frozen.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}

	dir := filepath.Join(t.TempDir(), "filled")
	rest := want
	err = Fill(dir, func() (key, val []byte, err error) {
		if len(rest) == 0 {
			return nil, nil, io.EOF
		}
		e := rest[0]
		rest = rest[1:]
		return []byte(e.key), []byte(e.val), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	filled, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer filled.Close()
	again := filled.Freeze()
	defer again.Close()
	record, err := again.Newest()
	if err != nil || record == nil || record.Epoch != 6 {
		t.Errorf("newest record %+v, %v", record, err)
	}
	if got := read(again); !slices.Equal(want, got) {
		t.Errorf("the filled store has %d entries that are not the %d of the moment", len(got), len(want))
	}
	if err := filled.Verify(); err != nil {
		t.Error(err)
	}
}
