// Package bind gives meaning to syntax: it resolves names, types and functions,
// inserts the casts that SQL leaves out, and makes plans of queries and tables
// of definitions.
//
// It is not an optimiser: what it makes follows the text clause by clause
// (package rewrite improves it). It keeps no state, reads no data, and asks the
// catalog only for definitions.
//
// Flow: Query binds WITH, FROM, WHERE, GROUP BY, HAVING, SELECT, QUALIFY, set
// operations, ORDER BY and LIMIT, each to nodes over the ones before. A scope
// says what names mean, and over which columns.
//
//   - FROM: tables and views (relation.go), window functions (window.go), UNNEST,
//     LATERAL, MATCH_RECOGNIZE (match.go) and joins (join.go): regular ones, of
//     windows and of intervals, and as of a time, which are temporal or lookups.
//     Whatever is joined, for FROM or for a subquery, becomes a node in Join, and
//     whatever is filtered in Where.
//   - Aggregates and calls with OVER are bound over imagined columns behind those
//     of their input, and get their true place when all of them are known
//     (grouping, overing). GROUP BY SESSION(…) becomes a window partitioned by
//     the other keys.
//   - A subquery in an expression stands there as a placeholder until the operator
//     it belongs to is made, whose input is then joined with it (attach.go);
//     decorrelation takes apart what refers to the rows around it.
//   - Streams have no order: LIMIT becomes a Top-N there (firstRows), and so does a
//     filter over row numbers (filtered).
//
// How long state is kept is said by hints (STATE_TTL), by the options of materialized
// tables, or by the session, in this order (ttl.go).
//
// Insert adds the casts to a target's columns; Table, View, MaterializedTable and
// Function bind definitions.
//
// Invariants:
//  1. What cannot be built is refused by name with problem.Unsupported; no
//     clause is left out silently.
//  2. Every problem stands at the place in the text that is wrong, and all
//     independent problems of a statement are reported together.
//  3. Types, nullability and names of result columns are those of Flink 2.1.
//  4. An expression that could not be bound is nil after its problem was
//     reported; whoever gets nil reports nothing further.
//  5. No placeholder is in a plan that Query gives: no subquery, no outerColumn,
//     no imagined column.
//  6. A condition or key that can fail is not computed for rows that an earlier
//     condition of the same clause leaves out. Keys of joins spare nothing, and
//     subqueries are asked last.
//  7. Windows and intervals are marked on joins of append-only inputs only, where
//     forgetting rows by time changes no result.
package bind

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// Limits of a statement.
const (
	nestingMax    = 200  // views within each other
	tablesMax     = 4096 // tables read, each time that a view or common table expression names them
	unfoldedMax   = 4096 // grouping sets of one GROUP BY
	textFoldedMax = 1 << 16
	domainsMax    = 256     // joins of correlated subqueries with the rows around them
	expressionMax = 1 << 16 // parts of one expression, each time that it stands in it
)

// Catalog is asked for what exists. It is called from the goroutine that binds
// and must give the same answers throughout one statement.
type Catalog interface {
	// Table finds a table or view by its name, with dots where it is qualified.
	Table(name string) (*plan.Table, bool)
	// Function finds a function made by CREATE FUNCTION, by its name in upper case.
	Function(name string) (*Function, bool)
	// Names lists all tables and views, for "did you mean".
	Names() []string
}

// Session is what binding depends on besides the catalog.
type Session struct {
	Zone      *time.Location // 'table.local-time-zone'; nil is UTC
	Streaming bool           // unbounded semantics: windows need a rowtime, …
	Now       time.Time      // when the statement began
	Config    map[string]string

	// Expand reads materialized tables as the queries they are made of, as jobs
	// do, instead of as stored tables, and native tables from their events.
	Expand bool

	// Changing reports whether the events of an external table may take back
	// earlier ones; nil means that none do.
	Changing func(*plan.Table) bool

	// Replacing reports whether the events of an external table that is Changing
	// replace each other by primary key, without the rows that they replace; nil
	// means that none do.
	Replacing func(*plan.Table) bool

	// ReadFile reads a file that a definition names, a WebAssembly module. It is
	// nil where statements come from elsewhere than the files.
	ReadFile func(path string) ([]byte, error)
}

