package operator

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine"
)

// joinSide is the rows of one side of a join that are there at the moment: a
// multiset of rows in stored form, by key. It has no pointers for the garbage
// collector to follow.
//
// Rows of an input that never takes any back are not looked for: each has an entry
// of its own, also if others are equal. If they are saved, a number behind their
// bytes tells them apart.
type joinSide struct {
	name     byte // in stored keys
	input    *joinInput
	whole    bool // there is no key: all rows are in key group 0
	appends  bool // rows are never taken back
	saves    bool // save is called
	sums     bool // rows of a key are counted
	pairs    bool // partners of a row are
	arrivals uint64
	numbered []byte // scratch

	keys   *table
	first  pages[uint32] // of each key: code + 1 of its first row, 0 for none
	totals pages[int64]  // of each key: how many rows, equal ones counted; if sums

	entries  pages[joinEntry] // of each row
	counts   pages[int64]     // of each row: how many equal rows there are; unless appends
	partners pages[int64]     // of each row: how many of the other side it pairs with; if pairs
	rows     *table           // where rows are looked for; nil if appends
	arena    arena            // of rows that are not
	garbage  int              // bytes in arena of rows that are gone
	unused   []uint32         // codes of rows that are gone; if appends
	unsaved  []uint32
	deleted  []storedKey

	deadlines *deadlines // of rows, by their codes; nil for none
	expiry    *expiry    // of rows, by their codes
	examined  []bool     // of each key: its rows were asked whether they are over, in the batch under way
	marked    []uint32   // the keys examined
	over      []uint32   // scratch
}

// joinEntry is what is known of a row beside its bytes.
type joinEntry struct {
	where  span   // in the arena, if appends
	key    uint32 // code
	next   uint32 // row with the same key, in a ring in the order in which they came
	before uint32
	flags  groupFlags
}

// storedKey is the key of a stored row and the group it is in.
type storedKey struct {
	group engine.KeyGroup
	key   []byte
}

// newJoinSide makes an empty side. seed is that of the hashes of keys.
func newJoinSide(name byte, input *joinInput, appends, saves bool, seed uint64) *joinSide {
	s := &joinSide{name: name, input: input, whole: input.keys == 0, appends: appends, saves: saves}
	s.clear(seed)
	return s
}

// clear forgets all rows, and gives the memory back.
func (s *joinSide) clear(seed uint64) {
	s.giveBack()
	s.keys, s.rows, s.arena = newSeededTable(seed), nil, arena{outside: true}
	if !s.appends {
		s.rows = newTable()
		s.rows.arena.outside = true
	}
	s.first, s.totals, s.entries, s.counts, s.partners = pages[uint32]{}, pages[int64]{}, pages[joinEntry]{}, pages[int64]{}, pages[int64]{}
	s.garbage, s.unused, s.unsaved, s.deleted = 0, nil, nil, nil
	s.expiry.reset()
	s.deadlines.reset()
}

// giveBack gives back the memory of rows that is not the garbage collector's: they are
// as many as there are, and would let garbage grow as large as they are. Nobody may
// have a row any more.
func (s *joinSide) giveBack() {
	s.arena.release()
	if s.rows != nil {
		s.rows.arena.release()
	}
}

// Flags of joinEntry.
const (
	paired  = saved << iota << 1 // in batch mode, the row has had a partner
	inFile                       // the row is in a file as it is, if no row of the join ever changes
	isThere                      // the code stands for a row
)

// live is how many rows there are, equal ones counted once.
func (s *joinSide) live() int {
	if s.appends {
		return s.entries.len() - len(s.unused)
	}
	return s.rows.live()
}

// row is the bytes of a row, valid until the next change.
func (s *joinSide) row(code uint32) []byte {
	if s.appends {
		return s.arena.at(s.entries.at(code).where)
	}
	return s.rows.key(code)
}

