package operator

import (
	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
)

// matchRows keeps the rows that a Match waits with or that matches have begun
// with, as columns; a row is found by its slot.
type matchRows struct {
	columns []*batch.Column
	numbers []uint64 // while it waits, in the order of arrival; then in the order of matching
	times   []int64
	keys    []uint32 // code of the partition
	uses    []int32  // one while it waits or is being matched, and one for each node of the automaton
	waits   []bool   // for the watermark
	stored  []storedAs
	changed []bool // it is among those to look at in the next Save
	unused  []uint32
	written int // rows since the last compaction
}

// storedAs says under what key a row stands in stored state.
type storedAs struct {
	kind   byte // 0 for not at all
	number uint64
	group  engine.KeyGroup
}

// matchCompactMin is how many rows are written before it is worth the while to
// copy the living ones together.
const matchCompactMin = 1 << 16

func newMatchRows(types []value.Type) *matchRows { return &matchRows{columns: columnsOf(types, 0)} }

// live is the number of rows.
func (s *matchRows) live() int { return len(s.numbers) - len(s.unused) }

// slot makes room for a row that is used once.
func (s *matchRows) slot(number uint64, time int64, key uint32) uint32 {
	s.written++
	if last := len(s.unused) - 1; last >= 0 {
		slot := s.unused[last]
		s.unused = s.unused[:last]
		s.numbers[slot], s.times[slot], s.keys[slot], s.uses[slot] = number, time, key, 1
		s.waits[slot], s.stored[slot] = false, storedAs{}
		return slot
	}
	s.numbers, s.times, s.keys, s.uses = append(s.numbers, number), append(s.times, time), append(s.keys, key), append(s.uses, 1)
	s.waits, s.stored, s.changed = append(s.waits, false), append(s.stored, storedAs{}), append(s.changed, false)
	for _, c := range s.columns {
		c.Resize(len(s.numbers))
	}
	return uint32(len(s.numbers) - 1)
}

// put copies row i of the columns of a batch.
func (s *matchRows) put(columns []*batch.Column, i int, number uint64, time int64, key uint32) uint32 {
	slot := s.slot(number, time, key)
	for k, c := range s.columns {
		c.Set(int(slot), columns[k], i)
	}
	return slot
}

// tidy copies the living rows together when most of what was written is dead:
// texts and lists are not overwritten in their place.
func (s *matchRows) tidy() error {
	if s.written > matchCompactMin && s.written > 2*s.live() {
		s.compact()
	}
	for _, c := range s.columns {
		if len(c.Heap) > batch.MaxHeap/2 {
			s.compact()
			if len(c.Heap) > batch.MaxHeap/2 {
				return problem.New(problem.TooLarge, "the rows that MATCH_RECOGNIZE waits with have more than %d bytes of text in a column", batch.MaxHeap/2).
					WithHint("add WITHIN, or read fewer columns")
			}
		}
	}
	return nil
}

func (s *matchRows) compact() {
	s.written = s.live()
	for k, c := range s.columns {
		if class := c.Type.Class(); class != value.Strings && class != value.Lists && class != value.Structs {
			continue
		}
		dense := batch.NewColumn(c.Type, len(s.numbers))
		dense.Resize(len(s.numbers))
		for slot, uses := range s.uses {
			if uses > 0 {
				dense.Set(slot, c, slot)
			}
		}
		*s.columns[k] = *dense
	}
}

// gather is the rows of the slots of one column.
func (s *matchRows) gather(column int, slots []uint32) *batch.Column {
	c := s.columns[column]
	if class := c.Type.Class(); class != value.Lists && class != value.Structs {
		return c.GatherWide(slots)
	}
	// Elements would be shared with a column that grows.
	copied := batch.NewColumn(c.Type, len(slots))
	for _, slot := range slots {
		copied.Append(c, int(slot))
	}
	return copied
}

// rowTime is a row that waits for the watermark.
type rowTime struct {
	time   int64
	number uint64
	slot   uint32
}

func (r rowTime) before(other rowTime) bool {
	return r.time < other.time || r.time == other.time && r.number < other.number
}

// rowQueue is a heap of rows by time, and at the same time by arrival.
type rowQueue []rowTime

func (q *rowQueue) push(r rowTime) {
	*q = append(*q, r)
	h := *q
	at := len(h) - 1
	for at > 0 {
		parent := (at - 1) / 4
		if !r.before(h[parent]) {
			break
		}
		h[at] = h[parent]
		at = parent
	}
	h[at] = r
}

func (q *rowQueue) pop() rowTime {
	h := *q
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*q = h
	at := 0
	for {
		least := 4*at + 1
		if least >= len(h) {
			break
		}
		for child := least + 1; child < min(4*at+5, len(h)); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if !h[least].before(last) {
			break
		}
		h[at] = h[least]
		at = least
	}
	if len(h) > 0 {
		h[at] = last
	}
	return first
}
