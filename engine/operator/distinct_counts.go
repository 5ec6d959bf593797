package operator

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"math/rand/v2"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// distinctCounts is the states of all COUNT(DISTINCT x) of an aggregation over one
// column of numbers or times, each of which may count other rows (FILTER): one set
// of values for each group, where every value knows the calls that have seen it. A
// value is looked up once a row, in 16 bytes of one table, however many calls there
// are. It is for input that takes nothing back.
//
// Each call is a distinctCount, which stores its values by itself: stored state does
// not show that they are kept together.
type distinctCounts struct {
	seed  uint64         // secret: users cannot choose values that collide
	slots []distinctSlot // open addressing; a power of two long, at most two thirds full
	shift int            // of a hash, to the place of its slot
	live  int            // slots in use
	calls int

	// The values of a group are chained, the latest first.
	values pages[int64]
	before pages[uint32] // of each value: the number of the one before + 1; of an unused one the next unused
	latest []uint32      // of each group: the number of its latest value + 1
	unused uint32        // number of the first unused value + 1
	counts []int64       // of each group, one a call

	hashes []uint64 // of the batch under way
	seenBy []uint32

	touching touching
}

// distinctSlot is a value of a group, and bits of the calls that have seen it; none
// in a free slot.
type distinctSlot struct {
	value  int64
	group  uint32
	seenBy uint32
}

const (
	distinctSlotsMin = 16
	// distinctCallsMax is how many calls a set of values can be for.
	distinctCallsMax = 32
)

func newDistinctCounts() *distinctCounts {
	s := &distinctCounts{seed: rand.Uint64()}
	s.allocate(distinctSlotsMin)
	return s
}

// countsDistinct reports whether a call can be part of distinctCounts.
func countsDistinct(ctx *plan.Context, call plan.AggregateCall) bool {
	return call.Distinct && call.Function.Name == "COUNT" && len(call.Args) == 1 && call.Args[0].Type().Class() == value.Ints && !ctx.Retracts
}

func (s *distinctCounts) allocate(slots int) {
	s.slots, s.shift = make([]distinctSlot, slots), 64-bits.Len(uint(slots-1))
}

func (s *distinctCounts) hash(group uint32, value int64) uint64 {
	high, low := bits.Mul64(uint64(value)^s.seed, uint64(group)*0x9e3779b97f4a7c15^0xa0761d6478bd642f)
	high, low = bits.Mul64(high^low^s.seed, 0xe7037ed1a0b428db)
	return high ^ low
}

// find is the slot of a value of a group, or the free one where it belongs.
func (s *distinctCounts) find(hash uint64, group uint32, value int64) *distinctSlot {
	mask := len(s.slots) - 1
	for at := int(hash >> s.shift); ; at = (at + 1) & mask {
		slot := &s.slots[at]
		if slot.seenBy == 0 || slot.value == value && slot.group == group {
			return slot
		}
	}
}

// resize makes room for n groups.
func (s *distinctCounts) resize(n int) {
	if more := n - len(s.latest); more > 0 {
		s.latest = append(s.latest, make([]uint32, more)...)
		s.counts = append(s.counts, make([]int64, more*s.calls)...)
	}
}

// update takes values into the groups; seenBy says for each which calls see it.
func (s *distinctCounts) update(groups []uint32, values *batch.Column, seenBy []uint32) {
	s.hashes = s.hashes[:0]
	var touched uint32
	for i, group := range groups {
		hash := s.hash(group, values.Ints[i])
		s.hashes = append(s.hashes, hash)
		touched |= s.slots[hash>>s.shift].seenBy // so that cache misses overlap
	}
	s.touching = touching(touched)
	for i, group := range groups {
		if seenBy[i] != 0 && !values.IsNull(i) {
			s.add(s.hashes[i], group, values.Ints[i], seenBy[i])
		}
	}
}

// add notes that calls see a value.
func (s *distinctCounts) add(hash uint64, group uint32, value int64, seenBy uint32) {
	slot := s.find(hash, group, value)
	fresh := seenBy &^ slot.seenBy
	if fresh == 0 {
		return
	}
	if slot.seenBy == 0 {
		if 3*(s.live+1) > 2*len(s.slots) {
			s.grow()
			slot = s.find(hash, group, value)
		}
		slot.value, slot.group = value, group
		s.live++
		s.chain(group, value)
	}
	slot.seenBy |= fresh
	for ; fresh != 0; fresh &= fresh - 1 {
		s.counts[int(group)*s.calls+bits.TrailingZeros32(fresh)]++
	}
}

func (s *distinctCounts) grow() {
	old := s.slots
	s.allocate(2 * len(old))
	for _, slot := range old {
		if slot.seenBy != 0 {
			*s.find(s.hash(slot.group, slot.value), slot.group, slot.value) = slot
		}
	}
}

// chain makes a value the latest one of its group.
func (s *distinctCounts) chain(group uint32, value int64) {
	number := s.unused
	if number == 0 {
		s.values.append(0)
		number = s.before.append(0) + 1
	} else {
		s.unused = *s.before.at(number - 1)
	}
	*s.values.at(number - 1), *s.before.at(number - 1) = value, s.latest[group]
	s.latest[group] = number
}

// each calls f with the values of a group that a call has seen.
func (s *distinctCounts) each(group uint32, call int, f func(value int64)) {
	for number := s.latest[group]; number != 0; number = *s.before.at(number - 1) {
		value := *s.values.at(number - 1)
		if s.find(s.hash(group, value), group, value).seenBy>>call&1 != 0 {
			f(value)
		}
	}
}

