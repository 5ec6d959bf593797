package function

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// percentile is PERCENTILE: all values with their counts, sorted when asked.
type percentile struct {
	shares []float64
	list   bool // shares came as an ARRAY, and so does the result
	bag    bag
	key    []byte
}

// percentileShares reads the constant second argument, a number from 0 to 1 or
// an ARRAY of them.
func percentileShares(c *call) (shares []float64, list bool, err error) {
	wrong := problem.New(problem.TypeMismatch, "the percentage of PERCENTILE must be a constant from 0 to 1").WithHint("write PERCENTILE(x, 0.95)")
	if c.Args[1].Literal == nil || c.Args[1].Literal.Null {
		return nil, false, wrong
	}
	v, err := value.Cast(*c.Args[1].Literal, c.Params[1], nil)
	if err != nil {
		return nil, false, wrong
	}
	items := []value.Value{v}
	if v.Type.Kind == value.Array {
		items, list = v.Items, true
	}
	for _, item := range items {
		if item.Null || !(item.Float >= 0 && item.Float <= 1) {
			return nil, false, wrong
		}
		shares = append(shares, item.Float)
	}
	return shares, list, nil
}

func newPercentile(c *call) func(*plan.Context) plan.Accumulator {
	shares, list, _ := percentileShares(c) // checked when the call was resolved
	return func(*plan.Context) plan.Accumulator {
		return &percentile{shares: shares, list: list, bag: newBag()}
	}
}

func (s *percentile) Resize(n int) { s.bag.resize(n) }

func (s *percentile) Update(groups []uint32, args []*batch.Column, retract []bool) {
	for i, g := range groups {
		if args[0].IsNull(i) {
			continue
		}
		n := int64(1)
		if len(args) > 2 {
			if args[2].IsNull(i) || args[2].Ints[i] <= 0 {
				continue
			}
			n = args[2].Ints[i]
		}
		if retract != nil && retract[i] {
			n = -n
		}
		s.key = appendKey(s.key[:0], args[0], i)
		s.bag.add(g, s.key, n)
	}
}

func (s *percentile) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*percentile)
	for i, g := range into {
		o.bag.each(from[i], func(_ int32, key []byte, count int64) { s.bag.add(g, key, count) })
	}
}

func (s *percentile) Result(groups []uint32, out *batch.Column) {
	var entries []int32
	for i, g := range groups {
		entries = entries[:0]
		total := int64(0)
		s.bag.each(g, func(entry int32, _ []byte, count int64) {
			if count > 0 {
				entries = append(entries, entry)
				total += count
			}
		})
		if total == 0 {
			out.SetNull(i)
			continue
		}
		slices.SortFunc(entries, func(a, b int32) int { return bytes.Compare(s.bag.key(a), s.bag.key(b)) })
		if !s.list {
			out.Floats[i] = s.at(entries, total, s.shares[0])
			continue
		}
		elements := out.Children[0]
		out.Spans[i] = batch.View{Offset: uint32(elements.Len()), Length: uint32(len(s.shares))}
		for _, share := range s.shares {
			elements.AppendValue(value.OfDouble(s.at(entries, total, share)))
		}
	}
}

// at is the value at a share of the way from the first of total values to the
// last, between neighbours in proportion.
func (s *percentile) at(entries []int32, total int64, share float64) float64 {
	position := share * float64(total-1)
	whole := math.Floor(position)
	low, high := s.rank(entries, int64(whole)), s.rank(entries, int64(math.Ceil(position)))
	if low == high {
		return low
	}
	return low + (high-low)*(position-whole)
}

// rank is the n-th smallest value, counted from 0.
func (s *percentile) rank(entries []int32, n int64) float64 {
	for _, e := range entries {
		if n -= s.bag.entries[e].count; n < 0 {
			return s.float(e)
		}
	}
	return s.float(entries[len(entries)-1])
}

func (s *percentile) float(entry int32) float64 {
	key := s.bag.key(entry)
	if len(key) != 8 {
		return math.NaN() // only after damage that decoding could not see
	}
	return floatOfOrderedBits(binary.BigEndian.Uint64(key))
}

func (s *percentile) Encode(group uint32, to []byte) []byte { return s.bag.encode(group, to) }

func (s *percentile) Decode(group uint32, from []byte) ([]byte, error) {
	return s.bag.decode(group, from)
}

func (s *percentile) Clear(group uint32) { s.bag.clear(group) }
