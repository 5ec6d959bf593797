package operator

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/engine"
	"tidemark/engine/state"
)

// joinSpill keeps what a join holds in memory below its share. When the share is
// full, all rows go to files, and the join begins anew with empty sides; from
// then on the rows of a key, of both sides, are read back before the key is
// touched. So memory holds the keys of late, each row is written and read once
// per share that was filled, and the join itself knows nothing of it.
//
// Where a key is: in the sides, and then the files may have an old copy, if it
// is in brought; or not in the sides, and then the files have it, if anybody. Keys
// of which no row is left are taken out of the files when the rest goes there.
//
// In the files: key → number of rows of each side, then of each row the length
// of what follows the key in it, those bytes, count and partners (joinSide.save).
// The rows of a key are in the order in which they came.
type joinSpill struct {
	sides   *[2]*joinSide
	limit   int64 // bytes that may be held
	area    *state.SpillArea
	spilled bool   // the files have something
	brought *table // keys that were read back since the sides were empty
	saves   bool   // Save is called, and has to be told of all rows
	unsaved heldChanges
	key     []byte // scratch
	val     []byte
}

const (
	// joinRowBytes is about what a row takes beside its bytes: its entry, its
	// place in the table and that of its key.
	joinRowBytes = int(unsafe.Sizeof(joinEntry{})) + 2*(tableKeyBytes+16)
	// tableKeyBytes is what a table keeps of a key: span, hash, slots.
	tableKeyBytes = int(unsafe.Sizeof(span{})) + 8 + 3*8
)

// newJoinSpill makes what keeps the sides below the memory of the environment;
// nil when that has no limit, or the join has one key only, which is all or
// nothing.
func newJoinSpill(env Environment, sides *[2]*joinSide, seed uint64) *joinSpill {
	if env.Memory == 0 || sides[0].whole {
		return nil
	}
	// Tables and slices grow by a quarter or more at a time.
	return &joinSpill{sides: sides, limit: env.Memory / 5 * 4, area: env.Spill.Area(), brought: newSeededTable(seed), saves: env.Saves}
}

// held is how many bytes are in memory.
func (s *joinSpill) held() int64 { return s.sides[0].held() + s.sides[1].held() + s.brought.held() }

// held is how many bytes the table takes.
func (t *table) held() int64 {
	return t.arena.room() + int64(cap(t.spans))*int64(unsafe.Sizeof(span{})) + 8*int64(cap(t.hashes)+cap(t.slots)) + 4*int64(cap(t.unused))
}

// room is how many bytes the arena takes, but for the unused ends of all blocks
// except the last.
func (a *arena) room() int64 {
	if len(a.blocks) == 0 {
		return 0
	}
	last := a.blocks[len(a.blocks)-1]
	return int64(a.held + cap(last) - len(last))
}

// held is how many bytes the side takes, beside what it remembers until the next
// Save of rows that are gone.
func (s *joinSide) held() int64 {
	return s.keys.held() + s.rows.held() + 4*int64(cap(s.first)+cap(s.unsaved)) + 8*int64(cap(s.totals)) + int64(cap(s.entries))*int64(unsafe.Sizeof(joinEntry{}))
}

// bring reads back the keys of rows from start on, for as many rows as there is
// room, and gives the first one for which there is none.
func (s *joinSpill) bring(rows *joinRows, start int) (end int, err error) {
	n := len(rows.keyEnds)
	if !s.spilled && s.held()+int64(len(rows.bytes)-rows.starts[start]+(n-start)*joinRowBytes) <= s.limit {
		return n, nil
	}
	coming := 0
	for i := start; i < n; i++ {
		coming += len(rows.row(i)) + joinRowBytes
		fits, err := s.reach(rows.hashes[i], rows.key(i), coming, i == start)
		if err != nil || !fits {
			return i, err
		}
	}
	return n, nil
}

// reach reads a key back, if it is in the files and there is room for it beside
// the given number of bytes that are coming. The first row of all has to find
// room when nothing is in memory: there will never be more.
func (s *joinSpill) reach(hash uint64, key []byte, coming int, first bool) (fits bool, err error) {
	last := first && s.isEmpty()
	if s.held()+int64(coming) > s.limit && !last {
		return false, nil
	}
	if s.isHere(hash, key) {
		return true, nil
	}
	fits = true
	found, err := s.area.Get(key, func(val []byte) error {
		takes, err := s.takes(key, val)
		if err != nil {
			return err
		}
		if fits = s.held()+int64(coming)+takes <= s.limit; fits {
			return s.read(hash, key, val)
		}
		if last {
			return s.tooLarge(takes)
		}
		return nil
	})
	if found && fits && err == nil {
		s.brought.putHashed(hash, key)
	}
	return fits, err
}

