// Package state keeps what a job must remember over a crash, epoch by epoch.
//
// It is not where operators hold their state while they run (that is memory,
// and a thousand times quicker): it takes their changes once per epoch and
// gives them back at a start. What does not fit in memory meanwhile goes to a
// Spill, which no start reads. It knows nothing of rows but how to store a batch.
//
// Flow: Open → Newest and Load, when a job starts → Commit for every epoch →
// Trim when the sinks have taken an epoch's output.
//
// Keys in the store, all numbers big endian:
//
//	'e' epoch:8                            the epoch's record (record.go)
//	's' operator:2 group:2 key             state of an operator
//	'o' epoch:8 sink:2 number:4            output of an epoch for a sink, a checksum and a stored batch
//
// Invariants:
//  1. An epoch is in the store completely or not at all, and what Commit said
//     is there survives a crash.
//  2. Epochs are committed in ascending order without gaps.
//  3. Damaged bytes are a problem.Corrupt, never a wrong answer.
package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"runtime"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
)

// Limits of the package.
const (
	// recordsKept is how many epochs' records stay, newest first.
	recordsKept = 2
	// memtableBytes is how much Pebble gathers before it writes a table.
	memtableBytes = 16 << 20
	cacheBytes    = 16 << 20
)

const (
	recordSpace = 'e'
	stateSpace  = 's'
	outboxSpace = 'o'
)

// Operator numbers the operators of a job that have state.
type Operator uint16

// Store keeps the epochs of one job. Commit and Trim are called by one
// goroutine, Size by any.
type Store struct {
	db     *pebble.DB
	failed error // of the write that ended all writing; nil while none has failed
}

// Open opens or makes the store in a folder of its own.
func Open(dir string) (*Store, error) { return open(dir, vfs.Default) }

// OpenMemory makes a store that is gone when it is closed.
func OpenMemory() (*Store, error) { return open("state", vfs.NewMem()) }

func open(dir string, files vfs.FS) (*Store, error) { return openLogging(dir, files, quiet{}) }

func openLogging(dir string, files vfs.FS, logger pebble.Logger) (s *Store, err error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	defer survive(&err, "open state")
	db, err := pebble.Open(dir, &pebble.Options{
		FS: files, Cache: cache, MemTableSize: memtableBytes, Logger: logger,
		FormatMajorVersion: pebble.FormatNewest,
		// Whoever reads damaged bytes gets an error. Without this, Pebble would
		// stop the process, and with it the jobs whose state is whole.
		EventListener: &pebble.EventListener{DataCorruption: func(pebble.DataCorruptionInfo) {}},
	})
	if err != nil {
		return nil, wrapOpen(err)
	}
	return &Store{db: db}, nil
}

// quiet drops Pebble's messages: what matters of them is in its errors.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}

// Fatalf is how Pebble stops when it cannot go on; it must not return. Where one
// of our calls is under way, survive makes an error of it. In Pebble's background
// work (its list of files cannot be written) it ends the process: there Pebble
// holds locks that nobody would release, and the next start finds all epochs.
func (quiet) Fatalf(format string, args ...any) {
	stop := fatal{fmt.Errorf(format, args...)}
	for _, arg := range args {
		if cause, ok := arg.(error); ok {
			stop.cause = cause
		}
	}
	panic(stop)
}

// fatal is what quiet.Fatalf panics with.
type fatal struct{ cause error }

func (f fatal) String() string { return "state: " + f.cause.Error() }

// survive turns a panic of quiet.Fatalf into an error, and one of Pebble with the
// error of a file operation, which is how it takes a directory that cannot be
// synced. It is deferred.
func survive(err *error, doing string) {
	stop := recover()
	if f, ok := stop.(fatal); ok {
		stop = f.cause
	}
	cause, isError := stop.(error)
	if mistake := runtime.Error(nil); stop != nil && (!isError || errors.As(cause, &mistake)) {
		panic(stop)
	}
	if stop != nil {
		*err = wrap(doing, cause)
	}
}

// apply writes a batch. When that fails, Pebble takes no more: neither does the
// store, which has to be closed and opened again.
func (s *Store) apply(b *pebble.Batch, doing string, how *pebble.WriteOptions) (err error) {
	if s.failed != nil {
		return fmt.Errorf("%s: the state was closed by an earlier failure: %w", doing, s.failed)
	}
	defer func() { s.failed = err }()
	defer survive(&err, doing)
	return wrap(doing, b.Commit(how))
}

// wrap says what was being done, and marks damage as such.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if pebble.IsCorruptionError(err) { // which errors.Is would not see
		return problem.New(problem.Corrupt, "%s: the stored state is damaged: %v", doing, err).
			WithHint("restore it from a backup, or start the job anew from its sources")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// wrapOpen is wrap for opening, where Pebble does not mark all damage: that of its
// list of files and of its settings it only puts in words, and a file that is gone
// is just missing.
func wrapOpen(err error) error {
	if strings.Contains(err.Error(), "malformed") || strings.Contains(err.Error(), "!= ") || errors.Is(err, fs.ErrNotExist) {
		return damaged("the state's store", err)
	}
	return wrap("open state", err)
}

func damaged(what string, cause error) error {
	return problem.New(problem.Corrupt, "%s is damaged: %v", what, cause).
		WithHint("restore it from a backup, or start the job anew from its sources")
}

// Close releases the store.
func (s *Store) Close() error { return wrap("close state", s.db.Close()) }

// Size is about how many bytes the store takes.
func (s *Store) Size() int64 { return int64(s.db.Metrics().DiskSpaceUsage()) }

// Newest is the record of the last epoch that was committed; nil when none was.
func (s *Store) Newest() (*Record, error) { return newest(s.db) }

