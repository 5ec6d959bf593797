package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
)

// onClock runs an operator of windows over processing time as one over event
// time: the time of a row is when it reaches the operator, so that none is late,
// and the watermark is the clock, read at every Flush. What is left when the
// input ends is shown then. A batch has one moment of processing, and so one
// window.
//
// Downstream goes on by the watermark of the input: the marks of results are
// its, not the clock's.
type onClock struct {
	engine.Operator
	env    Environment
	column int // of the processing time
	now    engine.Watermark
	passed engine.Watermark // of the input
}

// OnClock makes the processing time in a column of the operator's input drive it.
func OnClock(env Environment, inner engine.Operator, column int) engine.Operator {
	return &onClock{Operator: inner, env: env, column: column, now: batch.NoMark, passed: batch.NoMark}
}

// TimeColumn is where prepared rows have their time.
func (l *Layout) TimeColumn() int { return l.time }

// Process gives the rows the time that it is.
func (o *onClock) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	in := *rows.Compact()
	in.Marks = nil
	in.Columns = append([]*batch.Column(nil), in.Columns...)
	times := batch.NewColumn(in.Columns[o.column].Type, in.Rows)
	times.Resize(in.Rows)
	// The clock may have been set back; windows that were shown stay so.
	ms := max(o.env.Context.Now.UnixMilli(), o.now+1)
	if times.Type.Kind == value.Timestamp {
		_, offset := o.env.Context.Now.In(o.env.Context.Zone).Zone()
		ms += int64(offset) * 1000
	}
	for i := range in.Rows {
		setMilliseconds(times, i, ms)
	}
	in.Columns[o.column] = times
	return o.Operator.Process(port, &in, o.marking(emit))
}

// Advance notes the watermark of the input; at its end all windows are complete.
func (o *onClock) Advance(w engine.Watermark, emit engine.Emit) error {
	if w != batch.Final {
		o.passed = w
		return nil
	}
	err := o.Operator.Advance(w, o.marking(emit))
	o.passed = w
	return err
}

// Flush fires the windows that are over by now.
func (o *onClock) Flush(emit engine.Emit) error {
	if w := o.env.Context.Now.UnixMilli() - 1; o.env.Context.Streaming && w > o.now && o.passed != batch.Final {
		o.now = w
		if err := o.Operator.Advance(w, o.marking(emit)); err != nil {
			return err
		}
	}
	return o.Operator.Flush(o.marking(emit))
}

func (o *onClock) marking(emit engine.Emit) engine.Emit {
	return func(rows *batch.Batch) error {
		rows.Marks = constantMarks(o.passed, rows.Rows)
		return emit(rows)
	}
}
