package operator

import (
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
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
	spec   plan.WindowSpec
	column int // of the processing time
	now    engine.Watermark
	passed engine.Watermark // of the input
	// open is when the windows of all rows so far are over; NoMark for no rows.
	// unknown says that there may be windows from before a restart, too.
	open    engine.Watermark
	unknown bool
}

// OnClock makes the processing time in a column of the operator's input, the time of
// its windows, drive it.
func OnClock(env Environment, inner engine.Operator, spec plan.WindowSpec, column int) engine.Operator {
	return &onClock{Operator: inner, env: env, spec: spec, column: column, now: batch.NoMark, passed: batch.NoMark, open: batch.NoMark}
}

// sessionLooks is how often within its gap it is looked whether a session is over.
const sessionLooks = 10

// Due is the moment, in ms, from which on a Flush of the operator has windows over
// processing time to show, rows or no rows. It may be too early, and is not too late.
// It is false when no window is open, and for operators that are not on the clock.
func Due(of engine.Operator) (at int64, open bool) {
	o, is := of.(*onClock)
	if !is || !o.unknown && o.now+1 >= o.open || o.passed == batch.Final {
		return 0, false
	}
	return o.due(), true
}

// due is the next moment after the last Flush at which a window may end. Windows stand
// on the grid of the clock or of the session's zone: the earlier of both counts.
func (o *onClock) due() int64 {
	now := o.now + 1
	if o.now == batch.NoMark {
		return now // there was no Flush yet
	}
	step := o.spec.Size
	switch o.spec.Kind {
	case plan.Session:
		return now + max(o.spec.Gap/sessionLooks, 1)
	case plan.Hop, plan.Cumulate:
		step = o.spec.Slide
	case plan.Tumble:
	}
	_, offset := time.UnixMilli(now).In(o.env.Context.Zone).Zone()
	behind := func(at int64) int64 { return (at%step + step) % step } // the last end
	return now + step - max(behind(now-o.spec.Offset), behind(now-o.spec.Offset+int64(offset)*1000))
}

// longest is how long after a row its last window ends at most.
func (o *onClock) longest() int64 {
	if o.spec.Kind == plan.Session {
		return o.spec.Gap
	}
	return o.spec.Size
}

// held is the inner operator's.
func (o *onClock) held() int64 { return HeldBytes(o.Operator) }

// Load restores the inner operator, and with it windows that are open.
func (o *onClock) Load(from engine.Saved) error {
	o.unknown = true
	return o.Operator.Load(from)
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
	o.open = max(o.open, ms+o.longest())
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
		if o.unknown {
			o.open, o.unknown = max(o.open, w+1+o.longest()), false
		}
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
