package function

import (
	"encoding/binary"
)

// sequence is a list of byte strings for every group, in the order they came,
// from which values can be taken back: the earliest that is equal goes, as in
// Flink. The bag finds it; it is only kept where something may be taken back.
type sequence struct {
	indexed bool
	index   bag
	same    []sameChain // of every entry of the index

	items  []item
	free   int32 // first free item + 1, chained by next
	groups []bagGroup
	heap   []byte
	waste  int
}

// item is one value of a list; next, prev and later are items + 1.
type item struct {
	offset     int64
	length     uint32
	next, prev int32 // in the group
	later      int32 // the next equal one of the group
}

// sameChain is the first and last of a group's equal items, item + 1.
type sameChain struct{ first, last int32 }

// sequenceWasteMin is how many unused bytes are worth a compaction.
const sequenceWasteMin = 1 << 16

func newSequence(indexed bool) sequence {
	s := sequence{indexed: indexed}
	if indexed {
		s.index = newBag()
	}
	return s
}

func (s *sequence) resize(n int) {
	s.groups = grown(s.groups, n)
	if s.indexed {
		s.index.resize(n)
	}
}

func (s *sequence) size(group uint32) int { return int(s.groups[group].length) }

func (s *sequence) key(i int32) []byte {
	e := &s.items[i]
	return s.heap[e.offset : e.offset+int64(e.length) : e.offset+int64(e.length)]
}

// push appends a value to a group's list; one that was taken back before it
// came cancels out.
func (s *sequence) push(group uint32, key []byte) {
	if s.indexed {
		entry, count := s.index.add(group, key, 1)
		if count <= 0 {
			return
		}
		i := s.insert(group, key)
		s.same = grown(s.same, len(s.index.entries))
		if count == 1 {
			s.same[entry] = sameChain{i + 1, i + 1}
			return
		}
		s.items[s.same[entry].last-1].later = i + 1
		s.same[entry].last = i + 1
		return
	}
	s.insert(group, key)
}

func (s *sequence) insert(group uint32, key []byte) int32 {
	if s.waste > sequenceWasteMin && s.waste > len(s.heap)/2 {
		s.compact()
	}
	i := s.free - 1
	if i >= 0 {
		s.free = s.items[i].next
	} else {
		i = int32(len(s.items))
		s.items = append(s.items, item{})
	}
	g := &s.groups[group]
	s.items[i] = item{offset: int64(len(s.heap)), length: uint32(len(key)), prev: g.last}
	s.heap = append(s.heap, key...)
	if g.last != 0 {
		s.items[g.last-1].next = i + 1
	} else {
		g.first = i + 1
	}
	g.last = i + 1
	g.length++
	return i
}

// take removes the earliest item that equals key.
func (s *sequence) take(group uint32, key []byte) {
	entry := s.index.find(group, key)
	if entry >= 0 && s.index.entries[entry].count > 0 {
		first := s.same[entry].first - 1
		s.same[entry].first = s.items[first].later
		s.unlink(group, first)
	}
	s.index.add(group, key, -1)
}

func (s *sequence) unlink(group uint32, i int32) {
	e := &s.items[i]
	g := &s.groups[group]
	if e.prev != 0 {
		s.items[e.prev-1].next = e.next
	} else {
		g.first = e.next
	}
	if e.next != 0 {
		s.items[e.next-1].prev = e.prev
	} else {
		g.last = e.prev
	}
	g.length--
	s.waste += int(e.length)
	e.next = s.free
	s.free = i + 1
}

func (s *sequence) compact() {
	heap := make([]byte, 0, len(s.heap)-s.waste)
	for _, g := range s.groups {
		for i := g.first; i != 0; i = s.items[i-1].next {
			key := s.key(i - 1)
			s.items[i-1].offset = int64(len(heap))
			heap = append(heap, key...)
		}
	}
	s.heap, s.waste = heap, 0
}

// each calls f with every value of a group in order. f must not change the
// sequence.
func (s *sequence) each(group uint32, f func(key []byte)) {
	for i := s.groups[group].first; i != 0; i = s.items[i-1].next {
		f(s.key(i - 1))
	}
}

func (s *sequence) clear(group uint32) {
	for s.groups[group].first != 0 {
		s.unlink(group, s.groups[group].first-1)
	}
	if s.indexed {
		s.index.clear(group)
	}
}

// merge appends another sequence's list, and takes back what that one was
// asked to take back before it came.
func (s *sequence) merge(into uint32, o *sequence, from uint32) {
	o.each(from, func(key []byte) { s.push(into, key) })
	if s.indexed {
		o.index.each(from, func(_ int32, key []byte, count int64) {
			for ; count < 0; count++ {
				s.take(into, key)
			}
		})
	}
}

// encode appends a version byte, the list, and what was taken back before it
// came.
func (s *sequence) encode(group uint32, to []byte) []byte {
	to = append(to, sequenceVersion)
	to = binary.AppendUvarint(to, uint64(s.size(group)))
	s.each(group, func(key []byte) { to = appendBlock(to, key) })
	missing := 0
	owed := func(f func(key []byte, count int64)) {
		if !s.indexed {
			return
		}
		s.index.each(group, func(_ int32, key []byte, count int64) {
			if count < 0 {
				f(key, -count)
			}
		})
	}
	owed(func([]byte, int64) { missing++ })
	to = binary.AppendUvarint(to, uint64(missing))
	owed(func(key []byte, count int64) {
		to = appendBlock(to, key)
		to = binary.AppendUvarint(to, uint64(count))
	})
	return to
}

// sequenceVersion is the first byte of an encoded sequence.
const sequenceVersion = 1

func (s *sequence) decode(group uint32, from []byte) (rest []byte, err error) {
	s.clear(group)
	if len(from) == 0 || from[0] != sequenceVersion {
		return nil, damaged()
	}
	n, from, err := readUvarint(from[1:])
	if err != nil {
		return nil, err
	}
	for ; n > 0; n-- {
		var key []byte
		if key, from, err = readBlock(from); err != nil {
			return nil, err
		}
		s.push(group, key)
	}
	if n, from, err = readUvarint(from); err != nil {
		return nil, err
	}
	if n > 0 && !s.indexed {
		return nil, damaged()
	}
	for ; n > 0; n-- {
		var key []byte
		var count uint64
		if key, from, err = readBlock(from); err != nil {
			return nil, err
		}
		if count, from, err = readUvarint(from); err != nil {
			return nil, err
		}
		s.index.add(group, key, -int64(count))
	}
	return from, nil
}
