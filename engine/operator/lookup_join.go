package operator

import (
	"context"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
	"tidemark/engine"
	"tidemark/engine/expr"
	"tidemark/plan"
)

// LookupJoin asks a table for the rows that belong to each row of its input, a
// batch at a time, and passes on what it found: at the time when the row is
// passed on, never corrected later. What takes a row back takes back what is
// found for it, as deletes, since an update may find more rows than what it
// replaces, or fewer; the table must not change then.
//
// With retries, rows that find nothing wait (waitingLookups). Behind them others
// wait too, unless any order will do; the watermark downstream waits with them,
// so that none of them becomes late by waiting.
//
// Rows that nothing was found for are told to whoever wants them (GiveUpTo), when
// they are passed on for good: with an inner join that is to nowhere.
//
// State: in the first key group of the worker, 'w' and a number (8 bytes, big
// endian) → a row that waits (waitingLookup).
type LookupJoin struct {
	env     Environment
	node    *plan.LookupJoin
	table   connect.Lookuper
	keys    *expr.Program
	pairing *pairing
	input   *joinInput // how rows that wait are stored
	retry   lookupRetry
	waiting waitingLookups
	now     engine.Watermark
	givenUp func(*batch.Batch) // nil: nobody wants to know
}

// NewLookupJoin makes the operator that asks the table.
func NewLookupJoin(env Environment, n *plan.LookupJoin, table connect.Lookuper) (*LookupJoin, error) {
	in := n.Input.Schema()
	j := &LookupJoin{env: env, node: n, table: table, input: newJoinInput(in, nil, nil), now: batch.NoMark}
	var err error
	if j.retry, err = retryOf(n.Options); err != nil {
		return nil, err
	}
	values := make([]plan.Expr, len(n.Keys))
	for i, k := range n.Keys {
		values[i] = k.Value
	}
	if j.keys, err = expr.Compile(values); err != nil {
		return nil, err
	}
	j.pairing, err = newPairing(env, n.Kind, in, n.Looked(), n.Condition, n.Schema())
	return j, err
}

// retries reports whether asking again may find something.
func (j *LookupJoin) retries() bool { return j.retry.attempts > 0 && !j.table.Settled() }

// Process asks for the rows' partners.
func (j *LookupJoin) Process(_ int, rows *batch.Batch, emit engine.Emit) error {
	in, found, err := j.lookup(rows)
	if err != nil {
		return err
	}
	if !j.retries() {
		j.giveUp(in, found, nil)
		return j.join(in, found, emit)
	}
	passes, all := j.passing(hits(in, found))
	if all {
		return j.join(in, found, emit)
	}
	j.keep(in, passes, hits(in, found))
	part, partFound := only(in, found, passes)
	if err := j.join(part, partFound, emit); err != nil {
		return err
	}
	return j.makeRoom(emit)
}

// lookup asks for the live rows of a batch, which it gives as well.
func (j *LookupJoin) lookup(rows *batch.Batch) (*batch.Batch, connect.Found, error) {
	keys, err := j.keys.Eval(j.env.Context, rows)
	if err != nil {
		return nil, connect.Found{}, err
	}
	in := rows.Compact()
	found, err := j.ask(keys, in.Rows)
	return in, found, err
}

// ask asks the table, for no longer than the hint allows.
func (j *LookupJoin) ask(keys []*batch.Column, rows int) (connect.Found, error) {
	if j.retry.timeout == 0 {
		return j.table.Lookup(j.env.Run, keys, rows)
	}
	ctx, cancel := context.WithTimeout(j.env.Run, j.retry.timeout)
	defer cancel()
	found, err := j.table.Lookup(ctx, keys, rows)
	if err != nil && ctx.Err() != nil && j.env.Run.Err() == nil {
		err = problem.New(problem.Timeout, "a lookup in %s took longer than %v, the 'timeout' of its hint", j.node.Table.Name, j.retry.timeout).
			WithHint("allow more time, or look why the table is slow to answer").Retryable()
	}
	return found, err
}

// hits tells which rows were found.
func hits(in *batch.Batch, found connect.Found) []bool {
	hit := make([]bool, in.Rows)
	for _, row := range found.Keys {
		hit[row] = true
	}
	return hit
}

// passing tells which rows are passed on at once, and whether all are: where
// order counts, those in front of the first one that waits.
func (j *LookupJoin) passing(hit []bool) (passes []bool, all bool) {
	if !j.retry.ordered {
		return hit, !slices.Contains(hit, false)
	}
	passes = make([]bool, len(hit))
	if j.waiting.count() > 0 {
		return passes, false
	}
	for i := range hit {
		if !hit[i] {
			return passes, false
		}
		passes[i] = true
	}
	return passes, true
}

