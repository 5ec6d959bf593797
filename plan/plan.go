// Package plan is the typed relational plan: what a statement means, with every
// name, type and function resolved. It is the narrow waist of the program: the
// engine, the Flink target, the router, lineage and the printers read it.
//
// It is not the syntax (package sql) and it does not run: plan/bind makes plans,
// plan/rewrite improves them, engine/job turns them into operators.
//
// Flow: sql.Query → bind → Node tree → rewrite rules → Node tree → readers.
//
// Invariants:
//  1. A plan is a tree of immutable nodes; a rewrite builds new nodes and shares
//     the rest. Nodes are compared by pointer, never changed after they were
//     handed out.
//  2. An expression refers to columns of its node's input by index; for a node
//     with several inputs the columns of the inputs are numbered one after the
//     other.
//  3. Types of arguments equal the Params of the Overload they are passed to,
//     apart from nullability: the binder inserts every cast.
//  4. Every plan prints, and the print names every property that changes what
//     the plan does.
package plan

import (
	"tidemark/base/problem"
	"tidemark/base/value"
)

// Expr is a typed expression over the columns of an input.
//
//sumtype:decl
type Expr interface {
	// Type is the type of the value, NOT NULL where that is certain.
	Type() value.Type
	// Pos is where the expression stands in the user's text; zero when it was
	// made up by the binder or a rewrite.
	Pos() problem.Position
	isExpr()
}

// At is the position of an expression, to embed.
type At struct{ Position problem.Position }

// Pos returns the position.
func (a At) Pos() problem.Position { return a.Position }

// Column is a column of the input.
type Column struct {
	At
	Index int
	Name  string // for printing
	Of    value.Type
}

// Literal is a constant.
type Literal struct {
	At
	Value value.Value
}

// Call is a scalar function or operator. AND, OR, NOT, comparisons and
// arithmetic are functions like any other, by the names in plan/function.
type Call struct {
	At
	Function *Function
	Overload *Overload
	Args     []Expr
}

// Cast converts a value; Try gives NULL where CAST would fail.
type Cast struct {
	At
	Input Expr
	To    value.Type
	Try   bool
}

// Case gives the Then of the first When whose Condition is TRUE, else Else.
// Branches that are not taken for a row are not evaluated for that row.
type Case struct {
	At
	Whens []When
	Else  Expr
	Of    value.Type
}

// When is one branch of a Case.
type When struct{ Condition, Then Expr }

// Field is a field of a ROW value.
type Field struct {
	At
	Input Expr
	Index int
	Of    value.Type
}

// Type methods.

// Type of the column.
func (e *Column) Type() value.Type { return e.Of }

// Type of the constant.
func (e *Literal) Type() value.Type { return e.Value.Type }

// Type of the result.
func (e *Call) Type() value.Type { return e.Overload.Result }

// Type after the cast.
func (e *Cast) Type() value.Type { return e.To }

// Type common to the branches.
func (e *Case) Type() value.Type { return e.Of }

// Type of the field.
func (e *Field) Type() value.Type { return e.Of }

func (*Column) isExpr()  {}
func (*Literal) isExpr() {}
func (*Call) isExpr()    {}
func (*Cast) isExpr()    {}
func (*Case) isExpr()    {}
func (*Field) isExpr()   {}
