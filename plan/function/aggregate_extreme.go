package function

import (
	"bytes"
	"cmp"
	"math"

	"tidemark/base/batch"
	"tidemark/base/invariant"
	"tidemark/base/value"
	"tidemark/plan"
)

// newExtreme makes MIN (highest false) or MAX for the argument of a call.
// Where rows may be taken back every value is remembered, else only the best.
func newExtreme(highest bool) func(*call) func(*plan.Context) plan.Accumulator {
	return func(c *call) func(*plan.Context) plan.Accumulator {
		t := c.Params[0]
		return func(ctx *plan.Context) plan.Accumulator {
			if ctx != nil && ctx.Retracts {
				return &extremeOfBag{highest: highest, bag: newBag()}
			}
			switch t.Class() {
			case value.Ints:
				return &extreme[int64]{highest: highest, of: func(c *batch.Column) []int64 { return c.Ints }}
			case value.Floats:
				return &extreme[float64]{highest: highest, of: func(c *batch.Column) []float64 { return c.Floats }}
			}
			return &extremeOfKeys{highest: highest}
		}
	}
}

// extreme is MIN or MAX of numbers. NaN compares with nothing: it is the result
// when it is the first value of a group, else it is passed over, as in Flink.
type extreme[T cmp.Ordered] struct {
	highest bool
	of      func(*batch.Column) []T
	best    []T
	seen    []sight
}

// sight is what a group of extreme has seen.
type sight uint8

const (
	nothing  sight = iota
	numbers        // no NaN, or not as the first value
	onlyNaN        // nothing else
	firstNaN       // a NaN first, then numbers: kept for merging
)

func (s *extreme[T]) Resize(n int) { s.best, s.seen = grown(s.best, n), grown(s.seen, n) }

func (s *extreme[T]) Update(groups []uint32, args []*batch.Column, retract []bool) {
	appendOnly(retract)
	values, nulls := s.of(args[0]), args[0].Nulls
	for i, g := range groups {
		if !nulls.Get(i) {
			s.offer(g, values[i])
		}
	}
}

func (s *extreme[T]) offer(group uint32, v T) {
	switch s.seen[group] {
	case numbers, firstNaN:
		if best := s.best[group]; s.highest && v > best || !s.highest && v < best {
			s.best[group] = v
		}
	case nothing:
		s.best[group], s.seen[group] = v, numbers
		if v != v {
			s.seen[group] = onlyNaN
		}
	case onlyNaN:
		if v == v {
			s.best[group], s.seen[group] = v, firstNaN
		}
	}
}

func (s *extreme[T]) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*extreme[T])
	for i, g := range into {
		best, seen := o.best[from[i]], o.seen[from[i]]
		switch {
		case s.seen[g] == nothing:
			s.best[g], s.seen[g] = best, seen
		case seen == numbers || seen == firstNaN:
			s.offer(g, best)
		}
	}
}

func (s *extreme[T]) Result(groups []uint32, out *batch.Column) {
	to := s.of(out)
	for i, g := range groups {
		switch s.seen[g] {
		case nothing:
			out.SetNull(i)
		case numbers:
			to[i] = s.best[g]
		default:
			out.Floats[i] = math.NaN()
		}
	}
}

func (s *extreme[T]) Encode(group uint32, to []byte) []byte {
	to = append(to, byte(s.seen[group]))
	cell := s.cell()
	s.of(cell)[0] = s.best[group]
	return appendKey(to, cell, 0)
}

// cell is a column of one row, the form that keys know.
func (s *extreme[T]) cell() *batch.Column {
	t := value.BigIntType
	if _, float := any(s.best).([]float64); float {
		t = value.DoubleType
	}
	c := batch.NewColumn(t, 1)
	c.Resize(1)
	return c
}

func (s *extreme[T]) Decode(group uint32, from []byte) (rest []byte, err error) {
	const size = 9
	if len(from) < size || sight(from[0]) > firstNaN {
		return nil, damaged()
	}
	cell := s.cell()
	if err := setKey(cell, 0, from[1:size]); err != nil {
		return nil, err
	}
	s.best[group], s.seen[group] = s.of(cell)[0], sight(from[0])
	return from[size:], nil
}

func (s *extreme[T]) Clear(group uint32) { s.seen[group] = nothing }

// appendOnly stops an accumulator that cannot take rows back from being asked
// to: the plan said that there are none.
func appendOnly(retract []bool) {
	for _, r := range retract {
		invariant.Check(!r, "a row is taken back from an aggregate that was made without Context.Retracts")
	}
}

// extremeOfKeys is MIN or MAX of values that compare by their keys.
type extremeOfKeys struct {
	highest bool
	best    slots
	key     []byte
}

func (s *extremeOfKeys) Resize(n int) { s.best.resize(n) }

