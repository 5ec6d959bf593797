package expr

import (
	"cmp"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// Filter finds the rows for which a condition is TRUE.
type Filter struct {
	conjuncts []conjunct
}

// conjunct is one term of the condition's outermost AND; each sees only rows
// that passed those before it. Exactly one member is set.
type conjunct struct {
	compare *comparison
	program *Program
}

// comparison is a column against a constant, the commonest kind of condition,
// done without making a column of truth values.
type comparison struct {
	column int
	op     string
	number int64
	text   string
	isText bool
}

// CompileFilter makes a filter of a condition.
func CompileFilter(condition plan.Expr) (*Filter, error) {
	f := &Filter{}
	for _, term := range plan.Conjuncts(condition) {
		if c := asComparison(term); c != nil {
			f.conjuncts = append(f.conjuncts, conjunct{compare: c})
			continue
		}
		program, err := Compile([]plan.Expr{term})
		if err != nil {
			return nil, err
		}
		// What a filter computes never leaves it.
		for i := range program.steps {
			program.steps[i].escapes = false
		}
		f.conjuncts = append(f.conjuncts, conjunct{program: program})
	}
	return f, nil
}

// turned is the operator with its sides exchanged.
var turned = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

func asComparison(e plan.Expr) *comparison {
	call, ok := e.(*plan.Call)
	if !ok || len(call.Args) != 2 || turned[call.Function.Name] == "" {
		return nil
	}
	op := call.Function.Name
	column, isColumn := call.Args[0].(*plan.Column)
	constant, isConstant := call.Args[1].(*plan.Literal)
	if !isColumn {
		column, isColumn = call.Args[1].(*plan.Column)
		constant, isConstant = call.Args[0].(*plan.Literal)
		op = turned[op]
	}
	if !isColumn || !isConstant || constant.Value.Null || constant.Value.Type.Class() != column.Of.Class() {
		return nil
	}
	switch column.Of.Class() {
	case value.Strings:
		if op == "=" && column.Of.IsText() {
			return &comparison{column: column.Index, op: op, text: constant.Value.Text, isText: true}
		}
	case value.Ints:
		// Integers of any width compare as they are, other kinds only with their own.
		if column.Of.IsInteger() && constant.Value.Type.IsInteger() || column.Of.Optional().Equal(constant.Value.Type.Optional()) {
			return &comparison{column: column.Index, op: op, number: constant.Value.Int}
		}
	default:
	}
	return nil
}

// Select gives the live rows of in that pass, in order, in a new slice; nil
// when all rows are live and pass.
func (f *Filter) Select(ctx *plan.Context, in *batch.Batch) ([]uint16, error) {
	narrowed := *in
	for _, c := range f.conjuncts {
		var passed []uint16
		if c.compare != nil {
			passed = c.compare.passing(&narrowed)
		} else {
			var err error
			if passed, err = c.program.passing(ctx, &narrowed); err != nil {
				return nil, err
			}
		}
		if len(passed) < narrowed.Live() {
			narrowed.Sel = passed
		}
		if narrowed.Live() == 0 {
			return []uint16{}, nil
		}
	}
	return narrowed.Sel, nil
}

// passing gives the live rows of in for which the only expression is TRUE.
func (p *Program) passing(ctx *plan.Context, in *batch.Batch) ([]uint16, error) {
	columns, err := p.Eval(ctx, in)
	if err != nil {
		return nil, err
	}
	truth := columns[0]
	passed := make([]uint16, 0, in.Live())
	for i, holds := range truth.Bools {
		if !holds || truth.Nulls.Get(i) {
			continue
		}
		if in.Sel != nil {
			passed = append(passed, in.Sel[i])
		} else {
			passed = append(passed, uint16(i))
		}
	}
	return passed, nil
}

func (c *comparison) passing(in *batch.Batch) []uint16 {
	column := in.Columns[c.column]
	passed := make([]uint16, 0, in.Live())
	if c.isText {
		passed = equalTexts(column, c.text, in, passed)
	} else {
		passed = compareInts(column.Ints, c.op, c.number, in, passed)
	}
	if column.Nulls == nil {
		return passed
	}
	kept := passed[:0]
	for _, i := range passed {
		if !column.Nulls.Get(int(i)) {
			kept = append(kept, i)
		}
	}
	return kept
}

func equalTexts(column *batch.Column, text string, in *batch.Batch, passed []uint16) []uint16 {
	if in.Sel != nil {
		for _, i := range in.Sel {
			if string(column.Bytes(int(i))) == text {
				passed = append(passed, i)
			}
		}
		return passed
	}
	length, heap := uint32(len(text)), column.Heap
	for i, v := range column.Views {
		if v.Length == length && string(heap[v.Offset:v.Offset+length]) == text {
			passed = append(passed, uint16(i))
		}
	}
	return passed
}

// compareInts has the operator outside of its loops.
func compareInts(ints []int64, op string, with int64, in *batch.Batch, passed []uint16) []uint16 {
	if in.Sel != nil {
		for _, i := range in.Sel {
			if holds(op, cmp.Compare(ints[i], with)) {
				passed = append(passed, i)
			}
		}
		return passed
	}
	switch op {
	case "=":
		for i, n := range ints {
			if n == with {
				passed = append(passed, uint16(i))
			}
		}
	case "<":
		for i, n := range ints {
			if n < with {
				passed = append(passed, uint16(i))
			}
		}
	case ">":
		for i, n := range ints {
			if n > with {
				passed = append(passed, uint16(i))
			}
		}
	default:
		for i, n := range ints {
			if holds(op, cmp.Compare(n, with)) {
				passed = append(passed, uint16(i))
			}
		}
	}
	return passed
}

// holds reports whether op is true of operands that compare as c.
func holds(op string, c int) bool {
	switch op {
	case "=":
		return c == 0
	case "<>":
		return c != 0
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}
