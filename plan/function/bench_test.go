package function

import (
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// benchGroups is how many groups the rows of a benchmark's batch fall into.
const benchGroups = 1000

func benchColumns(of value.Type) (a, b *batch.Column, groups []uint32) {
	a, b = batch.NewColumn(of, batch.MaxRows), batch.NewColumn(of, batch.MaxRows)
	groups = make([]uint32, batch.MaxRows)
	a.Resize(batch.MaxRows)
	b.Resize(batch.MaxRows)
	for i := range batch.MaxRows {
		n := int64(i*7919%10007 + 1)
		groups[i] = uint32(n % benchGroups)
		switch of.Class() {
		case value.Ints:
			a.Ints[i], b.Ints[i] = n, n+3
		case value.Floats:
			a.Floats[i], b.Floats[i] = float64(n), float64(n)+0.5
		case value.Wides:
			a.Wides[i], b.Wides[i] = value.Int128Of(n), value.Int128Of(n+3)
		}
	}
	return a, b, groups
}

func BenchmarkKernel(b *testing.B) {
	for _, c := range []struct {
		name, operator string
		of             value.Type
	}{
		{"BIGINT+", "+", value.BigIntType}, {"INT+", "+", value.IntType}, {"BIGINT%", "%", value.BigIntType}, {"DOUBLE*", "*", value.DoubleType},
		{"DECIMAL+", "+", value.DecimalOf(10, 2)}, {"DECIMAL*", "*", value.DecimalOf(10, 2)}, {"DECIMAL÷", "/", value.DecimalOf(10, 2)},
		{"BIGINT<", "<", value.BigIntType}, {"DECIMAL<", "<", value.DecimalOf(10, 2)},
	} {
		b.Run(c.name, func(b *testing.B) {
			f, _ := Lookup(c.operator)
			overload, err := f.Resolve([]plan.Argument{{Type: c.of}, {Type: c.of}})
			if err != nil {
				b.Fatal(err)
			}
			left, right, _ := benchColumns(c.of)
			out := batch.NewColumn(overload.Result, batch.MaxRows)
			out.Resize(batch.MaxRows)
			args := []*batch.Column{left, right}
			for b.Loop() {
				if err := overload.Eval(&plan.Context{}, args, out); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b)
		})
	}
}

func BenchmarkAggregate(b *testing.B) {
	for _, c := range []struct {
		call     string
		of       value.Type
		distinct bool
		retracts bool
	}{
		{"COUNT(BIGINT)", value.BigIntType, false, false}, {"SUM(BIGINT)", value.BigIntType, false, false}, {"AVG(DOUBLE)", value.DoubleType, false, false},
		{"SUM(DECIMAL(10, 2))", value.DecimalOf(10, 2), false, false}, {"MAX(BIGINT)", value.BigIntType, false, false}, {"MAX(BIGINT)", value.BigIntType, false, true},
		{"COUNT(BIGINT)", value.BigIntType, true, false}, {"APPROX_COUNT_DISTINCT(BIGINT)", value.BigIntType, false, false},
	} {
		name := c.call
		if c.distinct {
			name += " DISTINCT"
		}
		if c.retracts {
			name += " retracting"
		}
		b.Run(name, func(b *testing.B) {
			_, call, err := readAggregate(c.call, c.distinct)
			if err != nil {
				b.Fatal(err)
			}
			column, _, groups := benchColumns(c.of)
			s := call.overload.New(&plan.Context{Retracts: c.retracts})
			s.Resize(benchGroups)
			args := []*batch.Column{column}
			for b.Loop() {
				s.Update(groups, args, nil)
			}
			perRow(b)
		})
	}
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch.MaxRows, "ns/row")
}
