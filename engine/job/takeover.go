package job

import (
	"context"
	"fmt"
	"slices"

	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// Takeover says that the store's first epoch was not made by a run of this job: it has
// the state of some parts of the plan, and how far their sources had been read, from
// another job that has the same parts (Place tells where they stand in either). What
// these parts have given until then nobody above them has seen. The run that goes on
// from that epoch begins with it: their topmost operators give all that they have
// given, as new rows, and only then take more. It is in the next epoch, or in none.
type Takeover struct {
	Epoch     engine.Epoch
	Operators []state.Operator // the topmost of the parts; they are engine.Snapshotters
}

// Begins reports whether the run that goes on from a record begins with what the parts
// have given. A nil Takeover, or record, begins nothing.
func (t *Takeover) Begins(record *state.Record) bool {
	return t != nil && record != nil && record.Epoch == t.Epoch
}

// owes reports whether an element has to give what it has given.
func (t *Takeover) owes(record *state.Record, e *element) bool {
	return t.Begins(record) && slices.Contains(t.Operators, e.state)
}

// owed is an operator of a task that has to give what it has given.
type owed struct {
	element *element
	link    *link
}

// giveOwed gives it, a key group at a time: each is read by an operator of its own, so
// that no more is in memory than one of them.
func (t *task) giveOwed(ctx context.Context) error {
	worker := engine.WorkerOf(t.index, t.job.spec.Parallelism)
	for _, o := range t.owed {
		before := t.meter.enter(o.link.cost)
		for group := worker.From; group < worker.To; group++ {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := o.giveGroup(t, engine.Worker{From: group, To: group + 1}); err != nil {
				return fmt.Errorf("give what was taken over: %w", err)
			}
		}
		t.meter.enter(before)
	}
	t.owed = nil
	return nil
}

func (o owed) giveGroup(t *task, group engine.Worker) error {
	env := t.environment()
	env.Worker = group
	op, err := o.element.make(env)
	if err != nil {
		return err
	}
	if err := op.Load(t.job.spec.Store.Load(o.element.state)); err != nil {
		return err
	}
	of, ok := op.(engine.Snapshotter)
	if !ok {
		return fmt.Errorf("%s has forgotten it", plan.Title(o.element.node))
	}
	return of.Snapshot(o.link.emit)
}

// Place is where a part of a plan stands in stored epochs.
type Place struct {
	Operator  state.Operator // number of the topmost operator; those below follow
	Operators int
	Source    int // position of the first source in an epoch's record; the others follow
	Sources   int
}

// Place finds the part of the plan whose topmost node is n, an operator with state.
func (j *Job) Place(n plan.Node) Place { return j.blueprint.places[n] }

// SourceTables names the tables of the sources, in the order of an epoch's record.
func (j *Job) SourceTables() []string {
	tables := make([]string, len(j.blueprint.sources))
	for i, s := range j.blueprint.sources {
		tables[i] = s.name
	}
	return tables
}
