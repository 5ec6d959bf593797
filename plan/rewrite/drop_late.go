package rewrite

import (
	"tidemark/plan"
	"tidemark/plan/bind"
)

// DropLate is an optimized plan whose joins do without late rows, where their
// conditions bound event time, so that they can forget rows. It is for streaming
// plans, and changes what such joins answer to late rows; the rules of Optimize
// know nothing of it and are not applied afterwards.
func DropLate(n plan.Node) plan.Node { return (&lateDropping{done: map[plan.Node]plan.Node{}}).node(n) }

// lateDropping sets the bounds of joins. What several places of a plan read stays
// one.
type lateDropping struct {
	done map[plan.Node]plan.Node
}

func (l *lateDropping) node(n plan.Node) plan.Node {
	if done, ok := l.done[n]; ok {
		return done
	}
	to := n
	if len(n.Inputs()) > 0 {
		inputs := make([]plan.Node, len(n.Inputs()))
		for i, input := range n.Inputs() {
			inputs[i] = l.node(input)
		}
		to = plan.WithInputs(n, inputs)
	}
	if j, ok := to.(*plan.Join); ok {
		if bounds := bind.JoinBounds(j); bounds != [2]*plan.JoinBound{} {
			c := *j
			c.Bounds = bounds
			to = &c
		}
	}
	l.done[n] = to
	return to
}