// count is how many equal rows there are.
func (s *joinSide) count(code uint32) int64 {
	if !s.appends {
		return *s.counts.at(code)
	}
	if s.entries.at(code).flags&isThere == 0 {
		return 0
	}
	return 1
}

// eachBatch gives all rows, a batch of them at a time, and how often each is there.
// copies are f's until it returns.
func (s *joinSide) eachBatch(f func(rows *batch.Batch, copies []int64) error) error {
	var copies []int64
	for code := uint32(0); int(code) < s.entries.len(); {
		part := decodedRows{input: s.input}
		copies = copies[:0]
		for ; int(code) < s.entries.len() && part.rows < batch.MaxRows; code++ {
			if count := s.count(code); count > 0 {
				if err := part.add(s.row(code)); err != nil {
					return err
				}
				copies = append(copies, count)
			}
		}
		if part.rows == 0 {
			break
		}
		columns, err := part.inOrder()
		if err != nil {
			return err
		}
		if err := f(&batch.Batch{Rows: part.rows, Columns: columns}, copies); err != nil {
			return err
		}
	}
	return nil
}

// partnersOf is how many rows of the other side a row pairs with, if they are counted.
func (s *joinSide) partnersOf(code uint32) int64 {
	if !s.pairs {
		return 0
	}
	return *s.partners.at(code)
}

// total is the number of rows with the key.
func (s *joinSide) total(hash uint64, key []byte) int64 {
	if code, ok := s.keys.find(hash, key); ok {
		return *s.totals.at(code)
	}
	return 0
}

// numberBytes is the size of the number behind a row.
const numberBytes = 8

// arrive takes a row that comes from the input.
func (s *joinSide) arrive(hash uint64, key, row []byte, partners int64) (code uint32) {
	if s.appends && s.saves {
		s.numbered = binary.BigEndian.AppendUint64(append(s.numbered[:0], row...), s.arrivals)
		s.arrivals++
		row = s.numbered
	}
	code = s.add(hash, key, row, 1, partners)
	s.touch(code)
	return code
}

// add takes count rows more, as they are stored; of a side that appends they are one.
func (s *joinSide) add(hash uint64, key, row []byte, count, partners int64) (code uint32) {
	if s.appends {
		code = s.newCode()
		s.entries.at(code).where = s.arena.put(row)
	} else {
		code = s.rows.put(row)
		s.entries.resize(int(code) + 1)
		s.counts.resize(int(code) + 1)
		*s.counts.at(code) += count
	}
	e := s.entries.at(code)
	if e.flags&isThere == 0 {
		e.key, e.flags = s.keys.putHashed(hash, key), e.flags&unsaved|isThere
		s.link(code, e)
	}
	if s.pairs {
		s.partners.resize(int(code) + 1)
		*s.partners.at(code) = partners
	}
	if s.sums {
		*s.totals.at(e.key) += count
	}
	return code
}

// newCode gives a row a code, of a side that appends.
func (s *joinSide) newCode() (code uint32) {
	if last := len(s.unused) - 1; last >= 0 {
		code, s.unused = s.unused[last], s.unused[:last]
		return code
	}
	return s.entries.append(joinEntry{})
}

// link puts a row at the end of its key's ring.
func (s *joinSide) link(code uint32, e *joinEntry) {
	s.first.resize(int(e.key) + 1)
	if s.sums {
		s.totals.resize(int(e.key) + 1)
	}
	of := s.first.at(e.key)
	if *of == 0 {
		*of = code + 1
		e.next, e.before = code, code
		return
	}
	first := s.entries.at(*of - 1)
	last := s.entries.at(first.before)
	e.next, e.before = *of-1, first.before
	last.next, first.before = code, code
}

// has reports whether the row is there. Of a side that only appends that is not
// known.
func (s *joinSide) has(row []byte) bool {
	_, ok := s.rows.get(row)
	return ok
}

