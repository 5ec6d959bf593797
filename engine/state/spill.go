package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	pebblefs "github.com/cockroachdb/pebble/v2/vfs"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// Limits of what is spilled.
const (
	spillMemtableBytes = 4 << 20
	spillCacheBytes    = 32 << 20
	// spillBatchBytes is how much is handed to Pebble at a time.
	spillBatchBytes = 1 << 20
	// spillFilterBits is the size of the filter for each key: one key in a
	// hundred that is not there is looked for all the same.
	spillFilterBits = 10
	// Blocks are not compressed, and larger than usual, so that finding a key takes
	// one index block: what is spilled is read as often as it is written. With
	// these and the cache, keys at random are read twice as fast.
	spillBlockBytes = 16 << 10
	spillIndexBytes = 256 << 10
	// spillRoomMin is the free space that is left to everybody else, in bytes:
	// Pebble ends the process when it cannot note down a new table.
	spillRoomMin = 128 << 20
	// spillStallsMax is how far Pebble may fall behind before it makes writers
	// wait. They wait for it here, where they hear of its errors; it would let
	// them wait for ever on a full disk.
	spillStallsMax = 1 << 10
)

// Spill holds what operators of one job have too much of for memory, while the
// job runs: nothing of it outlives Close, and nothing of it is read at a start.
// What must survive goes to the Store. Its files are made when something is
// written for the first time. Methods can be called by many goroutines.
type Spill struct {
	dir   string // "" for a temporary one
	files vfs.FS
	disk  pebblefs.FS
	runs  atomic.Int64 // bytes of the files that are no part of Pebble
	mu    struct {
		sync.Mutex
		made  bool // the folder
		db    *pebble.DB
		areas uint32
	}
	broken chan struct{} // closed when Pebble could not write
	broke  sync.Once
	cause  error // of broken
}

// NewSpill makes a Spill whose files will be in dir, which is emptied before
// and removed after; "" is a folder among the machine's temporary files.
func NewSpill(dir string) *Spill { return newSpill(dir, vfs.OS(), pebblefs.Default) }

// NewMemorySpill makes a Spill that has no files, for tests.
func NewMemorySpill() *Spill { return newSpill("spill", vfs.NewMem(), pebblefs.NewMem()) }

func newSpill(dir string, files vfs.FS, disk pebblefs.FS) *Spill {
	return &Spill{dir: dir, files: files, disk: disk, broken: make(chan struct{})}
}

// Area gives a new space of keys to one operator.
func (s *Spill) Area() *SpillArea {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.areas++
	return &SpillArea{spill: s, prefix: binary.BigEndian.AppendUint32(nil, s.mu.areas)}
}

// Size is about how many bytes the files take.
func (s *Spill) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	size := s.runs.Load()
	if s.mu.db != nil {
		size += int64(s.mu.db.Metrics().DiskSpaceUsage())
	}
	return size
}

// Close removes the files. No area is used any more.
func (s *Spill) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.made {
		return nil
	}
	relaxCollector()
	var err error
	if s.mu.db != nil {
		err = s.mu.db.Close()
	}
	s.mu.db, s.mu.made = nil, false
	return wrap("remove spilled state", errors.Join(err, vfs.RemoveTree(s.files, s.dir)))
}

// folder makes the folder for the files, when it is needed first.
func (s *Spill) folder() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makeFolder()
}

func (s *Spill) makeFolder() error {
	if s.mu.made {
		return nil
	}
	var err error
	if s.dir == "" {
		s.dir, err = vfs.TemporaryDir("tidemark-spill-")
	} else {
		err = vfs.RemoveTree(s.files, s.dir)
	}
	if err == nil {
		err = s.files.MkdirAll(s.dir)
	}
	if err != nil {
		return s.wrap("make a folder to spill state to", err)
	}
	s.mu.made = true
	tightenCollector()
	return s.mayWrite()
}

// open makes the files of Pebble. The lock is held meanwhile: whoever else wants to
// spill needs them, too.
func (s *Spill) open() (*pebble.DB, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.db != nil {
		return s.mu.db, nil
	}
	if err := s.makeFolder(); err != nil {
		return nil, err
	}
	var err error
	cache := pebble.NewCache(spillCacheBytes)
	defer cache.Unref()
	options := &pebble.Options{
		FS: s.disk, Cache: cache, MemTableSize: spillMemtableBytes, MemTableStopWritesThreshold: spillStallsMax, L0StopWritesThreshold: spillStallsMax,
		DisableWAL: true, Logger: quiet{}, FormatMajorVersion: pebble.FormatNewest,
		EventListener: &pebble.EventListener{BackgroundError: s.fail},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(spillFilterBits)
		options.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
		options.Levels[i].BlockSize, options.Levels[i].IndexBlockSize = spillBlockBytes, spillIndexBytes
	}
	if s.mu.db, err = pebble.Open(s.dir, options); err != nil {
		return nil, s.wrap("open spilled state", err)
	}
	return s.mu.db, nil
}

// fail notes that Pebble could not write in the background.
func (s *Spill) fail(err error) {
	s.broke.Do(func() {
		s.cause = err
		close(s.broken)
	})
}

// failure is what fail was told; nil for nothing.
func (s *Spill) failure() error {
	select {
	case <-s.broken:
		return s.wrap("spill state", s.cause)
	default:
		return nil
	}
}

// mayWrite looks whether there is room.
func (s *Spill) mayWrite() error {
	room, err := s.files.Usage(s.dir)
	if err != nil {
		return s.wrap("ask for free space", err)
	}
	if room.Free < spillRoomMin {
		return s.full(fmt.Sprintf("%d bytes are free", room.Free))
	}
	return s.failure()
}

