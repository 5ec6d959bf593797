package sql

// Query is a whole query: common table expressions, a body, order and limit.
type Query struct {
	Span
	With    []*CTE
	Body    QueryBody
	OrderBy []*OrderItem
	Limit   Expr // LIMIT n or FETCH NEXT n ROWS ONLY; nil means all
	Offset  Expr
}

// Bare reports whether the query is nothing but its body.
func (q *Query) Bare() bool {
	return len(q.With) == 0 && len(q.OrderBy) == 0 && q.Limit == nil && q.Offset == nil
}

// CTE is name [(columns)] AS (query) in WITH.
type CTE struct {
	Span
	Comments Comments
	Name     Name
	Columns  []Name
	Query    *Query
}

// QueryBody is what makes rows: SELECT, VALUES, TABLE t, a set operation, or a
// query in parentheses with its own WITH, ORDER BY or LIMIT.
//
//sumtype:decl
type QueryBody interface {
	Node
	queryBody()
}

// Select is SELECT … FROM … and what follows up to ORDER BY.
type Select struct {
	Span
	Hints    []*Hint
	Distinct bool
	Items    []*SelectItem
	From     Relation // nil without FROM; comma is a Join of kind CommaJoin
	Where    Expr
	GroupBy  *GroupBy
	Having   Expr
	Windows  []*NamedWindow
	Qualify  Expr
	Remarks  map[Clause][]string // comments before a clause or inside it; nil when none
}

// Clause names a clause of Select that can carry comments.
type Clause uint8

// The clauses.
const (
	SelectClause Clause = iota
	FromClause
	WhereClause
	GroupByClause
	HavingClause
	WindowClause
	QualifyClause
)

// SelectItem is expression [AS alias], or a Star.
type SelectItem struct {
	Span
	Comments Comments
	Expr     Expr
	Alias    *Name
}

// GroupBy is GROUP BY [DISTINCT] elements.
type GroupBy struct {
	Span
	Distinct bool
	Elements []*GroupElement
}

// GroupKind says how a GroupElement groups.
type GroupKind uint8

// The kinds of GroupElement.
const (
	GroupSet    GroupKind = iota // Exprs together: one without parentheses, several or none with
	GroupRollup                  // ROLLUP (Elements)
	GroupCube                    // CUBE (Elements)
	GroupSets                    // GROUPING SETS (Elements)
)

// GroupElement is one element of GROUP BY.
type GroupElement struct {
	Span
	Kind     GroupKind
	Exprs    []Expr          // of GroupSet
	Elements []*GroupElement // of the others
}

// NamedWindow is name AS (window) in the WINDOW clause.
type NamedWindow struct {
	Span
	Name Name
	Spec *WindowSpec
}

// WindowSpec is what stands in OVER (…).
type WindowSpec struct {
	Span
	Base        *Name // a named window to start from; OVER w is Base alone with Bare
	Bare        bool  // written OVER w, without parentheses
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Frame       *Frame
}

// Frame is ROWS | RANGE BETWEEN … AND ….
type Frame struct {
	Span
	Range bool // RANGE, otherwise ROWS
	Start Bound
	Stop  *Bound // nil when written without BETWEEN
}

// BoundKind says where a frame ends.
type BoundKind uint8

// The kinds of Bound.
const (
	UnboundedPreceding BoundKind = iota
	Preceding
	CurrentRow
	Following
	UnboundedFollowing
)

// Bound is an end of a frame.
type Bound struct {
	Span
	Kind   BoundKind
	Offset Expr // of Preceding and Following
}

// NullOrder says where NULLs sort. NullsDefault is Flink's: NULL is the
// lowest value.
type NullOrder uint8

// The null orders.
const (
	NullsDefault NullOrder = iota
	NullsFirst
	NullsLast
)

// OrderItem is expression [ASC|DESC] [NULLS FIRST|LAST].
type OrderItem struct {
	Span
	Expr       Expr
	Descending bool
	Nulls      NullOrder
}

// SetOp is a set operator.
type SetOp string

// The set operators. INTERSECT binds tighter than the others.
const (
	Union     SetOp = "UNION"
	Intersect SetOp = "INTERSECT"
	Except    SetOp = "EXCEPT"
)

// SetOperation is left op [ALL] right.
type SetOperation struct {
	Span
	Op    SetOp
	All   bool
	Left  QueryBody
	Right QueryBody
}

// Values is VALUES (row), …. A row of one value may be written bare.
type Values struct {
	Span
	Rows [][]Expr
}

// TableBody is TABLE t as a query.
type TableBody struct {
	Span
	Table Path
}

// Nested is a parenthesised query that is more than its body.
type Nested struct {
	Span
	Query *Query
}

func (*Select) queryBody()       {}
func (*SetOperation) queryBody() {}
func (*Values) queryBody()       {}
func (*TableBody) queryBody()    {}
func (*Nested) queryBody()       {}

// Hint is NAME(arguments) inside /*+ … */.
type Hint struct {
	Span
	Name      Name
	Options   []*Option // OPTIONS('k'='v'), LOOKUP('table'='t', …)
	Arguments []Name    // BROADCAST(t1, t2)
}
