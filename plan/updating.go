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
	}
	for _, in := range n.Inputs() {
		if Updating(in, changing) {
			return true
		}
	}
	return false
}
