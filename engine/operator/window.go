package operator

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// Window is a windowing table function that is not part of an aggregation:
// every row once for each window it is in, with the window's properties behind.
type Window struct {
	stateless
	env     Environment
	node    *plan.Window
	windows *assigner
	types   []value.Type // of the added columns
}

// NewWindow makes the operator.
func NewWindow(env Environment, n *plan.Window) (*Window, error) {
	windows, err := newAssigner(n.Spec, n.Input.Schema()[n.Spec.Time], env)
	if err != nil {
		return nil, err
	}
	w := &Window{env: env, node: n, windows: windows}
	for _, c := range n.Schema()[len(n.Input.Schema()):] {
		w.types = append(w.types, c.Type)
	}
	return w, nil
}

// Process repeats the rows for their windows.
func (w *Window) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	in, err := withTimes(w.env, rows, w.node.Spec.Time, w.node.Input.Schema()[w.node.Spec.Time].Name)
	if err != nil {
		return err
	}
	var from []uint16
	added := columnsOf(w.types, in.Rows)
	flush := func() error {
		if len(from) == 0 {
			return nil
		}
		out := (&batch.Batch{Columns: in.Columns, Rows: in.Rows, Kinds: in.Kinds, Marks: in.Marks, Sel: from}).Compact()
		out.Columns = append(out.Columns, added...)
		from, added = nil, columnsOf(w.types, in.Rows)
		return emit(out)
	}
	for i := range in.Rows {
		slice := w.windows.slice(w.windows.clock(in.Columns[w.node.Spec.Time], i))
		last := w.windows.lastWindow(slice)
		for end := w.windows.firstWindow(slice); end <= last; end += w.windows.step() {
			for k, kind := range []plan.WindowPropertyKind{plan.WindowStart, plan.WindowEnd, plan.WindowTime} {
				added[k].Resize(len(from) + 1)
				setMilliseconds(added[k], len(from), w.windows.property(kind, end))
			}
			if from = append(from, uint16(i)); len(from) == batch.MaxRows {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}
