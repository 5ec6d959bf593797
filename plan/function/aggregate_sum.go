package function

import (
	"encoding/binary"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// counting is COUNT(*) and COUNT(x).
type counting struct{ counts []int64 }

func newCounting(*plan.Context) plan.Accumulator { return &counting{} }

func (s *counting) Resize(n int) { s.counts = grown(s.counts, n) }

func (s *counting) Update(groups []uint32, args []*batch.Column, retract []bool) {
	var nulls batch.Bitmap
	if len(args) > 0 {
		nulls = args[0].Nulls
	}
	if nulls == nil && retract == nil {
		for _, g := range groups {
			s.counts[g]++
		}
		return
	}
	for i, g := range groups {
		switch {
		case nulls.Get(i):
		case retract != nil && retract[i]:
			s.counts[g]--
		default:
			s.counts[g]++
		}
	}
}

func (s *counting) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*counting)
	for i, g := range into {
		s.counts[g] += o.counts[from[i]]
	}
}

func (s *counting) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		out.Ints[i] = s.counts[g]
	}
}

func (s *counting) Encode(group uint32, to []byte) []byte {
	return binary.AppendVarint(to, s.counts[group])
}

func (s *counting) Decode(group uint32, from []byte) (rest []byte, err error) {
	s.counts[group], rest, err = readVarint(from)
	return rest, err
}

func (s *counting) Clear(group uint32) { s.counts[group] = 0 }

// reading is what a sum is shown as.
type reading uint8

const (
	asSum       reading = iota // NULL when nothing was added
	asSumOrZero                // 0 when nothing was added
	asAverage                  // divided by how many were added
)

// intTotal is a sum and how many values are in it.
type intTotal struct{ sum, count int64 }

// intSum is SUM, $SUM0 and AVG of integers. The sum wraps at the width of the
// type, and AVG divides the wrapped sum, as in Flink.
type intSum struct {
	kind   value.Kind
	show   reading
	totals []intTotal
}

func (s *intSum) Resize(n int) { s.totals = grown(s.totals, n) }

func (s *intSum) Update(groups []uint32, args []*batch.Column, retract []bool) {
	values, nulls := args[0].Ints, args[0].Nulls
	if nulls == nil && retract == nil {
		for i, g := range groups {
			t := &s.totals[g]
			t.sum += values[i]
			t.count++
		}
		return
	}
	for i, g := range groups {
		t := &s.totals[g]
		switch {
		case nulls.Get(i):
		case retract != nil && retract[i]:
			t.sum -= values[i]
			t.count--
		default:
			t.sum += values[i]
			t.count++
		}
	}
}

func (s *intSum) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*intSum)
	for i, g := range into {
		s.totals[g].sum += o.totals[from[i]].sum
		s.totals[g].count += o.totals[from[i]].count
	}
}

func (s *intSum) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		t := s.totals[g]
		sum := value.WrapInteger(t.sum, s.kind)
		switch {
		case t.count == 0 && s.show != asSumOrZero:
			out.SetNull(i)
		case s.show == asAverage:
			out.Ints[i] = sum / t.count
		default:
			out.Ints[i] = sum
		}
	}
}

func (s *intSum) Encode(group uint32, to []byte) []byte {
	to = binary.AppendVarint(to, s.totals[group].sum)
	return binary.AppendVarint(to, s.totals[group].count)
}

func (s *intSum) Decode(group uint32, from []byte) (rest []byte, err error) {
	var t intTotal
	if t.sum, from, err = readVarint(from); err != nil {
		return nil, err
	}
	t.count, rest, err = readVarint(from)
	s.totals[group] = t
	return rest, err
}

func (s *intSum) Clear(group uint32) { s.totals[group] = intTotal{} }

// floatTotal is a sum and how many values are in it.
type floatTotal struct {
	sum   float64
	count int64
}

// floatSum is SUM, $SUM0 and AVG of FLOAT and DOUBLE. FLOAT rounds after every
// step, as in Flink.
type floatSum struct {
	short  bool
	show   reading
	totals []floatTotal
}

func (s *floatSum) Resize(n int) { s.totals = grown(s.totals, n) }

func (s *floatSum) Update(groups []uint32, args []*batch.Column, retract []bool) {
	values, nulls := args[0].Floats, args[0].Nulls
	if nulls == nil && retract == nil && !s.short {
		for i, g := range groups {
			t := &s.totals[g]
			t.sum += values[i]
			t.count++
		}
		return
	}
	for i, g := range groups {
		switch {
		case nulls.Get(i):
		case retract != nil && retract[i]:
			s.add(g, floatTotal{-values[i], -1})
		default:
			s.add(g, floatTotal{values[i], 1})
		}
	}
}

func (s *floatSum) add(group uint32, more floatTotal) {
	t := &s.totals[group]
	t.sum += more.sum
	t.count += more.count
	if s.short {
		t.sum = float64(float32(t.sum))
	}
}

func (s *floatSum) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*floatSum)
	for i, g := range into {
		s.add(g, o.totals[from[i]])
	}
}

