// Package expr evaluates plan expressions over batches, a column at a time.
//
// It is not the functions: those are kernels in plan/function, which an
// expression carries with it. It makes no plans and folds no constants.
//
// Flow: Compile turns expressions into a Program, a list of steps in which
// equal sub-expressions are one; Eval runs it over the live rows of a batch and
// gives one column per expression. A Filter does the same for a condition and
// gives the rows that pass, a Selection for a condition and expressions of the
// rows that pass.
//
// Invariants:
//  1. A sub-expression is evaluated for a row only where SQL needs it: in the
//     branch of a CASE that is taken, right of AND or OR where the left side
//     does not decide, in a projection where the condition holds. So it fails
//     only for rows that it is asked about. Sharing does not change that: equal
//     sub-expressions of a Selection or a Program are one step, whose values are
//     taken for a row from where the step was computed for that row before, and
//     it is never computed for a row because another place may ask for it.
//     Calls of a volatile function are steps of their own and share nothing.
//  2. Result columns have one row per live row of the input, in order.
//  3. Memory is used again for the next batch only where nobody can still see
//     it: for values of fixed width that are no result themselves.
//  4. A Program belongs to one goroutine.
package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// Program evaluates a list of expressions.
type Program struct {
	steps   []step
	results []int // step of each expression
	frames  []*frame
	// kept is, of each step that keeps, the rows of the batch under way that an
	// inner frame was the last to compute it for.
	kept []rowsOf
}

// step computes one distinct sub-expression.
type step struct {
	kind     stepKind
	of       value.Type
	args     []int // steps: arguments; of a CASE conditions and thens in turn, then the else
	column   int   // of columnStep the input column, of fieldStep the field
	literal  *literal
	lookup   *lookup // of lookupStep
	kernel   plan.Kernel
	strict   bool
	decisive bool // of connectiveStep: the left value that makes the right side superfluous
	fails    bool // by itself, for arguments that did not fail
	canFail  bool // it or an argument
	volatile bool // it or an argument gives other values each time
	uses     int  // by other steps and as a result
	keeps    bool // another branch may ask for the same rows
	position problem.Position
	scratch  *batch.Column // memory to use again, nil where it may escape
	escapes  bool
}

type stepKind uint8

const (
	columnStep stepKind = iota
	literalStep
	callStep
	connectiveStep // AND or OR whose right side can fail where the left did not
	caseStep
	lookupStep // CASE that compares one operand with constants
	fieldStep
	renameStep // a cast that changes only the declared type
)

// Compile makes a program of the expressions.
func Compile(exprs []plan.Expr) (*Program, error) {
	c := compiler{known: map[string]int{}}
	results, err := c.compileAll(exprs)
	if err != nil {
		return nil, err
	}
	return c.program(results), nil
}

// program is what was compiled, with results that leave it.
func (c *compiler) program(results []int) *Program {
	p := &Program{steps: c.steps, results: results, kept: make([]rowsOf, len(c.steps))}
	for _, s := range results {
		p.steps[s].uses++
		p.markEscape(s)
	}
	for i := range p.steps {
		// What is kept is not written over by the next computation of the step. What
		// cannot fail is cheap and computed anew.
		st := &p.steps[i]
		st.keeps = st.kind == callStep && st.uses > 1 && !st.volatile && st.canFail
		st.escapes = st.escapes || st.keeps
	}
	return p
}

// markEscape keeps the memory of step s, and of steps that hand it on as their
// own, from being used again.
func (p *Program) markEscape(s int) {
	p.steps[s].escapes = true
	switch p.steps[s].kind {
	case renameStep, fieldStep:
		p.markEscape(p.steps[s].args[0])
	case caseStep, lookupStep:
		// A branch that every row takes is handed on whole.
		for _, arg := range p.steps[s].args {
			p.markEscape(arg)
		}
	default:
	}
}

type compiler struct {
	steps []step
	known map[string]int // structural key of a step → its number
}

// add appends the step unless an equal one is there.
func (c *compiler) add(key string, s step) int {
	if n, ok := c.known[key]; ok {
		return n
	}
	s.canFail = s.fails
	for _, a := range s.args {
		s.canFail = s.canFail || c.steps[a].canFail
		s.volatile = s.volatile || c.steps[a].volatile
		c.steps[a].uses++
	}
	c.steps = append(c.steps, s)
	c.known[key] = len(c.steps) - 1
	return len(c.steps) - 1
}

func (c *compiler) compile(e plan.Expr) (int, error) {
	switch e := e.(type) {
	case *plan.Column:
		return c.add(fmt.Sprintf("column %d", e.Index), step{kind: columnStep, of: e.Of, column: e.Index, position: e.Pos()}), nil
	case *plan.Literal:
		return c.add(fmt.Sprintf("literal %s %v", e.Value.Type, e.Value), step{kind: literalStep, of: e.Value.Type, literal: newLiteral(e.Value), position: e.Pos()}), nil
	case *plan.Call:
		return c.compileCall(e)
	case *plan.Cast:
		return c.compileCast(e)
	case *plan.Case:
		return c.compileCase(e)
	case *plan.Field:
		input, err := c.compile(e.Input)
		if err != nil {
			return 0, err
		}
		return c.add(fmt.Sprintf("field %d %d", e.Index, input), step{kind: fieldStep, of: e.Of, args: []int{input}, column: e.Index, position: e.Pos()}), nil
	}
	return 0, fmt.Errorf("compile expression: unknown kind %T", e)
}

