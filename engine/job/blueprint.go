package job

import (
	"fmt"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
)

// blueprint is a plan cut into stages: the pieces between exchanges. Every
// stage runs as Parallelism tasks.
type blueprint struct {
	stages  []*stage // producers before consumers; the last one feeds the sink
	sources []*sourcePlan
	late    []value.Type // types of rows that came too late; nil when none are kept
	// expiring are the joins whose rows have a sink when nothing was found for them.
	// That of the first one has the number sinkCount, and so on.
	expiring  []*plan.LookupJoin
	changelog *plan.Changelog // nil in batch mode
	places    map[plan.Node]Place
}

// stage is a tree of elements whose leaves are sources and edges. Its rows go to
// every edge that it feeds.
type stage struct {
	root   *element
	inputs []*edge // edges that it reads
	outs   []*edge // edges that it feeds; none for the sink
	reads  []*sourcePlan
}

// edge is an exchange between two stages.
type edge struct {
	from    *stage
	keys    []int // columns that the rows are cut by
	single  bool  // everything goes to the first task
	forward bool  // every task sends its rows to the task of its number
}

// element is an operator of a stage, or a leaf that reads a source or an edge.
type element struct {
	make   func(operator.Environment) (engine.Operator, error)
	state  state.Operator
	inputs []*element
	source *sourcePlan
	edge   *edge
	single bool // all rows are in the first task
	// node is what the element does of the plan; of the elements of one node the
	// first ones enter and the last one leaves.
	node           plan.Node
	enters, leaves bool
	spills         bool // it takes no more memory than it is given
	pooled         bool // and what others leave
}

// sourcePlan is a scan with what happens to its rows before anything else: the
// computed columns that event time needs, and event time.
type sourcePlan struct {
	name      string
	scan      *plan.Scan // nil for constants
	source    connect.Source
	selects   bool            // its batches say which rows are wanted behind event time
	calc      []plan.Node     // in the order of the rows' way; nil for none
	watermark *plan.Watermark // nil for none
}

func (s *sourcePlan) idleTimeout() time.Duration {
	if s.watermark == nil {
		return 0
	}
	return s.watermark.IdleTimeout
}

// compiler cuts a plan.
type compiler struct {
	spec      *Spec
	b         *blueprint
	next      state.Operator
	versioned map[plan.Node]bool // what makes the versions of a temporal join
	shared    map[int]*stage     // what plan.Shared nodes stand for, by their numbers
}

// stageParts is what the stage being built below an element reads so far.
type stageParts struct {
	inputs []*edge
	reads  []*sourcePlan
}

func compile(spec *Spec) (*blueprint, error) {
	c := &compiler{spec: spec, b: &blueprint{places: map[plan.Node]Place{}}, versioned: map[plan.Node]bool{}, shared: map[int]*stage{}}
	if spec.Context.Streaming {
		c.b.changelog = c.changelog()
	}
	root, err := c.element(spec.Plan)
	if err != nil {
		return nil, err
	}
	c.finish(root)
	return c.b, nil
}

// finish makes a stage of the elements up to root.
func (c *compiler) finish(root *element, outs ...*edge) *stage {
	parts := &stageParts{}
	gather(root, parts)
	s := &stage{root: root, outs: outs, inputs: parts.inputs, reads: parts.reads}
	c.b.stages = append(c.b.stages, s)
	return s
}

func gather(e *element, parts *stageParts) {
	for _, in := range e.inputs {
		gather(in, parts)
	}
	if e.source != nil {
		parts.reads = append(parts.reads, e.source)
	}
	if e.edge != nil {
		parts.inputs = append(parts.inputs, e.edge)
	}
}

// cut ends the stage of e and begins the next one behind an exchange.
func (c *compiler) cut(e *element, keys []int, single bool) *element {
	out := &edge{keys: keys, single: single}
	out.from = c.finish(e, out)
	return &element{edge: out, single: single}
}

// share compiles a part that several places read as a stage of its own, the
// first time, and gives the place an edge from there. It is one for any number of
// workers, as sources are numbered in stored state.
func (c *compiler) share(n *plan.Shared) (*element, error) {
	s, known := c.shared[n.Number]
	if !known {
		in, err := c.element(n.Input)
		if err != nil {
			return nil, err
		}
		s = c.finish(in)
		c.shared[n.Number] = s
	}
	out := &edge{from: s, forward: true}
	s.outs = append(s.outs, out)
	return &element{edge: out, single: s.root.single}, nil
}

// leading is the first n columns.
func leading(n int) []int {
	columns := make([]int, n)
	for i := range columns {
		columns[i] = i
	}
	return columns
}

// element compiles a node.
func (c *compiler) element(n plan.Node) (*element, error) {
	at := Place{Operator: c.next + 1, Source: len(c.b.sources)}
	e, err := c.compiled(n)
	if err == nil {
		e.leaves = true
		e.assign(n)
		at.Operators, at.Sources = int(c.next+1-at.Operator), len(c.b.sources)-at.Source
		c.b.places[n] = at
	}
	return e, err
}

