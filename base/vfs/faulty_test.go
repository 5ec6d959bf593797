package vfs

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestScript shows what each kind of rule does to ten writes of 10 bytes each
// to a.seg, and to one to b.log. Digits are bytes written.
func TestScript(t *testing.T) {
	for _, c := range []struct{ script, want string }{
		{"", "10 10 10 10 10 10 10 10 10 10 | 10"},
		{"write *.seg #3 enospc", "10 10 enospc 10 10 10 10 10 10 10 | 10"},
		{"write * #9+ eio", "10 10 10 10 10 10 10 10 eio eio | eio"},
		{"write *.seg after 25 short", "10 10 5:enospc enospc enospc enospc enospc enospc enospc enospc | 10"},
		{"write *.seg #2 short", "10 5:enospc 10 10 10 10 10 10 10 10 | 10"},
		{"* *.seg #4 crash", "10 10 crash crash crash crash crash crash crash crash | crash"},
		{"change *.log eio", "10 10 10 10 10 10 10 10 10 10 | open eio"},
		{"read * eio\nwrite a* #1 eio\nwrite a* #1 enospc", "eio enospc 10 10 10 10 10 10 10 10 | 10"},
	} {
		fsys := NewFaulty(NewMem(), c.script)
		var got []string
		f, err := fsys.Create("/a.seg")
		must(t, err)
		for i := range 10 {
			got = append(got, outcome(f.WriteAt(make([]byte, 10), int64(i)*10)))
		}
		got = append(got, "|")
		if f, err = fsys.Create("/b.log"); err == nil {
			got = append(got, outcome(f.WriteAt(make([]byte, 10), 0)))
		} else if !errors.Is(err, ErrCrashed) {
			got = append(got, "open "+cause(err))
		} else {
			got = append(got, cause(err))
		}
		if got := strings.Join(got, " "); got != c.want {
			t.Errorf("%q\n got %s\nwant %s", c.script, got, c.want)
		}
	}
}

func outcome(n int, err error) string {
	switch {
	case err == nil:
		return itoa(n)
	case n > 0:
		return itoa(n) + ":" + cause(err)
	}
	return cause(err)
}

func cause(err error) string {
	switch {
	case errors.Is(err, ErrCrashed):
		return "crash"
	case IsDiskFull(err):
		return "enospc"
	case errors.Is(err, syscall.EIO):
		return "eio"
	}
	return err.Error()
}

func TestScriptMistakesPanic(t *testing.T) {
	for _, script := range []string{"write", "wrote * eio", "write * #0 eio", "write * explode", "write [ eio", "write * sometimes eio"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("script %q was accepted", script)
				}
			}()
			NewFaulty(NewMem(), script)
		}()
	}
}

// TestEveryOperationCanFail fails each operation by its name.
func TestEveryOperationCanFail(t *testing.T) {
	for operation, do := range map[string]func(fsys FS, f File) error{
		"create":      func(fsys FS, _ File) error { return second(fsys.OpenDirect("/new")) },
		"open":        func(fsys FS, _ File) error { return second(fsys.OpenReadWrite("/f")) },
		"remove":      func(fsys FS, _ File) error { return fsys.Remove("/f") },
		"rename":      func(fsys FS, _ File) error { return fsys.Rename("/f", "/g") },
		"mkdir":       func(fsys FS, _ File) error { return fsys.MkdirAll("/x") },
		"list":        func(fsys FS, _ File) error { return second(fsys.List("/")) },
		"stat":        func(fsys FS, _ File) error { return second(fsys.Stat("/f")) },
		"syncdir":     func(fsys FS, _ File) error { return fsys.SyncDir("/") },
		"lock":        func(fsys FS, _ File) error { return second(fsys.Lock("/l")) },
		"usage":       func(fsys FS, _ File) error { return second(fsys.Usage("/")) },
		"read":        func(_ FS, f File) error { return second(f.ReadAt(make([]byte, 1), 0)) },
		"write":       func(_ FS, f File) error { return second(f.Write([]byte("x"))) },
		"truncate":    func(_ FS, f File) error { return f.Truncate(0) },
		"sync":        func(_ FS, f File) error { return f.Sync() },
		"preallocate": func(_ FS, f File) error { return f.Preallocate(9) },
	} {
		fsys := NewFaulty(NewMem(), "")
		f, err := fsys.Create("/f")
		must(t, err)
		_, err = f.Write([]byte("abc"))
		must(t, err)
		fsys.SetScript(operation + " * #1 eio")
		if err := do(fsys, f); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v, want EIO", operation, err)
		}
		if err := do(fsys, f); err != nil {
			t.Errorf("%s after the fault: %v", operation, err)
		}
	}
}
