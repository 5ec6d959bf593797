package job

import (
	"context"
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/engine/exchange"
	"tidemark/engine/operator"
	"tidemark/engine/state"
)

// build makes sources and tasks as the record left them.
func (j *Job) build(ctx context.Context, record *state.Record) error {
	j.sources = j.sources[:0]
	for i, p := range j.blueprint.sources {
		s, err := j.openSource(ctx, i, p, record)
		if err != nil {
			return err
		}
		j.sources = append(j.sources, s)
	}
	j.status.setSources(j.sources)
	byStage := map[*stage][]*task{}
	for number, s := range j.blueprint.stages {
		for i := range j.spec.Parallelism {
			t := &task{job: j, running: ctx, stage: number, index: i, context: j.spec.Context}
			byStage[s] = append(byStage[s], t)
			j.tasks = append(j.tasks, t)
		}
	}
	firsts := map[*edge]int{} // number of an edge's first sender in its consumers' inboxes
	for _, s := range j.blueprint.stages {
		next := 0
		for _, in := range s.inputs {
			firsts[in] = next
			next += j.spec.Parallelism
		}
		for _, t := range byStage[s] {
			j.openInbox(t, s, next)
		}
	}
	for _, s := range j.blueprint.stages {
		for _, t := range byStage[s] {
			t.out = j.outputOf(ctx, t, s, byStage, firsts)
			if err := t.addElement(s.root, nil, 0, firsts, record); err != nil {
				return err
			}
		}
	}
	j.sink = &cost{enters: true, leaves: true}
	costs := []*cost{j.sink}
	for _, t := range j.tasks {
		costs = append(costs, t.meter.costs...)
	}
	j.status.setCosts(costs)
	return nil
}

// newCost is where an operator of the task is charged.
func (t *task) newCost(e *element) *cost {
	c := newCost(e, t)
	t.meter.costs = append(t.meter.costs, c)
	return c
}

// openInbox deals out the splits of the stage's sources and makes the inbox of
// a task whose edges have the given number of senders.
func (j *Job) openInbox(t *task, s *stage, edgeSenders int) {
	limits := make([]int, edgeSenders)
	for i := range limits {
		limits[i] = exchangeQueueMax
	}
	t.firstSplit, t.coordinator = edgeSenders, -1
	for _, p := range s.reads {
		src := j.sourceOf(p)
		src.readers = append(src.readers, t)
		for _, split := range src.splits {
			if split.number%j.spec.Parallelism != t.index {
				continue
			}
			split.task, split.sender = t, len(limits)
			t.splits = append(t.splits, split)
			limits = append(limits, splitQueueMax)
		}
	}
	participants := edgeSenders
	if len(s.reads) > 0 {
		t.coordinator = len(limits)
		limits = append(limits, epochsInFlight+1)
		participants++
	}
	t.inbox = exchange.NewInbox(limits)
	t.alignment = exchange.NewAlignment(participants)
}

func (j *Job) sourceOf(p *sourcePlan) *source {
	for _, s := range j.sources {
		if s.plan == p {
			return s
		}
	}
	panic("job: a stage reads a source that is not in the blueprint")
}

func (j *Job) outputOf(ctx context.Context, t *task, s *stage, byStage map[*stage][]*task, firsts map[*edge]int) output {
	switch len(s.outs) {
	case 0:
		return &sinkOutput{job: j, task: t, last: batch.NoMark}
	case 1:
		return j.edgeOutputOf(ctx, t, s.outs[0], byStage, firsts)
	}
	var all tee
	for _, out := range s.outs {
		all = append(all, j.edgeOutputOf(ctx, t, out, byStage, firsts))
	}
	return all
}

func (j *Job) edgeOutputOf(ctx context.Context, t *task, out *edge, byStage map[*stage][]*task, firsts map[*edge]int) *edgeOutput {
	o := &edgeOutput{ctx: ctx, meter: &t.meter, sender: firsts[out] + t.index, last: batch.NoMark}
	for consumer, tasks := range byStage {
		for _, in := range consumer.inputs {
			if in == out {
				for _, target := range tasks {
					o.targets = append(o.targets, target.inbox)
				}
			}
		}
	}
	switch {
	case out.single:
		o.partition = exchange.NewSingle(0, len(o.targets))
	case out.forward:
		o.partition = exchange.NewSingle(t.index, len(o.targets))
	default:
		o.partition = exchange.NewPartition(out.keys, len(o.targets))
	}
	return o
}

// addElement makes the links and leaves of an element that feeds port of to.
func (t *task) addElement(e *element, to *link, port int, firsts map[*edge]int, record *state.Record) error {
	env := t.environment()
	if e.make == nil {
		return t.addLeaf(e, env, to, port, firsts)
	}
	env.Upserts = t.job.blueprint.upserts(e)
	op, err := e.make(t.job.limited(env, e))
	if err != nil {
		return err
	}
	l := &link{operator: op, cost: t.newCost(e), meter: &t.meter, state: e.state, watermarks: exchange.NewWatermarks(len(e.inputs)), to: to, port: port, out: t.out}
	l.cost.counts = operator.HeldBytes(op) >= 0
	if p, ok := op.(engine.Passer); ok {
		l.passing = p.KeepsNothing()
	}
	for i, in := range e.inputs {
		if err := t.addElement(in, l, i, firsts, record); err != nil {
			return err
		}
	}
	t.links = append(t.links, l)
	if record == nil || e.state == 0 {
		return nil
	}
	if err := op.Load(t.job.spec.Store.Load(e.state)); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if t.job.spec.Takeover.owes(record, e) {
		t.owed = append(t.owed, owed{e, l})
	}
	return nil
}

func (t *task) addLeaf(e *element, env operator.Environment, to *link, port int, firsts map[*edge]int) error {
	l := &leaf{to: to, port: port, out: t.out, edge: e.edge}
	if e.edge != nil {
		l.first = firsts[e.edge]
		l.inputs = exchange.NewWatermarks(t.job.spec.Parallelism)
	} else {
		l.source, l.cost = t.job.sourceOf(e.source), t.newCost(e)
		for _, s := range t.splits {
			if s.source == l.source {
				l.cost.splits = append(l.cost.splits, s)
			}
		}
		var err error
		if l.intake, err = newIntake(env, e.source); err != nil {
			return err
		}
	}
	t.leaves = append(t.leaves, l)
	return nil
}
