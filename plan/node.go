package plan

import (
	"time"

	"tidemark/base/value"
)

// Node is a relational operator: a function from tables to a table.
//
//sumtype:decl
type Node interface {
	// Schema is what the node puts out.
	Schema() Schema
	// Inputs are the nodes it reads, left to right. Callers do not change the slice.
	Inputs() []Node
	isNode()
}

// Schema is a list of output columns.
type Schema []OutputColumn

// OutputColumn is a column of a node's result.
type OutputColumn struct {
	Name string
	Type value.Type
	Time TimeAttribute
}

// TimeAttribute says whether a column can drive event time.
type TimeAttribute uint8

// The time attributes. Rowtime columns are never more than a bounded delay
// behind the watermark; Proctime is the clock on the wall.
const (
	NoTime TimeAttribute = iota
	Rowtime
	Proctime
)

// Fields gives the columns' names and types.
func (s Schema) Fields() []value.Field {
	fields := make([]value.Field, len(s))
	for i, c := range s {
		fields[i] = value.Field{Name: c.Name, Type: c.Type}
	}
	return fields
}

// Scan reads a table with a source: its physical and metadata columns, those of
// Columns only. Computed columns and the watermark stand in nodes above it.
type Scan struct {
	Table   *Table
	Columns []int // positions in Table.Columns of what is read, ascending
	Filter  Expr  // over Columns; rows that do not pass may be left out by the source and are by the engine; nil for all

	// Changing says that rows may take back earlier ones, as far as the binder
	// was told (see bind.Session).
	Changing bool
}

// Values is a constant table.
type Values struct {
	Columns Schema
	Rows    [][]Expr
}

// Watermark makes Column, a TIMESTAMP(3) or TIMESTAMP_LTZ(3) of the input, the
// rowtime: after each row the watermark is the greatest Delayed seen so far,
// per split of the source. A NULL leaves it where it is.
type Watermark struct {
	Input       Node
	Column      int
	Delayed     Expr          // the WATERMARK FOR … AS expression, over the input
	IdleTimeout time.Duration // a split silent for so long is not waited for; 0 means wait for ever
}

// Filter keeps the rows whose Condition is TRUE.
type Filter struct {
	Input     Node
	Condition Expr
}

// Project computes one column per expression.
type Project struct {
	Input Node
	Exprs []Expr
	Names []string
	Times []TimeAttribute // of each column
}

// WindowKind is the shape of windows.
type WindowKind uint8

// The window kinds.
const (
	Tumble WindowKind = iota
	Hop
	Cumulate
	Session
)

// String prints the kind as the table function is called.
func (k WindowKind) String() string {
	return [...]string{"TUMBLE", "HOP", "CUMULATE", "SESSION"}[k]
}

// WindowSpec says how rows are assigned to windows by a time column. Sizes and
// offsets are in milliseconds of the column's clock.
type WindowSpec struct {
	Kind   WindowKind
	Time   int // column of the input
	Size   int64
	Slide  int64 // of Hop; Step of Cumulate
	Offset int64
	Gap    int64 // of Session
	Keys   []int // PARTITION BY of Session
}

// Window is a windowing table function: every row once per window it is in,
// with window_start, window_end and window_time added.
type Window struct {
	Input Node
	Spec  WindowSpec
}

// Aggregate groups rows. Without Keys and with Global it gives exactly one row.
// Its columns are the keys, then the calls, then, with several Sets, one BIGINT
// per Grouping.
type Aggregate struct {
	Input     Node
	Keys      []Expr
	Names     []string // of keys and calls
	Calls     []AggregateCall
	Sets      [][]int // grouping sets as positions in Keys; nil means one set with all of them
	Groupings [][]int // GROUPING_ID arguments as positions in Keys, each an output column

	TTL time.Duration // how long a group is kept that no row comes to; 0 for ever
}

// WindowAggregate groups rows by window and keys, in slices: a row is added
// once to the slice it falls in, and windows are merged from slices when they
// fire. Its columns are the keys, then the calls, then the groupings, then the
// Properties.
type WindowAggregate struct {
	Input      Node
	Spec       WindowSpec
	Keys       []Expr
	Names      []string
	Calls      []AggregateCall
	Sets       [][]int
	Groupings  [][]int
	Properties []WindowProperty
	Emit       Emit
	Late       LatePolicy
}

// WindowProperty is a column that a window has.
type WindowProperty struct {
	Kind WindowPropertyKind
	Name string
}

// WindowPropertyKind is which property.
type WindowPropertyKind uint8

// The properties: start, exclusive end, and end - 1 ms as rowtime.
const (
	WindowStart WindowPropertyKind = iota
	WindowEnd
	WindowTime
)

// Emit says when windows show results.
type Emit uint8

// EmitFinal: once, when the watermark passes the window's end. EmitEarly: at
// every flush since the first row, as updates.
const (
	EmitFinal Emit = iota
	EmitEarly
)

// LatePolicy says what becomes of rows whose windows have all fired.
type LatePolicy struct {
	Action LateAction
	Keep   time.Duration // of LateRevise: how long after its end a window can be amended
}

// LateAction is the kind of LatePolicy.
type LateAction uint8

// LateDrop forgets late rows as Flink does, LateSide keeps them in t$late,
// LateRevise amends the window, and keeps in t$late what is too late for that.
const (
	LateDrop LateAction = iota
	LateSide
	LateRevise
)

// AggregateCall is one aggregate function over a group.
type AggregateCall struct {
	Function *Function
	Overload *Overload
	Args     []Expr
	Distinct bool
	Filter   Expr // nil for all rows
}

// Union is all rows of all inputs, which have the same column types.
type Union struct{ All []Node }

// Shared is a part that several places of a plan read. It runs once: all nodes
// with the same Number have the same Input.
type Shared struct {
	Input  Node
	Number int
}

// SortKey is one ORDER BY term. NULLs are the lowest values unless told.
type SortKey struct {
	Expr       Expr
	Descending bool
	NullsFirst bool
}

// Sort orders a bounded input.
type Sort struct {
	Input Node
	Keys  []SortKey
}

// Limit skips Offset rows and passes on Count rows, all when Count is negative.
type Limit struct {
	Input  Node
	Offset int64
	Count  int64
}

func (*Scan) isNode()            {}
func (*Values) isNode()          {}
func (*Watermark) isNode()       {}
func (*Filter) isNode()          {}
func (*Project) isNode()         {}
func (*Window) isNode()          {}
func (*Aggregate) isNode()       {}
func (*WindowAggregate) isNode() {}
func (*Union) isNode()           {}
func (*Shared) isNode()          {}
func (*Sort) isNode()            {}
func (*Limit) isNode()           {}
