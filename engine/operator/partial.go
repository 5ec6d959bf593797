package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// PartialWindows sums up the rows of one worker by slice and key before the
// exchange, so that a few partial groups cross it instead of all rows. It also
// judges which rows are late, as only here they have their own marks.
//
// It keeps nothing over a barrier: Flush sends all partial groups on. It can
// only stand on input that takes nothing back.
type PartialWindows struct {
	env    Environment
	node   *plan.WindowAggregate
	layout *Layout
	panes  *panes
	groups *groups
	fires  engine.Watermark // when the first window of any pane fires
	now    engine.Watermark
}

// Columns of partial groups behind the keys.
const (
	partialSlice = iota // BIGINT: end of the slice
	partialFrom         // BIGINT: end of the first window it counts in
	partialRows         // BIGINT: number of rows
	partialState        // BYTES: states of the calls
	partialColumns
)

// PartialTypes are the column types of partial groups.
func PartialTypes(n *plan.WindowAggregate) []value.Type {
	bigint := value.BigIntType.Required()
	return append(append([]value.Type(nil), WindowLayoutOf(n).Keys...), bigint, bigint, bigint, value.BytesType.Required())
}

// NewPartialWindows makes the operator for rows prepared by NewPrepareWindows.
func NewPartialWindows(env Environment, n *plan.WindowAggregate) (*PartialWindows, error) {
	if err := latePolicyOf(n); err != nil {
		return nil, err
	}
	windows, err := newAssigner(n.Spec, n.Input.Schema()[n.Spec.Time], env)
	if err != nil {
		return nil, err
	}
	l := WindowLayoutOf(n)
	return &PartialWindows{env: env, node: n, layout: l, panes: newPanes(windows, n.Late), groups: newGroups(env, l), fires: batch.Final, now: batch.NoMark}, nil
}

// Process adds rows to their partial groups.
func (p *PartialWindows) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	in, err := withTimes(p.env, rows, p.layout.time, p.node.Input.Schema()[p.node.Spec.Time].Name)
	if err != nil {
		return err
	}
	if retractions(in) != nil {
		return problem.New(problem.Internal, "a window aggregation that was planned for insertions only was given an update")
	}
	a := p.panes.assign(in, p.layout.time, p.now)
	if err := p.layout.reportLate(p.env, in, a.late); err != nil {
		return err
	}
	for _, created := range a.created {
		p.fires = min(p.fires, p.panes.windows.fires(created.from))
	}
	if a.rows.Rows == 0 {
		return nil
	}
	codes, fresh := p.groups.locate(a.prefixes, a.rows)
	for _, row := range fresh {
		owner := p.panes.byID[a.prefixes[row]]
		owner.codes = append(owner.codes, codes[row])
	}
	p.groups.update(codes, a.rows)
	if p.groups.table.live() > partialGroupsMax {
		return p.send(emit)
	}
	return nil
}

// Advance sends everything on before a window fires that it may count in.
func (p *PartialWindows) Advance(w engine.Watermark, emit engine.Emit) error {
	if w >= p.fires {
		if err := p.send(emit); err != nil {
			return err
		}
	}
	p.now = w
	return nil
}

// Flush sends everything on.
func (p *PartialWindows) Flush(emit engine.Emit) error { return p.send(emit) }

// Save has nothing to write: Flush came before it.
func (p *PartialWindows) Save(engine.Changes) error { return nil }

// Load has nothing to read.
func (p *PartialWindows) Load(engine.Saved) error { return nil }

func (p *PartialWindows) send(emit engine.Emit) error {
	types := PartialTypes(p.node)
	columns := columnsOf(types, 0)
	rows := 0
	flush := func() error {
		if rows == 0 {
			return nil
		}
		out := &batch.Batch{Columns: columns, Rows: rows, Marks: constantMarks(p.now, rows)}
		columns, rows = columnsOf(types, 0), 0
		return emit(out)
	}
	var state []byte
	for _, owner := range p.panes.byID {
		if owner == nil {
			continue
		}
		for _, code := range owner.codes {
			keys := len(p.layout.Keys)
			if _, err := batch.AppendRow(columns[:keys], p.groups.table.key(code)[batch.PrefixBytes:]); err != nil {
				return fmt.Errorf("send partial group: %w", err)
			}
			state = state[:0]
			for _, a := range p.groups.accumulators {
				state = a.Encode(code, state)
			}
			appendInt(columns[keys+partialSlice], owner.slice)
			appendInt(columns[keys+partialFrom], owner.from)
			appendInt(columns[keys+partialRows], p.groups.rows[code])
			states := columns[keys+partialState]
			states.Resize(rows + 1)
			states.SetBytes(rows, state)
			if rows++; rows == batch.MaxRows {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	p.panes.clear()
	p.groups.reset()
	p.fires = batch.Final
	return flush()
}

func appendInt(c *batch.Column, n int64) { c.Ints = append(c.Ints, n) }
