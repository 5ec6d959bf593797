package expr

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// lookup is a CASE that compares one operand with constants: a table to look the
// operand up in. With it a CASE of a thousand branches costs one probe a row.
type lookup struct {
	ints      map[int64]uint16
	texts     map[string]uint16
	few       []int64       // the keys of ints, while they are few, by branch
	otherwise uint16        // number of the else, which is the last branch
	results   *batch.Column // of the branches, when all are constants; else nil
}

// fewKeys is up to how many numbers are tried one after the other.
const fewKeys = 8

// asLookup recognizes such a CASE and gives its operand; the lookup is nil when
// e is none.
func asLookup(e *plan.Case) (plan.Expr, *lookup) {
	if len(e.Whens) < 2 || len(e.Whens) >= batch.MaxRows {
		return nil, nil
	}
	var operand plan.Expr
	l := &lookup{ints: map[int64]uint16{}, texts: map[string]uint16{}, otherwise: uint16(len(e.Whens))}
	for i, w := range e.Whens {
		tested, constant := asEquality(w.Condition)
		if constant == nil || constant.Null || constant.Type.Class() != tested.Type().Class() {
			return nil, nil
		}
		if operand == nil {
			operand = tested
		} else if !plan.EqualExprs(operand, tested) {
			return nil, nil
		}
		switch constant.Type.Class() {
		case value.Ints:
			if _, before := l.ints[constant.Int]; !before {
				l.ints[constant.Int] = uint16(i)
			}
			l.few = append(l.few, constant.Int)
		case value.Strings:
			if !constant.Type.IsText() || !tested.Type().IsText() {
				return nil, nil // equal values may be written differently
			}
			if _, before := l.texts[constant.Text]; !before {
				l.texts[constant.Text] = uint16(i)
			}
		default:
			return nil, nil
		}
	}
	if !plan.Deterministic(operand) {
		return nil, nil
	}
	if len(l.few) > fewKeys {
		l.few = nil
	}
	l.results = constantResults(e)
	return operand, l
}

// constantResults is the results of the branches, the else's last; nil when one
// is no constant.
func constantResults(e *plan.Case) *batch.Column {
	results := batch.NewColumn(e.Of, len(e.Whens)+1)
	for _, w := range e.Whens {
		result, ok := w.Then.(*plan.Literal)
		if !ok {
			return nil
		}
		results.AppendValue(result.Value)
	}
	switch otherwise := e.Else.(type) {
	case nil:
		results.AppendNull()
	case *plan.Literal:
		results.AppendValue(otherwise.Value)
	default:
		return nil
	}
	return results
}

// asEquality takes `expression = constant` apart; the constant is nil when e is
// something else.
func asEquality(e plan.Expr) (plan.Expr, *value.Value) {
	call, ok := e.(*plan.Call)
	if !ok || call.Function.Name != "=" || len(call.Args) != 2 {
		return nil, nil
	}
	if l, ok := call.Args[1].(*plan.Literal); ok {
		return call.Args[0], &l.Value
	}
	if l, ok := call.Args[0].(*plan.Literal); ok {
		return call.Args[1], &l.Value
	}
	return nil, nil
}

// branches gives the branch that each of the first rows of input takes.
func (l *lookup) branches(input *batch.Column, rows int) []uint16 {
	branches := make([]uint16, rows)
	switch {
	case l.few != nil:
		for i, n := range input.Ints[:rows] {
			branch := 0
			for branch < len(l.few) && l.few[branch] != n {
				branch++
			}
			branches[i] = uint16(branch)
		}
	case input.Type.Class() == value.Ints:
		for i, n := range input.Ints[:rows] {
			branch, ok := l.ints[n]
			if !ok {
				branch = l.otherwise
			}
			branches[i] = branch
		}
	default:
		for i := range branches {
			branch, ok := l.texts[string(input.Bytes(i))]
			if !ok {
				branch = l.otherwise
			}
			branches[i] = branch
		}
	}
	if input.Nulls != nil {
		for i := range branches {
			if input.Nulls.Get(i) {
				branches[i] = l.otherwise
			}
		}
	}
	return branches
}

// dispatch evaluates a CASE that is a lookup: each branch for the rows that take
// it. Texts of constant branches are shared.
func (p *Program) dispatch(ctx *plan.Context, f *frame, st *step) (*batch.Column, error) {
	input, err := p.eval(ctx, f, st.args[0])
	if err != nil {
		return nil, err
	}
	branches := st.lookup.branches(input, f.rows)
	if st.lookup.results != nil {
		return st.lookup.results.Gather(branches), nil
	}
	taking := make([][]uint16, len(st.args)-1)
	for row, branch := range branches {
		taking[branch] = append(taking[branch], uint16(row))
	}
	var out *batch.Column
	for branch, rows := range taking {
		switch len(rows) {
		case 0:
			continue
		case f.rows:
			return p.eval(ctx, f, st.args[1+branch])
		}
		if out == nil {
			out = batch.NewColumn(st.of, f.rows)
			out.Resize(f.rows)
		}
		if err := p.evalWithin(ctx, f, rows, st.args[1+branch], out); err != nil {
			return nil, err
		}
	}
	if out == nil {
		out = batch.NewColumn(st.of, 0) // of no rows
	}
	return out, nil
}
