package plan

import "strings"

// ChangeKinds is a set of kinds of change.
type ChangeKinds uint8

// The kinds: a new row, the row before an update, the row after it, and a row that
// is gone.
const (
	Inserts ChangeKinds = 1 << iota
	UpdatesBefore
	UpdatesAfter
	Deletes
)

// String prints the set as Flink does: [I,UB,UA,D].
func (k ChangeKinds) String() string {
	var names []string
	for i, name := range [...]string{"I", "UB", "UA", "D"} {
		if k&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return "[" + strings.Join(names, ",") + "]"
}

// Changelog says which kinds of change the nodes of a plan give in streaming mode.
//
// Whoever takes the rows of the root needs the rows before updates or does not. That
// goes down the plan: who computes from changes (a join, a group, a rank) needs
// them, as he has to take back what he made of the row before; who passes changes
// on needs what is needed of him. A filter on what is no key of its input needs them,
// because an update that does not pass takes the row before away. A node that
// makes updates and whose readers need no row before leaves it out.
type Changelog struct {
	scans  func(*Scan) ChangeKinds
	needed map[Node]bool // of each node that is read: whether somebody needs the rows before updates
	shared map[int]Node  // the input of shared parts, by their numbers
}

// NewChangelog infers the changes of a plan. upserts says that who takes the rows of
// the root needs no row before an update; scans gives the changes of a scan.
func NewChangelog(root Node, upserts bool, scans func(*Scan) ChangeKinds) *Changelog {
	c := &Changelog{scans: scans, needed: map[Node]bool{}, shared: map[int]Node{}}
	c.need(root, !upserts)
	return c
}

// need notes what a reader of n needs, and what n needs of its inputs then. Of
// several readers the one who needs more decides.
func (c *Changelog) need(n Node, before bool) {
	if s, ok := n.(*Shared); ok {
		if c.shared[s.Number] == nil {
			c.shared[s.Number] = s.Input
		}
	}
	if known, met := c.needed[n]; met && (known || !before) {
		return
	}
	c.needed[n] = before
	switch n := n.(type) {
	case *Project, *Watermark, *Union:
	case *Shared:
		c.need(c.shared[n.Number], before)
		return
	case *Filter:
		before = before || !isOfUpsertKey(n)
	case *Normalize:
		before = false // it knows by itself what a row replaces
	default:
		before = true
	}
	for _, in := range n.Inputs() {
		c.need(in, before)
	}
}

// isOfUpsertKey reports whether all rows of a key pass the filter, or none.
func isOfUpsertKey(n *Filter) bool {
	read := map[int]bool{}
	InspectExpr(n.Condition, func(e Expr) bool {
		if c, ok := e.(*Column); ok {
			read[c.Index] = true
		}
		return true
	})
	columns := make([]int, 0, len(read))
	for column := range read {
		columns = append(columns, column)
	}
	return len(holding(upsertKeys(n.Input), columns)) > 0
}

// LeavesBeforeOut reports whether n is to show an update by the row after it alone.
func (c *Changelog) LeavesBeforeOut(n Node) bool {
	before, read := c.needed[n]
	return read && !before
}

// Kinds is the changes that n gives.
func (c *Changelog) Kinds(n Node) ChangeKinds {
	made := Inserts | UpdatesAfter
	if !c.LeavesBeforeOut(n) {
		made |= UpdatesBefore
	}
	switch n := n.(type) {
	case *Scan:
		return c.scans(n)
	case *Normalize:
		return made | Deletes
	case *Aggregate:
		if c.Kinds(n.Input) != Inserts {
			made |= Deletes
		}
		return made
	case *WindowAggregate:
		if n.Emit == EmitEarly || n.Late.Action == LateRevise || c.Kinds(n.Input) != Inserts {
			return made | Deletes
		}
		return Inserts
	case *Rank:
		if (n.KeepsFirst() || n.WindowEnd >= 0) && c.Kinds(n.Input) == Inserts {
			return Inserts
		}
		return made | Deletes
	case *Over:
		if n.Settles() && c.Kinds(n.Input) == Inserts {
			return Inserts
		}
		return made | c.Kinds(n.Input)&Deletes
	case *Join:
		return c.joined(n)
	case *TemporalJoin:
		return c.Kinds(n.Left)
	case *Match:
		return Inserts
	}
	kinds := ChangeKinds(0)
	for _, in := range n.Inputs() {
		kinds |= c.Kinds(in)
	}
	if f, ok := n.(*Filter); ok && kinds&UpdatesBefore != 0 && !isOfUpsertKey(f) {
		kinds |= Inserts | Deletes // of an update one row may pass alone
	}
	if len(n.Inputs()) == 0 {
		return Inserts
	}
	return kinds
}

// joined is the changes of a join: those of its inputs, and of rows that find their
// first partner or lose the last.
func (c *Changelog) joined(n *Join) ChangeKinds {
	kinds := c.Kinds(n.Left)
	if n.Kind.ShowsRight() {
		kinds |= c.Kinds(n.Right)
	}
	bounded := n.Interval != nil || n.Window != nil
	if !bounded && (n.Kind.KeepsLeft() || n.Kind.KeepsRight()) || !n.Kind.ShowsRight() && c.Kinds(n.Right) != Inserts {
		kinds |= Inserts | Deletes
	}
	return kinds
}
