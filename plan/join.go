package plan

import "time"

// JoinKind says which rows a join gives besides pairs.
type JoinKind uint8

// The kinds. An outer join gives rows without a partner beside NULLs. A semi
// join gives the left rows that have a partner, an anti join those that have
// none, each once and without columns of the right.
const (
	InnerJoin JoinKind = iota
	LeftJoin
	RightJoin
	FullJoin
	SemiJoin
	AntiJoin
)

// String prints the kind as SQL writes it.
func (k JoinKind) String() string {
	return [...]string{"INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"}[k]
}

// KeepsLeft reports whether left rows without a partner are in the result.
func (k JoinKind) KeepsLeft() bool { return k == LeftJoin || k == FullJoin || k == AntiJoin }

// KeepsRight reports whether right rows without a partner are in the result.
func (k JoinKind) KeepsRight() bool { return k == RightJoin || k == FullJoin }

// ShowsRight reports whether the right's columns are in the result.
func (k JoinKind) ShowsRight() bool { return k != SemiJoin && k != AntiJoin }

// JoinKey is a pair of columns of the same type that must be equal.
type JoinKey struct {
	Left, Right int  // columns of the left and of the right input
	NullSafe    bool // NULL equals NULL: IS NOT DISTINCT FROM
}

// Join pairs the rows of Left and Right that are equal in all Keys and meet
// Condition. Its columns are those of the left, then, unless it is a semi or
// anti join, those of the right.
//
// Interval and Window do not change which rows there are. They say that rows
// can be forgotten as event time goes on: only what cannot be paired any more
// is, and unpaired rows of outer joins are then shown for good, so that such a
// join never takes a row back. Both inputs are append-only then, and batch mode
// takes no notice. At most one of them is set.
type Join struct {
	Kind        JoinKind
	Left, Right Node
	Keys        []JoinKey
	Condition   Expr // over the left's columns, then the right's, for all kinds; nil for all pairs
	Interval    *JoinInterval
	Window      *JoinWindow

	// Bounds say how long a row of the left, and of the right, can find a partner
	// that is not late; nil where that is not known. Where one is set, rows of the
	// other side that are late by its Time are no partners of anything: they are
	// dropped, so that rows can be forgotten. Both inputs are append-only then,
	// and batch mode takes no notice. There are none beside Interval or Window.
	Bounds [2]*JoinBound

	// TTL is how long a row of the left, and of the right, is kept that is not
	// written again; 0 for ever. It means nothing beside Interval or Window.
	TTL [2]time.Duration
}

// JoinInterval bounds the times of pairs, both rowtimes: left + Lower <= right
// <= left + Upper, in milliseconds. Where Lower is above Upper there are no
// pairs.
type JoinInterval struct {
	Left, Right  int // the time column of each input
	Lower, Upper int64
}

// JoinBound bounds the times of the partners of a row by what stands in the row:
// they are not after Until + Plus, and with NULL there are none.
type JoinBound struct {
	Until int   // timestamp column of the row's side
	Plus  int64 // milliseconds
	Time  int   // event time of the other side: a rowtime, or the end of its windows
	IsEnd bool  // Time is the end of windows, whose rowtime is a millisecond before
}

// Deadline is the last event time of partners of a row with the time until in its
// column, in milliseconds.
func (b *JoinBound) Deadline(until int64) int64 { return b.EventTime(until + b.Plus) }

// EventTime is that of a row of the other side with the time at in its column, in
// milliseconds.
func (b *JoinBound) EventTime(at int64) int64 {
	if b.IsEnd {
		return at - 1
	}
	return at
}

// JoinWindow says that both inputs have windows of the same kind, and that pairs
// are of the same window: its start and end are among the Keys.
type JoinWindow struct {
	Left, Right int // the window_end column of each input
}

// TemporalJoin gives every row of Left the row of Right with the same key, as it
// was at the left row's time. Right is a changelog with a rowtime, the time from
// which a version is valid, and is unique in the right columns of Keys at any
// time. Kind is InnerJoin or LeftJoin. Its columns are the left's, then the
// right's.
type TemporalJoin struct {
	Kind        JoinKind
	Left, Right Node
	Keys        []JoinKey
	LeftTime    int  // rowtime of Left
	RightTime   int  // rowtime of Right
	Condition   Expr // over the left's columns, then the right's; nil for none
}

// LookupJoin asks a table that can be looked up by key for the rows that belong
// to every row of the input, at the time when the row is there; what it found is
// never corrected. Kind is InnerJoin or LeftJoin. Its columns are the input's,
// then the table's Columns.
type LookupJoin struct {
	Kind      JoinKind
	Input     Node
	Table     *Table
	Columns   []int             // positions in Table.Columns of what is looked up, ascending
	Keys      []LookupKey       // what is asked for
	Condition Expr              // over the input's columns, then the table's; nil for none
	Options   map[string]string // of the LOOKUP hint, in lower case; nil for none
	Expired   *Table            // where rows go, too, that nothing was found for in time; nil for nowhere
}

// LookupKey is a column of the looked up table and the value it must have.
type LookupKey struct {
	Column int  // position in LookupJoin.Columns
	Value  Expr // over the input, of the column's type
}

// Inputs of a Join.
func (n *Join) Inputs() []Node { return []Node{n.Left, n.Right} }

// Schema of a Join: time attributes stay where rows are bounded by them, or
// where nothing is taken back; padded columns can be NULL.
func (n *Join) Schema() Schema {
	s := joined(n.Kind, n.Left.Schema(), n.Right.Schema())
	if n.Interval == nil && n.Window == nil {
		for i := range s {
			if s[i].Time == Rowtime {
				s[i].Time = NoTime
			}
		}
	}
	return s
}

// joined is the columns of a join of the kind.
func joined(kind JoinKind, left, right Schema) Schema {
	s := append(make(Schema, 0, len(left)+len(right)), left...)
	if !kind.ShowsRight() {
		return s
	}
	s = append(s, right...)
	for i := range s {
		padded := kind.KeepsRight()
		if i >= len(left) {
			padded = kind.KeepsLeft()
		}
		if padded {
			s[i].Type = s[i].Type.Optional()
		}
	}
	return s
}

// Inputs of a TemporalJoin.
func (n *TemporalJoin) Inputs() []Node { return []Node{n.Left, n.Right} }

// Schema of a TemporalJoin: only the left's time goes on.
func (n *TemporalJoin) Schema() Schema {
	s := joined(n.Kind, n.Left.Schema(), n.Right.Schema())
	for i := len(n.Left.Schema()); i < len(s); i++ {
		s[i].Time = NoTime
	}
	return s
}

// Inputs of a LookupJoin.
func (n *LookupJoin) Inputs() []Node { return []Node{n.Input} }

// Schema of a LookupJoin.
func (n *LookupJoin) Schema() Schema {
	return joined(n.Kind, n.Input.Schema(), n.Looked())
}

// Looked is the columns that are looked up.
func (n *LookupJoin) Looked() Schema {
	s := make(Schema, len(n.Columns))
	for i, c := range n.Columns {
		column := n.Table.Columns[c]
		s[i] = OutputColumn{Name: column.Name, Type: column.Type}
	}
	return s
}

func (*Join) isNode()         {}
func (*TemporalJoin) isNode() {}
func (*LookupJoin) isNode()   {}
