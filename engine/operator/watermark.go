package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// Watermark reads the event time of rows by a WATERMARK FOR … AS clause and
// writes their marks. It runs where a split is read, once per worker.
type Watermark struct {
	context *plan.Context
	delayed *expr.Program
}

// NewWatermark compiles the clause.
func NewWatermark(env Environment, n *plan.Watermark) (*Watermark, error) {
	delayed, err := expr.Compile([]plan.Expr{n.Delayed})
	if err != nil {
		return nil, err
	}
	return &Watermark{context: env.Context, delayed: delayed}, nil
}

// Mark writes the marks of rows, which the given split of the clock's source
// gave, and returns the combined watermark behind them.
func (w *Watermark) Mark(rows *batch.Batch, clock *Clock, split int) (engine.Watermark, error) {
	columns, err := w.delayed.Eval(w.context, rows)
	if err != nil {
		return 0, err
	}
	running, _ := clock.Split(split)
	rows.Marks = make([]int64, rows.Rows)
	if rows.Sel == nil && columns[0].Nulls == nil && columns[0].Type.Class() == value.Ints {
		for i, micros := range columns[0].Ints {
			rows.Marks[i] = running
			running = max(running, wholeMilliseconds(micros))
		}
		return clock.Mark(split, rows.Marks, running), nil
	}
	at := 0
	for i := range rows.Rows {
		rows.Marks[i] = running
		if rows.Sel != nil && (at == len(rows.Sel) || int(rows.Sel[at]) != i) {
			continue
		}
		if !columns[0].IsNull(at) {
			running = max(running, milliseconds(columns[0], at))
		}
		at++
	}
	return clock.Mark(split, rows.Marks, running), nil
}

// milliseconds is the timestamp in row i, rounded down: in UTC, or on the wall
// clock of a TIMESTAMP.
func milliseconds(c *batch.Column, i int) int64 {
	if c.Type.Class() == value.Wides {
		nanoseconds := c.Wides[i]
		quotient, rest := nanoseconds.QuoRem(value.Int128Of(1e6))
		if rest.Sign() < 0 {
			return quotient.Int64() - 1
		}
		return quotient.Int64()
	}
	return wholeMilliseconds(c.Ints[i])
}

// wholeMilliseconds rounds microseconds down. It is a function of its own for
// the compiler to see the constant, and to multiply instead of dividing.
func wholeMilliseconds(micros int64) int64 {
	q := micros / 1000
	if micros%1000 < 0 {
		q--
	}
	return q
}

// floorDivide rounds towards negative infinity; by is positive.
func floorDivide(n, by int64) int64 {
	q := n / by
	if n%by < 0 {
		q--
	}
	return q
}

// setMilliseconds is the reverse of milliseconds.
func setMilliseconds(c *batch.Column, i int, ms int64) {
	if c.Type.Class() == value.Wides {
		c.Wides[i], _ = value.Int128Of(ms).Mul(value.Int128Of(1e6))
		return
	}
	c.Ints[i] = ms * 1000
}
