package sql

import (
	"strings"

	"tidemark/base/value"
)

// Expr is an expression, or what stands in its place in an argument list.
//
//sumtype:decl
type Expr interface {
	Node
	expr()
}

// ColumnRef is a column by name, perhaps qualified, perhaps with fields: which
// of a.b.c is table, column and field, the binder finds out.
type ColumnRef struct {
	Span
	Path Path
}

// Star is * or t.* in a select list, and the argument of COUNT(*).
type Star struct {
	Span
	Qualifier Path
}

// LiteralKind is the kind of a Literal.
type LiteralKind uint8

// The kinds of Literal, with what Text holds.
const (
	NullLiteral      LiteralKind = iota // nothing
	BooleanLiteral                      // TRUE, FALSE or UNKNOWN
	IntegerLiteral                      // digits
	DecimalLiteral                      // digits with a point
	DoubleLiteral                       // with an exponent
	StringLiteral                       // the text, without quotes, escapes resolved
	BytesLiteral                        // the bytes, unescaped
	DateLiteral                         // the text in DATE '…'
	TimeLiteral                         // the text in TIME '…'
	TimestampLiteral                    // the text in TIMESTAMP '…'
)

// Literal is a constant. Numbers carry no sign: -1 is a Unary.
type Literal struct {
	Span
	Kind LiteralKind
	Text string
}

// Interval is INTERVAL [sign] 'text' unit.
type Interval struct {
	Span
	Negative bool // INTERVAL -'1' DAY
	Text     string
	Unit     TimeUnit
	// Precision is that of the leading field, 0 when not written; Fraction
	// that of the seconds, -1 when not written.
	Precision int
	Fraction  int
}

// TimeUnit is the unit of an Interval as written, in upper case and singular:
// DAY, DAY TO SECOND, QUARTER, WEEK, ….
type TimeUnit string

// ValueUnit gives the unit as a type names it; ok is false for those that no
// type names (WEEK, QUARTER, …).
func (u TimeUnit) ValueUnit() (unit value.Unit, ok bool) {
	for v := value.Year; v <= value.Second; v++ {
		if v.String() == string(u) {
			return v, true
		}
	}
	return value.NoUnit, false
}

// Param is ?, numbered from 0 within the statement.
type Param struct {
	Span
	Index int
}

// UnaryOp is an operator with one operand.
type UnaryOp string

// The unary operators. Final and Running stand before measures of
// MATCH_RECOGNIZE.
const (
	Not     UnaryOp = "NOT"
	Minus   UnaryOp = "-"
	Plus    UnaryOp = "+"
	Final   UnaryOp = "FINAL"
	Running UnaryOp = "RUNNING"
)

// Unary is op operand.
type Unary struct {
	Span
	Op      UnaryOp
	Operand Expr
}

// BinaryOp is an operator with two operands.
type BinaryOp string

// The binary operators. != is read as NotEqual.
const (
	Or                  BinaryOp = "OR"
	And                 BinaryOp = "AND"
	Equal               BinaryOp = "="
	NotEqual            BinaryOp = "<>"
	Less                BinaryOp = "<"
	LessEqual           BinaryOp = "<="
	Greater             BinaryOp = ">"
	GreaterEqual        BinaryOp = ">="
	Distinct            BinaryOp = "IS DISTINCT FROM"
	NotDistinct         BinaryOp = "IS NOT DISTINCT FROM"
	Add                 BinaryOp = "+"
	Subtract            BinaryOp = "-"
	Multiply            BinaryOp = "*"
	Divide              BinaryOp = "/"
	Modulo              BinaryOp = "%"
	Concat              BinaryOp = "||"
	Overlaps            BinaryOp = "OVERLAPS" // operands are Rows of two
	Contains            BinaryOp = "CONTAINS"
	PeriodEquals        BinaryOp = "EQUALS"
	Precedes            BinaryOp = "PRECEDES"
	Succeeds            BinaryOp = "SUCCEEDS"
	ImmediatelyPrecedes BinaryOp = "IMMEDIATELY PRECEDES"
	ImmediatelySucceeds BinaryOp = "IMMEDIATELY SUCCEEDS"
)

// Comparison reports =, <>, <, <=, > and >=.
func (op BinaryOp) Comparison() bool {
	switch op {
	case Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual:
		return true
	}
	return false
}

// Binary is left op right.
type Binary struct {
	Span
	Op    BinaryOp
	Left  Expr
	Right Expr
}

// Test is what IS asks for.
type Test string

// The tests.
const (
	IsNull       Test = "NULL"
	IsTrue       Test = "TRUE"
	IsFalse      Test = "FALSE"
	IsUnknown    Test = "UNKNOWN"
	IsJSON       Test = "JSON"
	IsJSONValue  Test = "JSON VALUE"
	IsJSONObject Test = "JSON OBJECT"
	IsJSONArray  Test = "JSON ARRAY"
	IsJSONScalar Test = "JSON SCALAR"
)

// Is is operand IS [NOT] test.
type Is struct {
	Span
	Operand Expr
	Not     bool
	Test    Test
}

// Between is operand [NOT] BETWEEN [SYMMETRIC] low AND high.
type Between struct {
	Span
	Operand   Expr
	Not       bool
	Symmetric bool
	Low       Expr
	High      Expr
}

// In is operand [NOT] IN (list) or (query).
type In struct {
	Span
	Operand Expr
	Not     bool
	List    []Expr // unless Query
	Query   *Query
}

// Like is operand [NOT] LIKE | SIMILAR TO pattern [ESCAPE escape].
type Like struct {
	Span
	Operand Expr
	Not     bool
	Similar bool
	Pattern Expr
	Escape  Expr
}

// Exists is EXISTS (query); NOT EXISTS is a Unary around it.
type Exists struct {
	Span
	Query *Query
}

