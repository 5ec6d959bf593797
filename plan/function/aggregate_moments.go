package function

import (
	"encoding/binary"
	"math"
	"math/big"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// spread is what a variance is shown as.
type spread struct {
	sample bool // divided by one less than the count
	root   bool // the standard deviation
}

// floatMoment is the sum of values, that of their squares, and their count.
type floatMoment struct {
	sum, squares float64
	count        int64
}

// floatVariance is VAR_* and STDDEV_* of FLOAT and DOUBLE, computed from sums
// as Flink does, which can take values back.
type floatVariance struct {
	show    spread
	short   bool
	moments []floatMoment
}

func (s *floatVariance) Resize(n int) { s.moments = grown(s.moments, n) }

func (s *floatVariance) Update(groups []uint32, args []*batch.Column, retract []bool) {
	values, nulls := args[0].Floats, args[0].Nulls
	for i, g := range groups {
		m, v := &s.moments[g], values[i]
		switch {
		case nulls.Get(i):
		case retract != nil && retract[i]:
			m.sum -= v
			m.squares -= v * v
			m.count--
		default:
			m.sum += v
			m.squares += v * v
			m.count++
		}
	}
}

func (s *floatVariance) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*floatVariance)
	for i, g := range into {
		m, more := &s.moments[g], o.moments[from[i]]
		m.sum += more.sum
		m.squares += more.squares
		m.count += more.count
	}
}

func (s *floatVariance) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		m := s.moments[g]
		n := m.count
		if s.show.sample {
			n--
		}
		if n <= 0 {
			out.SetNull(i)
			continue
		}
		v := (m.squares - m.sum*m.sum/float64(m.count)) / float64(n)
		if v < 0 {
			v = 0 // rounding, or some of what was taken back has not come yet
		}
		if s.show.root {
			v = math.Sqrt(v)
		}
		if s.short {
			v = float64(float32(v))
		}
		out.Floats[i] = v
	}
}

func (s *floatVariance) Encode(group uint32, to []byte) []byte {
	m := s.moments[group]
	to = appendFloat(appendFloat(to, m.sum), m.squares)
	return binary.AppendVarint(to, m.count)
}

func (s *floatVariance) Decode(group uint32, from []byte) (rest []byte, err error) {
	var m floatMoment
	if m.sum, from, err = readFloat(from); err != nil {
		return nil, err
	}
	if m.squares, from, err = readFloat(from); err != nil {
		return nil, err
	}
	m.count, rest, err = readVarint(from)
	s.moments[group] = m
	return rest, err
}

func (s *floatVariance) Clear(group uint32) { s.moments[group] = floatMoment{} }

// exactMoment is the sum of values, that of their squares, and their count.
type exactMoment struct {
	sum, squares wideTotal
}

// exactVariance is VAR_* and STDDEV_* of integers and DECIMAL. Integers are cut
// towards zero at every division, as in Flink; DECIMAL rounds once.
type exactVariance struct {
	show    spread
	param   value.Type
	result  value.Type
	moments []exactMoment
}

func (s *exactVariance) Resize(n int) { s.moments = grown(s.moments, n) }

func (s *exactVariance) Update(groups []uint32, args []*batch.Column, retract []bool) {
	c := args[0]
	for i, g := range groups {
		if c.IsNull(i) {
			continue
		}
		var x value.Int128
		if s.param.IsInteger() {
			x = value.Int128Of(c.Ints[i])
		} else {
			x = c.Wides[i]
		}
		// The square of a DECIMAL of more than 19 digits may not fit; the carry
		// then marks the group as one without a variance.
		square, ok := x.Mul(x)
		m := &s.moments[g]
		sign := int64(1)
		if retract != nil && retract[i] {
			sign, x, square = -1, x.Neg(), square.Neg()
		}
		m.sum.add(x)
		m.sum.count += sign
		if ok {
			m.squares.add(square)
		} else {
			m.squares.carry += sign
		}
	}
}

func (s *exactVariance) Merge(into []uint32, other plan.Accumulator, from []uint32) {
	o := other.(*exactVariance)
	for i, g := range into {
		m, more := &s.moments[g], o.moments[from[i]]
		m.sum.add(more.sum.sum)
		m.sum.carry += more.sum.carry
		m.sum.count += more.sum.count
		m.squares.add(more.squares.sum)
		m.squares.carry += more.squares.carry
	}
}

