package operator

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tidemark/base/batch"
	"tidemark/plan"
)

// groups is the states of an aggregation's calls for many groups, numbered by
// their keys.
type groups struct {
	context      *plan.Context
	layout       *Layout
	table        *table
	accumulators []plan.Accumulator // one a call
	rows         []int64            // of each group: how many rows are in it, less those taken back
	flags        []groupFlags
	part         []plan.Accumulator // one group, to be merged into another one; nil until it is needed

	keys  batch.Keys
	codes []uint32
	fresh []uint16

	passed []uint16 // rows of a batch that pass a FILTER, and their codes
	kept   []uint32
}

// groupFlags are marks that operators put on groups.
type groupFlags uint8

const (
	changed groupFlags = 1 << iota // since the last Flush
	unsaved                        // since the last Save
	saved                          // is in stored state
)

func newGroups(env Environment, l *Layout) *groups {
	g := &groups{context: env.accumulating(), layout: l, table: newTable(), codes: make([]uint32, batch.MaxRows)}
	g.accumulators = l.newAccumulators(g.context)
	return g
}

// newAccumulators makes the states of all calls. Those that count different values
// of one column share them.
func (l *Layout) newAccumulators(ctx *plan.Context) []plan.Accumulator {
	accumulators := make([]plan.Accumulator, len(l.calls))
	distinct := map[int]*distinctCounts{} // by their column
	for i, c := range l.calls {
		if !countsDistinct(ctx, c.call) {
			accumulators[i] = newAccumulator(ctx, c.call)
			continue
		}
		of := distinct[c.args[0]]
		if of == nil || of.calls == distinctCallsMax {
			of = newDistinctCounts()
			distinct[c.args[0]] = of
		}
		accumulators[i] = of.join(c.filter)
	}
	return accumulators
}

// resize makes room for all groups of the table.
func (g *groups) resize() {
	n := g.table.size()
	if n <= len(g.rows) {
		return
	}
	for len(g.rows) < n {
		g.rows, g.flags = append(g.rows, 0), append(g.flags, 0)
	}
	for _, a := range g.accumulators {
		a.Resize(n)
	}
}

// locate finds the groups of prepared rows, all of which are live; prefixes may
// tell apart groups with the same keys. It returns the code of each row and the
// rows whose group is new, both valid until the next call.
func (g *groups) locate(prefixes []uint32, in *batch.Batch) (codes []uint32, fresh []uint16) {
	g.keys.Encode(prefixes, in.Columns[:len(g.layout.Keys)], in.Rows)
	g.fresh = g.table.encode(&g.keys, g.codes, g.fresh[:0])
	g.resize()
	return g.codes[:in.Rows], g.fresh
}

// update takes prepared rows into their groups, or back out.
func (g *groups) update(codes []uint32, in *batch.Batch) {
	retract := retractions(in)
	for i, code := range codes {
		if retract != nil && retract[i] {
			g.rows[code]--
		} else {
			g.rows[code]++
		}
	}
	for i, c := range g.layout.calls {
		if d, ok := g.accumulators[i].(*distinctCount); ok {
			if d.call == 0 { // for all that share its values
				g.distinctOf(d, codes, in)
			}
			continue
		}
		args := make([]*batch.Column, len(c.args))
		for k, a := range c.args {
			args[k] = in.Columns[a]
		}
		codes, retract := codes, retract
		if c.filter >= 0 {
			codes, args, retract = g.passing(in.Columns[c.filter], codes, args, retract)
		}
		if len(codes) > 0 {
			g.accumulators[i].Update(codes, args, retract)
		}
	}
}

// retractions says which rows are taken back; nil when none is.
func retractions(in *batch.Batch) []bool {
	if in.Kinds == nil {
		return nil
	}
	var retract []bool
	for i, k := range in.Kinds {
		if k.Retracts() {
			if retract == nil {
				retract = make([]bool, len(in.Kinds))
			}
			retract[i] = true
		}
	}
	return retract
}

