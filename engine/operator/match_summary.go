package operator

import (
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine/expr"
	"tidemark/engine/pattern"
	"tidemark/plan"
)

// runningSummary is an aggregate over the rows of each beginning of a match. The
// state up to a node is kept, so that a condition such as SUM(A.x) < 100 costs
// as much for the thousandth row as for the second.
type runningSummary struct {
	match *Match
	read  plan.MatchRead
	args  *expr.Program   // nil for COUNT(*)
	uses  []int           // columns of the input that the arguments need
	plain []*batch.Column // instead of args, where these are columns as they are: a row of them
	state plan.Accumulator
	known []bool // by node: its state is in group node + 1; group 0 is for the row in question
	path  []pattern.Node
	bytes []byte
	group [1]uint32
}

// summary finds or makes the running summary of a read of the node.
func (m *Match) summary(read int) (*runningSummary, error) {
	if s := m.summaries[read]; s != nil {
		return s, nil
	}
	r := m.node.Reads[read]
	s := &runningSummary{match: m, read: r, state: newAccumulator(m.env.Context, r.Call)}
	var err error
	if s.args, s.uses, err = compileArguments(r.Call, len(m.node.Input.Schema())); err != nil {
		return nil, err
	}
	if columns, ok := picks(r.Call.Args); ok {
		s.uses = columns
		for _, arg := range r.Call.Args {
			s.plain = append(s.plain, batch.NewColumn(arg.Type(), 1))
		}
	}
	m.summaries[read] = s
	return s, nil
}

// compileArguments compiles the arguments of a call over the columns of the
// input that they need.
func compileArguments(call plan.AggregateCall, width int) (program *expr.Program, columns []int, err error) {
	if len(call.Args) == 0 {
		return nil, nil, nil
	}
	used := make([]bool, width)
	plan.MarkUsed(used, call.Args...)
	place := make([]int, width)
	for column, isUsed := range used {
		if isUsed {
			place[column] = len(columns)
			columns = append(columns, column)
		}
	}
	moved := make([]plan.Expr, len(call.Args))
	for i, arg := range call.Args {
		moved[i] = plan.Renumber(arg, place)
	}
	program, err = expr.Compile(moved)
	return program, columns, err
}

// with computes the aggregate of the rows up to last and, where it counts, the
// row in the slot, into the one row of out.
func (s *runningSummary) with(last pattern.Node, slot uint32, counts bool, out *batch.Column) error {
	if err := s.upTo(last); err != nil {
		return err
	}
	s.copy(0, uint32(last+1))
	if counts {
		if err := s.update(0, slot); err != nil {
			return err
		}
	}
	s.group[0] = 0
	s.state.Result(s.group[:], out)
	return nil
}

// upTo makes the state of a node known.
func (s *runningSummary) upTo(last pattern.Node) error {
	s.path = s.path[:0]
	for n := last; n != pattern.None && !s.isKnown(n); n = s.match.machine.Before(n) {
		s.path = append(s.path, n)
	}
	s.resize(last)
	for i := len(s.path) - 1; i >= 0; i-- {
		n := s.path[i]
		before := s.match.machine.Before(n)
		s.copy(uint32(n+1), uint32(before+1))
		if row := s.match.machine.Row(n); s.read.Set.Has(row.Part) {
			if err := s.update(uint32(n+1), row.Slot); err != nil {
				return err
			}
		}
		s.known[n] = true
	}
	return nil
}

func (s *runningSummary) isKnown(n pattern.Node) bool { return int(n) < len(s.known) && s.known[n] }

// resize makes room for the states of the path.
func (s *runningSummary) resize(last pattern.Node) {
	most := last
	for _, n := range s.path {
		most = max(most, n)
	}
	for int(most) >= len(s.known) {
		s.known = append(s.known, false)
	}
	s.state.Resize(len(s.known) + 1)
}

// copy makes the state of a group that of another; group 0 stands for no rows
// where it is copied from.
func (s *runningSummary) copy(to, from uint32) {
	s.state.Clear(to)
	if from == 0 {
		return
	}
	s.bytes = s.state.Encode(from, s.bytes[:0])
	if _, err := s.state.Decode(to, s.bytes); err != nil {
		panic(fmt.Sprintf("copy state of %s: %v", s.read.Name, err)) // it was encoded just now
	}
}

func (s *runningSummary) update(group, slot uint32) error {
	args := s.plain
	for i := range args {
		args[i] = oneRow(args[i])
		args[i].Set(0, s.match.rows.columns[s.uses[i]], int(slot))
	}
	if args == nil {
		var err error
		if args, err = s.match.arguments(s.args, s.uses, []uint32{slot}); err != nil {
			return err
		}
	}
	s.group[0] = group
	s.state.Update(s.group[:], args, nil)
	return nil
}

// arguments evaluates the arguments of a call for rows in slots.
func (m *Match) arguments(program *expr.Program, columns []int, slots []uint32) ([]*batch.Column, error) {
	if program == nil {
		return nil, nil
	}
	in := &batch.Batch{Rows: len(slots)}
	for _, column := range columns {
		in.Columns = append(in.Columns, m.rows.gather(column, slots))
	}
	return program.Eval(m.env.Context, in)
}

// Gone forgets the states of a node.
func (m *Match) Gone(n pattern.Node) {
	for _, s := range m.summaries {
		if s.isKnown(n) {
			s.known[n] = false
			s.state.Clear(uint32(n + 1))
		}
	}
}
