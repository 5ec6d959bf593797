package state

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// fillBytes is how much Fill gathers before it writes.
const fillBytes = 4 << 20

// Frozen is a store as it was at one moment, while the store goes on. It must be
// closed before the store is.
type Frozen struct {
	snapshot *pebble.Snapshot
}

// Freeze holds the present moment. It is quick, and may be called from any
// goroutine.
func (s *Store) Freeze() *Frozen { return &Frozen{s.db.NewSnapshot()} }

// Newest is the record of the last epoch at that moment; nil when there was none.
func (f *Frozen) Newest() (*Record, error) { return newest(f.snapshot) }

// Each calls each with everything that the store held, in order of the keys,
// until it returns an error. The bytes are each's only until it returns.
func (f *Frozen) Each(each func(key, val []byte) error) error { return f.within(nil, each) }

// eachOf is Each for the state of one operator.
func (f *Frozen) eachOf(o Operator, each func(key, val []byte) error) error {
	return f.within(&pebble.IterOptions{LowerBound: stateKey(nil, o, 0, nil), UpperBound: stateKey(nil, o+1, 0, nil)}, each)
}

// within is Each for the keys within bounds, nil for all.
func (f *Frozen) within(bounds *pebble.IterOptions, each func(key, val []byte) error) error {
	iter, err := f.snapshot.NewIter(bounds)
	if err != nil {
		return wrap("read state", err)
	}
	defer iter.Close()
	for valid := iter.First(); valid; valid = iter.Next() {
		val, err := iter.ValueAndErr()
		if err != nil {
			return wrap("read state", err)
		}
		if err := each(iter.Key(), val); err != nil {
			return err
		}
	}
	return wrap("read state", iter.Error())
}

// Close lets the moment go.
func (f *Frozen) Close() error { return wrap("close state", f.snapshot.Close()) }

// Verify reads everything, and so finds what is damaged.
func (s *Store) Verify() error {
	f := s.Freeze()
	_, err := f.Newest()
	if err == nil {
		err = f.Each(func(_, _ []byte) error { return nil })
	}
	return errors.Join(err, f.Close())
}

// Fill makes a store in a folder that is not there yet, of what Frozen.Each gave.
// next gives one key with its value after the other, and io.EOF behind the last.
// The store is durable when Fill returns nil; otherwise the folder holds nothing
// of worth.
func Fill(dir string, next func() (key, val []byte, err error)) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	err = s.fill(next)
	return errors.Join(err, s.Close())
}

func (s *Store) fill(next func() (key, val []byte, err error)) error {
	b := s.db.NewBatch()
	defer func() { _ = b.Close() }() // of what was committed nothing is left to lose
	for {
		key, val, err := next()
		if errors.Is(err, io.EOF) {
			return wrap("fill state", b.Commit(pebble.Sync))
		}
		if err != nil {
			return err
		}
		if err := b.Set(key, val, nil); err != nil {
			return wrap("fill state", err)
		}
		if b.Len() < fillBytes {
			continue
		}
		if err := b.Commit(pebble.NoSync); err != nil { // the last one waits for all before it
			return wrap("fill state", err)
		}
		b.Reset()
	}
}
