package plan

import "tidemark/base/value"

// rankType is the type of a row's number.
var rankType = value.BigIntType.Required()

// Over computes, for each row of the input, functions of the rows around it: of
// those that are equal in Partition, ordered by Order, inside the frame of each
// call. Its columns are the input's, then one per call. In streaming mode Order
// begins with an ascending time attribute, and rows are shown, in order, when
// the watermark has passed them (at once, with a processing time).
type Over struct {
	Input     Node
	Partition []int // columns
	Order     []SortKey
	Calls     []OverCall
	Names     []string // one per call
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
// numbered in the order in which they came. Its columns are the input's and,
// with Number, the number.
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
}

// Normalize makes complete changes of a changelog that is right only by key:
// of upserts without the row before, repeated inserts, and deletes of what is
// not there. After it each key has at most one row.
type Normalize struct {
	Input Node
	Keys  []int
}

// Inputs of an Over.
func (n *Over) Inputs() []Node { return []Node{n.Input} }

// Schema of an Over.
func (n *Over) Schema() Schema {
	s := append(Schema(nil), n.Input.Schema()...)
	for i, c := range n.Calls {
		s = append(s, OutputColumn{Name: n.Names[i], Type: c.Overload.Result})
	}
	return s
}

// Inputs of a Rank.
func (n *Rank) Inputs() []Node { return []Node{n.Input} }

// KeepsFirst reports whether a Rank keeps the earliest row of each partition by
// event time: what is shown is never taken back then.
func (n *Rank) KeepsFirst() bool {
	if n.To != 1 || len(n.Order) != 1 || n.Order[0].Descending {
		return false
	}
	c, ok := n.Order[0].Expr.(*Column)
	return ok && n.Input.Schema()[c.Index].Time != NoTime
}

// Schema of a Rank.
func (n *Rank) Schema() Schema {
	s := append(Schema(nil), n.Input.Schema()...)
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
