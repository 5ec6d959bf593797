// Package sql is the syntax tree of Tidemark SQL: Flink SQL 2.1 and the
// extensions of Tidemark. It is the contract between those who make trees
// (sql/parse) and those who read them (the binder, printers, policies).
//
// It is not a plan: names are as written, nothing is resolved, typed or
// checked beyond syntax, and two spellings of one thing stay apart only where
// a printer could not otherwise give back something equivalent.
//
// Flow: parse.Script makes []Statement; a reader switches over the sealed
// interfaces Statement, QueryBody, Relation, Expr, TableElement, Pattern, or
// visits everything with Inspect; a dialect prints.
//
// Invariants:
//  1. Every node carries its Span; nodes are shared by nobody and changed only
//     by who made them.
//  2. Special function syntax is a Call with positional arguments: EXTRACT(u
//     FROM x) is EXTRACT(u, x) with a Symbol for u, SUBSTRING(x FROM a FOR b)
//     is SUBSTRING(x, a, b), a OVERLAPS b is a Binary.
//  3. Parentheses leave no trace but the tree's shape; printers put back those
//     that are needed.
//  4. No comment of the source is lost: each is in the Comments of the nearest
//     node that can carry some.
package sql

import (
	"strings"

	"tidemark/base/problem"
)

// Node is anything with a place in the text.
type Node interface {
	// Pos is where the node starts, for people.
	Pos() problem.Position
	// Extent gives the byte offsets [start, end) of the node in the parsed text.
	Extent() (start, end int)
}

// Span is the place of a node; every node embeds one.
type Span struct {
	Position   problem.Position
	Start, End int // byte offsets in the parsed text, End exclusive
}

// Pos implements Node.
func (s Span) Pos() problem.Position { return s.Position }

// Extent implements Node.
func (s Span) Extent() (start, end int) { return s.Start, s.End }

// Text quotes the node's own words from the text it was parsed from.
func Text(source string, n Node) string {
	start, end := n.Extent()
	if start < 0 || end > len(source) || start > end {
		return ""
	}
	return source[start:end]
}

// Comments are the remarks around a node, each with its comment marks
// ("-- why", "/* why */") and without its line end.
type Comments struct {
	Before []string // on the lines above, or just in front
	After  []string // on the same line, behind
}

// Empty reports whether there are none.
func (c Comments) Empty() bool { return len(c.Before) == 0 && len(c.After) == 0 }

// Name is an identifier as written, without its quotes.
type Name struct {
	Span
	Text   string
	Quoted bool
}

// NameOf is a Name without a place, for trees made by programs.
func NameOf(text string) Name { return Name{Text: text} }

// Path is a name with qualifiers: catalog.database.table, table.column.field.
// A parsed path has at least one name.
type Path []Name

// PathOf is a Path without a place, for trees made by programs.
func PathOf(names ...string) Path {
	p := make(Path, len(names))
	for i, n := range names {
		p[i] = NameOf(n)
	}
	return p
}

// Pos is where the first name starts.
func (p Path) Pos() problem.Position {
	if len(p) == 0 {
		return problem.Position{}
	}
	return p[0].Pos()
}

// Extent reaches from the first name to the last.
func (p Path) Extent() (start, end int) {
	if len(p) == 0 {
		return 0, 0
	}
	return p[0].Start, p[len(p)-1].End
}

// Last is the name without qualifiers.
func (p Path) Last() Name { return p[len(p)-1] }

// Strings gives the bare texts.
func (p Path) Strings() []string {
	texts := make([]string, len(p))
	for i, n := range p {
		texts[i] = n.Text
	}
	return texts
}

// String joins the bare texts with dots, for messages and keys, not for SQL.
func (p Path) String() string { return strings.Join(p.Strings(), ".") }