// remove takes one of the rows away, which is there.
func (s *joinSide) remove(row []byte) {
	code, _ := s.rows.get(row)
	count := s.counts.at(code)
	*count--
	if *count > 0 {
		if s.sums {
			*s.totals.at(s.entries.at(code).key)--
		}
		s.touch(code)
		return
	}
	*count = 1
	s.drop(code)
}

// drop takes all copies of a row out.
func (s *joinSide) drop(code uint32) {
	e := s.entries.at(code)
	if e.flags&saved != 0 {
		s.deleted = append(s.deleted, storedKey{s.group(s.keys.key(e.key)), append([]byte{s.name}, s.row(code)...)})
	}
	if s.sums {
		*s.totals.at(e.key) -= s.count(code)
	}
	s.unlink(code)
	// The code may be given out again before the next Save: it stays in the
	// list of what is unsaved, once.
	e.flags &= unsaved
	if s.appends {
		s.dropBytes(code, e)
	} else {
		*s.counts.at(code) = 0
		s.rows.remove(code)
	}
	s.expiry.forget(code)
	s.deadlines.remove(code)
}

// dropBytes gives the code of a row back, and its bytes when they are many.
func (s *joinSide) dropBytes(code uint32, e *joinEntry) {
	s.unused = append(s.unused, code)
	s.garbage += e.where.size()
	e.where = span{}
	if s.garbage <= arenaGarbageMin || 2*s.garbage <= s.arena.held {
		return
	}
	old := s.arena
	s.arena, s.garbage = arena{outside: true}, 0
	for code := range uint32(s.entries.len()) {
		e := s.entries.at(code)
		e.where = s.arena.put(old.at(e.where))
	}
	old.release()
}

func (s *joinSide) unlink(code uint32) {
	e := s.entries.at(code)
	first := s.first.at(e.key)
	if e.next == code {
		*first = 0
		s.keys.remove(e.key)
		return
	}
	s.entries.at(e.before).next, s.entries.at(e.next).before = e.next, e.before
	if *first == code+1 {
		*first = e.next + 1
	}
}

// touch notes that a row is not stored as it is.
func (s *joinSide) touch(code uint32) {
	s.expiry.write(code)
	if !s.saves {
		return
	}
	if e := s.entries.at(code); e.flags&unsaved == 0 {
		e.flags |= unsaved
		s.unsaved = append(s.unsaved, code)
	}
}

func (s *joinSide) group(key []byte) engine.KeyGroup {
	if s.whole {
		return 0
	}
	return engine.GroupOf(key)
}

// save writes the rows that have changed: name and row → length of the key, when
// it was written last if rows expire, count, partners.
func (s *joinSide) save(to engine.Changes) {
	for _, gone := range s.deleted {
		to.Delete(gone.group, gone.key)
	}
	s.deleted = s.deleted[:0]
	var key, val []byte
	for _, code := range s.unsaved {
		e := s.entries.at(code)
		e.flags &^= unsaved
		if e.flags&isThere == 0 {
			continue // removed since
		}
		e.flags |= saved
		key = append(append(key[:0], s.name), s.row(code)...)
		joinKey := s.keys.key(e.key)
		val = binary.AppendUvarint(val[:0], uint64(len(joinKey)))
		val = s.expiry.append(val, code)
		val = binary.AppendVarint(binary.AppendVarint(val, s.count(code)), s.partnersOf(code))
		to.Put(s.group(joinKey), key, val)
	}
	s.unsaved = s.unsaved[:0]
}

// load takes a row that save wrote.
func (s *joinSide) load(row, val []byte) error {
	length, val, err := keyLength(row, val)
	if err != nil {
		return err
	}
	written, val, err := s.expiry.cut(val)
	if err != nil {
		return err
	}
	count, used := binary.Varint(val)
	if used <= 0 || count <= 0 {
		return errors.New("the count of a row is damaged")
	}
	partners, last := binary.Varint(val[used:])
	if last <= 0 || used+last != len(val) {
		return errors.New("the partners of a row are damaged")
	}
	if s.appends {
		if uint64(len(row)) < length+numberBytes {
			return errors.New("the number of a row is damaged")
		}
		s.arrivals = max(s.arrivals, binary.BigEndian.Uint64(row[len(row)-numberBytes:])+1)
	}
	key := row[:length]
	code := s.add(batch.Hash(s.keys.seed, key), key, row, count, partners)
	s.entries.at(code).flags = saved | isThere
	s.expiry.restore(code, written)
	s.deadlines.restore(code)
	return nil
}

