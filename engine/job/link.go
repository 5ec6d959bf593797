package job

import (
	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/exchange"
	"tidemark/engine/state"
)

// link is an operator in a task with what it feeds: another link, or the output
// of the task.
type link struct {
	operator   engine.Operator
	state      state.Operator
	watermarks *exchange.Watermarks // of its inputs
	idle       bool
	to         *link // nil for the output
	port       int   // of to
	out        output
}

// output is where a task's results go.
type output interface {
	rows(*batch.Batch) error
	watermark(w engine.Watermark, idle bool) error
	// barrier comes after the rows of an epoch.
	barrier(epoch engine.Epoch, last bool) error
}

// emit passes a batch of the link's operator on.
func (l *link) emit(rows *batch.Batch) error {
	switch {
	case rows.Live() == 0:
		return nil
	case l.to == nil:
		return l.out.rows(rows)
	}
	return l.to.operator.Process(l.port, rows, l.to.emit)
}

// advance notes the watermark of an input, tells the operator if the combined
// one rises, and passes it on behind what the operator emits.
func (l *link) advance(port int, w engine.Watermark, idle bool) error {
	before := l.watermarks.Now()
	now, allIdle := l.watermarks.Set(port, w, idle)
	if now == before && allIdle == l.idle {
		return nil
	}
	l.idle = allIdle
	if now > before {
		if err := l.operator.Advance(now, l.emit); err != nil {
			return err
		}
	}
	return l.pass(now, allIdle)
}

// pass tells what comes next how far event time has got behind the operator.
func (l *link) pass(w engine.Watermark, idle bool) error {
	if h, ok := l.operator.(engine.Holder); ok {
		w = h.Held(w)
	}
	if l.to == nil {
		return l.out.watermark(w, idle)
	}
	return l.to.advance(l.port, w, idle)
}

// leaf is where rows of one source or edge enter a task's links.
type leaf struct {
	to   *link // nil when the rows go to the output as they are
	port int
	out  output

	source *source // nil for an edge
	intake *intake
	edge   *edge
	first  int                  // sender number of the edge's first task
	inputs *exchange.Watermarks // of the edge's tasks
}

func (l *leaf) emit(rows *batch.Batch) error {
	switch {
	case rows.Live() == 0:
		return nil
	case l.to == nil:
		return l.out.rows(rows)
	}
	return l.to.operator.Process(l.port, rows, l.to.emit)
}

func (l *leaf) advance(w engine.Watermark, idle bool) error {
	if l.to == nil {
		return l.out.watermark(w, idle)
	}
	return l.to.advance(l.port, w, idle)
}
