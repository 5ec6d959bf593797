package plan

import (
	"fmt"
	"math"
	"time"
)

// Forever is the time to live of state that is never forgotten, whatever a
// setting says of other state. A time to live of 0 says nothing, which is the
// same when the plan runs.
const Forever = time.Duration(math.MaxInt64)

// WithTTL is n where the state by key of every operator that says nothing of it
// has the given time to live. What is forgotten by event time has none:
// windows, interval joins and the versions of temporal joins.
func WithTTL(n Node, ttl time.Duration) Node {
	if ttl == 0 {
		return n
	}
	return (&living{ttl: ttl, done: map[Node]Node{}}).node(n)
}

// living gives operators a time to live. What several places of a plan read
// stays one.
type living struct {
	ttl  time.Duration
	done map[Node]Node
}

func (l *living) node(n Node) Node {
	if done, ok := l.done[n]; ok {
		return done
	}
	if m, ok := n.(*MultiJoin); ok {
		// What joins of two keep in between lives on its own.
		l.done[n] = l.node(m.Joins())
		return l.done[n]
	}
	inputs := make([]Node, len(n.Inputs()))
	for i, input := range n.Inputs() {
		if _, temporal := n.(*TemporalJoin); temporal && i == 1 {
			inputs[i] = l.versions(input)
		} else {
			inputs[i] = l.node(input)
		}
	}
	to := n
	if len(inputs) > 0 {
		to = WithInputs(n, inputs)
	}
	to = l.operator(to)
	l.done[n] = to
	return to
}

// operator gives n itself the time to live, if it keeps state that can have one
// and says nothing.
func (l *living) operator(n Node) Node {
	switch n := n.(type) {
	case *Aggregate:
		if n.TTL == 0 {
			c := *n
			c.TTL = l.ttl
			return &c
		}
	case *Join:
		if n.Interval == nil && n.Window == nil && (n.TTL[0] == 0 || n.TTL[1] == 0) {
			c := *n
			for side, ttl := range n.TTL {
				if ttl == 0 {
					c.TTL[side] = l.ttl
				}
			}
			return &c
		}
	case *Rank:
		if n.TTL == 0 && n.WindowEnd < 0 {
			c := *n
			c.TTL = l.ttl
			return &c
		}
	case *Over:
		if n.TTL == 0 {
			c := *n
			c.TTL = l.ttl
			return &c
		}
	case *Normalize:
		if n.TTL == 0 {
			c := *n
			c.TTL = l.ttl
			return &c
		}
	}
	return n
}

// versions is what a temporal join reads on its right: the deduplication or
// normalisation that makes its versions keeps as long as the join does.
func (l *living) versions(n Node) Node {
	switch n.(type) {
	case *Project:
		return WithInputs(n, []Node{l.versions(n.Inputs()[0])})
	case *Rank, *Normalize:
		return WithInputs(n, []Node{l.node(n.Inputs()[0])})
	}
	return l.node(n)
}

// printTTL prints a time to live that something is said of.
func printTTL(property linePrinter, ttl time.Duration) {
	if ttl != 0 {
		property("ttl: %s", lifetime(ttl))
	}
}

func printJoinTTL(property linePrinter, ttl [2]time.Duration) {
	switch {
	case ttl[0] == ttl[1]:
		printTTL(property, ttl[0])
	default:
		property("ttl: left %s, right %s", lifetime(ttl[0]), lifetime(ttl[1]))
	}
}

func lifetime(ttl time.Duration) string {
	if ttl == 0 || ttl == Forever {
		return "for ever"
	}
	return fmt.Sprint(ttl)
}