// passing keeps the rows for which the FILTER of a call is TRUE, until the next call.
func (g *groups) passing(filter *batch.Column, codes []uint32, args []*batch.Column, retract []bool) ([]uint32, []*batch.Column, []bool) {
	g.passed, g.kept = g.passed[:0], g.kept[:0]
	for i, holds := range filter.Bools {
		if holds && !filter.IsNull(i) {
			g.passed, g.kept = append(g.passed, uint16(i)), append(g.kept, codes[i])
		}
	}
	if len(g.passed) == len(codes) {
		return codes, args, retract
	}
	for i, a := range args {
		args[i] = a.Gather(g.passed)
	}
	if retract == nil {
		return g.kept, args, nil
	}
	keptRetract := make([]bool, len(g.passed))
	for i, row := range g.passed {
		keptRetract[i] = retract[row]
	}
	return g.kept, args, keptRetract
}

// results gives the values of the calls for the groups.
func (g *groups) results(codes []uint32) []*batch.Column {
	return g.layout.resultsOf(g.accumulators, codes)
}

func (l *Layout) resultsOf(accumulators []plan.Accumulator, codes []uint32) []*batch.Column {
	columns := make([]*batch.Column, len(accumulators))
	for i, a := range accumulators {
		columns[i] = batch.NewColumn(l.calls[i].call.Overload.Result, len(codes))
		columns[i].Resize(len(codes))
		a.Result(codes, columns[i])
	}
	return columns
}

// empty makes a group one without rows.
func (g *groups) empty(code uint32) {
	for _, a := range g.accumulators {
		a.Clear(code)
	}
	g.rows[code] = 0
}

// remove forgets a group.
func (g *groups) remove(code uint32) {
	g.empty(code)
	g.flags[code] = 0
	g.table.remove(code)
}

// reset forgets all groups.
func (g *groups) reset() {
	g.table.clear()
	g.rows, g.flags = g.rows[:0], g.flags[:0]
	g.accumulators = g.layout.newAccumulators(g.context)
}

// held is how many bytes the groups take.
func (g *groups) held() int64 {
	n := g.table.held() + 8*int64(cap(g.rows)) + int64(cap(g.flags))
	for _, a := range g.accumulators {
		n += a.Held()
	}
	return n
}

// appendState appends the stored form of a group: the number of its rows, then
// the states of its calls.
func (g *groups) appendState(to []byte, code uint32) []byte {
	to = binary.AppendVarint(to, g.rows[code])
	for _, a := range g.accumulators {
		to = a.Encode(code, to)
	}
	return to
}

// readState replaces a group by its stored form.
func (g *groups) readState(code uint32, from []byte) error {
	rows, used := binary.Varint(from)
	if used <= 0 {
		return errors.New("read state of group: cut off")
	}
	g.rows[code] = rows
	return readStates(g.accumulators, code, from[used:])
}

// readStates replaces the states of a group by their stored form.
func readStates(accumulators []plan.Accumulator, code uint32, from []byte) error {
	rest, err := decodeStates(accumulators, code, from)
	if err == nil && len(rest) > 0 {
		err = errors.New("bytes behind its end")
	}
	if err != nil {
		return fmt.Errorf("read state of group: %w", err)
	}
	return nil
}

// mergeState adds the stored form of a later part of a group.
func (g *groups) mergeState(code uint32, from []byte) error {
	rows, used := binary.Varint(from)
	if used <= 0 {
		return errors.New("read state of group: cut off")
	}
	if g.part == nil {
		g.part = g.layout.newAccumulators(g.context)
		for _, a := range g.part {
			a.Resize(1)
		}
	}
	if err := readStates(g.part, 0, from[used:]); err != nil {
		return err
	}
	g.rows[code] += rows
	g.merge([]uint32{code}, g.part, []uint32{0})
	return nil
}

func decodeStates(accumulators []plan.Accumulator, code uint32, from []byte) ([]byte, error) {
	var err error
	for _, a := range accumulators {
		if from, err = a.Decode(code, from); err != nil {
			return nil, err
		}
	}
	return from, nil
}

// merge adds groups from[i] of other accumulators to groups into[i].
func (g *groups) merge(into []uint32, other []plan.Accumulator, from []uint32) {
	for i, a := range g.accumulators {
		a.Merge(into, other[i], from)
	}
}
