// Package operator holds the relational operators that run: filters and
// projections, event time, aggregations with and without windows, joins, sorting.
//
// It does not move batches between workers (engine/exchange), keep anything on
// disk (engine/state) or decide when what happens (engine/job).
//
// Flow: the job calls the constructor of an operator with a plan node and an
// Environment, once per worker, and then drives it by the engine.Operator
// contract. A constructor refuses by name what is not built; afterwards nothing
// is refused.
//
// An aggregation is three operators: Prepare computes keys and arguments as
// columns (Layout says where), before the exchange; Aggregate or
// WindowAggregate keeps the groups, after it; PartialWindows, where it pays,
// sums up windows before the exchange.
//
// A join is one operator behind the exchange, which brings possible partners
// together: Join for what is there, MultiJoin for what is there of more than two
// inputs, IntervalJoin and WindowJoin for rows close in
// time, TemporalJoin for versions. They store rows in key form, key first
// (joinInput), and test pairs a column at a time (pairing). A LookupJoin has one
// input and asks a table outside.
//
// State by key that has a time to live is forgotten by one component (expiry),
// which the operators tell of every write and ask before every use: joins by row,
// the others by key. What it means for each is in its file *_expiry.go. Rows of a
// Join that only late rows could find are forgotten by another one (deadlines).
//
// Invariants:
//  1. Whether a row is late depends on its time and its mark alone; the
//     watermark of the operator only decides when results are shown.
//  2. Output carries marks that are not above the watermark downstream, so that
//     a result is never late for the operator that comes next. Rows that are
//     passed on in the order of time (OVER, deduplication) carry the watermark
//     just before their turn: who came late stays late.
//  3. In batch mode nothing is shown before the watermark batch.Final.
//  4. The order of results is: windows by their end, then groups by their
//     first row.
package operator

import (
	"context"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// Environment is what an operator knows of the task it is part of.
type Environment struct {
	Context *plan.Context // of this task alone
	Worker  engine.Worker // the key groups it looks after
	// Retracts says that the input of an aggregation may take rows back, which
	// some functions need more memory for.
	Retracts bool
	// Upserts says that nobody needs the row before an update: the row after it is
	// shown alone.
	Upserts bool
	// Appends says of each input of a join that it never takes rows back.
	Appends [2]bool
	// Late is given the input rows of a window aggregation that came too late
	// for all their windows, if its policy is to keep them; nil forgets them.
	// Dropped is told how many rows came too late, whatever becomes of them.
	Late    func(*batch.Batch) error
	Dropped func(rows int)
	// Aside puts rows among what goes to a further sink of the job, by its number.
	Aside func(sink int, rows *batch.Batch)
	// Expired is told how many keys were asked for whose state had expired; a key
	// again only when its state has expired again.
	Expired func(keys int)
	// Memory is how many bytes of state an operator that can spill may hold; 0
	// for no limit. What is more it writes to Spill.
	Memory int64
	Spill  *state.Spill
	// Pool, when not nil, is what operators by key may take beyond Memory.
	Pool *Pool
	// SpillBatches, when not 0, is after how many batches an operator by key writes
	// its state to Spill, however much it is: how tests have small states spill.
	SpillBatches int
	// Saves says that Save will be called. Joins remember what to write then only
	// if it is.
	Saves bool
	// Run ends when the run of the task does: what waits for something outside
	// waits no longer. Waits is told how many more rows wait for the clock, or
	// fewer: while some do, there are flushes without input.
	Run   context.Context
	Waits func(more int)
}

// wait tells that more rows wait for the clock, or fewer.
func (e Environment) wait(more int) {
	if e.Waits != nil && more != 0 {
		e.Waits(more)
	}
}

// accumulating is the context in which an aggregation's states are made.
func (e Environment) accumulating() *plan.Context {
	ctx := *e.Context
	ctx.Retracts = e.Retracts
	return &ctx
}

// StateVersion is the version of all operators' stored forms together. State of
// another version is not read: its job is built anew from its sources.
const StateVersion = 4

// Limits of the package.
const (
	// partialGroupsMax is how many groups are summed up before an exchange
	// before they are sent on: more would not fit the cache, and save little.
	partialGroupsMax = 1 << 15
)

// stateless is what operators without state of their own embed.
type stateless struct{}

// Advance has nothing to emit.
func (stateless) Advance(engine.Watermark, engine.Emit) error { return nil }

// Flush has held nothing back.
func (stateless) Flush(engine.Emit) error { return nil }

// Save has nothing to write.
func (stateless) Save(engine.Changes) error { return nil }

// Load has nothing to read.
func (stateless) Load(engine.Saved) error { return nil }

// unsupported is the problem of something that plans can say and this version
// does not do.
func unsupported(format string, args ...any) *problem.Problem {
	return problem.New(problem.Unsupported, format, args...)
}

func columnsOf(types []value.Type, capacity int) []*batch.Column {
	columns := make([]*batch.Column, len(types))
	for i, t := range types {
		columns[i] = batch.NewColumn(t, capacity)
	}
	return columns
}

// constantMarks is n times the watermark w; nil when there is none.
func constantMarks(w engine.Watermark, n int) []int64 {
	if w == batch.NoMark {
		return nil
	}
	marks := make([]int64, n)
	for i := range marks {
		marks[i] = w
	}
	return marks
}
