package state

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// Part is operators of a store whose state goes over into another one.
type Part struct {
	First Operator // the others follow
	Count int
	To    Operator // the number that the first one gets
}

// Entries counts the keys of an operator's state, up to a number that is enough.
func (f *Frozen) Entries(o Operator, enough int) (n int, err error) {
	err = f.eachOf(o, func(_, _ []byte) error {
		if n++; n == enough {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, err
}

var errEnough = errors.New("that is enough")

// FillParts makes a store in a folder that is not there yet: of an epoch that has
// given nothing, with the state of some operators of this one. The store is durable
// when it returns nil; otherwise the folder holds nothing of worth.
func (f *Frozen) FillParts(dir string, r *Record, parts []Part) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(s.fillParts(f, r, parts), s.Close())
}

func (s *Store) fillParts(f *Frozen, r *Record, parts []Part) error {
	b := s.db.NewBatch()
	defer func() { _ = b.Close() }() // of what was committed nothing is left to lose
	const head = 1 + 2 + 2
	var renamed []byte
	for _, p := range parts {
		for i := range Operator(p.Count) {
			err := f.eachOf(p.First+i, func(key, val []byte) error {
				renamed = append(stateKey(renamed[:0], p.To+i, 0, nil)[:head-2], key[head-2:]...)
				if err := b.Set(renamed, val, nil); err != nil {
					return wrap("fill state", err)
				}
				if b.Len() < fillBytes {
					return nil
				}
				if err := b.Commit(pebble.NoSync); err != nil { // the last one waits for all before it
					return wrap("fill state", err)
				}
				b.Reset()
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	if err := b.Set(recordKey(r.Epoch), r.encode(), nil); err != nil {
		return wrap("fill state", err)
	}
	return wrap("fill state", b.Commit(pebble.Sync))
}