// only is the chosen rows with what was found for them.
func only(in *batch.Batch, found connect.Found, chosen []bool) (*batch.Batch, connect.Found) {
	part := *in
	part.Sel = []uint16{}
	place := make([]uint32, in.Rows)
	for i, is := range chosen {
		if is {
			place[i] = uint32(len(part.Sel))
			part.Sel = append(part.Sel, uint16(i))
		}
	}
	chosenFound := connect.Found{Columns: found.Columns}
	for i, row := range found.Keys {
		if chosen[row] {
			chosenFound.Keys, chosenFound.Rows = append(chosenFound.Keys, place[row]), append(chosenFound.Rows, found.Rows[i])
		}
	}
	return part.Compact(), chosenFound
}

// join emits the pairs that meet the condition, and of a left join the rows
// without one alone.
func (j *LookupJoin) join(in *batch.Batch, found connect.Found, emit engine.Emit) error {
	sides := [2][]*batch.Column{in.Columns, found.Columns}
	pairs := [2][]uint32{found.Keys, found.Rows}
	if err := j.met(sides, &pairs); err != nil {
		return err
	}
	if j.node.Kind == plan.LeftJoin {
		pairs = withoutPartner(pairs, in.Rows)
	}
	for from := 0; from < len(pairs[0]); from += batch.MaxRows {
		to := min(from+batch.MaxRows, len(pairs[0]))
		part := [2][]uint32{pairs[0][from:to], pairs[1][from:to]}
		out := j.pairing.joined(sides, part)
		out.Kinds, out.Marks = unnestedKinds(in, part[0]), marksAt(in, part[0])
		if err := emit(out); err != nil {
			return err
		}
	}
	return nil
}

// met drops the pairs that do not meet the condition.
func (j *LookupJoin) met(sides [2][]*batch.Column, pairs *[2][]uint32) error {
	if j.pairing.filter == nil {
		return nil
	}
	var kept [2][]uint32
	for from := 0; from < len(pairs[0]); from += batch.MaxRows {
		to := min(from+batch.MaxRows, len(pairs[0]))
		part := [2][]uint32{pairs[0][from:to], pairs[1][from:to]}
		passes, err := j.pairing.pass(sides, part)
		if err != nil {
			return err
		}
		for i := range part[0] {
			if passes == nil || passes[i] {
				kept[0], kept[1] = append(kept[0], part[0][i]), append(kept[1], part[1][i])
			}
		}
	}
	*pairs = kept
	return nil
}

// withoutPartner adds the rows that are in no pair, at their places.
func withoutPartner(pairs [2][]uint32, rows int) [2][]uint32 {
	var all [2][]uint32
	next := 0
	for row := range uint32(rows) {
		if next == len(pairs[0]) || pairs[0][next] != row {
			all[0], all[1] = append(all[0], row), append(all[1], noRow)
		}
		for ; next < len(pairs[0]) && pairs[0][next] == row; next++ {
			all[0], all[1] = append(all[0], row), append(all[1], pairs[1][next])
		}
	}
	return all
}

// unnestedKinds are the kinds of rows that were made of the given rows, any
// number of each: an update is no pair any more.
func unnestedKinds(in *batch.Batch, rows []uint32) []batch.Kind {
	if in.Kinds == nil {
		return nil
	}
	kinds := make([]batch.Kind, len(rows))
	for i, row := range rows {
		if in.Kinds[row].Retracts() {
			kinds[i] = batch.Delete
		}
	}
	return kinds
}

func marksAt(in *batch.Batch, rows []uint32) []int64 {
	if in.Marks == nil {
		return nil
	}
	marks := make([]int64, len(rows))
	for i, row := range rows {
		marks[i] = in.Marks[row]
	}
	return marks
}

// Advance notes the watermark. At the end of the input, rows that wait are asked
// for one last time.
func (j *LookupJoin) Advance(w engine.Watermark, emit engine.Emit) error {
	if w == batch.Final {
		if err := j.askAgain(batch.Final, emit); err != nil {
			return err
		}
	}
	j.now = max(j.now, w)
	return nil
}

// Held is the watermark that the first row that waits came behind.
func (j *LookupJoin) Held(w engine.Watermark) engine.Watermark {
	if first := j.waiting.first(); first != nil && w != batch.Final {
		return min(w, first.held)
	}
	return w
}

// Flush asks again for the rows whose time has come.
func (j *LookupJoin) Flush(emit engine.Emit) error {
	return j.askAgain(j.env.Context.Now.UnixMilli(), emit)
}

// Save writes what has changed of the rows that wait.
func (j *LookupJoin) Save(to engine.Changes) error {
	j.waiting.save(to)
	return nil
}

// Load reads the rows that wait.
func (j *LookupJoin) Load(from engine.Saved) error {
	if err := j.waiting.load(j.env.Worker, from); err != nil {
		return err
	}
	j.env.wait(j.waiting.count())
	return nil
}
