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
	arrivals uint64
	numbered []byte // scratch

	keys   *table
	first  []uint32 // of each key: code + 1 of its first row, 0 for none
	totals []int64  // of each key: how many rows, equal ones counted

	rows    *table      // a bag if appends
	entries []joinEntry // of each row
	unsaved []uint32
	deleted []storedKey

	deadlines *deadlines // of rows, by their codes; nil for none
	expiry    *expiry    // of rows, by their codes
	examined  []bool     // of each key: its rows were asked whether they are over, in the batch under way
	marked    []uint32   // the keys examined
	over      []uint32   // scratch
}

// joinEntry is what is known of a row beside its bytes.
type joinEntry struct {
	count    int64  // how many equal rows there are
	partners int64  // how many rows of the other side it pairs with; only where a condition decides
	key      uint32 // code
	next     uint32 // row with the same key, in a ring in the order in which they came
	before   uint32
	flags    groupFlags
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
	s.keys, s.rows = newSeededTable(seed), newTable()
	if s.appends {
		s.rows = newBag()
	}
	s.first, s.totals, s.entries, s.unsaved, s.deleted = nil, nil, nil, nil, nil
	s.expiry.reset()
	s.deadlines.reset()
}

// paired is a flag of joinEntry: in batch mode, the row has had a partner.
const paired = saved << 1

// total is the number of rows with the key.
func (s *joinSide) total(hash uint64, key []byte) int64 {
	if code, ok := s.keys.find(hash, key); ok {
		return s.totals[code]
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

// add takes count rows more, as they are stored.
func (s *joinSide) add(hash uint64, key, row []byte, count, partners int64) (code uint32) {
	isNew := true
	if s.appends {
		code = s.rows.append(row)
	} else {
		known := s.rows.live()
		code = s.rows.put(row)
		isNew = s.rows.live() > known
	}
	for int(code) >= len(s.entries) {
		s.entries = append(s.entries, joinEntry{})
	}
	if isNew {
		s.entries[code] = joinEntry{key: s.keys.putHashed(hash, key), flags: s.entries[code].flags & unsaved}
		s.link(code)
	}
	e := &s.entries[code]
	e.count += count
	e.partners = partners
	s.totals[e.key] += count
	return code
}

// link puts a row at the end of its key's ring.
func (s *joinSide) link(code uint32) {
	e := &s.entries[code]
	for int(e.key) >= len(s.first) {
		s.first, s.totals = append(s.first, 0), append(s.totals, 0)
	}
	if s.first[e.key] == 0 {
		s.first[e.key] = code + 1
		e.next, e.before = code, code
		return
	}
	first := s.first[e.key] - 1
	last := s.entries[first].before
	e.next, e.before = first, last
	s.entries[last].next, s.entries[first].before = code, code
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
	e := &s.entries[code]
	e.count--
	s.totals[e.key]--
	if e.count > 0 {
		s.touch(code)
		return
	}
	s.drop(code)
}

// drop takes a row out of which there is no copy left.
func (s *joinSide) drop(code uint32) {
	e := &s.entries[code]
	if e.flags&saved != 0 {
		s.deleted = append(s.deleted, storedKey{s.group(s.keys.key(e.key)), append([]byte{s.name}, s.rows.key(code)...)})
	}
	s.unlink(code)
	// The code may be given out again before the next Save: it stays in the
	// list of what is unsaved, once.
	e.flags &= unsaved
	s.rows.remove(code)
	s.expiry.forget(code)
	s.deadlines.remove(code)
}

func (s *joinSide) unlink(code uint32) {
	e := &s.entries[code]
	if e.next == code {
		s.first[e.key] = 0
		s.keys.remove(e.key)
		return
	}
	s.entries[e.before].next, s.entries[e.next].before = e.next, e.before
	if s.first[e.key] == code+1 {
		s.first[e.key] = e.next + 1
	}
}

// touch notes that a row is not stored as it is.
func (s *joinSide) touch(code uint32) {
	s.expiry.write(code)
	if e := &s.entries[code]; s.saves && e.flags&unsaved == 0 {
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
		e := &s.entries[code]
		e.flags &^= unsaved
		if e.count == 0 {
			continue // removed since
		}
		e.flags |= saved
		key = append(append(key[:0], s.name), s.rows.key(code)...)
		joinKey := s.keys.key(e.key)
		val = binary.AppendUvarint(val[:0], uint64(len(joinKey)))
		val = s.expiry.append(val, code)
		val = binary.AppendVarint(binary.AppendVarint(val, e.count), e.partners)
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
	s.entries[code].flags = saved
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

// eachSaved calls load with the stored rows of both sides.
func eachSaved(sides [2]*joinSide, worker engine.Worker, from engine.Saved, load func(s *joinSide, row, val []byte) error) error {
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
	at      []uint32 // of each key code: 1 + its first decoded row
	touched []uint32 // key codes in at
}

const (
	// chainRowsMax and chainBytesMax bound what is decoded at a time.
	chainRowsMax  = 1 << 16
	chainBytesMax = 64 << 20
)

// clear forgets all rows.
func (c *chain) clear() {
	for _, key := range c.touched {
		c.at[key] = 0
	}
	c.touched, c.entries = c.touched[:0], c.entries[:0]
	c.decoded.input = c.side.input
	c.decoded.clear()
}

// full reports whether it is time to clear.
func (c *chain) full() bool {
	return c.decoded.rows >= chainRowsMax || c.decoded.bytes >= chainBytesMax
}

// has reports whether the rows of a key are decoded.
func (c *chain) has(key uint32) bool { return int(key) < len(c.at) && c.at[key] > 0 }

// rowsOf gives the decoded rows of a key: the first one, and how many.
func (c *chain) rowsOf(key uint32) (start, end int, err error) {
	for int(key) >= len(c.at) {
		c.at = append(c.at, make([]uint32, c.side.keys.size()-len(c.at))...)
	}
	if at := c.at[key]; at > 0 {
		start = int(at) - 1
		end = start
		for end < len(c.entries) && c.side.entries[c.entries[end]].key == key {
			end++
		}
		return start, end, nil
	}
	start = c.decoded.rows
	first := c.side.first[key] - 1
	for code := first; ; {
		if err := c.decoded.add(c.side.rows.key(code)); err != nil {
			return 0, 0, err
		}
		c.entries = append(c.entries, code)
		if code = c.side.entries[code].next; code == first {
			break
		}
	}
	c.at[key] = uint32(start) + 1
	c.touched = append(c.touched, key)
	return start, c.decoded.rows, nil
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
