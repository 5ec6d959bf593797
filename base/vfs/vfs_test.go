package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestContract runs the same checks on every file system.
func TestContract(t *testing.T) {
	for name, fsys := range map[string]FS{
		"os":     OS(),
		"mem":    NewMem(),
		"faulty": NewFaulty(NewMem(), "-- no rules"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			must(t, fsys.MkdirAll(dir))
			must(t, fsys.MkdirAll(dir))
			t.Run("read and write", func(t *testing.T) { testReadWrite(t, fsys, filepath.Join(dir, "rw")) })
			t.Run("direct", func(t *testing.T) { testDirect(t, fsys, filepath.Join(dir, "direct")) })
			t.Run("names", func(t *testing.T) { testNames(t, fsys, filepath.Join(dir, "names")) })
			t.Run("lock", func(t *testing.T) { testLock(t, fsys, filepath.Join(dir, "LOCK")) })
			usage, err := fsys.Usage(dir)
			must(t, err)
			if usage.Free <= 0 || usage.Total < usage.Free {
				t.Errorf("usage %+v", usage)
			}
		})
	}
}

func testReadWrite(t *testing.T, fsys FS, name string) {
	f, err := fsys.Create(name)
	must(t, err)
	_, err = f.Write([]byte("hello "))
	must(t, err)
	_, err = f.Write([]byte("world"))
	must(t, err)
	_, err = f.WriteAt([]byte("W"), 6)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
	if err := f.Sync(); !errors.Is(err, fs.ErrClosed) && !errors.Is(err, errBadDescriptor) {
		t.Errorf("sync of a closed file: %v", err)
	}

	f, err = fsys.OpenReadWrite(name)
	must(t, err)
	_, err = f.Write([]byte("!"))
	must(t, err)
	must(t, f.Preallocate(4))
	must(t, f.Truncate(13))
	must(t, f.Truncate(12))
	must(t, f.Preallocate(14))
	must(t, f.Close())
	content, err := ReadFile(fsys, name)
	must(t, err)
	if got, want := string(content), "hello World!\x00\x00"; got != want {
		t.Errorf("content %q, want %q", got, want)
	}

	f, err = fsys.Open(name)
	must(t, err)
	buffer := make([]byte, 8)
	if n, err := f.ReadAt(buffer, 9); n != 5 || err != io.EOF {
		t.Errorf("read over the end: %d, %v", n, err)
	}
	if n, err := io.ReadFull(f, buffer); n != 8 || err != nil || string(buffer) != "hello Wo" {
		t.Errorf("read %d %q, %v", n, buffer, err)
	}
	if _, err := f.WriteAt(buffer, 0); err == nil {
		t.Error("a file opened for reading was written")
	}
	must(t, f.Close())
}

func testDirect(t *testing.T, fsys FS, name string) {
	f, err := fsys.OpenDirect(name)
	must(t, err)
	block := AlignedBuffer(2 * BlockSize)
	copy(block[BlockSize:], "second block")
	_, err = f.WriteAt(block, BlockSize)
	must(t, err)
	must(t, f.Sync())
	if _, err := f.WriteAt(block, 17); err == nil {
		t.Error("a direct write at byte 17 was done")
	}
	if _, err := f.WriteAt(block[:100], 0); err == nil {
		t.Error("a direct write of 100 bytes was done")
	}
	must(t, f.Close())
	content, err := ReadFile(fsys, name)
	must(t, err)
	if len(content) != 3*BlockSize || string(content[2*BlockSize:2*BlockSize+12]) != "second block" {
		t.Errorf("%d bytes, want 3 blocks with the text in the third", len(content))
	}
	testDirectRead(t, fsys, name)
}

func testDirectRead(t *testing.T, fsys FS, name string) {
	whole, err := fsys.OpenReadWrite(name)
	must(t, err)
	must(t, whole.Truncate(2*BlockSize+12))
	must(t, whole.Close())
	f, err := OpenDirectRead(fsys, name)
	must(t, err)
	block := AlignedBuffer(2 * BlockSize)
	if n, err := f.ReadAt(block, 0); n != 2*BlockSize || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if n, err := f.ReadAt(block, 2*BlockSize); n != 12 || err != io.EOF || string(block[:12]) != "second block" {
		t.Errorf("read %d %q at the end, %v", n, block[:12], err)
	}
	must(t, f.Close())
	if _, err := OpenDirectRead(fsys, name+" that is missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func testNames(t *testing.T, fsys FS, dir string) {
	must(t, fsys.MkdirAll(dir))
	must(t, WriteFile(fsys, filepath.Join(dir, "b"), []byte("first")))
	must(t, WriteFile(fsys, filepath.Join(dir, "b"), []byte("second, longer")))
	must(t, WriteFile(fsys, filepath.Join(dir, "a"), []byte("1")))
	must(t, fsys.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")))
	must(t, fsys.SyncDir(dir))
	names, err := fsys.List(dir)
	must(t, err)
	if diff := cmp.Diff([]string{"b", "c"}, names); diff != "" {
		t.Error(diff)
	}
	info, err := fsys.Stat(filepath.Join(dir, "b"))
	must(t, err)
	info.Modified = time.Time{} // the memory file system keeps no clock
	if diff := cmp.Diff(Info{Size: 14}, info); diff != "" {
		t.Error(diff)
	}
	if err := fsys.Remove(dir); err == nil {
		t.Error("a directory with files was removed")
	}
	must(t, RemoveTree(fsys, dir))
	must(t, RemoveTree(fsys, dir))
	for what, err := range map[string]error{
		"stat":   second(fsys.Stat(dir)),
		"open":   second(fsys.Open(filepath.Join(dir, "b"))),
		"list":   second(fsys.List(dir)),
		"remove": fsys.Remove(dir),
		"rename": fsys.Rename(dir, dir+"2"),
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of something missing: %v", what, err)
		}
	}
}

func testLock(t *testing.T, fsys FS, name string) {
	held, err := fsys.Lock(name)
	must(t, err)
	if _, err := fsys.Lock(name); !errors.Is(err, ErrLocked) {
		t.Errorf("second lock: %v", err)
	}
	must(t, held.Close())
	held, err = fsys.Lock(name)
	must(t, err)
	must(t, held.Close())
}

func second[T any](_ T, err error) error { return err }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
