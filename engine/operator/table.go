package operator

import (
	"bytes"
	"math/rand/v2"

	"tidemark/base/batch"
)

// table numbers keys: each distinct key gets a code, dense from 0, by which
// everything else about it is found in plain slices. Codes of removed keys are
// given out again.
//
// It is an open-addressing hash table whose slots hold 32 bits of the hash
// beside the code, so that a probe rarely looks at a key that is not the one
// (2 to 2.6 times as fast as a Go map on the keys of aggregations). Keys lie in
// an arena.
type table struct {
	seed    uint64   // secret: users cannot choose keys that collide
	slots   []uint64 // low half code + 1 (0 is free), high half the top of the hash
	hashes  []uint64 // of each code
	spans   []span   // of each code: where its key is
	arena   arena
	garbage int // bytes in arena of removed keys
	unused  []uint32
	scratch []uint64 // hashes of the batch under way
	likely  []span   // keys that they may be of

	touching touching
}

const (
	tableSlotsMin = 64
	// tableLarge is from how many slots on keys are rather not in a core's cache.
	tableLarge = 1 << 15
	// arenaGarbageMin is how many dead bytes are left alone in any case.
	arenaGarbageMin = 1 << 16
)

func newTable() *table {
	return &table{seed: rand.Uint64(), slots: make([]uint64, tableSlotsMin)}
}

// newSeededTable makes a table whose hashes are those of other tables with the
// seed, so that a key is hashed once for all of them.
func newSeededTable(seed uint64) *table {
	t := newTable()
	t.seed = seed
	return t
}

// size is one more than the greatest code ever given out.
func (t *table) size() int { return len(t.spans) }

// live is the number of keys.
func (t *table) live() int { return len(t.spans) - len(t.unused) }

// key is the key with the code, valid until the next change of the table.
func (t *table) key(code uint32) []byte { return t.arena.at(t.spans[code]) }

// each calls f with every key that is not empty.
func (t *table) each(f func(code uint32, key []byte) error) error {
	for code, s := range t.spans {
		if s.size() == 0 {
			continue
		}
		if err := f(uint32(code), t.arena.at(s)); err != nil {
			return err
		}
	}
	return nil
}

// encode finds or makes the code of every key. The rows whose key was new are
// appended to fresh.
func (t *table) encode(keys *batch.Keys, codes []uint32, fresh []uint16) []uint16 {
	n := keys.Len()
	t.scratch = t.scratch[:0]
	for i := range n {
		t.scratch = append(t.scratch, batch.Hash(t.seed, keys.At(i)))
	}
	t.touching.slots(t, t.scratch)
	if len(t.slots) >= tableLarge {
		t.touchKeys(t.scratch)
	}
	for i := range n {
		code, found := t.find(t.scratch[i], keys.At(i))
		if !found {
			code = t.insert(t.scratch[i], keys.At(i))
			fresh = append(fresh, uint16(i))
		}
		codes[i] = code
	}
	return fresh
}

// touchKeys looks at the keys that those with the hashes are compared with.
func (t *table) touchKeys(hashes []uint64) {
	mask := uint64(len(t.slots) - 1)
	t.likely = t.likely[:0]
	for _, h := range hashes {
		if slot := t.slots[h&mask]; slot != 0 && slot>>32 == h>>32 {
			t.likely = append(t.likely, t.spans[uint32(slot)-1])
		}
	}
	var touched byte
	for _, s := range t.likely {
		if s.end > 0 {
			touched |= t.arena.blocks[s.block][s.start]
		}
	}
	t.touching = touching(touched)
}

// get finds the code of one key.
func (t *table) get(key []byte) (uint32, bool) { return t.find(batch.Hash(t.seed, key), key) }

// put finds or makes the code of one key.
func (t *table) put(key []byte) uint32 {
	return t.putHashed(batch.Hash(t.seed, key), key)
}

// putHashed is put of a key with the hash.
func (t *table) putHashed(hash uint64, key []byte) uint32 {
	if code, ok := t.find(hash, key); ok {
		return code
	}
	return t.insert(hash, key)
}

func (t *table) find(hash uint64, key []byte) (uint32, bool) {
	mask := uint64(len(t.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			return 0, false
		}
		if slot>>32 == hash>>32 {
			if code := uint32(slot) - 1; bytes.Equal(t.key(code), key) {
				return code, true
			}
		}
	}
}

func (t *table) insert(hash uint64, key []byte) uint32 {
	if 2*(t.live()+1) > len(t.slots) {
		t.grow()
	}
	code := t.append(key)
	if int(code) == len(t.hashes) {
		t.hashes = append(t.hashes, hash)
	} else {
		t.hashes[code] = hash
	}
	t.place(code)
	return code
}

// append gives a key a code without making it one that can be found.
func (t *table) append(key []byte) (code uint32) {
	where := t.arena.put(key)
	if last := len(t.unused) - 1; last >= 0 {
		code, t.unused = t.unused[last], t.unused[:last]
		t.spans[code] = where
		return code
	}
	t.spans = append(t.spans, where)
	return uint32(len(t.spans) - 1)
}

// place puts the code into the first free slot for its hash.
func (t *table) place(code uint32) {
	mask := uint64(len(t.slots) - 1)
	hash := t.hashes[code]
	at := hash & mask
	for t.slots[at] != 0 {
		at = (at + 1) & mask
	}
	t.slots[at] = hash&^(1<<32-1) | uint64(code+1)
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]uint64, 2*len(old))
	for _, slot := range old {
		if slot != 0 {
			t.place(uint32(slot) - 1)
		}
	}
}

// remove forgets the key with the code.
func (t *table) remove(code uint32) {
	if t.slots != nil {
		t.unplace(code)
	}
	t.garbage += t.spans[code].size()
	t.spans[code] = span{}
	t.unused = append(t.unused, code)
	if t.garbage > arenaGarbageMin && 2*t.garbage > t.arena.held {
		t.compact()
	}
}

// unplace takes the code out of its slot.
func (t *table) unplace(code uint32) {
	mask := uint64(len(t.slots) - 1)
	at := t.hashes[code] & mask
	for uint32(t.slots[at]) != code+1 {
		at = (at + 1) & mask
	}
	// Close the gap: a key further on that could not be found past an empty
	// slot moves into it.
	for next := (at + 1) & mask; t.slots[next] != 0; next = (next + 1) & mask {
		home := t.hashes[uint32(t.slots[next])-1] & mask
		if (next-home)&mask >= (next-at)&mask {
			t.slots[at] = t.slots[next]
			at = next
		}
	}
	t.slots[at] = 0
}

// compact copies the live keys into a new arena.
func (t *table) compact() {
	old := t.arena
	t.arena, t.garbage = arena{outside: old.outside}, 0
	for code, s := range t.spans {
		t.spans[code] = t.arena.put(old.at(s))
	}
	old.release()
}

// clear forgets all keys and keeps the memory.
func (t *table) clear() {
	clear(t.slots)
	t.arena.clear()
	t.hashes, t.spans, t.unused, t.garbage = t.hashes[:0], t.spans[:0], t.unused[:0], 0
}
