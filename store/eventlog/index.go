package eventlog

import (
	"sort"
	"sync"
)

// index finds a position in a segment for an offset. It has an entry for every
// indexStepBytes or so and lives in memory only: the writer adds entries as it
// appends, and what was written before the log was opened is scanned when
// somebody first asks.
type index struct {
	building sync.Mutex // held while scanning, so that it is done once
	mu       struct {
		sync.Mutex
		entries []indexEntry
		// unscanned is up to where the entries of an earlier life of the
		// segment are missing; 0 when none are.
		unscanned int64
	}
}

type indexEntry struct {
	offset   Offset
	position int64
}

// add notes a batch that was appended.
func (x *index) add(offset Offset, position int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := len(x.mu.entries)
	if n == 0 || position-x.mu.entries[n-1].position >= indexStepBytes {
		x.mu.entries = append(x.mu.entries, indexEntry{offset, position})
	}
}

// floor gives the last entry at or before the offset.
func (x *index) floor(offset Offset, first indexEntry) indexEntry {
	x.mu.Lock()
	defer x.mu.Unlock()
	i := sort.Search(len(x.mu.entries), func(i int) bool { return x.mu.entries[i].offset > offset })
	if i == 0 {
		return first
	}
	return x.mu.entries[i-1]
}

// complete scans what has no entries yet. open gives a scanner at the start of
// the segment. Damage is passed over; whoever reads there will see it.
func (x *index) complete(open func() (*scanner, func(), error)) error {
	x.building.Lock()
	defer x.building.Unlock()
	x.mu.Lock()
	unscanned := x.mu.unscanned
	x.mu.Unlock()
	if unscanned == 0 {
		return nil
	}
	s, done, err := open()
	if err != nil {
		return err
	}
	defer done()
	s.size = min(s.size, unscanned)
	var entries []indexEntry
	for s.position < s.size {
		h, err := s.header()
		if isDamage(err) {
			if s.position, s.expect, err = s.afterDamage(); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if n := len(entries); n == 0 || s.position-entries[n-1].position >= indexStepBytes {
			entries = append(entries, indexEntry{h.base, s.position})
		}
		s.pass(h)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.mu.entries = append(entries, x.mu.entries...)
	x.mu.unscanned = 0
	return nil
}
