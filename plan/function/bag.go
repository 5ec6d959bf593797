package function

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// bag is a set of byte strings for every group, each with a count that is not
// zero: what DISTINCT aggregates and those that take values back remember. It
// is one open-addressing table over one array of entries, whose bytes lie in
// one heap: a handful of allocations whatever the number of groups.
//
// The entries of a group are chained in the order they came. A count may be
// negative: a value may be taken back before it arrives.
type bag struct {
	seed    maphash.Seed
	entries []bagEntry
	free    int32    // first free entry + 1, chained by next
	live    int      // entries in use
	table   []uint64 // low half entry + 1 (0 is free), high half the top of the hash, to look at no entry that is not the one; a power of two long, at most 3/4 full
	groups  []bagGroup
	heap    []byte
	waste   int // bytes of the heap that no entry uses
}

type bagEntry struct {
	hash       uint64
	offset     int64
	count      int64
	length     uint32
	group      uint32
	next, prev int32 // in the group, entry + 1
}

// bagGroup is the ends of a group's chain, entry + 1, and its length.
type bagGroup struct{ first, last, length int32 }

const (
	bagTableMin = 16
	// bagWasteMin is how many unused bytes are worth a compaction.
	bagWasteMin = 1 << 16
)

func newBag() bag { return bag{seed: maphash.MakeSeed()} }

func (b *bag) resize(n int) { b.groups = grown(b.groups, n) }

// size is how many different values a group has.
func (b *bag) size(group uint32) int { return int(b.groups[group].length) }

func (b *bag) key(entry int32) []byte {
	e := &b.entries[entry]
	return b.heap[e.offset : e.offset+int64(e.length) : e.offset+int64(e.length)]
}

func (b *bag) hash(group uint32, key []byte) uint64 {
	h := maphash.Bytes(b.seed, key) ^ uint64(group)*0x9e3779b97f4a7c15
	return h ^ h>>32
}

// slot finds where in the table the key is, or would be.
func (b *bag) slot(group uint32, key []byte, hash uint64) (at int, found bool) {
	mask := len(b.table) - 1
	for at = int(hash) & mask; b.table[at] != 0; at = (at + 1) & mask {
		if b.table[at]>>32 != hash>>32 {
			continue
		}
		entry := b.entry(at)
		if e := &b.entries[entry]; e.hash == hash && e.group == group && bytes.Equal(b.key(entry), key) {
			return at, true
		}
	}
	return at, false
}

// entry is the entry at a place of the table that is not free.
func (b *bag) entry(at int) int32 { return int32(uint32(b.table[at])) - 1 }

// occupy puts an entry at a place of the table.
func (b *bag) occupy(at int, entry int32, hash uint64) {
	b.table[at] = hash&^(1<<32-1) | uint64(uint32(entry+1))
}

// find is the entry of a key, -1 when there is none.
func (b *bag) find(group uint32, key []byte) int32 {
	if len(b.table) == 0 {
		return -1
	}
	if at, found := b.slot(group, key, b.hash(group, key)); found {
		return b.entry(at)
	}
	return -1
}

// add changes the count of a key by n and returns its entry and the new count.
// At zero the entry is gone, its number good only until the next add.
func (b *bag) add(group uint32, key []byte, n int64) (entry int32, count int64) {
	if (b.live+1)*4 > len(b.table)*3 {
		b.rehash(max(bagTableMin, 2*len(b.table)))
	}
	hash := b.hash(group, key)
	at, found := b.slot(group, key, hash)
	if !found {
		if n == 0 {
			return -1, 0
		}
		entry = b.insert(group, key, hash)
		b.occupy(at, entry, hash)
	} else {
		entry = b.entry(at)
	}
	e := &b.entries[entry]
	e.count += n
	if e.count == 0 {
		b.unlink(entry)
		b.vacate(at)
	}
	return entry, e.count
}

