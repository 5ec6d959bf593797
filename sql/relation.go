package sql

// Relation is what stands in FROM.
//
//sumtype:decl
type Relation interface {
	Node
	relation()
}

// Alias is [AS] name [(columns)].
type Alias struct {
	Span
	Name    Name
	Columns []Name
}

// TableRef is a table or view by name.
type TableRef struct {
	Span
	Path       Path
	Hints      []*Hint
	SystemTime Expr // FOR SYSTEM_TIME AS OF …; nil without
	Alias      *Alias
}

// Derived is a subquery in FROM. VALUES in FROM is a Derived with a Values body.
type Derived struct {
	Span
	Lateral bool
	Query   *Query
	Alias   *Alias
}

// TableFunction is [LATERAL] TABLE(f(…)): a window function over a table, a
// process table function, or a table-valued function of values.
type TableFunction struct {
	Span
	Lateral bool
	Call    *Call
	Hints   []*Hint
	Alias   *Alias
}

// Unnest is UNNEST(expressions) [WITH ORDINALITY].
type Unnest struct {
	Span
	Exprs      []Expr
	Ordinality bool
	Alias      *Alias
}

// JoinKind is how two relations meet.
type JoinKind string

// The kinds of Join. CommaJoin is a cross join that binds weakest.
const (
	InnerJoin JoinKind = "JOIN"
	LeftJoin  JoinKind = "LEFT JOIN"
	RightJoin JoinKind = "RIGHT JOIN"
	FullJoin  JoinKind = "FULL JOIN"
	CrossJoin JoinKind = "CROSS JOIN"
	CommaJoin JoinKind = ","
)

// Join is left kind right [ON condition | USING (columns)].
type Join struct {
	Span
	Kind    JoinKind
	Natural bool
	Left    Relation
	Right   Relation
	On      Expr
	Using   []Name
	Remarks []string // comments before the join
}

// Aliased is a parenthesised relation with an alias of its own, such as
// (a JOIN b ON …) AS c, where the relation inside cannot carry it.
type Aliased struct {
	Span
	Relation Relation
	Alias    *Alias
}

// MatchRecognize is input MATCH_RECOGNIZE (…).
type MatchRecognize struct {
	Span
	Input       Relation
	PartitionBy []Expr
	OrderBy     []*OrderItem
	Measures    []*Measure
	Rows        RowsPerMatch
	AfterMatch  AfterMatch
	Pattern     Pattern
	Within      Expr // an Interval, or nil
	Subsets     []*Subset
	Define      []*PatternDefinition
	Alias       *Alias
}

// Measure is expression AS name.
type Measure struct {
	Span
	Expr  Expr
	Alias Name
}

// RowsPerMatch says which rows a match gives.
type RowsPerMatch string

// The choices; the empty one is not written and means ONE ROW.
const (
	RowsDefault          RowsPerMatch = ""
	OneRow               RowsPerMatch = "ONE ROW PER MATCH"
	AllRows              RowsPerMatch = "ALL ROWS PER MATCH"
	AllRowsShowEmpty     RowsPerMatch = "ALL ROWS PER MATCH SHOW EMPTY MATCHES"
	AllRowsOmitEmpty     RowsPerMatch = "ALL ROWS PER MATCH OMIT EMPTY MATCHES"
	AllRowsWithUnmatched RowsPerMatch = "ALL ROWS PER MATCH WITH UNMATCHED ROWS"
)

// SkipKind says where matching goes on.
type SkipKind uint8

// The kinds; SkipDefault is not written and means SKIP TO NEXT ROW in Flink, but
// SKIP PAST LAST ROW in the standard.
const (
	SkipDefault SkipKind = iota
	SkipToNextRow
	SkipPastLastRow
	SkipToFirst
	SkipToLast // also SKIP TO variable
)

// AfterMatch is AFTER MATCH SKIP ….
type AfterMatch struct {
	Kind     SkipKind
	Variable Name // of SkipToFirst and SkipToLast
}

// Subset is name = (variables).
type Subset struct {
	Span
	Name      Name
	Variables []Name
}

// PatternDefinition is variable AS condition in DEFINE.
type PatternDefinition struct {
	Span
	Variable  Name
	Condition Expr
}

func (*TableRef) relation()       {}
func (*Derived) relation()        {}
func (*TableFunction) relation()  {}
func (*Unnest) relation()         {}
func (*Join) relation()           {}
func (*Aliased) relation()        {}
func (*MatchRecognize) relation() {}

// Pattern is a row pattern of MATCH_RECOGNIZE.
//
//sumtype:decl
type Pattern interface {
	Node
	pattern()
}

// PatternVariable is a variable.
type PatternVariable struct {
	Span
	Name Name
}

// PatternConcat is one pattern after the other.
type PatternConcat struct {
	Span
	Parts []Pattern // at least two
}

// PatternAlternation is a | b; earlier ones are preferred.
type PatternAlternation struct {
	Span
	Alternatives []Pattern // at least two
}

// PatternQuantified is a pattern repeated Min to Max times.
type PatternQuantified struct {
	Span
	Pattern   Pattern
	Min       int
	Max       int  // Unbounded for no limit
	Reluctant bool // prefers fewer
}

// Unbounded is the Max of *, + and {n,}.
const Unbounded = -1

// PatternPermute is PERMUTE(a, b, …).
type PatternPermute struct {
	Span
	Parts []Pattern
}

// PatternExclusion is {- a -}: matched, but left out of ALL ROWS.
type PatternExclusion struct {
	Span
	Pattern Pattern
}

// PatternAnchor is ^ (the partition's start) or $ (its end).
type PatternAnchor struct {
	Span
	Last bool // $
}

// PatternEmpty is ().
type PatternEmpty struct {
	Span
}

func (*PatternVariable) pattern()    {}
func (*PatternConcat) pattern()      {}
func (*PatternAlternation) pattern() {}
func (*PatternQuantified) pattern()  {}
func (*PatternPermute) pattern()     {}
func (*PatternExclusion) pattern()   {}
func (*PatternAnchor) pattern()      {}
func (*PatternEmpty) pattern()       {}
