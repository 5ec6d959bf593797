package plan

import (
	"slices"
	"strings"
	"time"

	"tidemark/base/value"
)

// Match finds rows that follow each other in a pattern: MATCH_RECOGNIZE. The
// rows of each partition are put in order; a match is a run of rows without a
// gap, each of which stands for a variable of the Pattern and meets the
// variable's condition.
//
// A match gives one row, of the partition's columns and the measures; or, with
// AllRows, a row for each of its rows: the partition's columns, those it is
// ordered by, the measures as they are with this row, and the other columns of
// the input. In streaming mode Order begins with an ascending time attribute,
// rows are matched when the watermark has passed them, and matches are never
// taken back.
//
// Conditions and measures are expressions over Reads, not over the input: column
// i of theirs is what Reads[i] finds in the match so far.
type Match struct {
	Input     Node
	Partition []int
	Order     []SortKey // the first is the time column, ascending
	Pattern   []PatternPart
	Shape     PatternShape // of patterns that Flink does not have; nil for one part after the other
	Skip      MatchSkip
	Within    time.Duration // from the first row to the last it takes less than this; 0 for no limit
	AllRows   bool
	Rest      []int // with AllRows, the columns of the input behind the measures
	Reads     []MatchRead
	Measures  []Expr
	Names     []string // one per measure
}

// PatternPart is a variable of a pattern with its quantifier, in one of its
// places; its condition is the same in all. A part that is not Reluctant takes
// every row that it can and gives none back.
//
// In a pattern with a Shape a part is a variable in all its places. There Min is 1
// if every match has a row for it and 0 if not, and how often it is repeated is
// said by the Shape alone.
type PatternPart struct {
	Variable  string
	Condition Expr // over Reads, where the row in question is the last of the match; nil for all rows
	Min       int
	Max       int // Unbounded for no limit
	Reluctant bool
	Excluded  bool // with AllRows, its rows are left out; only with a Shape
}

// Unbounded is the Max of a PatternPart that can repeat for ever.
const Unbounded = -1

// Greedy reports whether the part takes a row even where what follows could.
func (p PatternPart) Greedy() bool {
	return !p.Reluctant && p.Max != p.Min && (p.Min != 0 || p.Max != 1)
}

// MatchSkip says where matching goes on behind a match.
type MatchSkip struct {
	Kind MatchSkipKind
	Set  VariableSet // of SkipToFirst and SkipToLast
}

// MatchSkipKind is the kind of MatchSkip.
type MatchSkipKind uint8

// The kinds.
const (
	SkipPastLastRow MatchSkipKind = iota
	SkipToNextRow
	SkipToFirst
	SkipToLast
)

// VariableSet is some parts of a pattern, a bit each.
type VariableSet uint64

// PatternPartsMax is how many parts a pattern can have.
const PatternPartsMax = 64

// Has reports whether the set holds part i of the pattern.
func (s VariableSet) Has(i int) bool { return s>>i&1 != 0 }

// MatchRead is something that conditions and measures look up in a match, or
// in the beginning of one.
type MatchRead struct {
	Kind   MatchReadKind
	Set    VariableSet   // of Navigate and Summarize: the parts whose rows count
	Column int           // of Navigate, of the input
	First  bool          // of Navigate: Offset counts from the first row, not from the last
	Offset int           // of Navigate; beyond the rows it is NULL
	Final  bool          // with AllRows: it looks at the whole match, not at the rows so far
	Call   AggregateCall // of Summarize, over the input
	Name   string        // for printing
	Of     value.Type
}

// MatchReadKind is the kind of MatchRead.
type MatchReadKind uint8

// The kinds: a column of a row, an aggregate of rows, the event time at which
// the match is known, and the variable that the last row stands for.
const (
	Navigate MatchReadKind = iota
	Summarize
	MatchTime
	Classifier
)

// Inputs of a Match.
func (n *Match) Inputs() []Node { return []Node{n.Input} }

