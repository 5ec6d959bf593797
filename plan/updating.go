package plan

// Updating reports whether rows of n, in streaming mode, may take back earlier
// ones. changing tells it of scans; nil means that none is.
func Updating(n Node, changing func(*Scan) bool) bool {
	return updating(n, changing, func(*Aggregate) bool { return true })
}

// AppendOnly reports whether rows of n, as it was bound, are never taken back in
// streaming mode. Groups that belong to one window each are still plain
// aggregates then; they become those of windows, which show them once.
func AppendOnly(n Node) bool {
	return !updating(n, nil, func(a *Aggregate) bool {
		source, _, _ := WindowKeys(a.Input, a.Keys, a.Sets)
		return source == nil
	})
}

func updating(n Node, changing func(*Scan) bool, groups func(*Aggregate) bool) bool {
	switch n := n.(type) {
	case *Scan:
		return n.Changing || changing != nil && changing(n)
	case *Aggregate:
		return groups(n)
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
		return updating(n.Left, changing, groups)
	}
	for _, in := range n.Inputs() {
		if updating(in, changing, groups) {
			return true
		}
	}
	return false
}
