package state

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/go-cmp/cmp"

	pebblefs "github.com/cockroachdb/pebble/v2/vfs"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

func contentOf(t testing.TB, a *SpillArea) map[string]string {
	found := map[string]string{}
	err := a.Each(func(key, val []byte) error {
		found[string(key)] = string(val)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSpillAreasAreApart(t *testing.T) {
	s := NewMemorySpill()
	defer s.Close() //nolint:errcheck // it is in memory
	first, second := s.Area(), s.Area()
	if n := len(contentOf(t, first)); n != 0 {
		t.Errorf("%d keys in a new area", n)
	}
	for i, a := range []*SpillArea{first, second} {
		w, err := a.Write()
		must(t, err)
		must(t, w.Put([]byte("k"), fmt.Append(nil, i)))
		must(t, w.Put([]byte("gone"), nil))
		must(t, w.Finish())
	}
	w, err := first.Write()
	must(t, err)
	must(t, w.Delete([]byte("gone")))
	must(t, w.Put([]byte("k"), []byte("again")))
	must(t, w.Finish())
	if diff := cmp.Diff(map[string]string{"k": "again"}, contentOf(t, first)); diff != "" {
		t.Errorf("first area: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"k": "1", "gone": ""}, contentOf(t, second)); diff != "" {
		t.Errorf("second area: %s", diff)
	}
	found, err := first.Get([]byte("gone"), func([]byte) error { return errors.New("what is gone is there") })
	if found || err != nil {
		t.Errorf("a key that is gone: %v, %v", found, err)
	}
}

// TestSpilledFilesGo: there are none before something was spilled, none of an
// earlier run, and none afterwards.
func TestSpilledFilesGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spill")
	files := vfs.OS()
	must(t, files.MkdirAll(dir))
	must(t, vfs.WriteFile(files, filepath.Join(dir, "old"), []byte("of a run that was killed")))
	s := NewSpill(dir)
	w, err := s.Area().Write()
	must(t, err)
	val := bytes.Repeat([]byte("x"), 1000)
	for i := range 3 * spillMemtableBytes / len(val) {
		must(t, w.Put(fmt.Append(nil, i), val))
	}
	must(t, w.Finish())
	names, err := files.List(dir)
	must(t, err)
	tables := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") {
			tables++
		}
		if name == "old" {
			t.Error("the file of an earlier run is there")
		}
	}
	if tables == 0 || s.Size() == 0 {
		t.Errorf("%d tables, %d bytes", tables, s.Size())
	}
	must(t, s.Close())
	if _, err := files.Stat(dir); err == nil {
		t.Error("the folder is there after Close")
	}
}

// fullDisk is a disk without room.
type fullDisk struct{ vfs.FS }

func (fullDisk) Usage(string) (vfs.Usage, error) {
	return vfs.Usage{Total: 1 << 40, Free: spillRoomMin - 1}, nil
}

func TestSpillLeavesRoom(t *testing.T) {
	s := newSpill("spill", fullDisk{vfs.NewMem()}, pebblefs.NewMem())
	if _, err := s.Area().Write(); !problem.Is(err, problem.DiskFull) {
		t.Errorf("a full disk gave %v", err)
	}
	must(t, s.Close())
}

// TestSpillTellsOfAFullDisk: the disk fills up while tables are written in the
// background; the writer hears of it and does not wait for ever.
func TestSpillTellsOfAFullDisk(t *testing.T) {
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".sst") {
			return fmt.Errorf("write %s: %w", op.Path, syscall.ENOSPC)
		}
		return nil
	})
	s := newSpill("spill", vfs.NewMem(), errorfs.Wrap(pebblefs.NewMem(), full))
	w, err := s.Area().Write()
	must(t, err)
	val := bytes.Repeat([]byte("x"), 1000)
	for i := 0; err == nil && i < 4*spillMemtableBytes/len(val); i++ {
		err = w.Put(fmt.Append(nil, i), val)
	}
	if !problem.Is(err, problem.DiskFull) {
		t.Errorf("a full disk gave %v", err)
	}
	must(t, s.Close())
}

// TestSpilledKeysInOrder: keys are found among others, and ranges of them go.
func TestSpilledKeysInOrder(t *testing.T) {
	s := NewMemorySpill()
	defer s.Close() //nolint:errcheck // it is in memory
	before, a, behind := s.Area(), s.Area(), s.Area()
	sorted := func() (found []string) {
		keys := [][]byte{[]byte("a"), []byte("b"), []byte("bb"), []byte("c"), []byte("d"), []byte("e")}
		must(t, a.GetSorted(keys, func(key, val []byte) error {
			found = append(found, string(key)+string(val))
			return nil
		}))
		return found
	}
	if found := sorted(); found != nil {
		t.Errorf("%q in a new area", found)
	}
	for _, area := range []*SpillArea{before, a, behind} {
		w, err := area.Write()
		must(t, err)
		for _, key := range []string{"a", "bb", "c", "d", "ee"} {
			must(t, w.Put([]byte(key), []byte("1")))
		}
		must(t, w.Finish())
	}
	if diff := cmp.Diff([]string{"a1", "bb1", "c1", "d1"}, sorted()); diff != "" {
		t.Error(diff)
	}
	remove := func(from, to []byte) {
		w, err := a.Write()
		must(t, err)
		must(t, w.DeleteRange(from, to))
		must(t, w.Finish())
	}
	remove(nil, []byte("bb"))
	if diff := cmp.Diff([]string{"bb1", "c1", "d1"}, sorted()); diff != "" {
		t.Error(diff)
	}
	remove([]byte("d"), nil)
	if diff := cmp.Diff(map[string]string{"bb": "1", "c": "1"}, contentOf(t, a)); diff != "" {
		t.Error(diff)
	}
	for _, area := range []*SpillArea{before, behind} {
		if n := len(contentOf(t, area)); n != 5 {
			t.Errorf("a neighbour has %d keys", n)
		}
	}
	stop := errors.New("enough")
	if err := a.GetSorted([][]byte{[]byte("bb"), []byte("c")}, func([]byte, []byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ended with %v", err)
	}
}
