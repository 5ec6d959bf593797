// Package dialect prints the tree of package sql as text: Tidemark's own SQL in
// its canonical form, the DuckDB SQL that answers questions, and Flink SQL.
//
// It is not a formatter of text: what is printed is the tree, with its
// comments, in one layout. It knows no catalog; what the DuckDB printer needs
// to know about types, functions and tables it asks its Info.
//
// Flow: one printer walks the tree and writes; a dialect is a set of hooks that
// print what they say differently, or refuse it with a problem.
//
// Invariants:
//  1. parse(Tidemark(x)) equals x but for positions, and printing that again
//     gives the same text.
//  2. Parentheses stand exactly where the tree needs them.
//  3. DuckDB and Flink either give a text with the meaning of the tree or a
//     problem with a position; they never drop what they cannot say.
package dialect

import (
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/sql"
)

// lineMax is the width above which a list is broken into lines.
const lineMax = 100

// hooks are what one dialect says differently. Each method either prints
// everything of its argument and answers true, or leaves it to the printer.
type hooks interface {
	expr(p *printer, e sql.Expr) bool
	relation(p *printer, r sql.Relation) bool
	nulls(o *sql.OrderItem) string
	typeText(t value.Type) string
	name(n sql.Name) string
	having(s *sql.Select) string // what HAVING asks beside its condition; "" for nothing
}

// Tidemark prints a statement, query, relation, expression or script part in
// the canonical form, without a closing semicolon.
func Tidemark(n sql.Node) string {
	p := newPrinter(tidemark{})
	p.node(n)
	return p.text()
}

// Script prints statements, each with its semicolon, separated by empty lines.
func Script(statements []sql.Statement) string {
	p := newPrinter(tidemark{})
	p.script(statements)
	return p.text()
}

// tidemark is the dialect that prints the tree as it is.
type tidemark struct{}

func (tidemark) expr(*printer, sql.Expr) bool         { return false }
func (tidemark) relation(*printer, sql.Relation) bool { return false }
func (tidemark) typeText(t value.Type) string         { return typeText(t) }
func (tidemark) name(n sql.Name) string               { return Quote(n) }
func (tidemark) having(*sql.Select) string            { return "" }

func (tidemark) nulls(o *sql.OrderItem) string {
	switch o.Nulls {
	case sql.NullsFirst:
		return " NULLS FIRST"
	case sql.NullsLast:
		return " NULLS LAST"
	}
	return ""
}

// printer writes one text. The first problem met is kept; what follows it is
// of no use.
type printer struct {
	hooks
	out     strings.Builder
	indent  int
	onBreak bool // a line comment was written: the next text needs a new line
	fault   *problem.Problem
	ctes    []string // common table expressions in scope
	plain   bool     // leave out comments
	strict  bool     // parentheses where dialects bind differently
	noHints bool     // leave out hints
	noFor   bool     // EXPLAIN without FOR
}

func newPrinter(h hooks) *printer { return &printer{hooks: h} }

func (p *printer) text() string { return p.out.String() }

// refuse keeps the problem of something that has no translation.
func (p *printer) refuse(fault *problem.Problem) {
	if p.fault == nil {
		p.fault = fault
	}
}

func (p *printer) write(texts ...string) {
	for _, s := range texts {
		if s == "" {
			continue
		}
		if p.onBreak {
			p.line()
			s = strings.TrimPrefix(s, " ")
		}
		p.out.WriteString(s)
	}
}

// line starts a new line at the current indentation.
func (p *printer) line() {
	p.onBreak = false
	p.out.WriteByte('\n')
	for range p.indent {
		p.out.WriteString("  ")
	}
}

// indented runs f one level deeper.
func (p *printer) indented(f func()) {
	p.indent++
	f()
	p.indent--
}