// Subquery is a query as a value.
type Subquery struct {
	Span
	Query *Query
}

// Quantifier is ALL or ANY; SOME is read as ANY.
type Quantifier string

// The quantifiers.
const (
	All Quantifier = "ALL"
	Any Quantifier = "ANY"
)

// Quantified is left op ALL|ANY (query) or (list).
type Quantified struct {
	Span
	Left       Expr
	Op         BinaryOp
	Quantifier Quantifier
	Query      *Query
	List       []Expr
}

// Case is CASE [operand] WHEN … THEN … [ELSE …] END.
type Case struct {
	Span
	Operand Expr
	Whens   []*When
	Else    Expr
}

// When is a branch of Case.
type When struct {
	Span
	Condition Expr // compared with the operand when there is one
	Result    Expr
}

// Alternatives is a, b as the Condition of a When in a Case with an operand:
// the branch is taken when the operand equals any of them.
type Alternatives struct {
	Span
	Values []Expr // at least two
}

// Cast is CAST | TRY_CAST (operand AS type).
type Cast struct {
	Span
	Try     bool
	Operand Expr
	Type    *TypeName
}

// TypeName is a type where it was written.
type TypeName struct {
	Span
	Type value.Type
}

// ArrayValue is ARRAY[elements].
type ArrayValue struct {
	Span
	Elements []Expr
}

// MapValue is MAP[key, value, …].
type MapValue struct {
	Span
	Entries []Expr // keys and values in turn
}

// RowValue is ROW(fields), or (a, b) when not Explicit.
type RowValue struct {
	Span
	Explicit bool
	Fields   []Expr
}

// Index is base[index]: of an array (from 1) or a map.
type Index struct {
	Span
	Base  Expr
	Index Expr
}

// FieldAccess is base.field where base is no plain name: f(x).b, a[1].b.
type FieldAccess struct {
	Span
	Base  Expr
	Field Name
}

// AtTimeZone is operand AT TIME ZONE zone, or AT LOCAL with a nil Zone.
type AtTimeZone struct {
	Span
	Operand Expr
	Zone    Expr
}

// Call is a function call with all its clauses. Its Name is as written: use
// Function for comparisons.
type Call struct {
	Span
	Name        Path
	Bare        bool // without parentheses: CURRENT_DATE
	Args        []Expr
	Distinct    bool
	OrderBy     []*OrderItem // inside the parentheses
	Nulls       NullTreatment
	JSON        *JSONClauses
	WithinGroup []*OrderItem
	Filter      Expr
	Over        *WindowSpec
}

// NullTreatment is IGNORE | RESPECT NULLS.
type NullTreatment string

// The treatments; the empty one is not written.
const (
	DefaultNulls NullTreatment = ""
	IgnoreNulls  NullTreatment = "IGNORE NULLS"
	RespectNulls NullTreatment = "RESPECT NULLS"
)

// JSONClauses are the clauses of JSON_VALUE, JSON_QUERY, JSON_EXISTS,
// JSON_OBJECT(AGG) and JSON_ARRAY(AGG). The arguments of JSON_OBJECT are keys
// and values in turn.
type JSONClauses struct {
	Span
	Returning *TypeName
	Wrapper   string // WITHOUT ARRAY, WITH CONDITIONAL ARRAY, WITH UNCONDITIONAL ARRAY; "" when not written
	OnEmpty   *JSONBehavior
	OnError   *JSONBehavior
	OnNull    string // NULL, ABSENT; "" when not written
}

// JSONBehavior is what ON EMPTY or ON ERROR gives.
type JSONBehavior struct {
	Span
	Kind    string // NULL, ERROR, DEFAULT, EMPTY ARRAY, EMPTY OBJECT, TRUE, FALSE, UNKNOWN
	Default Expr   // of DEFAULT
}

// Symbol is a keyword as an argument: the unit of EXTRACT, FLOOR, CEIL,
// TIMESTAMPADD and TIMESTAMPDIFF, the side of TRIM. In upper case.
type Symbol struct {
	Span
	Text string
}

// NamedArgument is name => value.
type NamedArgument struct {
	Span
	Name  Name
	Value Expr
}

// TableArgument is TABLE t [PARTITION BY …] [ORDER BY …], or (query), as an
// argument of a table function.
type TableArgument struct {
	Span
	Table       Path   // unless Query
	Query       *Query // unless Table
	PartitionBy []Expr
	OrderBy     []*OrderItem
}

// Descriptor is DESCRIPTOR(columns).
type Descriptor struct {
	Span
	Columns []Name
}

// Function gives the name in upper case without qualifiers, as built-in
// functions are known.
func (c *Call) Function() string { return strings.ToUpper(c.Name.Last().Text) }

func (*ColumnRef) expr()     {}
func (*Star) expr()          {}
func (*Literal) expr()       {}
func (*Interval) expr()      {}
func (*Param) expr()         {}
func (*Unary) expr()         {}
func (*Binary) expr()        {}
func (*Is) expr()            {}
func (*Between) expr()       {}
func (*In) expr()            {}
func (*Like) expr()          {}
func (*Exists) expr()        {}
func (*Subquery) expr()      {}
func (*Quantified) expr()    {}
func (*Case) expr()          {}
func (*Alternatives) expr()  {}
func (*Cast) expr()          {}
func (*ArrayValue) expr()    {}
func (*MapValue) expr()      {}
func (*RowValue) expr()      {}
func (*Index) expr()         {}
func (*FieldAccess) expr()   {}
func (*AtTimeZone) expr()    {}
func (*Call) expr()          {}
func (*Symbol) expr()        {}
func (*NamedArgument) expr() {}
func (*TableArgument) expr() {}
func (*Descriptor) expr()    {}