func (c *compiler) compileAll(exprs []plan.Expr) ([]int, error) {
	steps := make([]int, len(exprs))
	for i, e := range exprs {
		var err error
		if steps[i], err = c.compile(e); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

// neverFails lists functions that give a value or NULL whatever they are given.
// It decides only whether a right side of AND and OR may be evaluated for all
// rows at once, which is quicker.
var neverFails = map[string]bool{
	"=": true, "<>": true, "<": true, "<=": true, ">": true, ">=": true, "AND": true, "OR": true, "NOT": true,
	"IS NULL": true, "IS NOT NULL": true, "IS TRUE": true, "IS FALSE": true, "IS NOT TRUE": true, "IS NOT FALSE": true,
	"IS DISTINCT FROM": true, "IS NOT DISTINCT FROM": true, "BETWEEN": true, "IN": true, "NOT IN": true, "LIKE": true,
}

func (c *compiler) compileCall(e *plan.Call) (int, error) {
	if e.Overload.Eval == nil {
		return 0, fmt.Errorf("compile expression: %s is an aggregate function", e.Function.Name)
	}
	args, err := c.compileAll(e.Args)
	if err != nil {
		return 0, err
	}
	s := step{
		kind: callStep, of: e.Overload.Result, args: args, kernel: e.Overload.Eval, strict: e.Overload.Strict,
		fails: !neverFails[e.Function.Name], position: e.Pos(),
	}
	if name := e.Function.Name; name == "AND" || name == "OR" {
		before := map[int]bool{}
		c.markEvaluated(args[0], before)
		for _, right := range args[1:] {
			if c.failsBeyond(right, before) {
				s.kind, s.decisive = connectiveStep, name == "OR"
			}
		}
	}
	key := fmt.Sprintf("call %s %s %v", e.Function.Name, s.of, args)
	if e.Function.Volatile {
		// Two calls of RAND() are two values.
		key, s.volatile = fmt.Sprintf("volatile %p", e), true
	}
	return c.add(key, s), nil
}

// markEvaluated marks the steps that are evaluated for every row that step s is.
func (c *compiler) markEvaluated(s int, steps map[int]bool) {
	steps[s] = true
	args := c.steps[s].args
	switch c.steps[s].kind {
	case connectiveStep, caseStep, lookupStep:
		args = args[:1]
	default:
	}
	for _, a := range args {
		c.markEvaluated(a, steps)
	}
}

// failsBeyond reports whether step s can fail where the steps evaluated before
// did not.
func (c *compiler) failsBeyond(s int, before map[int]bool) bool {
	if before[s] || !c.steps[s].canFail {
		return false
	}
	return c.steps[s].fails || slices.ContainsFunc(c.steps[s].args, func(a int) bool { return c.failsBeyond(a, before) })
}

func (c *compiler) compileCast(e *plan.Cast) (int, error) {
	input, err := c.compile(e.Input)
	if err != nil {
		return 0, err
	}
	key := fmt.Sprintf("cast %s %t %d", e.To, e.Try, input)
	from := e.Input.Type()
	if from.Optional().Equal(e.To.Optional()) {
		return c.add(key, step{kind: renameStep, of: e.To, args: []int{input}, position: e.Pos()}), nil
	}
	return c.add(key, step{kind: callStep, of: e.To, args: []int{input}, kernel: castKernel(from, e.To, e.Try), strict: true, fails: !e.Try, position: e.Pos()}), nil
}

func (c *compiler) compileCase(e *plan.Case) (int, error) {
	otherwise := e.Else
	if otherwise == nil {
		otherwise = &plan.Literal{Value: value.NullOf(e.Of)}
	}
	if operand, table := asLookup(e); table != nil {
		parts := []plan.Expr{operand}
		if table.results == nil {
			for _, w := range e.Whens {
				parts = append(parts, w.Then)
			}
			parts = append(parts, otherwise)
		}
		args, err := c.compileAll(parts)
		if err != nil {
			return 0, err
		}
		return c.add(fmt.Sprintf("lookup %p", e), step{kind: lookupStep, of: e.Of, args: args, lookup: table, position: e.Pos()}), nil
	}
	var parts []plan.Expr
	for _, w := range e.Whens {
		parts = append(parts, w.Condition, w.Then)
	}
	args, err := c.compileAll(append(parts, otherwise))
	if err != nil {
		return 0, err
	}
	return c.add(fmt.Sprintf("case %s %v", e.Of, args), step{kind: caseStep, of: e.Of, args: args, position: e.Pos()}), nil
}

// placed gives a problem that does not know where it is a position.
func placed(err error, at problem.Position) error {
	var p *problem.Problem
	if errors.As(err, &p) && p.Position.IsZero() && !at.IsZero() {
		moved := *p
		return moved.At(at)
	}
	return err
}

// String prints the steps, for tests.
func (p *Program) String() string {
	var b strings.Builder
	names := [...]string{"column", "literal", "call", "connective", "case", "lookup", "field", "rename"}
	for i, s := range p.steps {
		fmt.Fprintf(&b, "%d %s %s %v\n", i, names[s.kind], s.of, s.args)
	}
	return b.String()
}
