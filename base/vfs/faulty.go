package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ErrCrashed is what every operation returns after a `crash` rule has struck:
// the process is as good as dead.
var ErrCrashed = errors.New("crashed by the fault script")

var errNoSuchByte = errors.New("no such byte")

// Faulty is a file system that fails by a script. A script has one rule a line:
//
//	operation pattern [when] effect
//
// operation is one of create open remove rename mkdir list stat syncdir lock
// usage read write truncate sync preallocate, or * for all, or change for
// those that change what is on the disk. pattern matches the file's base name
// as path.Match does. when is one of
//
//	#3           the third matching operation only
//	#3+          the third and all later ones
//	after 64KB   once matching writes have carried so many bytes
//
// and may be left out for "always". effect is one of
//
//	enospc       fails with "no space left on device"
//	eio          fails with "input/output error"
//	short        writes the first half, then fails with "no space left"
//	crash        fails with ErrCrashed, and so does everything afterwards
//
// With `after`, the write that crosses the limit is done up to the limit. The
// first rule that strikes decides. Lines that start with -- are comments.
type Faulty struct {
	under FS
	mu    struct {
		sync.Mutex
		rules      []*rule
		crashed    bool
		changes    int
		operations int
	}
}

// rule is one line of a script, and how often it has matched.
type rule struct {
	operation string
	pattern   string
	from, to  int   // matches counted from 1; to 0 is "no end"
	after     int64 // bytes; -1 when the rule does not count bytes
	effect    string

	matches int
	bytes   int64
}

// NewFaulty puts a script in front of a file system. A script that cannot be
// read is a mistake in a test and panics.
func NewFaulty(under FS, script string) *Faulty {
	f := &Faulty{under: under}
	f.SetScript(script)
	return f
}

// SetScript replaces the rules; counting starts again, a crash is over.
func (f *Faulty) SetScript(script string) {
	var rules []*rule
	for _, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "--") {
			continue
		}
		r, err := parseRule(strings.Fields(line))
		if err != nil {
			panic(fmt.Sprintf("fault script: %q: %v", line, err))
		}
		rules = append(rules, r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.rules, f.mu.crashed = rules, false
}

// Changes counts the operations so far that changed what is on the disk, done
// or failed; a test crashes at each of them in turn.
func (f *Faulty) Changes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.changes
}

// Operations counts all operations so far, done or failed.
func (f *Faulty) Operations() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.operations
}

// changing are the operations that `change` stands for.
var changing = map[string]bool{
	"create": true, "remove": true, "rename": true, "mkdir": true, "syncdir": true,
	"write": true, "truncate": true, "sync": true, "preallocate": true,
}

var operations = map[string]bool{
	"*": true, "change": true, "open": true, "list": true, "stat": true, "lock": true, "usage": true, "read": true,
}

func parseRule(words []string) (*rule, error) {
	if len(words) < 3 {
		return nil, errors.New("want: operation pattern [when] effect")
	}
	r := &rule{operation: words[0], pattern: words[1], from: 1, after: -1, effect: words[len(words)-1]}
	if !operations[r.operation] && !changing[r.operation] {
		return nil, fmt.Errorf("no operation %q", r.operation)
	}
	if _, err := path.Match(r.pattern, ""); err != nil {
		return nil, err
	}
	switch r.effect {
	case "enospc", "eio", "short", "crash":
	default:
		return nil, fmt.Errorf("no effect %q", r.effect)
	}
	when := words[2 : len(words)-1]
	switch {
	case len(when) == 0:
		return r, nil
	case len(when) == 2 && when[0] == "after":
		n, err := parseSize(when[1])
		r.after = n
		return r, err
	case len(when) == 1 && strings.HasPrefix(when[0], "#"):
		digits, open := strings.CutSuffix(when[0][1:], "+")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("no count %q", when[0])
		}
		r.from = n
		if !open {
			r.to = n
		}
		return r, nil
	}
	return nil, fmt.Errorf("no condition %q", strings.Join(when, " "))
}