// assign says of the element and of what was made with it below that they do what
// the node says. What is further below belongs to the node's inputs already.
func (e *element) assign(n plan.Node) {
	e.node = n
	e.enters = e.source != nil
	for _, in := range e.inputs {
		below := in
		if in.edge != nil && in.node == nil {
			in.node, below = n, in.edge.from.root
		}
		switch {
		case below.node == nil:
			below.assign(n)
		case below.node != n:
			e.enters = true
		}
	}
}

// compiled makes the elements of a node. Operators are numbered in the order of the
// plan, so that the numbers in stored state do not depend on the number of workers.
func (c *compiler) compiled(n plan.Node) (*element, error) {
	c.next++
	number := c.next
	switch n := n.(type) {
	case *plan.Scan, *plan.Watermark:
		return c.source(n)
	case *plan.Values:
		s := &sourcePlan{name: "values", source: &constants{node: n, context: &c.spec.Context}}
		c.b.sources = append(c.b.sources, s)
		return &element{source: s}, nil
	case *plan.Filter, *plan.Project:
		return c.calc(n)
	case *plan.Window:
		if n.Spec.Kind == plan.Session {
			return c.sessionWindow(n, number)
		}
		return c.above(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewWindow(env, n) })
	case *plan.Aggregate:
		return c.aggregate(n, number)
	case *plan.WindowAggregate:
		if n.Spec.Kind == plan.Session {
			return c.sessionAggregate(n, number)
		}
		return c.windowAggregate(n, number)
	case *plan.Join:
		return c.join(n, number)
	case *plan.MultiJoin:
		return c.multiJoin(n, number)
	case *plan.TemporalJoin:
		return c.temporalJoin(n, number)
	case *plan.LookupJoin:
		return c.lookupJoin(n, number)
	case *plan.Normalize:
		if c.versioned[n] {
			return c.normalizedVersions(n, number)
		}
		return c.normalize(n, number)
	case *plan.Match:
		return c.match(n, number)
	case *plan.Over:
		return c.over(n, number)
	case *plan.Rank:
		if c.versioned[n] {
			return c.latestVersions(n, number)
		}
		return c.rank(n, number)
	case *plan.Union:
		return c.union(n)
	case *plan.Shared:
		return c.share(n)
	case *plan.Unnest:
		return c.above(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewUnnest(env, n) })
	case *plan.Sort:
		if c.spec.Context.Streaming && c.isUpdating(n.Input) {
			return nil, problem.New(problem.Unsupported, "a stream whose rows change later cannot be sorted").WithHint("sort the result table when it is asked, or run in batch mode")
		}
		return c.ordered(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewSort(env, n) })
	case *plan.Limit:
		return c.ordered(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewLimit(env, n) })
	}
	return nil, problem.New(problem.Unsupported, "the engine cannot run %T yet", n)
}

// above is an operator on top of the input, in the same stage.
func (c *compiler) above(input plan.Node, construct func(operator.Environment) (engine.Operator, error)) (*element, error) {
	in, err := c.element(input)
	if err != nil {
		return nil, err
	}
	return &element{make: construct, inputs: []*element{in}, single: in.single}, nil
}

// calc compiles consecutive filters and projections as one operator.
func (c *compiler) calc(n plan.Node) (*element, error) {
	nodes, input := calcChain(n)
	in, err := c.element(input)
	if err != nil {
		return nil, err
	}
	if in.source != nil && in.source.scan != nil {
		nodes = c.offer(in.source, nodes)
	}
	construct := func(env operator.Environment) (engine.Operator, error) { return operator.NewCalc(env, nodes) }
	return &element{make: construct, inputs: []*element{in}, single: in.single}, nil
}

// calcChain is the filters and projections from n downwards, in the order of
// the rows' way, and what is below them.
func calcChain(n plan.Node) (nodes []plan.Node, input plan.Node) {
	for {
		switch x := n.(type) {
		case *plan.Filter:
			nodes, n = append([]plan.Node{x}, nodes...), x.Input
		case *plan.Project:
			nodes, n = append([]plan.Node{x}, nodes...), x.Input
		default:
			return nodes, n
		}
	}
}

// source compiles a scan with its event time.
func (c *compiler) source(n plan.Node) (*element, error) {
	s := &sourcePlan{}
	if w, ok := n.(*plan.Watermark); ok {
		s.watermark = w
		s.calc, n = calcChain(w.Input)
	}
	scan, ok := n.(*plan.Scan)
	if !ok {
		return nil, problem.New(problem.Unsupported, "a WATERMARK over %T cannot run", n).WithHint("declare it on the table that is read")
	}
	s.name, s.scan, s.source = scan.Table.Name, scan, c.spec.Sources[scan]
	if s.source == nil {
		return nil, fmt.Errorf("compile job: no source for table %s", s.name)
	}
	if scan.Filter != nil {
		s.calc = append([]plan.Node{&plan.Filter{Input: scan, Condition: scan.Filter}}, s.calc...)
		c.offerFilter(s)
	}
	c.b.sources = append(c.b.sources, s)
	return &element{source: s}, nil
}

