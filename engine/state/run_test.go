package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/vfs"
)

// writeRun writes records of the hashes, which it sorts; of each the text says
// which one it is.
func writeRun(t interface{ Fatal(...any) }, area *SpillArea, hashes []uint64, size int) (*Run, []string) {
	slices.Sort(hashes)
	w, err := area.NewRun()
	if err != nil {
		t.Fatal(err)
	}
	var records []string
	for i, hash := range hashes {
		record := append(fmt.Appendf(nil, "%d-%d", hash, i), bytes.Repeat([]byte{'x'}, size)...)
		records = append(records, string(record))
		if err := w.Add(hash, record); err != nil {
			t.Fatal(err)
		}
	}
	run, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return run, records
}

// TestRun looks for random hashes in files of one block and of many, and finds all
// their records.
func TestRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spill := NewMemorySpill()
		defer spill.Close() //nolint:errcheck // it is in memory
		hashes := rapid.SliceOfN(rapid.Uint64Range(0, 300), 0, 200).Draw(t, "hashes")
		run, records := writeRun(t, spill.Area(), hashes, rapid.SampledFrom([]int{0, 500, 5000, 20_000}).Draw(t, "size"))
		r, err := run.Open()
		if err != nil {
			t.Fatal(err)
		}
		sought := rapid.SliceOfNDistinct(rapid.Uint64Range(0, 310), 0, 60, rapid.ID[uint64]).Draw(t, "sought")
		slices.Sort(sought)
		takes := rapid.Bool().Draw(t, "takes")
		for _, hash := range sought {
			if err := r.Seek(hash); err != nil {
				t.Fatal(err)
			}
			at, _ := slices.BinarySearch(hashes, hash)
			if r.Valid() != (at < len(hashes)) || r.Valid() && string(r.Record()) != records[at] {
				t.Fatalf("looking for %d, the reader is on %.10q", hash, r.Record())
			}
			for takes && r.Valid() && r.Hash() == hash {
				if err := r.Next(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		var all []string
		if r, err = run.Open(); err == nil {
			err = r.Next()
		}
		for err == nil && r.Valid() {
			all = append(all, string(r.Record()))
			err = r.Next()
		}
		if err := errors.Join(err, r.Close(), run.Remove()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(records, all); diff != "" {
			t.Errorf("read one after the other: %s", diff)
		}
	})
}

// TestRunIsDamaged: a changed byte is noticed.
func TestRunIsDamaged(t *testing.T) {
	spill := NewMemorySpill()
	defer spill.Close() //nolint:errcheck // it is in memory
	run, _ := writeRun(t, spill.Area(), []uint64{1, 2, 3}, 10)
	for at := range run.Size() {
		change(t, spill.files, run.name, at)
		r, err := run.Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Next(); !errors.Is(err, errDamagedRun) {
			t.Errorf("byte %d was changed: %v", at, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		change(t, spill.files, run.name, at)
	}
}

// change turns the bits of one byte of a file.
func change(t *testing.T, files vfs.FS, name string, at int64) {
	t.Helper()
	f, err := files.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] = ^b[0]
	if err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestRunOfAFullDisk is refused, and its file can be given up.
func TestRunOfAFullDisk(t *testing.T) {
	spill := NewMemorySpill()
	defer spill.Close() //nolint:errcheck // it is in memory
	w, err := spill.Area().NewRun()
	if err != nil {
		t.Fatal(err)
	}
	spill.fail(errors.New("nothing can be written"))
	if err := w.Add(1, make([]byte, 2*runWriteBytes)); err == nil {
		t.Error("a record was taken")
	}
	if err := w.Abort(); err != nil {
		t.Error(err)
	}
}
