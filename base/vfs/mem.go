package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
	"sync"
)

// memTotalBytes is what Mem claims to have room for.
const memTotalBytes = int64(1) << 40

// Mem is a file system in memory that knows which bytes and names would
// survive a crash. It is stricter than real ones: what was not synced is only
// ever kept when CrashClone is told to keep it.
type Mem struct {
	mu struct {
		sync.Mutex
		root  *memNode
		locks map[string]bool
	}
}

// memNode is a file or a directory. What is durable is what a crash leaves; the
// pending changes lead from there to what is visible now.
type memNode struct {
	name  string // as last opened or made; for reports
	isDir bool

	content        []byte
	durableContent []byte
	pendingContent []contentChange

	names        map[string]*memNode
	durableNames map[string]*memNode
	pendingNames []nameChange
}

// contentChange is a write, or a change of size when bytes is nil.
type contentChange struct {
	offset int64
	bytes  []byte
	size   int64
}

// nameChange sets and clears names of a directory in one step.
type nameChange struct {
	clear string
	set   string
	node  *memNode
}

// NewMem makes an empty file system with a root directory.
func NewMem() *Mem {
	m := &Mem{}
	m.mu.root = newMemDir("/")
	m.mu.locks = map[string]bool{}
	return m
}

func newMemDir(name string) *memNode {
	return &memNode{name: name, isDir: true, names: map[string]*memNode{}, durableNames: map[string]*memNode{}}
}

func (c nameChange) apply(names map[string]*memNode) {
	if c.clear != "" {
		delete(names, c.clear)
	}
	if c.set != "" {
		names[c.set] = c.node
	}
}

// change applies c to the visible names and remembers it as not yet durable.
func (n *memNode) change(c nameChange) {
	c.apply(n.names)
	n.pendingNames = append(n.pendingNames, c)
}

func (c contentChange) apply(content []byte) []byte {
	if c.bytes == nil {
		return resize(content, c.size)
	}
	if end := c.offset + int64(len(c.bytes)); end > int64(len(content)) {
		content = resize(content, end)
	}
	copy(content[c.offset:], c.bytes)
	return content
}

// changeContent applies c to the visible bytes and remembers it.
func (n *memNode) changeContent(c contentChange) {
	n.content = c.apply(n.content)
	n.pendingContent = append(n.pendingContent, c)
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	if size <= int64(cap(b)) {
		grown := b[:size]
		clear(grown[len(b):])
		return grown
	}
	grown := make([]byte, size, size+size/2)
	copy(grown, b)
	return grown
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// find walks to a node; the caller holds the mutex.
func (m *Mem) find(name string) *memNode {
	node := m.mu.root
	for _, part := range parts(name) {
		if !node.isDir || node.names[part] == nil {
			return nil
		}
		node = node.names[part]
	}
	return node
}

func (m *Mem) parent(name string) *memNode {
	if dir := m.find(filepath.Dir(filepath.Clean("/" + name))); dir != nil && dir.isDir {
		return dir
	}
	return nil
}

func parts(name string) []string {
	return strings.FieldsFunc(filepath.Clean("/"+name), func(r rune) bool { return r == '/' })
}

// open finds or makes a file.
func (m *Mem) open(op, name string, create, writable bool) (*memFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil {
		dir := m.parent(name)
		if !create || dir == nil {
			return nil, pathError(op, name, fs.ErrNotExist)
		}
		node = &memNode{name: name}
		dir.change(nameChange{set: filepath.Base(name), node: node})
	}
	if node.isDir {
		return nil, pathError(op, name, fs.ErrInvalid)
	}
	return &memFile{fs: m, node: node, name: name, writable: writable}, nil
}

func (m *Mem) Create(name string) (File, error) {
	f, err := m.open("create", name, true, true)
	if err != nil {
		return nil, err
	}
	return f, f.Truncate(0)
}

func (m *Mem) Open(name string) (File, error) {
	f, err := m.open("open", name, false, false)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (m *Mem) OpenReadWrite(name string) (File, error) {
	f, err := m.open("open", name, true, true)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	f.position = info.Size
	return f, err
}

func (m *Mem) OpenDirect(name string) (File, error) {
	f, err := m.open("open", name, true, true)
	if err != nil {
		return nil, err
	}
	f.direct = true
	return f, nil
}

func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	if node.isDir && len(node.names) > 0 {
		return pathError("remove", name, fs.ErrExist)
	}
	m.parent(name).change(nameChange{clear: filepath.Base(name)})
	return nil
}

func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node, dir := m.find(from), m.parent(to)
	if node == nil || dir == nil {
		return pathError("rename", from, fs.ErrNotExist)
	}
	if dir != m.parent(from) {
		return pathError("rename", from, fs.ErrInvalid)
	}
	dir.change(nameChange{clear: filepath.Base(from), set: filepath.Base(to), node: node})
	return nil
}

