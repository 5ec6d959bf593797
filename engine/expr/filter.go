package expr

import (
	"cmp"
	"encoding/binary"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// Filter finds the rows for which a condition is TRUE.
type Filter struct {
	program   *Program
	conjuncts []conjunct
}

// conjunct is one term of the condition's outermost AND; each sees only rows
// that passed those before it.
type conjunct struct {
	compare *comparison // nil for a step of the program
	step    int
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
	c := compiler{known: map[string]int{}}
	f, err := c.filter(condition)
	if err != nil {
		return nil, err
	}
	f.program = c.program(nil)
	return f, nil
}

// filter compiles a condition; what a filter computes never leaves it.
func (c *compiler) filter(condition plan.Expr) (*Filter, error) {
	f := &Filter{}
	for _, term := range plan.Conjuncts(condition) {
		if compare := asComparison(term); compare != nil {
			f.conjuncts = append(f.conjuncts, conjunct{compare: compare})
			continue
		}
		s, err := c.compile(term)
		if err != nil {
			return nil, err
		}
		c.steps[s].uses++
		f.conjuncts = append(f.conjuncts, conjunct{step: s})
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
	if !isColumn || !isConstant || !comparesAsIs(column, constant) {
		return nil
	}
	if column.Of.IsText() {
		if op == "=" {
			return &comparison{column: column.Index, op: op, text: constant.Value.Text, isText: true}
		}
		return nil
	}
	return &comparison{column: column.Index, op: op, number: constant.Value.Int}
}

// comparesAsIs reports whether a column and a constant are both texts, or whole
// numbers that compare as they are stored.
func comparesAsIs(column *plan.Column, constant *plan.Literal) bool {
	if constant.Value.Null || constant.Value.Type.Class() != column.Of.Class() {
		return false
	}
	switch column.Of.Class() {
	case value.Strings:
		return column.Of.IsText()
	case value.Ints:
		// Integers of any width compare as they are, other kinds only with their own.
		return column.Of.IsInteger() && constant.Value.Type.IsInteger() || column.Of.Optional().Equal(constant.Value.Type.Optional())
	}
	return false
}

// Select gives the live rows of in that pass, in order, in a new slice; nil
// when all rows are live and pass.
func (f *Filter) Select(ctx *plan.Context, in *batch.Batch) ([]uint16, error) {
	outermost := f.program.begin(in)
	defer f.program.end(outermost)
	passed, err := f.narrow(ctx, outermost, in.Sel)
	if err != nil {
		return nil, err
	}
	defer f.program.releaseAll(passed, outermost)
	return passed.sel, nil
}

// narrow gives the frame of the rows of sel, nil for all, that pass: a frame of
// outermost, through those of the rows that passed each conjunct.
func (f *Filter) narrow(ctx *plan.Context, outermost *frame, sel []uint16) (*frame, error) {
	p, at := f.program, outermost
	if sel != nil {
		at = p.among(at, sel)
	}
	for _, c := range f.conjuncts {
		if at.rows == 0 {
			break
		}
		var passed []uint16
		if c.compare != nil {
			passed = c.compare.passing(at)
		} else {
			truth, err := p.eval(ctx, at, c.step)
			if err != nil {
				p.releaseAll(at, outermost)
				return nil, err
			}
			passed = at.trueRows(truth)
		}
		if len(passed) < at.rows {
			at = p.among(at, passed)
		}
	}
	return at, nil
}

// releaseAll releases f and the frames that it is in, up to outermost.
func (p *Program) releaseAll(f, outermost *frame) {
	for f != outermost {
		parent := f.parent
		p.release(f)
		f = parent
	}
}

// trueRows are the rows of f for which a column of truth values has TRUE.
func (f *frame) trueRows(truth *batch.Column) []uint16 {
	passed := make([]uint16, 0, f.rows)
	for i, holds := range truth.Bools {
		if !holds || truth.Nulls.Get(i) {
			continue
		}
		if f.sel != nil {
			passed = append(passed, f.sel[i])
		} else {
			passed = append(passed, uint16(i))
		}
	}
	return passed
}

// Selection is a condition and expressions of the rows for which it is TRUE.
// What both compute alike is computed once for a row.
type Selection struct {
	filter *Filter
}

// CompileSelection makes a selection.
func CompileSelection(condition plan.Expr, exprs []plan.Expr) (*Selection, error) {
	c := compiler{known: map[string]int{}}
	f, err := c.filter(condition)
	if err != nil {
		return nil, err
	}
	results, err := c.compileAll(exprs)
	if err != nil {
		return nil, err
	}
	f.program = c.program(results)
	return &Selection{filter: f}, nil
}

// Eval gives the live rows of in that pass as Filter.Select does and, unless they
// are none, the expressions for them as Program.Eval does.
func (s *Selection) Eval(ctx *plan.Context, in *batch.Batch) (sel []uint16, columns []*batch.Column, err error) {
	p := s.filter.program
	outermost := p.begin(in)
	defer p.end(outermost)
	passed, err := s.filter.narrow(ctx, outermost, in.Sel)
	if err != nil {
		return nil, nil, err
	}
	defer p.releaseAll(passed, outermost)
	if sel = passed.sel; passed.rows > 0 {
		columns, err = p.evalAll(ctx, passed, p.results)
	}
	return sel, columns, err
}

// passing gives the rows of f that the comparison is TRUE for.
func (c *comparison) passing(f *frame) []uint16 {
	column := f.columns[c.column]
	passed := make([]uint16, 0, f.rows)
	if c.isText {
		passed = equalTexts(column, c.text, f.sel, passed)
	} else {
		passed = compareInts(column.Ints, c.op, c.number, f.sel, passed)
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

func equalTexts(column *batch.Column, text string, sel []uint16, passed []uint16) []uint16 {
	if sel != nil {
		for _, i := range sel {
			if string(column.Bytes(int(i))) == text {
				passed = append(passed, i)
			}
		}
		return passed
	}
	if len(text) <= wordBytes && len(column.Views) <= cap(passed) {
		return equalShortTexts(column, text, passed)
	}
	length, heap := uint32(len(text)), column.Heap
	for i, v := range column.Views {
		if v.Length == length && string(heap[v.Offset:v.Offset+length]) == text {
			passed = append(passed, uint16(i))
		}
	}
	return passed
}

// wordBytes is how many bytes a word has.
const wordBytes = 8

// equalShortTexts is equalTexts for a text that fits into a word. Which rows pass
// cannot be foreseen, so that no branch depends on it: every row is written down,
// and the next one over it unless it passed.
func equalShortTexts(column *batch.Column, text string, passed []uint16) []uint16 {
	var word [wordBytes]byte
	copy(word[:], text)
	length, want := uint32(len(text)), binary.LittleEndian.Uint64(word[:])
	ones := uint64(1)<<(8*length) - 1
	heap := column.Heap
	passed = passed[:len(column.Views)]
	n := 0
	for i, v := range column.Views {
		var have uint64
		if from := int(v.Offset); from+wordBytes <= len(heap) {
			have = binary.LittleEndian.Uint64(heap[from:])
		} else if v.Length == length {
			word = [wordBytes]byte{}
			copy(word[:], heap[from:from+len(text)])
			have = binary.LittleEndian.Uint64(word[:])
		}
		differs := uint64(v.Length^length) | (have&ones ^ want)
		passed[n] = uint16(i)
		n += int((differs|-differs)>>63 ^ 1)
	}
	return passed[:n]
}

// compareInts has the operator outside of its loops.
func compareInts(ints []int64, op string, with int64, sel []uint16, passed []uint16) []uint16 {
	if sel != nil {
		for _, i := range sel {
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
