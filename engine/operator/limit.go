package operator

import (
	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// Limit skips rows and then passes some on, in the order in which they come.
type Limit struct {
	stateless
	skip int64
	left int64 // negative for all
}

// NewLimit makes the operator. Which rows of a stream are the first changes with
// every row, so that streams have no limit.
func NewLimit(env Environment, n *plan.Limit) (*Limit, error) {
	if env.Context.Streaming {
		return nil, unsupported("LIMIT of a stream is not built").WithHint("limit the result table when it is asked, or run in batch mode")
	}
	return &Limit{skip: n.Offset, left: n.Count}, nil
}

// Process passes on the rows that are within the limit.
func (l *Limit) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	rows = rows.Compact()
	start := min(l.skip, int64(rows.Rows))
	l.skip -= start
	stop := int64(rows.Rows)
	if l.left >= 0 {
		stop = min(stop, start+l.left)
		l.left -= stop - start
	}
	if start == stop {
		return nil
	}
	rows.Sel = make([]uint16, 0, stop-start)
	for i := start; i < stop; i++ {
		rows.Sel = append(rows.Sel, uint16(i))
	}
	return emit(rows)
}