func (s *exactVariance) Result(groups []uint32, out *batch.Column) {
	for i, g := range groups {
		m := &s.moments[g]
		n := m.sum.count
		if s.show.sample {
			n--
		}
		if n <= 0 || m.sum.carry != 0 || m.squares.carry != 0 {
			out.SetNull(i)
			continue
		}
		if s.param.IsInteger() {
			s.showInteger(m, n, out, i)
		} else {
			s.showDecimal(m, n, out, i)
		}
	}
}

func (s *exactVariance) showInteger(m *exactMoment, n int64, out *batch.Column, i int) {
	sum := m.sum.sum.Big()
	v := sum.Mul(sum, sum)
	v.Quo(v, big.NewInt(m.sum.count))
	v.Sub(m.squares.sum.Big(), v)
	v.Quo(v, big.NewInt(n))
	if v.Sign() < 0 {
		v.SetInt64(0) // some of what was taken back has not come yet
	}
	if s.show.root {
		v.Sqrt(v)
	}
	out.Ints[i] = value.WrapInteger(v.Int64(), s.result.Kind)
}

func (s *exactVariance) showDecimal(m *exactMoment, n int64, out *batch.Column, i int) {
	// (squares·count - sum²) / (count·n), with twice the scale of the values.
	sum := m.sum.sum.Big()
	v := m.squares.sum.Big()
	v.Mul(v, big.NewInt(m.sum.count)).Sub(v, sum.Mul(sum, sum))
	if v.Sign() < 0 {
		v.SetInt64(0) // some of what was taken back has not come yet
	}
	f := new(big.Rat).SetFrac(v, new(big.Int).Mul(big.NewInt(m.sum.count), big.NewInt(n)))
	f.Quo(f, new(big.Rat).SetInt(value.Pow10(s.param.Scale).Big()))
	f.Quo(f, new(big.Rat).SetInt(value.Pow10(s.param.Scale).Big()))
	text := f.FloatString(s.result.Scale)
	if s.show.root {
		near, _ := f.Float64()
		x, ok := value.DecimalOfFloat(math.Sqrt(near), s.result)
		setWideOrNull(out, i, x, ok)
		return
	}
	x, fits, bad := value.ParseDecimal(text, s.result)
	setWideOrNull(out, i, x, fits && !bad)
}

func setWideOrNull(out *batch.Column, i int, x value.Int128, ok bool) {
	if ok {
		out.Wides[i] = x
	} else {
		out.SetNull(i)
	}
}

func (s *exactVariance) Encode(group uint32, to []byte) []byte {
	m := s.moments[group]
	to = appendWide(appendWide(to, m.sum.sum), m.squares.sum)
	to = binary.AppendVarint(to, m.sum.carry)
	to = binary.AppendVarint(to, m.squares.carry)
	return binary.AppendVarint(to, m.sum.count)
}

func (s *exactVariance) Decode(group uint32, from []byte) (rest []byte, err error) {
	var m exactMoment
	if m.sum.sum, from, err = readWide(from); err != nil {
		return nil, err
	}
	if m.squares.sum, from, err = readWide(from); err != nil {
		return nil, err
	}
	for _, n := range []*int64{&m.sum.carry, &m.squares.carry, &m.sum.count} {
		if *n, from, err = readVarint(from); err != nil {
			return nil, err
		}
	}
	s.moments[group] = m
	return from, nil
}

func (s *exactVariance) Clear(group uint32) { s.moments[group] = exactMoment{} }

func newVariance(show spread) func(*call) func(*plan.Context) plan.Accumulator {
	return func(c *call) func(*plan.Context) plan.Accumulator {
		t := c.Params[0]
		if t.IsApproximate() {
			return func(*plan.Context) plan.Accumulator {
				return &floatVariance{show: show, short: t.Kind == value.Float}
			}
		}
		return func(*plan.Context) plan.Accumulator {
			return &exactVariance{show: show, param: t, result: c.Result}
		}
	}
}
