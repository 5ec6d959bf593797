package plan

// Pick is the projection of n to the columns at the given places, in their
// order. Names and time attributes stay.
func Pick(n Node, columns ...int) *Project {
	s := n.Schema()
	p := &Project{Input: n}
	for _, i := range columns {
		p.Add(&Column{Index: i, Name: s[i].Name, Of: s[i].Type}, s[i].Name, s[i].Time)
	}
	return p
}

// PickAll is the projection of n to all its columns, for more to be added.
func PickAll(n Node) *Project { return PickFirst(n, len(n.Schema())) }

// PickFirst is the projection of n to its first columns.
func PickFirst(n Node, count int) *Project {
	columns := make([]int, count)
	for i := range columns {
		columns[i] = i
	}
	return Pick(n, columns...)
}

// Add computes one more column, behind the others; e is over the input.
func (n *Project) Add(e Expr, name string, time TimeAttribute) {
	n.Exprs, n.Names, n.Times = append(n.Exprs, e), append(n.Names, name), append(n.Times, time)
}