func (s *Spill) wrap(doing string, err error) error {
	if vfs.IsDiskFull(err) {
		return s.full(err.Error())
	}
	return wrap(doing, err)
}

func (s *Spill) full(cause string) error {
	return problem.New(problem.DiskFull, "state that does not fit in memory cannot be written to %s: %s", s.dir, cause).
		WithHint("make room on the disk, or raise 'tidemark.state.memory'")
}

// SpillArea is the part of a Spill that belongs to one operator. It is used by
// one goroutine.
type SpillArea struct {
	spill  *Spill
	prefix []byte
	db     *pebble.DB // nil until something was written
	runs   int        // how many were begun
	key    []byte     // scratch
}

func (a *SpillArea) keyOf(key []byte) []byte {
	a.key = append(append(a.key[:0], a.prefix...), key...)
	return a.key
}

// Get calls use with the value of a key, if there is one; it is valid during
// the call.
func (a *SpillArea) Get(key []byte, use func(val []byte) error) (found bool, err error) {
	if a.db == nil {
		return false, nil
	}
	val, release, err := a.db.Get(a.keyOf(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, wrap("read spilled state", err)
	}
	defer release.Close() //nolint:errcheck // it only gives memory back
	return true, use(val)
}

// GetSorted calls use with those of the keys that there are, and their values,
// valid during the call. The keys ascend, which makes it several times as quick
// as asking for them one by one.
func (a *SpillArea) GetSorted(keys [][]byte, use func(key, val []byte) error) error {
	if a.db == nil || len(keys) == 0 {
		return nil
	}
	iter, err := a.db.NewIter(&pebble.IterOptions{LowerBound: a.prefix, UpperBound: after(a.prefix)})
	if err != nil {
		return wrap("read spilled state", err)
	}
	defer iter.Close()
	for _, key := range keys {
		if !iter.SeekPrefixGE(a.keyOf(key)) {
			if err := iter.Error(); err != nil {
				return wrap("read spilled state", err)
			}
			continue
		}
		val, err := iter.ValueAndErr()
		if err != nil {
			return wrap("read spilled state", err)
		}
		if err := use(key, val); err != nil {
			return err
		}
	}
	return nil
}

// Each calls f with all keys and values, in the order of the keys; they are
// valid during the call. What f writes to the area is not met.
func (a *SpillArea) Each(f func(key, val []byte) error) error {
	if a.db == nil {
		return nil
	}
	iter, err := a.db.NewIter(&pebble.IterOptions{LowerBound: a.prefix, UpperBound: after(a.prefix)})
	if err != nil {
		return wrap("read spilled state", err)
	}
	defer iter.Close()
	for valid := iter.First(); valid; valid = iter.Next() {
		val, err := iter.ValueAndErr()
		if err != nil {
			return wrap("read spilled state", err)
		}
		if err := f(iter.Key()[len(a.prefix):], val); err != nil {
			return err
		}
	}
	return wrap("read spilled state", iter.Error())
}

// bound is a copy of a key as it is in the files.
func (a *SpillArea) bound(key []byte) []byte { return append(append([]byte(nil), a.prefix...), key...) }

// end is where the keys before one end; nil for all keys of the area.
func (a *SpillArea) end(before []byte) []byte {
	if before == nil {
		return after(a.prefix)
	}
	return a.bound(before)
}

// Write begins to write to the area.
func (a *SpillArea) Write() (*SpillWrite, error) {
	db, err := a.spill.open()
	if err != nil {
		return nil, err
	}
	a.db = db
	if err := a.spill.mayWrite(); err != nil {
		return nil, err
	}
	return &SpillWrite{area: a, batch: db.NewBatch()}, nil
}

// SpillWrite is many writes to an area, which Finish ends. They are not one
// step: after an error the area is of no use any more.
type SpillWrite struct {
	area    *SpillArea
	batch   *pebble.Batch
	applied int // bytes, since the last wait for Pebble
}

// Put writes a key and its value.
func (w *SpillWrite) Put(key, val []byte) error {
	if err := w.batch.Set(w.area.keyOf(key), val, nil); err != nil {
		return w.area.spill.wrap("spill state", err)
	}
	return w.applyFull()
}

// Delete removes a key.
func (w *SpillWrite) Delete(key []byte) error {
	if err := w.batch.Delete(w.area.keyOf(key), nil); err != nil {
		return w.area.spill.wrap("spill state", err)
	}
	return w.applyFull()
}

// DeleteRange removes the keys from one to before another; nil for the last.
func (w *SpillWrite) DeleteRange(from, to []byte) error {
	if err := w.batch.DeleteRange(w.area.bound(from), w.area.end(to), nil); err != nil {
		return w.area.spill.wrap("spill state", err)
	}
	return w.applyFull()
}

func (w *SpillWrite) applyFull() error {
	if w.batch.Len() < spillBatchBytes {
		return nil
	}
	return w.apply()
}

// apply hands the batch over. Now and then it waits until Pebble has it in a
// file, so that it does not gather in memory, or has failed.
func (w *SpillWrite) apply() error {
	s, db := w.area.spill, w.area.db
	w.applied += w.batch.Len()
	if err := db.Apply(w.batch, pebble.NoSync); err != nil {
		return s.wrap("spill state", err)
	}
	w.batch.Reset()
	if w.applied < spillMemtableBytes {
		return s.failure()
	}
	w.applied = 0
	written, err := db.AsyncFlush()
	if err != nil {
		return s.wrap("spill state", err)
	}
	select {
	case <-written:
		return s.mayWrite()
	case <-s.broken:
		return s.failure()
	}
}

// Finish hands over what is left.
func (w *SpillWrite) Finish() error {
	if err := w.apply(); err != nil {
		return err
	}
	return w.area.spill.wrap("spill state", w.batch.Close())
}