// parseSize reads 17, 64KB or 1MB.
func parseSize(text string) (int64, error) {
	unit := int64(1)
	for suffix, bytes := range map[string]int64{"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = digits, bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n * unit, err
}

// before decides whether an operation on size bytes may go ahead: how many
// bytes of it are done, and the error it ends with.
func (f *Faulty) before(operation, name string, size int) (allowed int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.crashed {
		return 0, pathError(operation, name, ErrCrashed)
	}
	f.mu.operations++
	if changing[operation] {
		f.mu.changes++
	}
	for _, r := range f.mu.rules {
		if allowed, strikes := r.strikes(operation, name, size); strikes {
			f.mu.crashed = r.effect == "crash"
			return allowed, pathError(operation, name, r.cause())
		}
	}
	return size, nil
}

func (r *rule) strikes(operation, name string, size int) (allowed int, strikes bool) {
	ofKind := r.operation == "*" || r.operation == operation || r.operation == "change" && changing[operation]
	matched, _ := path.Match(r.pattern, strings.TrimPrefix(filepath.Base(name), "/"))
	if !ofKind || !matched {
		return 0, false
	}
	if r.after >= 0 {
		left := r.after - r.bytes
		r.bytes += int64(size)
		if int64(size) <= left {
			return 0, false
		}
		r.bytes = r.after
		return int(left), true
	}
	r.matches++
	if r.matches < r.from || r.to > 0 && r.matches > r.to {
		return 0, false
	}
	if r.effect == "short" {
		return size / 2, true
	}
	return 0, true
}

func (r *rule) cause() error {
	switch r.effect {
	case "eio":
		return syscall.EIO
	case "crash":
		return ErrCrashed
	default:
		return syscall.ENOSPC
	}
}

func (f *Faulty) wrap(operation, name string, open func(string) (File, error)) (File, error) {
	if _, err := f.before(operation, name, 0); err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: file, fs: f, name: name}, nil
}

func (f *Faulty) Create(name string) (File, error) { return f.wrap("create", name, f.under.Create) }
func (f *Faulty) Open(name string) (File, error)   { return f.wrap("open", name, f.under.Open) }

func (f *Faulty) OpenReadWrite(name string) (File, error) {
	return f.wrap(f.opening(name), name, f.under.OpenReadWrite)
}

func (f *Faulty) OpenDirect(name string) (File, error) {
	return f.wrap(f.opening(name), name, f.under.OpenDirect)
}

// opening tells whether opening a file for writing makes it.
func (f *Faulty) opening(name string) string {
	if _, err := f.under.Stat(name); errors.Is(err, fs.ErrNotExist) {
		return "create"
	}
	return "open"
}

func (f *Faulty) Remove(name string) error {
	if _, err := f.before("remove", name, 0); err != nil {
		return err
	}
	return f.under.Remove(name)
}

func (f *Faulty) Rename(from, to string) error {
	if _, err := f.before("rename", to, 0); err != nil {
		return err
	}
	return f.under.Rename(from, to)
}

func (f *Faulty) MkdirAll(dir string) error {
	if _, err := f.before("mkdir", dir, 0); err != nil {
		return err
	}
	return f.under.MkdirAll(dir)
}

func (f *Faulty) List(dir string) ([]string, error) {
	if _, err := f.before("list", dir, 0); err != nil {
		return nil, err
	}
	return f.under.List(dir)
}

func (f *Faulty) Stat(name string) (Info, error) {
	if _, err := f.before("stat", name, 0); err != nil {
		return Info{}, err
	}
	return f.under.Stat(name)
}

func (f *Faulty) SyncDir(dir string) error {
	if _, err := f.before("syncdir", dir, 0); err != nil {
		return err
	}
	return f.under.SyncDir(dir)
}

func (f *Faulty) Lock(name string) (io.Closer, error) {
	if _, err := f.before("lock", name, 0); err != nil {
		return nil, err
	}
	return f.under.Lock(name)
}

func (f *Faulty) Usage(dir string) (Usage, error) {
	if _, err := f.before("usage", dir, 0); err != nil {
		return Usage{}, err
	}
	return f.under.Usage(dir)
}

// faultyFile asks the script before every operation but Close, which must
// always release what it holds.
type faultyFile struct {
	File
	fs   *Faulty
	name string
}

func (f *faultyFile) Read(b []byte) (int, error) {
	if _, err := f.fs.before("read", f.name, len(b)); err != nil {
		return 0, err
	}
	return f.File.Read(b)
}

func (f *faultyFile) ReadAt(b []byte, offset int64) (int, error) {
	if _, err := f.fs.before("read", f.name, len(b)); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, offset)
}

func (f *faultyFile) Write(b []byte) (int, error) {
	allowed, err := f.fs.before("write", f.name, len(b))
	if err == nil {
		return f.File.Write(b)
	}
	n, writeErr := f.File.Write(b[:allowed])
	return n, errors.Join(err, writeErr)
}

func (f *faultyFile) WriteAt(b []byte, offset int64) (int, error) {
	allowed, err := f.fs.before("write", f.name, len(b))
	if err == nil {
		return f.File.WriteAt(b, offset)
	}
	if torn, ok := f.File.(*memFile); ok {
		torn.writeTorn(b[:allowed], offset)
		return allowed, err
	}
	return 0, err
}

func (f *faultyFile) Truncate(size int64) error {
	if _, err := f.fs.before("truncate", f.name, 0); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if _, err := f.fs.before("sync", f.name, 0); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) Preallocate(size int64) error {
	if _, err := f.fs.before("preallocate", f.name, 0); err != nil {
		return err
	}
	return f.File.Preallocate(size)
}