// isHere reports whether the rows of a key, if there are any, are in the sides.
func (s *joinSpill) isHere(hash uint64, key []byte) bool {
	for _, side := range s.sides {
		if _, here := side.keys.find(hash, key); here {
			return true
		}
	}
	_, here := s.brought.find(hash, key)
	return here
}

func (s *joinSpill) tooLarge(takes int64) error {
	return problem.New(problem.TooLarge, "the rows of one key of a join take %d bytes, more than the %d that it may hold in memory", takes, s.limit).
		WithHint("raise 'tidemark.state.memory', or add a condition with = to the join")
}

// isEmpty reports whether nothing is in memory.
func (s *joinSpill) isEmpty() bool {
	return s.sides[0].rows.live() == 0 && s.sides[1].rows.live() == 0 && s.brought.live() == 0
}

var errSpilledKey = errors.New("the spilled rows of a key are damaged")

// takes is about how many bytes the rows of a key will take.
func (s *joinSpill) takes(key, val []byte) (int64, error) {
	left, used := binary.Uvarint(val)
	if used <= 0 {
		return 0, errSpilledKey
	}
	right, more := binary.Uvarint(val[used:])
	if more <= 0 {
		return 0, errSpilledKey
	}
	return int64(len(val)) + int64(left+right)*int64(len(key)+joinRowBytes) + int64(3*len(key)), nil
}

// evict writes everything to the files.
func (s *joinSpill) evict() error {
	to, err := s.area.Write()
	if err != nil {
		return err
	}
	left, right := s.sides[0], s.sides[1]
	for code := range left.first {
		if left.first[code] != 0 {
			if err := s.write(to, left.keys.key(uint32(code))); err != nil {
				return err
			}
		}
	}
	for code := range right.first {
		if right.first[code] == 0 {
			continue
		}
		key := right.keys.key(uint32(code))
		if _, written := left.keys.get(key); written {
			continue
		}
		if err := s.write(to, key); err != nil {
			return err
		}
	}
	for code := range s.brought.size() {
		key, hash := s.brought.key(uint32(code)), s.brought.hashes[code]
		if left.total(hash, key) == 0 && right.total(hash, key) == 0 {
			if err := to.Delete(key); err != nil {
				return err
			}
		}
	}
	if err := to.Finish(); err != nil {
		return err
	}
	s.spilled = true
	if s.saves {
		left.save(&s.unsaved)
		right.save(&s.unsaved)
	}
	s.forget()
	return nil
}

// forget empties the memory.
func (s *joinSpill) forget() {
	seed := s.brought.seed
	for _, side := range s.sides {
		side.clear(seed)
	}
	s.brought = newSeededTable(seed)
}

// write writes the rows of a key.
func (s *joinSpill) write(to *state.SpillWrite, key []byte) error {
	s.val = s.val[:0]
	for _, side := range s.sides {
		rows := uint64(0)
		side.eachOf(key, func(uint32) { rows++ })
		s.val = binary.AppendUvarint(s.val, rows)
	}
	for _, side := range s.sides {
		side.eachOf(key, func(code uint32) {
			rest := side.rows.key(code)[len(key):]
			e := &side.entries[code]
			s.val = append(binary.AppendUvarint(s.val, uint64(len(rest))), rest...)
			s.val = binary.AppendVarint(binary.AppendVarint(s.val, e.count), e.partners)
		})
	}
	return to.Put(key, s.val)
}

// eachOf calls f with the rows of a key, in the order in which they came.
func (s *joinSide) eachOf(key []byte, f func(code uint32)) {
	of, ok := s.keys.get(key)
	if !ok {
		return
	}
	first := s.first[of] - 1
	for code := first; ; {
		f(code)
		if code = s.entries[code].next; code == first {
			return
		}
	}
}