// keyLength cuts the length of the key of a row off what save wrote of it.
func keyLength(row, val []byte) (length uint64, rest []byte, err error) {
	length, used := binary.Uvarint(val)
	if used <= 0 || length > uint64(len(row)) {
		return 0, nil, errors.New("the length of a key is damaged")
	}
	return length, val[used:], nil
}

// eachSaved calls load with the stored rows of all sides.
func eachSaved(sides []*joinSide, worker engine.Worker, from engine.Saved, load func(s *joinSide, row, val []byte) error) error {
	err := from.Each(worker, func(_ engine.KeyGroup, key, val []byte) error {
		for _, s := range sides {
			if len(key) > 0 && key[0] == s.name {
				return load(s, key[1:], val)
			}
		}
		return fmt.Errorf("a row of an unknown side in %d bytes", len(key))
	})
	if err != nil {
		return fmt.Errorf("load join: %w", err)
	}
	return nil
}

// chain decodes the rows of one side by key, for one batch of the other: rows
// with the same key are decoded once.
type chain struct {
	side    *joinSide
	decoded decodedRows
	entries []uint32 // row code of each decoded row
	at      []uint32 // of each key code: 1 + the number of its part
	parts   []chainPart
}

// chainPart is the decoded rows of a key.
type chainPart struct {
	key        uint32 // code
	start, end int
}

const (
	// chainRowsMax and chainBytesMax bound what is decoded at a time.
	chainRowsMax  = 1 << 16
	chainBytesMax = 64 << 20
)

// clear forgets all rows.
func (c *chain) clear() {
	for _, part := range c.parts {
		c.at[part.key] = 0
	}
	c.parts, c.entries = c.parts[:0], c.entries[:0]
	c.decoded.input = c.side.input
	c.decoded.clear()
}

// full reports whether it is time to clear.
func (c *chain) full() bool {
	return c.decoded.rows >= chainRowsMax || c.decoded.bytes >= chainBytesMax
}

// has reports whether the rows of a key are decoded.
func (c *chain) has(key uint32) bool { return int(key) < len(c.at) && c.at[key] > 0 }

// rowsOf gives the decoded rows of a key, from start up to end.
func (c *chain) rowsOf(key uint32) (start, end int, err error) {
	for int(key) >= len(c.at) {
		c.at = append(c.at, make([]uint32, c.side.keys.size()-len(c.at))...)
	}
	if at := c.at[key]; at > 0 {
		part := c.parts[at-1]
		return part.start, part.end, nil
	}
	start = c.decoded.rows
	first := *c.side.first.at(key) - 1
	for code := first; ; {
		if err := c.decoded.add(c.side.row(code)); err != nil {
			return 0, 0, err
		}
		c.entries = append(c.entries, code)
		if code = c.side.entries.at(code).next; code == first {
			break
		}
	}
	end = c.decoded.rows
	c.parts = append(c.parts, chainPart{key, start, end})
	c.at[key] = uint32(len(c.parts))
	return start, end, nil
}

// nullKeys tells which rows have NULL where it equals nothing, so that they have
// no partner; nil when none has.
func nullKeys(in *joinInput, rows *batch.Batch) []bool {
	var null []bool
	for _, column := range in.unequal {
		c := rows.Columns[column]
		if c.Nulls == nil {
			continue
		}
		if null == nil {
			null = make([]bool, rows.Rows)
		}
		for i := range null {
			null[i] = null[i] || c.IsNull(i)
		}
	}
	return null
}
