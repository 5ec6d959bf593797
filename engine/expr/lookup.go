package expr

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// lookup is a CASE that compares one operand with constants and gives
// constants: a table to look the operand up in. With it a CASE of a thousand
// branches costs one probe a row.
type lookup struct {
	ints      map[int64]uint16
	texts     map[string]uint16
	results   *batch.Column // of the branches, then of the else
	otherwise uint16
}

// fewBranches is the number of branches below which trying one after the other
// is as good.
const fewBranches = 3

// asLookup recognizes such a CASE and gives its operand; the lookup is nil when
// e is none.
func asLookup(e *plan.Case) (plan.Expr, *lookup) {
	if len(e.Whens) < fewBranches || len(e.Whens) >= batch.MaxRows {
		return nil, nil
	}
	var operand plan.Expr
	l := &lookup{ints: map[int64]uint16{}, texts: map[string]uint16{}, results: batch.NewColumn(e.Of, len(e.Whens)+1)}
	for i, w := range e.Whens {
		tested, constant := asEquality(w.Condition)
		result, ok := w.Then.(*plan.Literal)
		if constant == nil || !ok || constant.Null || constant.Type.Class() != tested.Type().Class() {
			return nil, nil
		}
		if operand == nil {
			operand = tested
		} else if !plan.EqualExprs(operand, tested) {
			return nil, nil
		}
		l.results.AppendValue(result.Value)
		switch constant.Type.Class() {
		case value.Ints:
			if _, before := l.ints[constant.Int]; !before {
				l.ints[constant.Int] = uint16(i)
			}
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
	l.otherwise = uint16(len(e.Whens))
	switch otherwise := e.Else.(type) {
	case nil:
		l.results.AppendNull()
	case *plan.Literal:
		l.results.AppendValue(otherwise.Value)
	default:
		return nil, nil
	}
	if !plan.Deterministic(operand) {
		return nil, nil
	}
	return operand, l
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

// find gives the result for each of the first rows of input. Texts are shared.
func (l *lookup) find(input *batch.Column, rows int) *batch.Column {
	branches := make([]uint16, rows)
	for i := range branches {
		branch, ok := l.otherwise, false
		if !input.IsNull(i) {
			var found uint16
			if input.Type.Class() == value.Ints {
				found, ok = l.ints[input.Ints[i]]
			} else {
				found, ok = l.texts[string(input.Bytes(i))]
			}
			if ok {
				branch = found
			}
		}
		branches[i] = branch
	}
	return l.results.Gather(branches)
}
