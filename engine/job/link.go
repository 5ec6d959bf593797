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
	cost       *cost
	meter      *meter // of the task
	state      state.Operator
	watermarks *exchange.Watermarks // of its inputs
	idle       bool
	to         *link // nil for the output
	port       int   // of to
	out        output
	// passing says that the operator keeps nothing of the batches that it is given:
	// lease is of the one under way, and of what is made of it.
	passing bool
	lease   *batch.Lease
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
	if rows.Live() == 0 {
		return nil
	}
	if rows.Lease == nil { // it is not of memory of the operator's own
		share(rows, l.lease)
	}
	l.cost.gave(rows)
	if l.to == nil {
		return l.out.rows(rows)
	}
	return l.to.take(l.port, rows)
}

// share makes rows use a lease, or none, beside those who do.
func share(rows *batch.Batch, lease *batch.Lease) {
	lease.Share()
	rows.Lease = lease
}

// take gives the operator a batch.
func (l *link) take(port int, rows *batch.Batch) error {
	before := l.meter.enter(l.cost)
	l.cost.took(rows)
	if l.passing {
		l.lease = rows.Lease
	}
	rows.Lease = nil
	err := l.operator.Process(port, rows, l.emit)
	l.lease.Return()
	l.lease = nil
	l.measureState()
	l.meter.enter(before)
	return err
}

// flush has the operator show what it held back.
func (l *link) flush() error {
	before := l.meter.enter(l.cost)
	err := l.operator.Flush(l.emit)
	l.measureState()
	l.meter.enter(before)
	return err
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
		working := l.meter.enter(l.cost)
		err := l.operator.Advance(now, l.emit)
		l.measureState()
		l.meter.enter(working)
		if err != nil {
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
	cost   *cost   // of the source; nil for an edge
	intake *intake
	edge   *edge
	first  int                  // sender number of the edge's first task
	inputs *exchange.Watermarks // of the edge's tasks
}

func (l *leaf) emit(rows *batch.Batch) error {
	if rows.Live() == 0 {
		return nil
	}
	if l.cost != nil {
		l.cost.gave(rows)
	}
	if l.to == nil {
		return l.out.rows(rows)
	}
	return l.to.take(l.port, rows)
}

// reader is the operator that waits while nothing comes; nil when the rows only
// pass through.
func (l *leaf) reader() *cost {
	switch {
	case l.cost != nil:
		return l.cost
	case l.to != nil:
		return l.to.cost
	}
	return nil
}

func (l *leaf) advance(w engine.Watermark, idle bool) error {
	if l.to == nil {
		return l.out.watermark(w, idle)
	}
	return l.to.advance(l.port, w, idle)
}
