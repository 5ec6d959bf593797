package function

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// Distinct is the DISTINCT form of an aggregate: every value counts once,
// however often it comes, and until it was taken back as often.
func Distinct(inner *plan.Overload) *plan.Overload {
	outer := *inner
	outer.New = func(ctx *plan.Context) plan.Accumulator {
		into := inner.New(ctx)
		if _, counts := into.(*counting); counts && len(inner.Params) == 1 {
			return &distinctCount{bag: newBag()}
		}
		return &distinct{inner: into, params: inner.Params, seen: newBag()}
	}
	return &outer
}

// distinctCount is COUNT(DISTINCT x). Values taken back before they came stand
// in the bag with a count below zero and are not counted.
type distinctCount struct {
	bag    bag
	counts []int64
	key    []byte
}

func (s *distinctCount) Resize(n int) {
	s.bag.resize(n)
	s.counts = grown(s.counts, n)
}

func (s *distinctCount) Update(groups []uint32, args []*batch.Column, retract []bool) {
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

func (s *distinctCount) change(group uint32, key []byte, n int64) {
	_, count := s.bag.add(group, key, n)
	s.counts[group] += crossing(count-n, count)
}

// crossing is 1 when a count rises above zero, -1 when it falls back, else 0.
func crossing(before, after int64) int64 {
	return int64(rank(after > 0) - rank(before > 0))
}

func (s *distinctCount) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*distinctCount)
	for i, g := range into {
		o.bag.each(from[i], func(_ int32, key []byte, count int64) { s.change(g, key, count) })
	}
}

func (s *distinctCount) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		out.Ints[i] = s.counts[g]
	}
}

func (s *distinctCount) Encode(group uint32, to []byte) []byte { return s.bag.encode(group, to) }

func (s *distinctCount) Decode(group uint32, from []byte) (rest []byte, err error) {
	s.Clear(group)
	if rest, err = s.bag.decode(group, from); err != nil {
		return nil, err
	}
	s.bag.each(group, func(_ int32, _ []byte, count int64) { s.counts[group] += crossing(0, count) })
	return rest, nil
}

func (s *distinctCount) Clear(group uint32) {
	s.bag.clear(group)
	s.counts[group] = 0
}

// distinct passes on to another aggregate the values that a group sees for the
// first time, and takes back those that it has seen the last of.
type distinct struct {
	inner  plan.Accumulator
	params []value.Type
	seen   bag
	key    []byte

	// What to pass on, kept between calls for their memory.
	groups  []uint32
	rows    []uint32
	retract []bool
	keys    [][]byte
}

func (s *distinct) Resize(n int) {
	s.seen.resize(n)
	s.inner.Resize(n)
}

func (s *distinct) Update(groups []uint32, args []*batch.Column, retract []bool) {
	s.groups, s.rows, s.retract = s.groups[:0], s.rows[:0], s.retract[:0]
	back := false
	for i, g := range groups {
		n := int64(1)
		if retract != nil && retract[i] {
			n = -1
		}
		s.key = s.key[:0]
		for _, a := range args {
			s.key = appendPart(s.key, a, i)
		}
		_, count := s.seen.add(g, s.key, n)
		change := crossing(count-n, count)
		if change == 0 {
			continue
		}
		s.groups = append(s.groups, g)
		s.rows = append(s.rows, uint32(i))
		s.retract = append(s.retract, change < 0)
		back = back || change < 0
	}
	if len(s.rows) == 0 {
		return
	}
	passed := make([]*batch.Column, len(args))
	for i, a := range args {
		passed[i] = a.GatherWide(s.rows)
	}
	s.pass(passed, back)
}

func (s *distinct) pass(args []*batch.Column, back bool) {
	if back {
		s.inner.Update(s.groups, args, s.retract)
	} else {
		s.inner.Update(s.groups, args, nil)
	}
}

// Merge adds the other's values one by one: its inner state counts values that
// this one may have already.
func (s *distinct) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*distinct)
	s.groups, s.retract, s.keys = s.groups[:0], s.retract[:0], s.keys[:0]
	back := false
	for i, g := range into {
		o.seen.each(from[i], func(_ int32, key []byte, n int64) {
			_, count := s.seen.add(g, key, n)
			change := crossing(count-n, count)
			if change == 0 {
				return
			}
			s.groups = append(s.groups, g)
			s.keys = append(s.keys, key)
			s.retract = append(s.retract, change < 0)
			back = back || change < 0
		})
	}
	if len(s.groups) == 0 {
		return
	}
	args := make([]*batch.Column, len(s.params))
	for i, t := range s.params {
		args[i] = batch.NewColumn(t, len(s.keys))
		args[i].Resize(len(s.keys))
	}
	for row, key := range s.keys {
		for _, a := range args {
			var err error
			if key, err = setPart(a, row, key); err != nil {
				a.SetNull(row)
			}
		}
	}
	s.pass(args, back)
}

func (s *distinct) Result(groups []uint32, out *batch.Column) { s.inner.Result(groups, out) }

// Encode appends the values seen, then the inner state, which may know their
// order.
func (s *distinct) Encode(group uint32, to []byte) []byte {
	return s.inner.Encode(group, s.seen.encode(group, to))
}

func (s *distinct) Decode(group uint32, from []byte) (rest []byte, err error) {
	if from, err = s.seen.decode(group, from); err != nil {
		return nil, err
	}
	return s.inner.Decode(group, from)
}

func (s *distinct) Clear(group uint32) {
	s.seen.clear(group)
	s.inner.Clear(group)
}
