package plan

// Updating reports whether rows of n, in streaming mode, may take back earlier
// ones. changing tells it of scans; nil means that none is.
func Updating(n Node, changing func(*Scan) bool) bool {
	switch n := n.(type) {
	case *Scan:
		return changing != nil && changing(n)
	case *Aggregate:
		return true
	case *WindowAggregate:
		return n.Emit == EmitEarly || n.Late.Action == LateRevise
	case *Normalize:
		return true
	case *Rank:
		if n.WindowEnd < 0 && !n.KeepsFirst() {
			return true
		}
	case *Over:
		if !n.Settles() {
			return true
		}
	case *Join:
		// A row that had no partner may get one, and the other way round.
		bounded := n.Interval != nil || n.Window != nil
		if !bounded && (n.Kind.KeepsLeft() || n.Kind.KeepsRight()) {
			return true
		}
	case *TemporalJoin:
		// Versions replace each other; rows of the left show one of them.
		return Updating(n.Left, changing)
	}
	for _, in := range n.Inputs() {
		if Updating(in, changing) {
			return true
		}
	}
	return false
}