// read takes the rows of a key into the sides.
func (s *joinSpill) read(hash uint64, key, val []byte) error {
	rest := spilledRows{rest: val}
	counts := [2]uint64{rest.length(), rest.length()}
	row := append(s.key[:0], key...)
	for port, side := range s.sides {
		for range counts[port] {
			row = append(row[:len(key)], rest.take(rest.length())...)
			count, partners := rest.number(), rest.number()
			if rest.short {
				return errSpilledKey
			}
			code := side.add(hash, row[:len(key)], row, count, partners)
			// It is no change: what was to be saved of the row has been noted.
			if s.saves {
				side.entries[code].flags |= saved
			}
		}
	}
	s.key = row
	if rest.short || len(rest.rest) > 0 {
		return errSpilledKey
	}
	return nil
}

// spilledRows cuts up the spilled form of a key's rows; past its end it reads
// zeros and says so.
type spilledRows struct {
	rest  []byte
	short bool
}

func (r *spilledRows) length() uint64 {
	n, used := binary.Uvarint(r.rest)
	if used <= 0 || n > uint64(len(r.rest)) {
		r.rest, r.short = nil, true
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *spilledRows) number() int64 {
	n, used := binary.Varint(r.rest)
	if used <= 0 {
		r.rest, r.short = nil, true
		return 0
	}
	r.rest = r.rest[used:]
	return n
}

func (r *spilledRows) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.rest, r.short = nil, true
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// load reads rows that Save wrote, and spills what is too much.
func (s *joinSpill) load(worker engine.Worker, from engine.Saved) error {
	return eachSaved(*s.sides, worker, from, func(side *joinSide, row, val []byte) error {
		length, _, err := keyLength(row, val)
		if err != nil {
			return err
		}
		key, coming := row[:length], len(row)+joinRowBytes
		hash := batch.Hash(s.brought.seed, key)
		fits, err := s.reach(hash, key, coming, true)
		if err == nil && !fits {
			if err = s.evict(); err == nil {
				_, err = s.reach(hash, key, coming, true)
			}
		}
		if err != nil {
			return err
		}
		return side.load(row, val)
	})
}

// shares calls show with all rows in the sides, a share at a time: rows with the
// same key come together. Nothing is left afterwards.
func (s *joinSpill) shares(show func() error) error {
	if err := s.evict(); err != nil {
		return err
	}
	err := s.area.Each(func(key, val []byte) error {
		takes, err := s.takes(key, val)
		if err != nil {
			return err
		}
		if s.held()+takes > s.limit {
			if err := show(); err != nil {
				return err
			}
			s.forget()
		}
		if s.held()+takes > s.limit {
			return s.tooLarge(takes)
		}
		return s.read(batch.Hash(s.brought.seed, key), key, val)
	})
	if err == nil {
		err = show()
	}
	s.forget()
	return err
}

// heldChanges are changes that wait for the next Save.
type heldChanges struct {
	bytes   []byte
	entries []heldChange
}

type heldChange struct {
	group              engine.KeyGroup
	deleted            bool
	start, keyEnd, end int
}

// Put notes a key and its value.
func (c *heldChanges) Put(group engine.KeyGroup, key, val []byte) { c.add(group, key, val, false) }

// Delete notes that a key is gone.
func (c *heldChanges) Delete(group engine.KeyGroup, key []byte) { c.add(group, key, nil, true) }

func (c *heldChanges) add(group engine.KeyGroup, key, val []byte, deleted bool) {
	start := len(c.bytes)
	c.bytes = append(append(c.bytes, key...), val...)
	c.entries = append(c.entries, heldChange{group, deleted, start, start + len(key), len(c.bytes)})
}

// moveTo passes all changes on, in their order.
func (c *heldChanges) moveTo(to engine.Changes) {
	for _, e := range c.entries {
		if e.deleted {
			to.Delete(e.group, c.bytes[e.start:e.keyEnd])
		} else {
			to.Put(e.group, c.bytes[e.start:e.keyEnd], c.bytes[e.keyEnd:e.end])
		}
	}
	*c = heldChanges{}
}

// part is the rows from start to end; they are valid as long as r.
func (r *joinRows) part(start, end int) joinRows {
	return joinRows{bytes: r.bytes, starts: r.starts[start : end+1], keyEnds: r.keyEnds[start:end], hashes: r.hashes[start:end]}
}

// partOf is the rows from start to end of a batch without a selection.
func partOf(rows *batch.Batch, start, end int) *batch.Batch {
	if start == 0 && end == rows.Rows {
		return rows
	}
	part := *rows
	part.Sel = make([]uint16, 0, end-start)
	for i := start; i < end; i++ {
		part.Sel = append(part.Sel, uint16(i))
	}
	return part.Compact()
}
