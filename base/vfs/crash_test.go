package vfs

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"testing"
)

// errBadDescriptor is what the kernel says about a closed file.
var errBadDescriptor = syscall.EBADF

// TestCrashKeepsOnlyWhatWasSynced walks through what may and may not survive.
func TestCrashKeepsOnlyWhatWasSynced(t *testing.T) {
	m := NewMem()
	must(t, m.MkdirAll("/d"))
	must(t, m.SyncDir("/"))
	f, err := m.Create("/d/f")
	must(t, err)
	write(t, f, "one", 0)
	must(t, f.Sync())
	if _, err := m.CrashClone(LoseAll).Stat("/d/f"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that was not synced survived: %v", err)
	}
	must(t, m.SyncDir("/d"))
	write(t, f, "two", 3)
	must(t, f.Truncate(5))

	expect(t, m.CrashClone(LoseAll), "/d/f", "one")
	expect(t, m.CrashClone(KeepFirst(2)), "/d/f", "onetw")
	expect(t, m.CrashClone(KeepFirst(3)), "/d/f", "onetwo")
	expect(t, m.CrashClone(KeepAll), "/d/f", "onetw")
	expect(t, m, "/d/f", "onetw")

	must(t, m.Rename("/d/f", "/d/g"))
	expect(t, m.CrashClone(LoseAll), "/d/f", "one")
	expect(t, m.CrashClone(KeepAll), "/d/g", "onetw")
	must(t, m.SyncDir("/d"))
	expect(t, m.CrashClone(LoseAll), "/d/g", "one")

	// The clone is durable by itself and independent.
	clone := m.CrashClone(KeepAll)
	write(t, f, "XXXXX", 0)
	expect(t, clone.CrashClone(LoseAll), "/d/g", "onetw")
}

// TestWriteFileIsAtomic crashes WriteFile at every change and in random ways:
// there is always one whole version.
func TestWriteFileIsAtomic(t *testing.T) {
	for position := 1; ; position++ {
		m := NewMem()
		must(t, m.MkdirAll("/d"))
		must(t, m.SyncDir("/"))
		must(t, WriteFile(m, "/d/f", []byte("old")))
		faulty := NewFaulty(m, "change * #"+itoa(position)+" crash")
		err := WriteFile(faulty, "/d/f", []byte("new content"))
		for seed := range uint64(20) {
			content, readErr := ReadFile(m.CrashClone(KeepRandom(rand.New(rand.NewPCG(seed, 1)))), "/d/f")
			must(t, readErr)
			if got := string(content); got != "new content" && (err == nil || got != "old") {
				t.Errorf("crash at change %d, seed %d: content %q after error %v", position, seed, got, err)
			}
		}
		if err == nil {
			if position < 4 {
				t.Errorf("only %d changes seen", position)
			}
			return
		}
	}
}

// TestKeepRandomTears proves that random survival shows every kind of damage.
func TestKeepRandomTears(t *testing.T) {
	m := NewMem()
	f, err := m.Create("/f")
	must(t, err)
	must(t, m.SyncDir("/"))
	write(t, f, string(bytes.Repeat([]byte{'x'}, 3*BlockSize)), 0)
	var none, all, torn, hole bool
	for seed := range uint64(200) {
		content, err := ReadFile(m.CrashClone(KeepRandom(rand.New(rand.NewPCG(seed, 2)))), "/f")
		must(t, err)
		switch x := bytes.Count(content, []byte{'x'}); {
		case len(content) == 0:
			none = true
		case x == 3*BlockSize:
			all = true
		case x < len(content):
			hole = true
		default:
			torn = true
		}
	}
	if !none || !all || !torn || !hole {
		t.Errorf("seen: none %v, all %v, torn %v, hole %v", none, all, torn, hole)
	}
}

func TestMakeDirIsDurable(t *testing.T) {
	m := NewMem()
	must(t, MakeDir(m, "/a/b/c"))
	if info, err := m.CrashClone(LoseAll).Stat("/a/b/c"); err != nil || !info.IsDir {
		t.Errorf("after a crash: %+v, %v", info, err)
	}
}

func TestFlip(t *testing.T) {
	m := NewMem()
	must(t, WriteFile(m, "/f", []byte("abc")))
	must(t, m.Flip("/f", 1, 0x20))
	expect(t, m.CrashClone(LoseAll), "/f", "aBc")
	if err := m.Flip("/f", 3, 1); err == nil {
		t.Error("a byte behind the end was flipped")
	}
}

func write(t *testing.T, f File, text string, offset int64) {
	t.Helper()
	_, err := f.WriteAt([]byte(text), offset)
	must(t, err)
}

func expect(t *testing.T, fsys FS, name, want string) {
	t.Helper()
	content, err := ReadFile(fsys, name)
	must(t, err)
	if string(content) != want {
		t.Errorf("%s is %q, want %q", name, content, want)
	}
}
