package lineage

import "tidemark/plan"

// join is the sources of a join's columns: those of both sides. What pairs
// rows decides which rows there are.
func (t *tracer) join(kind plan.JoinKind, keys []plan.JoinKey, condition plan.Expr, left, right []sources) []sources {
	for _, k := range keys {
		t.influence(left[k.Left], Joins)
		t.influence(right[k.Right], Joins)
	}
	both := append(append([]sources(nil), left...), right...)
	if condition != nil {
		t.influence(of(condition, both), Joins)
	}
	if !kind.ShowsRight() {
		return left
	}
	return both
}

func (t *tracer) lookup(n *plan.LookupJoin) []sources {
	t.tables[n.Table.Name] = true
	input := t.trace(n.Input)
	both := append([]sources(nil), input...)
	for _, c := range n.Columns {
		both = append(both, sources{{table: n.Table.Name, column: n.Table.Columns[c].Name}: Direct})
	}
	for _, k := range n.Keys {
		t.influence(both[len(input)+k.Column], Joins)
		t.influence(of(k.Value, input), Joins)
	}
	if n.Condition != nil {
		t.influence(of(n.Condition, both), Joins)
	}
	return both
}

// over is the input's sources and those of the calls: their arguments and what
// puts rows in order.
func (t *tracer) over(n *plan.Over) []sources {
	columns := t.trace(n.Input)
	input := columns
	for _, call := range n.Calls {
		made := t.orderedBy(n.Partition, n.Order, input)
		for _, arg := range call.Args {
			made.add(of(arg, input), Aggregated)
		}
		if call.Filter != nil {
			made.choose(of(call.Filter, input))
		}
		columns = append(columns, made)
	}
	return columns
}

// ordering notes that rows are chosen by their partition and order.
func (t *tracer) ordering(partition []int, order []plan.SortKey, input []sources) {
	for _, c := range partition {
		t.influence(input[c], Groups)
	}
	for _, k := range order {
		t.influence(of(k.Expr, input), Orders)
	}
}

// orderedBy is the sources of a row's place among others.
func (t *tracer) orderedBy(partition []int, order []plan.SortKey, input []sources) sources {
	made := sources{}
	for _, c := range partition {
		made.choose(input[c])
	}
	for _, k := range order {
		made.choose(of(k.Expr, input))
	}
	return made
}