func (b *bag) insert(group uint32, key []byte, hash uint64) int32 {
	if b.waste > bagWasteMin && b.waste > len(b.heap)/2 {
		b.compact()
	}
	entry := b.free - 1
	if entry >= 0 {
		b.free = b.entries[entry].next
	} else {
		entry = int32(len(b.entries))
		if len(b.entries) == cap(b.entries) {
			b.entries = slices.Grow(b.entries, max(bagTableMin, len(b.entries))) // twice as many: less is copied
		}
		b.entries = append(b.entries, bagEntry{})
	}
	g := &b.groups[group]
	b.entries[entry] = bagEntry{hash: hash, offset: int64(len(b.heap)), length: uint32(len(key)), group: group, prev: g.last}
	b.heap = append(b.heap, key...)
	if g.last != 0 {
		b.entries[g.last-1].next = entry + 1
	} else {
		g.first = entry + 1
	}
	g.last = entry + 1
	g.length++
	b.live++
	return entry
}

// unlink takes an entry out of its group and frees it; the table still has it.
func (b *bag) unlink(entry int32) {
	e := &b.entries[entry]
	g := &b.groups[e.group]
	if e.prev != 0 {
		b.entries[e.prev-1].next = e.next
	} else {
		g.first = e.next
	}
	if e.next != 0 {
		b.entries[e.next-1].prev = e.prev
	} else {
		g.last = e.prev
	}
	g.length--
	b.live--
	b.waste += int(e.length)
	e.next, e.prev, e.count = b.free, 0, 0
	b.free = entry + 1
}

// vacate empties a place of the table and moves later ones up, so that no
// search stops early.
func (b *bag) vacate(at int) {
	mask := len(b.table) - 1
	hole := at
	for i := (at + 1) & mask; b.table[i] != 0; i = (i + 1) & mask {
		home := int(b.entries[b.entry(i)].hash) & mask
		if (i-home)&mask >= (i-hole)&mask {
			b.table[hole] = b.table[i]
			hole = i
		}
	}
	b.table[hole] = 0
}

func (b *bag) rehash(size int) {
	b.table = make([]uint64, size)
	mask := size - 1
	for i := range b.entries {
		e := &b.entries[i]
		if e.count == 0 {
			continue // free
		}
		at := int(e.hash) & mask
		for b.table[at] != 0 {
			at = (at + 1) & mask
		}
		b.occupy(at, int32(i), e.hash)
	}
}

// compact rewrites the heap without the bytes that nobody uses.
func (b *bag) compact() {
	heap := make([]byte, 0, len(b.heap)-b.waste)
	for _, g := range b.groups {
		for entry := g.first; entry != 0; entry = b.entries[entry-1].next {
			key := b.key(entry - 1)
			b.entries[entry-1].offset = int64(len(heap))
			heap = append(heap, key...)
		}
	}
	b.heap, b.waste = heap, 0
}

// each calls f with every value of a group in the order they first came. f must
// not change the bag.
func (b *bag) each(group uint32, f func(entry int32, key []byte, count int64)) {
	for entry := b.groups[group].first; entry != 0; entry = b.entries[entry-1].next {
		f(entry-1, b.key(entry-1), b.entries[entry-1].count)
	}
}

func (b *bag) clear(group uint32) {
	for b.groups[group].first != 0 {
		entry := b.groups[group].first - 1
		at, _ := b.slot(group, b.key(entry), b.entries[entry].hash)
		b.unlink(entry)
		b.vacate(at)
	}
}

// encode appends a group's values and counts.
func (b *bag) encode(group uint32, to []byte) []byte {
	to = binary.AppendUvarint(to, uint64(b.size(group)))
	b.each(group, func(_ int32, key []byte, count int64) {
		to = appendBlock(to, key)
		to = binary.AppendVarint(to, count)
	})
	return to
}

// decode replaces a group by what encode wrote.
func (b *bag) decode(group uint32, from []byte) (rest []byte, err error) {
	b.clear(group)
	n, from, err := readUvarint(from)
	if err != nil {
		return nil, err
	}
	for ; n > 0; n-- {
		var key []byte
		if key, from, err = readBlock(from); err != nil {
			return nil, err
		}
		var count int64
		if count, from, err = readVarint(from); err != nil {
			return nil, err
		}
		b.add(group, key, count)
	}
	return from, nil
}
