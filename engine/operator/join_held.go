package operator

import (
	"encoding/binary"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// heldRun takes the rows of a batch past rows of generations of the other side.
// Pairs are collected, so that the condition is evaluated over columns.
type heldRun struct {
	pairing *pairing
	tracks  [2]bool // of each side: it matters which rows have had a partner
	port    int
	rows    *batch.Batch
	matched []bool // of each row of the batch: it has had a partner
	forms   [2]*heldForm
	decoded heldColumns
	found   []foundRow // of each decoded row
	pairs   [2][]uint32
	output  joinOutput
}

// foundRow says where a row is.
type foundRow struct {
	in *generation
	at rowPlace
}

// start begins a batch of the port; results get the mark.
func (r *heldRun) start(port int, rows *batch.Batch, mark engine.Watermark, emit engine.Emit) {
	r.port, r.rows = port, rows
	r.matched = append(r.matched[:0], make([]bool, rows.Rows)...)
	r.output.pairing, r.output.mark, r.output.emit = r.pairing, mark, emit
	r.decoded.form = r.forms[1-port]
}

// add notes that row i of the batch may pair with a row of the other side.
func (r *heldRun) add(i int, g *generation, at rowPlace, time int64) error {
	if len(r.found) == 0 {
		r.decoded.clear()
	}
	r.pairs[r.port] = append(r.pairs[r.port], uint32(i))
	r.pairs[1-r.port] = append(r.pairs[1-r.port], uint32(r.decoded.rows()))
	r.found = append(r.found, foundRow{g, at})
	if err := r.decoded.add(g.row(at), time); err != nil {
		return err
	}
	if len(r.found) == batch.MaxRows {
		return r.settle()
	}
	return nil
}

// settle shows the pairs collected so far that meet the condition.
func (r *heldRun) settle() error {
	if len(r.found) == 0 {
		return nil
	}
	decoded, err := r.decoded.columns()
	if err != nil {
		return err
	}
	r.output.sides[r.port], r.output.sides[1-r.port] = r.rows.Columns, decoded
	passes, err := r.pairing.pass(r.output.sides, r.pairs)
	if err != nil {
		return err
	}
	for at := range r.found {
		if passes != nil && !passes[at] {
			continue
		}
		if err := r.pair(at); err != nil {
			return err
		}
	}
	clear(r.found)
	r.pairs[0], r.pairs[1], r.found = r.pairs[0][:0], r.pairs[1][:0], r.found[:0]
	return r.output.flush()
}

// pair shows a pair, or of a semi join the left row whose first partner it is.
func (r *heldRun) pair(at int) error {
	i, found := r.pairs[r.port][at], r.found[at]
	isFirst := !r.matched[i]
	r.matched[i] = true
	if r.tracks[1-r.port] {
		first := found.in.pair(found.at)
		if r.port == 1 {
			isFirst = first
		}
	}
	switch r.pairing.kind {
	case plan.AntiJoin:
		return nil
	case plan.SemiJoin:
		if !isFirst {
			return nil
		}
		return r.output.add(batch.Insert, r.pairs[0][at], noRow, 1)
	default:
		return r.output.add(batch.Insert, r.pairs[0][at], r.pairs[1][at], 1)
	}
}

// keepsSide reports whether rows of the port without a partner are shown.
func keepsSide(kind plan.JoinKind, port int) bool {
	if port == 0 {
		return kind.KeepsLeft()
	}
	return kind.KeepsRight()
}

// alone emits rows of a side without a partner.
func (p *pairing) alone(port int, columns []*batch.Column, rows []uint32, marks []int64, emit engine.Emit) error {
	if len(rows) == 0 {
		return nil
	}
	lone := make([]uint32, len(rows))
	for i := range lone {
		lone[i] = noRow
	}
	sides := [2][]*batch.Column{make([]*batch.Column, len(p.types[0])), make([]*batch.Column, len(p.types[1]))}
	places := [2][]uint32{lone, lone}
	sides[port], places[port] = columns, rows
	out := p.joined(sides, places)
	out.Marks = marks
	return emit(out)
}

// rowNumbers is the first n rows.
func rowNumbers(n int) []uint32 {
	rows := make([]uint32, n)
	for i := range rows {
		rows[i] = uint32(i)
	}
	return rows
}

// saveWatermark writes the watermark under 'w' in key group 0, if the worker has
// it and it has risen since it was saved.
func saveWatermark(env Environment, to engine.Changes, now engine.Watermark, saved *engine.Watermark) {
	if env.Worker.Has(0) && now != *saved {
		to.Put(0, []byte{storedWatermark}, binary.BigEndian.AppendUint64(nil, uint64(now)))
		*saved = now
	}
}

// loadWatermark reads what saveWatermark wrote, for any worker.
func loadWatermark(from engine.Saved, now *engine.Watermark) error {
	return from.Each(engine.Worker{From: 0, To: 1}, func(_ engine.KeyGroup, key, val []byte) error {
		if len(key) == 1 && key[0] == storedWatermark && len(val) == 8 {
			*now = int64(binary.BigEndian.Uint64(val))
		}
		return nil
	})
}