// aggregate compiles GROUP BY.
func (c *compiler) aggregate(n *plan.Aggregate, number state.Operator) (*element, error) {
	prepared, err := c.above(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewPrepare(env, n) })
	if err != nil {
		return nil, err
	}
	if c.spec.Parallelism > 1 {
		prepared = c.cut(prepared, leading(len(operator.LayoutOf(n).Keys)), false)
	}
	retracts := c.isUpdating(n.Input)
	e := &element{state: number, inputs: []*element{prepared}, make: func(env operator.Environment) (engine.Operator, error) {
		env.Retracts = retracts
		return operator.NewAggregate(env, n)
	}}
	spilling(e, !operator.IsGlobal(n))
	return e, nil
}

// windowAggregate compiles GROUP BY over windows: with several workers, summed
// up before the exchange if no row is ever taken back.
func (c *compiler) windowAggregate(n *plan.WindowAggregate, number state.Operator) (*element, error) {
	if err := c.keepLate(n); err != nil {
		return nil, err
	}
	e, err := c.above(n.Input, func(env operator.Environment) (engine.Operator, error) { return operator.NewPrepareWindows(env, n) })
	if err != nil {
		return nil, err
	}
	retracts := c.isUpdating(n.Input)
	partial := c.spec.Parallelism > 1 && !retracts && !isOnClock(n)
	if partial {
		e = &element{inputs: []*element{e}, make: func(env operator.Environment) (engine.Operator, error) {
			return operator.NewPartialWindows(env, n)
		}}
	}
	if c.spec.Parallelism > 1 {
		e = c.cut(e, leading(len(operator.WindowLayoutOf(n).Keys)), false)
	}
	construct := func(env operator.Environment) (engine.Operator, error) {
		env.Retracts = retracts
		return operator.NewWindowAggregate(env, n, partial)
	}
	column := operator.WindowLayoutOf(n).TimeColumn()
	// Windows that are amended keep what was shown of them, and stay in memory.
	spills := len(n.Keys) > 0 && operator.IsShownOnce(n, c.spec.Context.Streaming)
	if spills {
		construct = limiting(construct)
	}
	return &element{state: number, spills: spills, pooled: spills, inputs: []*element{e}, make: onClock(n.Input, n.Spec, column, construct)}, nil
}

// keepLate notes the types of the rows that the late sink gets.
func (c *compiler) keepLate(n *plan.WindowAggregate) error {
	if n.Late.Action == plan.LateDrop || c.spec.Late == nil {
		return nil
	}
	if c.b.late != nil {
		return problem.New(problem.Unsupported, "late rows of two window aggregations cannot be kept in one table").
			WithHint("let one of them drop late rows")
	}
	c.b.late = typesOf(n.Input.Schema())
	return nil
}

func (c *compiler) union(n *plan.Union) (*element, error) {
	e := &element{make: func(operator.Environment) (engine.Operator, error) { return operator.Union{}, nil }}
	for _, input := range n.All {
		in, err := c.element(input)
		if err != nil {
			return nil, err
		}
		e.inputs = append(e.inputs, in)
	}
	return e, nil
}

// ordered compiles an operator that needs all rows in one place.
func (c *compiler) ordered(input plan.Node, construct func(operator.Environment) (engine.Operator, error)) (*element, error) {
	in, err := c.element(input)
	if err != nil {
		return nil, err
	}
	if c.spec.Parallelism > 1 && !in.single {
		in = c.cut(in, nil, true)
	}
	return &element{make: construct, inputs: []*element{in}, single: true}, nil
}

// isUpdating reports whether rows of n may take back earlier ones. In batch mode
// only rows of sources do.
func (c *compiler) isUpdating(n plan.Node) bool {
	if c.spec.Context.Streaming {
		return plan.Updating(n, func(s *plan.Scan) bool { return c.spec.Updating[s] })
	}
	if s, ok := n.(*plan.Scan); ok {
		return c.spec.Updating[s]
	}
	for _, in := range n.Inputs() {
		if c.isUpdating(in) {
			return true
		}
	}
	return false
}

func typesOf(s plan.Schema) []value.Type {
	types := make([]value.Type, len(s))
	for i, c := range s {
		types[i] = c.Type
	}
	return types
}

// check compiles every operator once and forgets it.
func (b *blueprint) check(j *Job) error {
	ctx := j.spec.Context
	env := operator.Environment{Context: &ctx, Worker: engine.WorkerOf(0, j.spec.Parallelism)}
	for _, s := range b.sources {
		if _, err := newIntake(env, s); err != nil {
			return err
		}
	}
	for _, s := range b.stages {
		if err := s.root.check(env); err != nil {
			return err
		}
	}
	return nil
}

func (e *element) check(env operator.Environment) error {
	for _, in := range e.inputs {
		if err := in.check(env); err != nil {
			return err
		}
	}
	if e.make == nil {
		return nil
	}
	_, err := e.make(env)
	return err
}
