package plan

import (
	"time"

	"tidemark/base/value"
)

// rankType is the type of a row's number.
var rankType = value.BigIntType.Required()

// Over computes, for each row of the input, functions of the rows around it: of
// those that are equal in Partition, ordered by Order, inside the frame of each
// call. Its columns are the input's, then one per call.
//
// In streaming mode an Over that Settles shows each row once, in order, when the
// watermark has passed it (at once, with a processing time). Any other one shows
// every row as soon as it is there, and corrects what later rows change.
type Over struct {
	Input     Node
	Partition []int // columns
	Order     []SortKey
	Calls     []OverCall
	Names     []string // one per call

	// TTL is how long a partition is kept that no row comes to; 0 for ever. It means
	// nothing where rows are corrected.
	TTL time.Duration
}

// OverCall is a function over a frame. Functions that number rows (ROW_NUMBER,
// RANK, NTILE, …) and that look at others (LAG, LEAD) take no notice of the frame.
type OverCall struct {
	AggregateCall
	Frame       Frame
	IgnoreNulls bool
}

// Frame bounds the rows that a call looks at, relative to the row it is for.
// Without an ORDER BY all rows of the partition are peers.
type Frame struct {
	Range    bool // bounds are distances of the first Order key's values, peers are in together; otherwise they count rows
	From, To FrameBound
}

// FrameBound is one end of a frame.
type FrameBound struct {
	Kind   FrameBoundKind
	Offset int64 // of Preceding and Following: rows; for Range in the unit of the key, milliseconds for times
}

// FrameBoundKind is the kind of FrameBound.
type FrameBoundKind uint8

// The kinds, from the first row of a partition to the last.
const (
	UnboundedPreceding FrameBoundKind = iota
	Preceding
	CurrentRow
	Following
	UnboundedFollowing
)

// RankFunction is how Rank numbers rows.
type RankFunction uint8

// The functions.
const (
	RowNumber RankFunction = iota
	PlainRank
	DenseRank
)

// String prints the function's name.
func (f RankFunction) String() string { return [...]string{"ROW_NUMBER", "RANK", "DENSE_RANK"}[f] }

// Rank keeps the rows whose number in their partition, by Order, is at least
// From and at most To: Top-N, and with To = 1 deduplication. Equal rows are
// numbered in the order in which they came, or with LatestFirst in the reverse
// order. Its columns are the input's and, with Number, the number.
//
// With WindowEnd the partition is within a window, of which it names the
// window_end column (-1 for none): then rows are shown once, when the window is
// over, and never taken back.
type Rank struct {
	Input     Node
	Function  RankFunction
	Partition []int
	Order     []SortKey
	From, To  int64
	Number    bool
	Name      string // of the number's column
	WindowEnd int

	LatestFirst bool
	TTL         time.Duration // how long a partition is kept whose first rows do not change; 0 for ever
}

// Normalize makes complete changes of a changelog that is right only by key:
// of upserts without the row before, repeated inserts, and deletes of what is
// not there. After it each key has at most one row.
type Normalize struct {
	Input Node
	Keys  []int
	TTL   time.Duration // how long a row is kept that no change comes to; 0 for ever
}

// Inputs of an Over.
func (n *Over) Inputs() []Node { return []Node{n.Input} }

// Schema of an Over: an event time goes on only where nothing is corrected.
func (n *Over) Schema() Schema {
	s := append(Schema(nil), n.Input.Schema()...)
	if !n.Settles() {
		withoutRowtime(s)
	}
	for i, c := range n.Calls {
		s = append(s, OutputColumn{Name: n.Names[i], Type: c.Overload.Result})
	}
	return s
}

// Settles reports whether the calls of a row are known for good once event time
// has passed the row: rows are in order of time, and no call looks ahead. The
// input must not take rows back either, which is not for the node to know.
func (n *Over) Settles() bool {
	if len(n.Order) == 0 || !ascendingTime(n.Input.Schema(), n.Order[0]) {
		return false
	}
	for _, c := range n.Calls {
		if c.looksAhead() {
			return false
		}
	}
	return true
}

// looksAhead reports whether a call needs rows that come after the peers of its
// own row, or any number of rows before it.
func (c *OverCall) looksAhead() bool {
	switch c.Function.Name {
	case "ROW_NUMBER", "RANK", "DENSE_RANK":
		return false
	case "LAG":
		return c.IgnoreNulls // how far back it looks is not known
	case "LEAD", "NTILE", "PERCENT_RANK", "CUME_DIST":
		return true
	}
	return c.Frame.To.Kind == Following || c.Frame.To.Kind == UnboundedFollowing || c.Frame.From.Kind == Following
}

func ascendingTime(in Schema, key SortKey) bool {
	c, ok := key.Expr.(*Column)
	return ok && !key.Descending && in[c.Index].Time != NoTime
}

func withoutRowtime(s Schema) {
	for i := range s {
		if s[i].Time == Rowtime {
			s[i].Time = NoTime
		}
	}
}

// Inputs of a Rank.
func (n *Rank) Inputs() []Node { return []Node{n.Input} }

// KeepsFirst reports whether a Rank keeps the earliest row of each partition by
// event or processing time: what is shown is never taken back then.
func (n *Rank) KeepsFirst() bool {
	return n.keepsOne() && ascendingTime(n.Input.Schema(), n.Order[0])
}

// keepsOne reports whether the Rank is a deduplication: one row of each
// partition, the first by one key.
func (n *Rank) keepsOne() bool {
	return n.Function == RowNumber && n.From <= 1 && n.To == 1 && len(n.Order) == 1
}

// KeepsLast reports whether a Rank keeps the latest row of each partition: its
// changes are the versions of that row.
func (n *Rank) KeepsLast() bool {
	if !n.keepsOne() || !n.Order[0].Descending {
		return false
	}
	c, ok := n.Order[0].Expr.(*Column)
	return ok && n.Input.Schema()[c.Index].Time != NoTime
}

// Schema of a Rank: an event time goes on where rows are shown once, and where
// they are versions of each other.
func (n *Rank) Schema() Schema {
	s := append(Schema(nil), n.Input.Schema()...)
	if n.WindowEnd < 0 && !n.KeepsFirst() && !n.KeepsLast() {
		withoutRowtime(s)
	}
	if n.Number {
		s = append(s, OutputColumn{Name: n.Name, Type: rankType})
	}
	return s
}

// Inputs of a Normalize.
func (n *Normalize) Inputs() []Node { return []Node{n.Input} }

// Schema of a Normalize: the input's.
func (n *Normalize) Schema() Schema { return n.Input.Schema() }

func (*Over) isNode()      {}
func (*Rank) isNode()      {}
func (*Normalize) isNode() {}