// Schema of a Match. A measure that is the time of the match alone drives event
// time.
func (n *Match) Schema() Schema {
	in := n.Input.Schema()
	var s Schema
	add := func(columns []int) {
		for _, c := range columns {
			s = append(s, OutputColumn{Name: in[c].Name, Type: in[c].Type})
		}
	}
	add(n.Before())
	for i, e := range n.Measures {
		s = append(s, OutputColumn{Name: n.Names[i], Type: e.Type(), Time: n.timeOf(e)})
	}
	add(n.Rest)
	return s
}

// Before is the columns of the input that stand before the measures.
func (n *Match) Before() []int {
	if !n.AllRows {
		return n.Partition
	}
	columns := append([]int(nil), n.Partition...)
	for _, k := range n.Order {
		if c := k.Expr.(*Column).Index; !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	return columns
}

func (n *Match) timeOf(e Expr) TimeAttribute {
	switch e := e.(type) {
	case *Column:
		if n.Reads[e.Index].Kind == MatchTime && !n.AllRows {
			return n.TimeAttribute()
		}
	case *Call:
		if e.Function.Name == "PROCTIME" {
			return Proctime
		}
	}
	return NoTime
}

// TimeColumn is the column of the input that rows are ordered by first.
func (n *Match) TimeColumn() int { return n.Order[0].Expr.(*Column).Index }

// TimeAttribute is what drives the order of rows; NoTime in batch mode.
func (n *Match) TimeAttribute() TimeAttribute { return n.Input.Schema()[n.TimeColumn()].Time }

// ReadSchema is what conditions and measures are over.
func (n *Match) ReadSchema() Schema {
	s := make(Schema, len(n.Reads))
	for i, r := range n.Reads {
		s[i] = OutputColumn{Name: r.Name, Type: r.Of}
	}
	return s
}

// mapExprs is the part of MapExprs for a Match.
func (n *Match) mapExprs(m *exprMapper) *Match {
	c := *n
	c.Order = m.order(n.Order)
	c.Pattern = append([]PatternPart(nil), n.Pattern...)
	for i := range c.Pattern {
		c.Pattern[i].Condition = m.one(c.Pattern[i].Condition)
	}
	c.Reads = append([]MatchRead(nil), n.Reads...)
	for i := range c.Reads {
		if c.Reads[i].Kind == Summarize {
			c.Reads[i].Call = m.calls([]AggregateCall{c.Reads[i].Call})[0]
		}
	}
	c.Measures = m.all(n.Measures)
	return &c
}

func printMatch(n *Match, line, property linePrinter) {
	in, reads, out := n.Input.Schema(), n.ReadSchema(), n.Schema()
	line("Match")
	printOrdering(property, n.Partition, n.Order, in)
	for i, e := range n.Measures {
		property("measure: %s := %s", printColumn(out[len(n.Before())+i]), PrintExpr(e, reads))
	}
	if n.AllRows {
		property("all rows, with %s", columnNames(in, n.Rest))
	}
	property("pattern: %s", n.patternText())
	if n.Within > 0 {
		property("within: %s", n.Within)
	}
	property("skip: %s", n.skipText())
	for i, p := range n.Pattern {
		if p.Condition != nil && !slices.ContainsFunc(n.Pattern[:i], p.isNamesake) {
			property("define: %s := %s", Quote(p.Variable), PrintExpr(p.Condition, reads))
		}
	}
}

// String prints a part as SQL writes it.
func (p PatternPart) String() string {
	return Quote(p.Variable) + quantifier(p.Min, p.Max, p.Reluctant)
}

// isNamesake reports whether other is the same variable in another place.
func (p PatternPart) isNamesake(other PatternPart) bool { return p.Variable == other.Variable }

func (n *Match) skipText() string {
	switch n.Skip.Kind {
	case SkipToNextRow:
		return "to next row"
	case SkipToFirst:
		return "to first " + n.setText(n.Skip.Set)
	case SkipToLast:
		return "to last " + n.setText(n.Skip.Set)
	}
	return "past last row"
}

func (n *Match) setText(set VariableSet) string {
	var names []string
	for i, p := range n.Pattern {
		if set.Has(i) && !slices.ContainsFunc(n.Pattern[:i], p.isNamesake) {
			names = append(names, Quote(p.Variable))
		}
	}
	return strings.Join(names, ", ")
}

func (*Match) isNode() {}