// newest reads the last record of a store, or of a moment of it.
func newest(from pebble.Reader) (*Record, error) {
	iter, err := from.NewIter(&pebble.IterOptions{LowerBound: []byte{recordSpace}, UpperBound: after([]byte{recordSpace})})
	if err != nil {
		return nil, wrap("read newest epoch", err)
	}
	defer iter.Close()
	if !iter.Last() {
		return nil, wrap("read newest epoch", iter.Error())
	}
	val, err := iter.ValueAndErr()
	if err != nil {
		return nil, wrap("read newest epoch", err)
	}
	r, err := decodeRecord(val)
	if err != nil {
		return nil, damaged("the record of the newest epoch", err)
	}
	return r, nil
}

// iterate runs over the keys with a prefix.
func (s *Store) iterate(prefix []byte) (*pebble.Iterator, error) {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	return iter, wrap("read state", err)
}

// after is the first key behind all keys with the prefix, whose last byte is
// not 255 in all its bytes.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// Output is what an epoch has for one sink.
type Output []*batch.Batch

// Commit stores an epoch in one step and waits until it is durable: its record,
// the operators' changes, and its output for each sink, which it keeps until
// Trim.
func (s *Store) Commit(r *Record, changes []*Changes, outputs []Output) error {
	b := s.db.NewBatch()
	defer b.Close()
	for _, c := range changes {
		if err := c.writeTo(b); err != nil {
			return wrap("commit epoch", err)
		}
	}
	var stored []byte
	for sink, output := range outputs {
		for number, rows := range output {
			stored = batch.Encode(append(stored[:0], 0, 0, 0, 0), rows)
			binary.BigEndian.PutUint32(stored, crc32.Checksum(stored[4:], castagnoli))
			if err := b.Set(outboxKey(r.Epoch, sink, number), stored, nil); err != nil {
				return wrap("commit epoch", err)
			}
		}
	}
	if err := b.Set(recordKey(r.Epoch), r.encode(), nil); err != nil {
		return wrap("commit epoch", err)
	}
	if r.Epoch > recordsKept {
		if err := b.Delete(recordKey(r.Epoch-recordsKept), nil); err != nil {
			return wrap("commit epoch", err)
		}
	}
	return s.apply(b, "commit epoch", pebble.Sync)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func recordKey(e engine.Epoch) []byte {
	return binary.BigEndian.AppendUint64([]byte{recordSpace}, uint64(e))
}

func outboxKey(e engine.Epoch, sink, number int) []byte {
	key := binary.BigEndian.AppendUint64([]byte{outboxSpace}, uint64(e))
	key = binary.BigEndian.AppendUint16(key, uint16(sink))
	return binary.BigEndian.AppendUint32(key, uint32(number))
}

// Outbox gives the output of an epoch for a sink, whose columns have the given
// types. It is empty when the epoch had none, or was trimmed.
func (s *Store) Outbox(e engine.Epoch, sink int, types []value.Type) (Output, error) {
	prefix := outboxKey(e, sink, 0)[:1+8+2]
	iter, err := s.iterate(prefix)
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var output Output
	for valid := iter.First(); valid; valid = iter.Next() {
		stored, err := iter.ValueAndErr()
		if err != nil {
			return nil, wrap("read outbox", err)
		}
		if len(stored) < 4 || binary.BigEndian.Uint32(stored) != crc32.Checksum(stored[4:], castagnoli) {
			return nil, damaged(fmt.Sprintf("the output of epoch %d", e), errors.New("wrong checksum"))
		}
		rows, err := batch.Decode(stored[4:], types)
		if err != nil {
			return nil, damaged(fmt.Sprintf("the output of epoch %d", e), err)
		}
		output = append(output, rows)
	}
	return output, wrap("read outbox", iter.Error())
}

// Trim forgets the output of all epochs up to e. It is not durable by itself:
// after a crash some of it may be back, which the sinks know how to skip.
func (s *Store) Trim(e engine.Epoch) error {
	end := []byte{outboxSpace + 1}
	if e < math.MaxUint64 {
		end = outboxKey(e+1, 0, 0)
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.DeleteRange(outboxKey(0, 0, 0), end, nil); err != nil {
		return wrap("trim outbox", err)
	}
	return s.apply(b, "trim outbox", pebble.NoSync)
}

// Load gives the state of an operator.
func (s *Store) Load(operator Operator) engine.Saved { return saved{s, operator} }

type saved struct {
	store    *Store
	operator Operator
}

// Each implements engine.Saved.
func (s saved) Each(w engine.Worker, f func(group engine.KeyGroup, key, val []byte) error) error {
	const head = 1 + 2 + 2
	iter, err := s.store.db.NewIter(&pebble.IterOptions{LowerBound: stateKey(nil, s.operator, w.From, nil), UpperBound: stateKey(nil, s.operator, w.To, nil)})
	if err != nil {
		return wrap("read state", err)
	}
	defer iter.Close()
	for valid := iter.First(); valid; valid = iter.Next() {
		val, err := iter.ValueAndErr()
		if err != nil {
			return wrap("read state", err)
		}
		key := iter.Key()
		if err := f(engine.KeyGroup(binary.BigEndian.Uint16(key[3:])), key[head:], val); err != nil {
			if p := (*problem.Problem)(nil); errors.As(err, &p) {
				return err // not of the bytes: no room to hold them, for one
			}
			return damaged(fmt.Sprintf("the state of operator %d", s.operator), err)
		}
	}
	return wrap("read state", iter.Error())
}

func stateKey(to []byte, o Operator, g engine.KeyGroup, key []byte) []byte {
	to = append(to, stateSpace)
	to = binary.BigEndian.AppendUint16(to, uint16(o))
	to = binary.BigEndian.AppendUint16(to, uint16(g))
	return append(to, key...)
}
