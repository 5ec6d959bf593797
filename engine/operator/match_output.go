package operator

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/engine/pattern"
	"tidemark/plan"
)

// matchOutput collects matches and computes the measures of many at once.
type matchOutput struct {
	match    *Match
	measures *expr.Program
	reads    []plan.MatchRead // that measures look up
	args     []matchArguments // by read; of aggregates
	found    []foundMatch

	path  []pattern.Row
	slots []uint32
	owner []uint32 // match of each slot
}

type matchArguments struct {
	program *expr.Program
	columns []int
}

// foundMatch is a row to be shown: of a match, or of a row of a match.
type foundMatch struct {
	last  pattern.Node // of the rows so far
	whole pattern.Node // last of the match
	time  int64        // event time at which the match is known
}

func newMatchOutput(m *Match) (*matchOutput, error) {
	o := &matchOutput{match: m}
	used := make([]bool, len(m.node.Reads))
	plan.MarkUsed(used, m.node.Measures...)
	place := make([]int, len(used))
	for i, r := range m.node.Reads {
		if !used[i] {
			continue
		}
		place[i] = len(o.reads)
		o.reads = append(o.reads, r)
		program, columns, err := compileArguments(r.Call, len(m.node.Input.Schema()))
		if err != nil {
			return nil, err
		}
		o.args = append(o.args, matchArguments{program, columns})
	}
	measures := make([]plan.Expr, len(m.node.Measures))
	for i, e := range m.node.Measures {
		measures[i] = plan.Renumber(e, place)
	}
	var err error
	o.measures, err = expr.Compile(measures)
	return o, err
}

func (o *matchOutput) add(last pattern.Node, time int64) {
	if !o.match.node.AllRows {
		o.match.machine.Keep(last)
		o.found = append(o.found, foundMatch{last, last, time})
		return
	}
	start := len(o.found)
	for n := last; n != pattern.None; n = o.match.machine.Before(n) {
		if o.match.node.Pattern[o.match.machine.Row(n).Part].Excluded {
			continue
		}
		o.match.machine.Keep(last)
		o.found = append(o.found, foundMatch{n, last, time})
	}
	slices.Reverse(o.found[start:])
}

// flush shows the matches collected. They carry the watermark before: downstream
// has not seen a later one yet.
func (o *matchOutput) flush(emit engine.Emit) error {
	for start := 0; start < len(o.found); start += batch.MaxRows {
		if err := o.show(o.found[start:min(start+batch.MaxRows, len(o.found))], emit); err != nil {
			return err
		}
	}
	o.found = o.found[:0]
	return nil
}

func (o *matchOutput) show(found []foundMatch, emit engine.Emit) error {
	m := o.match
	in := &batch.Batch{Rows: len(found)}
	for i, r := range o.reads {
		c, err := o.lookup(i, r, found)
		if err != nil {
			return err
		}
		in.Columns = append(in.Columns, c)
	}
	measures, err := o.measures.Eval(m.env.Context, in)
	if err != nil {
		return err
	}
	out := &batch.Batch{Rows: len(found), Marks: constantMarks(m.now, len(found))}
	o.slots = o.slots[:0]
	for _, f := range found {
		o.slots = append(o.slots, m.machine.Row(f.last).Slot)
	}
	for _, column := range m.node.Before() {
		out.Columns = append(out.Columns, m.rows.gather(column, o.slots))
	}
	out.Columns = append(out.Columns, measures...)
	for _, column := range m.node.Rest {
		out.Columns = append(out.Columns, m.rows.gather(column, o.slots))
	}
	out.Detach()
	for _, f := range found {
		m.machine.Release(f.whole)
	}
	return emit(out)
}

// lookup is what a read finds in each match.
func (o *matchOutput) lookup(i int, r plan.MatchRead, found []foundMatch) (*batch.Column, error) {
	switch r.Kind {
	case plan.Navigate:
		return o.navigate(r, found), nil
	case plan.Summarize:
		return o.summarize(i, r, found)
	case plan.MatchTime, plan.Classifier:
	}
	c := batch.NewColumn(r.Of, len(found))
	c.Resize(len(found))
	for row, f := range found {
		if r.Kind == plan.MatchTime {
			setMilliseconds(c, row, f.time)
		} else {
			c.SetString(row, o.match.node.Pattern[o.match.machine.Row(f.upTo(r)).Part].Variable)
		}
	}
	return c, nil
}

// upTo is the last of the rows that a read sees.
func (f foundMatch) upTo(r plan.MatchRead) pattern.Node {
	if r.Final {
		return f.whole
	}
	return f.last
}

func (o *matchOutput) navigate(r plan.MatchRead, found []foundMatch) *batch.Column {
	m := o.match
	o.slots = o.slots[:0]
	var missing []int
	for row, f := range found {
		slot, ok := m.find(r, f.upTo(r), 0, false)
		if !ok {
			missing = append(missing, row)
			slot = m.machine.Row(f.last).Slot
		}
		o.slots = append(o.slots, slot)
	}
	c := m.rows.gather(r.Column, o.slots)
	c.Type = r.Of
	for _, row := range missing {
		c.SetNull(row)
	}
	return c
}

// summarize computes an aggregate over the rows of each match, in their order.
func (o *matchOutput) summarize(i int, r plan.MatchRead, found []foundMatch) (*batch.Column, error) {
	m := o.match
	state := newAccumulator(m.env.Context, r.Call)
	state.Resize(len(found))
	o.slots, o.owner = o.slots[:0], o.owner[:0]
	update := func() error {
		if len(o.slots) == 0 {
			return nil
		}
		args, err := m.arguments(o.args[i].program, o.args[i].columns, o.slots)
		if err == nil {
			state.Update(o.owner, args, nil)
		}
		o.slots, o.owner = o.slots[:0], o.owner[:0]
		return err
	}
	codes := make([]uint32, len(found))
	for row, f := range found {
		codes[row] = uint32(row)
		o.path = m.machine.Path(o.path[:0], f.upTo(r))
		for k := len(o.path) - 1; k >= 0; k-- {
			if !r.Set.Has(o.path[k].Part) {
				continue
			}
			o.slots, o.owner = append(o.slots, o.path[k].Slot), append(o.owner, uint32(row))
			if len(o.slots) == batch.MaxRows {
				if err := update(); err != nil {
					return nil, err
				}
			}
		}
	}
	if err := update(); err != nil {
		return nil, err
	}
	c := batch.NewColumn(r.Of, len(found))
	c.Resize(len(found))
	state.Result(codes, c)
	return c, nil
}
