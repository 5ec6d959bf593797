package plan

import "fmt"

func printOver(n *Over, line, property linePrinter) {
	in, out := n.Input.Schema(), n.Schema()
	line("Over")
	printOrdering(property, n.Partition, n.Order, in)
	for i, c := range n.Calls {
		nulls := ""
		if c.IgnoreNulls {
			nulls = " IGNORE NULLS"
		}
		frame := ""
		if c.Function.Aggregate {
			frame = " over " + c.Frame.String()
		}
		property("call: %s := %s%s%s", printColumn(out[len(in)+i]), PrintCall(c.AggregateCall, in), nulls, frame)
	}
	if n.Settles() { // what corrects rows keeps them all
		printTTL(property, n.TTL)
	}
}

func printOrdering(property linePrinter, partition []int, order []SortKey, in Schema) {
	if len(partition) > 0 {
		property("partition: %s", columnNames(in, partition))
	}
	for _, k := range order {
		property("order: %s", printSortKey(k, in))
	}
}

func printRank(n *Rank, line, property linePrinter) {
	in := n.Input.Schema()
	line("Rank %s from %d to %d", n.Function, n.From, n.To)
	printOrdering(property, n.Partition, n.Order, in)
	if n.LatestFirst {
		property("equal rows: latest first")
	}
	if n.Number {
		property("number: %s", Quote(n.Name))
	}
	if n.WindowEnd >= 0 {
		property("window: until %s", columnName(in, n.WindowEnd))
	} else {
		printTTL(property, n.TTL)
	}
}

// String prints a frame as SQL writes it, with distances of times in
// milliseconds.
func (f Frame) String() string {
	unit := "ROWS"
	if f.Range {
		unit = "RANGE"
	}
	return fmt.Sprintf("%s BETWEEN %s AND %s", unit, f.From, f.To)
}

// String prints a bound as SQL writes it.
func (b FrameBound) String() string {
	name := [...]string{"UNBOUNDED PRECEDING", "PRECEDING", "CURRENT ROW", "FOLLOWING", "UNBOUNDED FOLLOWING"}[b.Kind]
	if b.Kind == Preceding || b.Kind == Following {
		return fmt.Sprintf("%d %s", b.Offset, name)
	}
	return name
}