func (s *floatSum) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		t := s.totals[g]
		switch {
		case t.count == 0 && s.show != asSumOrZero:
			out.SetNull(i)
			continue
		case s.show == asAverage:
			out.Floats[i] = t.sum / float64(t.count)
		default:
			out.Floats[i] = t.sum
		}
		if s.short {
			out.Floats[i] = float64(float32(out.Floats[i]))
		}
	}
}

func (s *floatSum) Encode(group uint32, to []byte) []byte {
	to = appendFloat(to, s.totals[group].sum)
	return binary.AppendVarint(to, s.totals[group].count)
}

func (s *floatSum) Decode(group uint32, from []byte) (rest []byte, err error) {
	var t floatTotal
	if t.sum, from, err = readFloat(from); err != nil {
		return nil, err
	}
	t.count, rest, err = readVarint(from)
	s.totals[group] = t
	return rest, err
}

func (s *floatSum) Clear(group uint32) { s.totals[group] = floatTotal{} }

// wideTotal is carry·2^128 + sum, and how many values are in it. The carry
// keeps sums exact that leave 128 bits and come back.
type wideTotal struct {
	sum   value.Int128
	carry int64
	count int64
}

func (t *wideTotal) add(x value.Int128) {
	sum, ok := t.sum.Add(x)
	if !ok {
		// Both addends have the sign of the overflow.
		t.carry += int64(x.Sign())
	}
	t.sum = sum
}

// exact is the sum, and whether it has at most 38 digits.
func (t *wideTotal) exact() (value.Int128, bool) {
	return t.sum, t.carry == 0 && t.sum.Fits(value.MaxDecimalPrecision)
}

// decimalSum is SUM, $SUM0 and AVG of DECIMAL; a sum of more than 38 digits is
// NULL.
type decimalSum struct {
	show   reading
	scale  int
	result value.Type
	totals []wideTotal
}

func (s *decimalSum) Resize(n int) { s.totals = grown(s.totals, n) }

func (s *decimalSum) Update(groups []uint32, args []*batch.Column, retract []bool) {
	values, nulls := args[0].Wides, args[0].Nulls
	for i, g := range groups {
		t := &s.totals[g]
		switch {
		case nulls.Get(i):
		case retract != nil && retract[i]:
			t.add(values[i].Neg())
			t.count--
		default:
			t.add(values[i])
			t.count++
		}
	}
}

func (s *decimalSum) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*decimalSum)
	for i, g := range into {
		t, more := &s.totals[g], o.totals[from[i]]
		t.add(more.sum)
		t.carry += more.carry
		t.count += more.count
	}
}

func (s *decimalSum) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		t := &s.totals[g]
		sum, ok := t.exact()
		if t.count == 0 && s.show != asSumOrZero {
			ok = false
		} else if s.show == asAverage && ok {
			sum, ok = value.DivDecimal(sum, s.scale, value.Int128Of(t.count), 0, s.result)
		}
		if ok {
			out.Wides[i] = sum
		} else {
			out.SetNull(i)
		}
	}
}

func (s *decimalSum) Encode(group uint32, to []byte) []byte {
	t := s.totals[group]
	to = appendWide(to, t.sum)
	to = binary.AppendVarint(to, t.carry)
	return binary.AppendVarint(to, t.count)
}

func (s *decimalSum) Decode(group uint32, from []byte) (rest []byte, err error) {
	var t wideTotal
	if t.sum, from, err = readWide(from); err != nil {
		return nil, err
	}
	if t.carry, from, err = readVarint(from); err != nil {
		return nil, err
	}
	t.count, rest, err = readVarint(from)
	s.totals[group] = t
	return rest, err
}

func (s *decimalSum) Clear(group uint32) { s.totals[group] = wideTotal{} }

// newSum makes the sum that fits the argument of a call.
func newSum(show reading) func(*call) func(*plan.Context) plan.Accumulator {
	return func(c *call) func(*plan.Context) plan.Accumulator {
		t := c.Params[0]
		switch t.Class() {
		case value.Floats:
			return func(*plan.Context) plan.Accumulator { return &floatSum{short: t.Kind == value.Float, show: show} }
		case value.Wides:
			return func(*plan.Context) plan.Accumulator {
				return &decimalSum{show: show, scale: t.Scale, result: c.Result}
			}
		}
		return func(*plan.Context) plan.Accumulator { return &intSum{kind: t.Kind, show: show} }
	}
}

// sumType is the type of SUM: the argument's, DECIMAL widened to 38 digits.
func sumType(params []value.Type) value.Type {
	t := params[0]
	if t.Kind == value.Decimal {
		t.Precision = value.MaxDecimalPrecision
	}
	return t
}

// averageType is the type of AVG: the argument's, DECIMAL with 38 digits and at
// least 6 of them after the point.
func averageType(params []value.Type) value.Type {
	t := sumType(params)
	if t.Kind == value.Decimal {
		t.Scale = max(6, t.Scale)
	}
	return t
}
