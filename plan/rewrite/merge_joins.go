package rewrite

import (
	"slices"
	"time"

	"tidemark/plan"
	"tidemark/plan/bind"
)

// mergeJoins makes one join of inner joins of inner joins that are all by the same
// key: nothing is kept then of what they would find in between, and every input is
// kept once. What the topmost join asks beside the key, it asks of the result.
//
// Joins that forget rows stay: what one of them finds in between lives on its own.
func mergeJoins(n plan.Node) plan.Node {
	j, ok := n.(*plan.Join)
	if !ok || !merges(j) {
		return nil
	}
	sides := [2]keyed{keyedSide(j.Left, j.Keys, func(k plan.JoinKey) int { return k.Left }),
		keyedSide(j.Right, j.Keys, func(k plan.JoinKey) int { return k.Right })}
	if len(sides[0].inputs)+len(sides[1].inputs) == 2 {
		return nil
	}
	pairs, ok := sides[0].pairs(&sides[1], j.Keys)
	if !ok {
		return nil
	}
	m := &plan.MultiJoin{}
	for side, s := range sides {
		for i, input := range s.inputs {
			var key []int
			for _, p := range pairs {
				key = append(key, s.keys[i][p[side]])
			}
			m.All, m.Keys = append(m.All, input), append(m.Keys, key)
		}
	}
	return sides[0].result(&sides[1], m, j)
}

// result is the columns of a join of two sides, and its condition, over all inputs.
func (k *keyed) result(right *keyed, n plan.Node, j *plan.Join) plan.Node {
	width := 0
	for _, input := range k.inputs {
		width += len(input.Schema())
	}
	position := slices.Clone(k.columns)
	for _, column := range right.columns {
		position = append(position, width+column)
	}
	if j.Condition != nil {
		n = &plan.Filter{Input: n, Condition: plan.Renumber(j.Condition, position)}
	}
	all := make([]bool, len(position))
	for i := range all {
		all[i] = true
	}
	return selected(n, position, all, j.Schema())
}

// merges reports whether a join can become part of another one, or take one in. A
// join by columns that bound event time may be told to forget rows later (DropLate).
func merges(j *plan.Join) bool {
	return j.Kind == plan.InnerJoin && len(j.Keys) > 0 && j.Interval == nil && j.Window == nil &&
		j.TTL == [2]time.Duration{} && bind.JoinBounds(j) == [2]*plan.JoinBound{} &&
		!slices.ContainsFunc(j.Keys, func(k plan.JoinKey) bool { return k.NullSafe })
}

// keyed is the inputs of a side of a join that are equal in their keys: columns of
// each input, those of one place of the keys equal to each other.
type keyed struct {
	inputs  []plan.Node
	keys    [][]int
	columns []int // of the side: which of the columns of all inputs they are
}

// keyedSide is the inputs of a side, which is one input if it is no such join.
// column is the side's part of the keys of the join above.
func keyedSide(n plan.Node, above []plan.JoinKey, column func(plan.JoinKey) int) keyed {
	if k, ok := keyedJoin(n); ok {
		return k
	}
	var key []int
	for _, k := range above {
		if !slices.Contains(key, column(k)) {
			key = append(key, column(k))
		}
	}
	return keyed{[]plan.Node{n}, [][]int{key}, numbered(len(n.Schema()))}
}

// keyedJoin is the inputs of a join by one key, of which columns may be picked.
func keyedJoin(n plan.Node) (k keyed, ok bool) {
	switch n := n.(type) {
	case *plan.Project:
		k, ok = keyedJoin(n.Input)
		columns := make([]int, len(n.Exprs))
		for i, e := range n.Exprs {
			c, is := e.(*plan.Column)
			if !ok || !is {
				return keyed{}, false
			}
			columns[i] = k.columns[c.Index]
		}
		k.columns = columns
		return k, ok
	case *plan.MultiJoin:
		return keyed{n.All, n.Keys, numbered(len(n.Schema()))}, true
	case *plan.Join:
		if n.Condition == nil && merges(n) {
			var left, right []int
			for _, k := range n.Keys {
				left, right = append(left, k.Left), append(right, k.Right)
			}
			return keyed{[]plan.Node{n.Left, n.Right}, [][]int{left, right}, numbered(len(n.Schema()))}, true
		}
	}
	return keyed{}, false
}

// place is the place in the keys of a column of the side; -1 for none.
func (k *keyed) place(column int) int {
	column = k.columns[column]
	for i, input := range k.inputs {
		if width := len(input.Schema()); column >= width {
			column -= width
			continue
		}
		return slices.Index(k.keys[i], column)
	}
	return -1
}

// pairs is which place of the left keys is equal to which of the right, by the keys
// of the join above. It is none unless each place of both is in one pair.
func (k *keyed) pairs(right *keyed, above []plan.JoinKey) (pairs [][2]int, ok bool) {
	for _, key := range above {
		p := [2]int{k.place(key.Left), right.place(key.Right)}
		if slices.Contains(pairs, p) {
			continue
		}
		if p[0] < 0 || p[1] < 0 || slices.ContainsFunc(pairs, func(q [2]int) bool { return p[0] == q[0] || p[1] == q[1] }) {
			return nil, false
		}
		pairs = append(pairs, p)
	}
	return pairs, len(pairs) == len(k.keys[0]) && len(pairs) == len(right.keys[0])
}