// render prints what f writes into a text of its own.
func (p *printer) render(f func()) (text string, endsInComment bool) {
	outer, onBreak := p.out, p.onBreak
	p.out, p.onBreak = strings.Builder{}, false
	f()
	text, endsInComment = p.out.String(), p.onBreak
	p.out, p.onBreak = outer, onBreak
	return text, endsInComment
}

// remarks writes comments, each on a line of its own, in front of what follows.
func (p *printer) remarks(texts []string) {
	if p.plain {
		return
	}
	for _, c := range texts {
		p.write(c)
		p.line()
	}
}

// remarksBehind writes comments at the end of the current line.
func (p *printer) remarksBehind(texts []string) {
	if p.plain {
		return
	}
	for _, c := range texts {
		p.write(" ", c)
		p.onBreak = !strings.HasPrefix(c, "/*")
	}
	p.onBreak = p.onBreak || len(texts) > 0 // what follows on the line would seem to own them
}

// items prints n things separated by commas: on one line when they fit and
// have no comments, otherwise one a line and one level deeper.
func (p *printer) items(n int, remarks func(int) *sql.Comments, print func(int)) {
	texts := make([]string, n)
	width, commented := 0, false
	p.indented(func() {
		for i := range n {
			texts[i], _ = p.render(func() { print(i) })
			width += len(texts[i]) + 2
			commented = commented || remarks != nil && !remarks(i).Empty() || strings.Contains(texts[i], "\n")
		}
	})
	if width <= lineMax-2*p.indent && !commented {
		p.write(" ", strings.Join(texts, ", "))
		return
	}
	p.indented(func() {
		for i, text := range texts {
			p.line()
			p.item(i, n, text, remarks)
		}
	})
}

// item prints one item of a list with its comma and comments.
func (p *printer) item(i, n int, text string, remarks func(int) *sql.Comments) {
	c := &sql.Comments{}
	if remarks != nil {
		c = remarks(i)
	}
	p.remarks(c.Before)
	p.write(text)
	if i < n-1 {
		p.write(",")
	}
	p.remarksBehind(c.After)
}

// block prints n things in parentheses, one a line.
func (p *printer) block(n int, remarks func(int) *sql.Comments, print func(int)) {
	if n == 0 {
		p.write("()")
		return
	}
	p.write("(")
	p.indented(func() {
		for i := range n {
			p.line()
			text, _ := p.render(func() { print(i) })
			p.item(i, n, text, remarks)
		}
	})
	p.line()
	p.write(")")
}

// commas prints n things separated by commas on one line.
func (p *printer) commas(n int, print func(int)) {
	for i := range n {
		if i > 0 {
			p.write(", ")
		}
		print(i)
	}
}

func (p *printer) names(names []sql.Name) {
	p.commas(len(names), func(i int) { p.write(p.name(names[i])) })
}

func (p *printer) path(path sql.Path) { p.write(p.pathText(path)) }

func (p *printer) pathText(path sql.Path) string {
	parts := make([]string, len(path))
	for i, n := range path {
		parts[i] = p.name(n)
	}
	return strings.Join(parts, ".")
}

// node prints any node.
func (p *printer) node(n sql.Node) {
	switch n := n.(type) {
	case sql.Statement:
		p.statement(n)
		p.remarksBehind(n.Remarks().After)
	case *sql.Query:
		p.query(n)
	case sql.QueryBody:
		p.body(n)
	case sql.Relation:
		p.relationText(n)
	case sql.Expr:
		p.expression(n)
	case sql.TableElement:
		p.element(n)
	case sql.AlterAction:
		p.action(n)
	case sql.Pattern:
		p.pattern(n)
	case *sql.TypeName:
		p.write(p.typeText(n.Type))
	case *sql.SelectItem:
		p.selectItem(n)
	case *sql.OrderItem:
		p.orderItem(n)
	case *sql.WindowSpec:
		p.windowSpec(n)
	case *sql.GroupElement:
		p.groupElement(n)
	case *sql.Option:
		p.option(n)
	case sql.Path:
		p.path(n)
	case sql.Name:
		p.write(p.name(n))
	}
}