// Bound is a query with its meaning.
type Bound struct {
	Plan plan.Node

	// What the names in the text mean, for printers of other dialects. A
	// Descriptor has the type of its column.
	Types   map[sql.Expr]value.Type
	Calls   map[*sql.Call]*plan.Function
	Applied map[*sql.Call]*plan.Call // of scalar functions, with the casts and constants of their arguments
	Columns map[*sql.ColumnRef]Resolved
	Tables  map[*sql.TableRef]*plan.Table
	Inlined map[*sql.Call]*Function  // calls of functions made by CREATE FUNCTION
	Stars   map[*sql.Star][]sql.Path // what * shows where USING or NATURAL make one column of two; not there otherwise
}

// Resolved is what a ColumnRef turned out to be: Path[:Table] names the
// relation, one name the column, and the rest fields of it.
type Resolved struct {
	Table  int // how many names qualify the column
	Column string
}

// Query binds a query.
func Query(catalog Catalog, session Session, q *sql.Query) (*Bound, error) {
	b := newBinder(catalog, session)
	node := b.keptFor(b.query(q, nil))
	if err := b.problems(); err != nil {
		return nil, err
	}
	b.bound.Plan = node
	return b.bound, nil
}

// binder binds one statement.
type binder struct {
	catalog    Catalog
	session    Session
	context    *plan.Context // for folding
	bound      *Bound
	found      problem.List
	ctes       *cteScope
	views      []string    // being expanded, outermost first
	inline     []string    // SQL functions being inlined
	hints      []*sql.Hint // of the SELECT whose FROM is being bound
	lives      lifetimes   // of the same
	tables     int         // read so far
	subqueries int         // bound in expressions so far
	base       plan.Node   // what the subqueries of the operator at hand are attached to, before any is
	domains    int         // made so far
	sizes      map[plan.Expr]int
}

func newBinder(catalog Catalog, session Session) *binder {
	if session.Zone == nil {
		session.Zone = time.UTC
	}
	return &binder{
		catalog: catalog,
		session: session,
		sizes:   map[plan.Expr]int{},
		context: &plan.Context{Zone: session.Zone, Now: session.Now, Start: session.Now, Streaming: session.Streaming},
		bound: &Bound{
			Types:   map[sql.Expr]value.Type{},
			Calls:   map[*sql.Call]*plan.Function{},
			Applied: map[*sql.Call]*plan.Call{},
			Columns: map[*sql.ColumnRef]Resolved{},
			Tables:  map[*sql.TableRef]*plan.Table{},
			Inlined: map[*sql.Call]*Function{},
			Stars:   map[*sql.Star][]sql.Path{},
		},
	}
}

// report notes a problem, at pos unless it has a place already.
func (b *binder) report(pos problem.Position, err error) {
	for _, p := range problem.All(err) {
		if p.Position.IsZero() {
			placed := *p
			placed.Position = pos
			p = &placed
		}
		b.found = append(b.found, p)
	}
}

// wrong notes a problem at pos.
func (b *binder) wrong(pos problem.Position, code problem.Code, hint, format string, args ...any) {
	p := problem.New(code, format, args...).At(pos)
	p.Hint = hint
	b.found = append(b.found, p)
}

// unsupported notes that what is known but not built.
func (b *binder) unsupported(pos problem.Position, what, hint string) {
	b.wrong(pos, problem.Unsupported, hint, "%s is not supported yet", what)
}

// problems are all that was found, in the order of the text, each once: an
// expression may have been bound in several ways.
func (b *binder) problems() error {
	slices.SortStableFunc(b.found, func(x, y *problem.Problem) int {
		if x.Position.Line != y.Position.Line {
			return x.Position.Line - y.Position.Line
		}
		return x.Position.Column - y.Position.Column
	})
	return slices.CompactFunc(b.found, func(x, y *problem.Problem) bool {
		return x.Position == y.Position && x.Message == y.Message
	}).Err()
}

// didYouMean is the hint that names the candidate nearest to name, or else
// says otherwise.
func didYouMean(name string, candidates []string, otherwise string) string {
	if near := problem.Nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}

// counted is "1 column", "2 columns".
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// listed joins names as people do, for hints.
func listed(names []string) string { return strings.Join(names, ", ") }