// clear forgets what a call has seen of a group.
func (s *distinctCounts) clear(group uint32, call int) {
	if s.counts[int(group)*s.calls+call] == 0 {
		return
	}
	s.counts[int(group)*s.calls+call] = 0
	from := &s.latest[group]
	for *from != 0 {
		number := *from
		value, before := *s.values.at(number - 1), s.before.at(number-1)
		slot := s.find(s.hash(group, value), group, value)
		if slot.seenBy &^= 1 << call; slot.seenBy != 0 {
			from = before
			continue
		}
		s.vacate(slot)
		*from, *before = *before, s.unused
		s.unused = number
	}
}

// vacate moves later slots up to one that is free now, so that no search stops early.
func (s *distinctCounts) vacate(slot *distinctSlot) {
	s.live--
	mask := len(s.slots) - 1
	hole := int(s.hash(slot.group, slot.value) >> s.shift)
	for &s.slots[hole] != slot {
		hole = (hole + 1) & mask
	}
	for at := (hole + 1) & mask; s.slots[at].seenBy != 0; at = (at + 1) & mask {
		home := int(s.hash(s.slots[at].group, s.slots[at].value) >> s.shift)
		if (at-home)&mask >= (at-hole)&mask {
			s.slots[hole] = s.slots[at]
			hole = at
		}
	}
	s.slots[hole] = distinctSlot{}
}

// held is about how many bytes the sets take.
func (s *distinctCounts) held() int64 {
	return 16*int64(cap(s.slots)) + s.values.held() + s.before.held() + 4*int64(cap(s.latest)) + 8*int64(cap(s.counts)+cap(s.hashes))
}

// distinctCount is the states of one call of distinctCounts, as an accumulator.
//
// Its stored form of a group is that of other distinct counts: the number of values
// (uvarint), then for each its bytes (uvarint, 8), the value (8 bytes, big endian,
// sign bit turned), and how often it came (varint), which does not matter here.
type distinctCount struct {
	of     *distinctCounts
	call   int
	filter int // column of prepared rows; -1 for all rows
}

// join makes a state for one more call.
func (s *distinctCounts) join(filter int) *distinctCount {
	s.calls++
	return &distinctCount{of: s, call: s.calls - 1, filter: filter}
}

// Resize makes room for n groups.
func (d *distinctCount) Resize(n int) { d.of.resize(n) }

// Update takes values in for this call alone.
func (d *distinctCount) Update(groups []uint32, args []*batch.Column, _ []bool) {
	d.of.seenBy = d.of.seenBy[:0]
	for range groups {
		d.of.seenBy = append(d.of.seenBy, 1<<d.call)
	}
	d.of.update(groups, args[0], d.of.seenBy)
}

// Merge adds values of groups of other sets.
func (d *distinctCount) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*distinctCount)
	for i, group := range into {
		o.of.each(from[i], o.call, func(value int64) { d.add(group, value) })
	}
}

func (d *distinctCount) add(group uint32, value int64) {
	d.of.add(d.of.hash(group, value), group, value, 1<<d.call)
}

// Result writes how many values were seen.
func (d *distinctCount) Result(groups []uint32, out *batch.Column) {
	for i, group := range groups {
		out.Ints[i] = d.of.counts[int(group)*d.of.calls+d.call]
	}
}

// Encode appends the values of a group.
func (d *distinctCount) Encode(group uint32, to []byte) []byte {
	to = binary.AppendUvarint(to, uint64(d.of.counts[int(group)*d.of.calls+d.call]))
	d.of.each(group, d.call, func(value int64) {
		to = binary.BigEndian.AppendUint64(append(to, 8), uint64(value)^1<<63)
		to = append(to, 2) // varint of 1
	})
	return to
}

var errDistinctCount = errors.New("a state of COUNT DISTINCT is damaged")

// Decode replaces the values of a group.
func (d *distinctCount) Decode(group uint32, from []byte) (rest []byte, err error) {
	d.Clear(group)
	n, used := binary.Uvarint(from)
	if used <= 0 {
		return nil, errDistinctCount
	}
	for from = from[used:]; n > 0; n-- {
		if len(from) < 1+8 || from[0] != 8 {
			return nil, errDistinctCount
		}
		_, used := binary.Varint(from[9:])
		if used <= 0 {
			return nil, errDistinctCount
		}
		d.add(group, int64(binary.BigEndian.Uint64(from[1:])^1<<63))
		from = from[9+used:]
	}
	return from, nil
}

// Clear empties a group.
func (d *distinctCount) Clear(group uint32) { d.of.clear(group, d.call) }

// Held is the bytes of all calls together, said by the first of them.
func (d *distinctCount) Held() int64 {
	if d.call > 0 {
		return 0
	}
	return d.of.held()
}

// distinctOf takes the rows of a batch into the sets that all calls beside d are of.
func (g *groups) distinctOf(d *distinctCount, codes []uint32, in *batch.Batch) {
	s := d.of
	s.seenBy = append(s.seenBy[:0], make([]uint32, len(codes))...)
	var values *batch.Column
	for i, a := range g.accumulators {
		a, ok := a.(*distinctCount)
		if !ok || a.of != s {
			continue
		}
		values = in.Columns[g.layout.calls[i].args[0]]
		bit := uint32(1) << a.call
		if a.filter < 0 {
			for row := range s.seenBy {
				s.seenBy[row] |= bit
			}
			continue
		}
		filter := in.Columns[a.filter]
		for row, holds := range filter.Bools[:len(codes)] {
			if holds && !filter.IsNull(row) {
				s.seenBy[row] |= bit
			}
		}
	}
	s.update(codes, values, s.seenBy)
}