func (s *extremeOfKeys) Update(groups []uint32, args []*batch.Column, retract []bool) {
	appendOnly(retract)
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		s.key = appendKey(s.key[:0], args[0], i)
		s.offer(g, s.key)
	}
}

func (s *extremeOfKeys) offer(group uint32, key []byte) {
	best, set := s.best.get(group)
	if !set || better(bytes.Compare(key, best), s.highest) {
		s.best.put(group, key)
	}
}

// better reports whether a value that compares as c with the best so far is to
// replace it.
func better(c int, highest bool) bool { return c < 0 && !highest || c > 0 && highest }

func (s *extremeOfKeys) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*extremeOfKeys)
	for i, g := range into {
		if key, set := o.best.get(from[i]); set {
			s.offer(g, key)
		}
	}
}

func (s *extremeOfKeys) Result(groups []uint32, out *batch.Column) { s.best.result(groups, out) }

func (s *extremeOfKeys) Encode(group uint32, to []byte) []byte { return s.best.encode(group, to) }

func (s *extremeOfKeys) Decode(group uint32, from []byte) ([]byte, error) {
	return s.best.decode(group, from)
}

func (s *extremeOfKeys) Clear(group uint32) { s.best.clear(group) }

// extremeOfBag is MIN or MAX of values that may be taken back: all of them with
// their counts, and for every group a heap of those whose count is above zero,
// the best on top.
type extremeOfBag struct {
	highest bool
	bag     bag
	heaps   [][]int32 // entries of the bag
	place   []int32   // of every entry in its heap
	key     []byte
}

func (s *extremeOfBag) Resize(n int) {
	s.bag.resize(n)
	s.heaps = grown(s.heaps, n)
}

func (s *extremeOfBag) Update(groups []uint32, args []*batch.Column, retract []bool) {
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		n := int64(1)
		if retract != nil && retract[i] {
			n = -1
		}
		s.key = appendKey(s.key[:0], args[0], i)
		s.change(g, s.key, n)
	}
}

// change adds n to the count of a value and keeps the heap in step.
func (s *extremeOfBag) change(group uint32, key []byte, n int64) {
	entry, count := s.bag.add(group, key, n)
	there, before := count > 0, count-n > 0
	switch {
	case there && !before:
		s.place = grown(s.place, len(s.bag.entries))
		s.heaps[group] = append(s.heaps[group], entry)
		s.place[entry] = int32(len(s.heaps[group]) - 1)
		s.up(s.heaps[group], len(s.heaps[group])-1)
	case before && !there:
		s.remove(group, entry)
	}
}

func (s *extremeOfBag) remove(group uint32, entry int32) {
	heap, at := s.heaps[group], int(s.place[entry])
	last := len(heap) - 1
	s.swap(heap, at, last)
	heap = heap[:last]
	s.heaps[group] = heap
	if at < last {
		s.down(heap, at)
		s.up(heap, at)
	}
}

func (s *extremeOfBag) above(a, b int32) bool {
	return better(bytes.Compare(s.bag.key(a), s.bag.key(b)), s.highest)
}

func (s *extremeOfBag) swap(heap []int32, i, j int) {
	heap[i], heap[j] = heap[j], heap[i]
	s.place[heap[i]], s.place[heap[j]] = int32(i), int32(j)
}

func (s *extremeOfBag) up(heap []int32, i int) {
	for i > 0 && s.above(heap[i], heap[(i-1)/2]) {
		s.swap(heap, i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (s *extremeOfBag) down(heap []int32, i int) {
	for {
		best := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(heap); child++ {
			if s.above(heap[child], heap[best]) {
				best = child
			}
		}
		if best == i {
			return
		}
		s.swap(heap, i, best)
		i = best
	}
}

func (s *extremeOfBag) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*extremeOfBag)
	for i, g := range into {
		o.bag.each(from[i], func(_ int32, key []byte, count int64) { s.change(g, key, count) })
	}
}

func (s *extremeOfBag) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		if len(s.heaps[g]) == 0 || setKey(out, i, s.bag.key(s.heaps[g][0])) != nil {
			out.SetNull(i)
		}
	}
}

func (s *extremeOfBag) Encode(group uint32, to []byte) []byte { return s.bag.encode(group, to) }

func (s *extremeOfBag) Decode(group uint32, from []byte) (rest []byte, err error) {
	s.Clear(group)
	if rest, err = s.bag.decode(group, from); err != nil {
		return nil, err
	}
	s.place = grown(s.place, len(s.bag.entries))
	s.bag.each(group, func(entry int32, _ []byte, count int64) {
		if count > 0 {
			s.heaps[group] = append(s.heaps[group], entry)
			s.place[entry] = int32(len(s.heaps[group]) - 1)
			s.up(s.heaps[group], len(s.heaps[group])-1)
		}
	})
	return rest, nil
}

func (s *extremeOfBag) Clear(group uint32) {
	s.bag.clear(group)
	s.heaps[group] = s.heaps[group][:0]
}