func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.mu.root
	for _, part := range parts(dir) {
		child := node.names[part]
		if child == nil {
			child = newMemDir(filepath.Join(node.name, part))
			node.change(nameChange{set: part, node: child})
		}
		if !child.isDir {
			return pathError("mkdir", dir, fs.ErrExist)
		}
		node = child
	}
	return nil
}

func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(dir)
	if node == nil || !node.isDir {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	names := make([]string, 0, len(node.names))
	for name := range node.names {
		names = append(names, name)
	}
	sort.Strings(names)
	return names, nil
}

func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil {
		return Info{}, pathError("stat", name, fs.ErrNotExist)
	}
	return Info{Size: int64(len(node.content)), IsDir: node.isDir}, nil
}

func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(dir)
	if node == nil || !node.isDir {
		return pathError("syncdir", dir, fs.ErrNotExist)
	}
	for _, c := range node.pendingNames {
		c.apply(node.durableNames)
	}
	node.pendingNames = nil
	return nil
}

func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := filepath.Clean("/" + name)
	if m.parent(name) == nil {
		return nil, pathError("lock", name, fs.ErrNotExist)
	}
	if m.mu.locks[key] {
		return nil, fmt.Errorf("lock %s: %w", name, ErrLocked)
	}
	m.mu.locks[key] = true
	return &memLock{fs: m, key: key}, nil
}

func (m *Mem) Usage(string) (Usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Usage{Total: memTotalBytes, Free: memTotalBytes - m.mu.root.bytes()}, nil
}

// bytes adds up the files below a node.
func (n *memNode) bytes() int64 {
	total := int64(len(n.content))
	for _, child := range n.names {
		total += child.bytes()
	}
	return total
}

type memLock struct {
	fs  *Mem
	key string
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.mu.locks, l.key)
	return nil
}

// memFile is one opening of a file.
type memFile struct {
	fs       *Mem
	node     *memNode
	name     string
	writable bool
	direct   bool
	closed   bool
	position int64
}

// usable says why an operation cannot be done; the caller holds the mutex.
func (f *memFile) usable(op string, writing bool) error {
	if f.closed {
		return pathError(op, f.name, fs.ErrClosed)
	}
	if writing && !f.writable {
		return pathError(op, f.name, fs.ErrPermission)
	}
	return nil
}

func (f *memFile) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.position)
	f.position += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *memFile) ReadAt(b []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("read", false); err != nil {
		return 0, err
	}
	if offset >= int64(len(f.node.content)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.content[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, f.position)
	f.position += int64(n)
	return n, err
}

func (f *memFile) WriteAt(b []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("write", true); err != nil {
		return 0, err
	}
	if f.direct && !aligned(b, offset) {
		return 0, fmt.Errorf("write %s: %d bytes at %d are not aligned for direct writing", f.name, len(b), offset)
	}
	f.write(b, offset)
	return len(b), nil
}

func (f *memFile) write(b []byte, offset int64) {
	if len(b) > 0 {
		f.node.changeContent(contentChange{offset: offset, bytes: append([]byte{}, b...)})
	}
}

// writeTorn writes bytes of any length even to a direct file, as a device does
// that runs full in the middle of a write.
func (f *memFile) writeTorn(b []byte, offset int64) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.write(b, offset)
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("truncate", true); err != nil {
		return err
	}
	f.node.changeContent(contentChange{size: size})
	return nil
}

func (f *memFile) Preallocate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("preallocate", true); err != nil {
		return err
	}
	if size > int64(len(f.node.content)) {
		f.node.changeContent(contentChange{size: size})
	}
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("sync", false); err != nil {
		return err
	}
	for _, c := range f.node.pendingContent {
		f.node.durableContent = c.apply(f.node.durableContent)
	}
	f.node.pendingContent = nil
	return nil
}

func (f *memFile) Stat() (Info, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("stat", false); err != nil {
		return Info{}, err
	}
	return Info{Size: int64(len(f.node.content))}, nil
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.usable("close", false); err != nil {
		return err
	}
	f.closed = true
	return nil
}
