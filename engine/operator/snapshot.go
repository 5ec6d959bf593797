package operator

import (
	"time"

	"tidemark/engine"
	"tidemark/plan"
)

var (
	_ engine.Snapshotter = (*Aggregate)(nil)
	_ engine.Snapshotter = (*Rank)(nil)
	_ engine.Snapshotter = (*Normalize)(nil)
)

// CannotSnapshot says why the operator that does what a node says is no
// engine.Snapshotter in streaming mode; "" when it is one. retracts says that its
// input takes rows back.
func CannotSnapshot(n plan.Node, retracts bool) string {
	const forgets = "its time to live makes it forget what it has given"
	switch n := n.(type) {
	case *plan.Aggregate:
		if expires(n.TTL) {
			return forgets
		}
		return ""
	case *plan.Normalize:
		if expires(n.TTL) {
			return forgets
		}
		return ""
	case *plan.Rank:
		switch {
		case n.WindowEnd >= 0:
			return "windows that are over are forgotten"
		case n.KeepsFirst() && !retracts:
			return "it remembers whose first row it has given, and not the row"
		case expires(n.TTL):
			return forgets
		}
		return ""
	case *plan.WindowAggregate:
		return "windows that are over are forgotten"
	case *plan.Join, *plan.MultiJoin:
		return "its state is what came to it from both sides: all pairs of that would have to be found again"
	}
	return "its state is what it needs for rows to come, and not what it has given"
}

func expires(ttl time.Duration) bool { return ttl != 0 && ttl != plan.Forever }
