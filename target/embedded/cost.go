package embedded

import (
	"slices"
	"strings"

	"tidemark/base/batch"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/target"
)

// operatorGraph is the operators of a plan with what feeds them. A job's costs give
// them their numbers: nodes that are one operator have one entry there.
type operatorGraph struct {
	all    []target.Operator // the sink first, without costs
	places map[plan.Node]int // in all
}

// graphOf draws the graph of a plan that is kept in a table of a name. charged are the
// nodes that are operators of their own, in the order of the plan; nil among them is
// the sink.
func graphOf(root plan.Node, table string, charged []plan.Node) *operatorGraph {
	g := &operatorGraph{places: map[plan.Node]int{}}
	for _, n := range charged {
		if _, known := g.places[n]; known {
			continue
		}
		g.places[n] = len(g.all)
		o := target.Operator{ID: len(g.all), Name: "Sink " + table}
		if n != nil {
			o.Name, o.Details = describe(n)
		}
		g.all = append(g.all, o)
	}
	for n, at := range g.places {
		below := []plan.Node{root}
		if n != nil {
			below = n.Inputs()
		}
		o := &g.all[at]
		for _, input := range below {
			g.feed(o, input)
		}
		slices.Sort(o.Inputs)
	}
	return g
}

// feed makes the operators at or below n inputs of o. What stands in between is part
// of o, and said in its details.
func (g *operatorGraph) feed(o *target.Operator, n plan.Node) {
	if at, known := g.places[n]; known {
		if !slices.Contains(o.Inputs, at) {
			o.Inputs = append(o.Inputs, at)
		}
		return
	}
	name, details := describe(n)
	if _, reads := n.(*plan.Scan); reads { // what is read tells more than that it is marked
		o.Name, name = name, o.Name
	}
	o.Details = append(append(o.Details, name), details...)
	for _, input := range n.Inputs() {
		g.feed(o, input)
	}
}

// describe is what the print of a plan says of one node: its line and its properties.
func describe(n plan.Node) (name string, properties []string) {
	lines := strings.Split(plan.Print(n), "\n")
	for _, line := range lines[1:] {
		property, is := strings.CutPrefix(line, "| ")
		if !is {
			break
		}
		properties = append(properties, property)
	}
	return lines[0], properties
}

// costs gives the operators what they have cost.
func (g *operatorGraph) costs(all []job.OperatorCost) []target.Operator {
	operators := slices.Clone(g.all)
	for _, c := range all {
		at, known := g.places[c.Node]
		if !known {
			continue
		}
		operators[at].Workers = append(operators[at].Workers, target.Worker{
			RowsIn: c.RowsIn, RowsOut: c.RowsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
			CPU: c.CPU, Busy: c.Busy, InputWait: c.InputWait, OutputWait: c.OutputWait, StateBytes: c.StateBytes, Recent: target.Load(c.Recent),
		})
	}
	return operators
}

// describeRun fills in what the status of the run tells.
func (k *keeper) describeRun(s *target.Status, run *job.Job, st job.Status) {
	s.CPU, s.MemoryBytes, s.SpilledBytes, s.BackPressure = st.CPU, st.MemoryBytes, st.SpilledBytes, st.BackPressure
	costs := run.Costs()
	if k.mu.graph == nil && len(costs) > 0 {
		var charged []plan.Node
		for _, c := range costs {
			charged = append(charged, c.Node)
		}
		k.mu.graph = graphOf(k.job.Plan, k.job.Table.Name, charged)
	}
	if k.mu.graph != nil {
		s.Operators = k.mu.graph.costs(costs)
		if h := st.HeldBy; h != nil {
			s.HeldBy = &target.Holdup{Operator: k.mu.graph.places[h.Node], Busy: h.Busy}
		}
	}
	for _, source := range st.Sources {
		shown := target.Source{Table: source.Table, Watermark: source.Watermark}
		for _, split := range source.Splits {
			shown.Splits = append(shown.Splits, target.Split{
				Name: string(split.ID), Position: split.Position, End: split.End, LagRows: split.LagRows, LagAge: split.LagAge,
				Watermark: split.Watermark, Idle: split.Idle, Ended: split.Watermark == batch.Final, LastRow: split.LastRow,
			})
		}
		s.Sources = append(s.Sources, shown)
	}
}
