package plan

import "strings"

// MultiJoin gives all combinations of one row of every input that are equal in
// their keys, where NULL equals nothing. Its columns are those of the inputs, one
// after the other. It gives the rows of inner joins of inner joins by the same key,
// without keeping what these would find in between.
type MultiJoin struct {
	All  []Node  // three or more
	Keys [][]int // of each input: the columns of the key, all in the same order
}

// Inputs of a MultiJoin.
func (n *MultiJoin) Inputs() []Node { return n.All }

// Schema of a MultiJoin: a row of a result may be old when it is found, so that
// there is no event time.
func (n *MultiJoin) Schema() Schema { return n.Joins().Schema() }

// Joins is the same as joins of two inputs each, the first ones innermost.
func (n *MultiJoin) Joins() *Join {
	var joins *Join
	left := n.All[0]
	for i, right := range n.All[1:] {
		joins = &Join{Kind: InnerJoin, Left: left, Right: right}
		for k, column := range n.Keys[i+1] {
			joins.Keys = append(joins.Keys, JoinKey{Left: n.Keys[0][k], Right: column})
		}
		left = joins
	}
	return joins
}

func printMultiJoin(n *MultiJoin, line, property linePrinter) {
	line("MultiJoin INNER")
	for k := range n.Keys[0] {
		names := make([]string, len(n.All))
		for i, input := range n.All {
			names[i] = columnName(input.Schema(), n.Keys[i][k])
		}
		property("key: %s", strings.Join(names, " = "))
	}
}

func (*MultiJoin) isNode() {}
