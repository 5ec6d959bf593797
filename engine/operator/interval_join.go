package operator

import (
	"encoding/binary"
	"fmt"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// IntervalJoin pairs rows of two append-only inputs whose times are close:
// left + Lower <= right <= left + Upper. It runs in streaming mode; in batch
// mode a Join gives the same rows.
//
// A row waits for partners as long as some can come: until the watermark has
// passed all times it can be paired with. Then it is forgotten, and if it has
// had no partner and is to be shown all the same, shown alone.
//
// Late rows are not dropped, they find what is still waited for, by the clock of
// their own source: a pair needs each row's mark to be not beyond the other
// row's reach (mark of left <= right - Lower, mark of right <= left + Upper).
// That does not depend on which of the two inputs is ahead. A row that is so late
// that it can have no partner is shown alone at once.
//
// Results are older than the watermark. What comes next is told an earlier one
// (Held), early enough that no pair is late there; only a row that is shown
// alone because it was too late for everything carries a later mark of its own.
//
// State: blocks of rows (see generations), and in key group 0 the watermark
// under 'w'.
type IntervalJoin struct {
	env     Environment
	node    *plan.Join
	pairing *pairing
	inputs  [2]*joinInput
	times   [2]int // the time column of each input
	reach   [2]int64
	span    int64 // Upper - Lower; negative when there can be no pairs
	hold    int64 // how far results can be behind the watermark
	sides   [2]*generations
	numbers blockNumbers
	now     engine.Watermark
	saved   engine.Watermark // watermark as it was saved last

	encoded joinRows
	hashes  []uint64
	matched []bool
	near    []*generation
	run     intervalRun
}

// NewIntervalJoin makes the operator for a node with an Interval.
func NewIntervalJoin(env Environment, n *plan.Join) (*IntervalJoin, error) {
	left, right := n.Left.Schema(), n.Right.Schema()
	p, err := newPairing(env, n.Kind, left, right, n.Condition, n.Schema())
	if err != nil {
		return nil, err
	}
	i := n.Interval
	j := &IntervalJoin{
		env: env, node: n, pairing: p, inputs: joinInputs(left, right, n.Keys), times: [2]int{i.Left, i.Right},
		reach: [2]int64{i.Upper, -i.Lower}, span: i.Upper - i.Lower, now: batch.NoMark, saved: batch.NoMark,
	}
	if j.span >= 0 {
		j.hold = max(i.Upper, -i.Lower, j.span) + 1
	}
	whole := len(n.Keys) == 0
	width := j.span/intervalGenerations + 1
	j.sides[0] = newGenerations('l', whole, n.Kind.KeepsLeft(), width)
	j.sides[0].tracks = n.Kind.KeepsLeft() || n.Kind == plan.SemiJoin
	j.sides[1] = newGenerations('r', whole, n.Kind.KeepsRight(), width)
	return j, nil
}

// intervalGenerations is how many generations an interval is cut into: with more
// of them a row looks into more, with fewer rows are kept longer than needed.
const intervalGenerations = 4

// behind is a watermark so many milliseconds earlier.
func behind(w engine.Watermark, by int64) engine.Watermark {
	if w == batch.NoMark || w == batch.Final {
		return w
	}
	return w - by
}

// Held is the watermark downstream: no result is at or before it.
func (j *IntervalJoin) Held(w engine.Watermark) engine.Watermark { return behind(w, j.hold) }

// keeps reports whether rows of the port without a partner are shown.
func (j *IntervalJoin) keeps(port int) bool {
	if port == 0 {
		return j.node.Kind.KeepsLeft()
	}
	return j.node.Kind.KeepsRight()
}

// Process shows the pairs that the rows make and keeps those that can have more.
func (j *IntervalJoin) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	rows, err := withTimes(j.env, rows, j.times[port], j.input(port).Schema()[j.times[port]].Name)
	if err != nil {
		return err
	}
	if retractions(rows) != nil {
		return fmt.Errorf("interval join: the input takes rows back")
	}
	j.inputs[port].encode(&j.encoded, rows)
	j.hashes, j.matched = j.hashes[:0], append(j.matched[:0], make([]bool, rows.Rows)...)
	for i := range rows.Rows {
		j.hashes = append(j.hashes, generationHash(j.encoded.key(i)))
	}
	null := nullKeys(j.inputs[port], rows)
	if j.span >= 0 {
		if err := j.probe(port, rows, null, emit); err != nil {
			return err
		}
	}
	return j.keep(port, rows, null, emit)
}

func (j *IntervalJoin) input(port int) plan.Node { return j.node.Inputs()[port] }

// bounds are the times of partners of a row of the port.
func (j *IntervalJoin) bounds(port int, at int64) (low, high int64) {
	if port == 0 {
		return at + j.node.Interval.Lower, at + j.node.Interval.Upper
	}
	return at - j.node.Interval.Upper, at - j.node.Interval.Lower
}

// probe finds the partners of rows that are there.
func (j *IntervalJoin) probe(port int, rows *batch.Batch, null []bool, emit engine.Emit) error {
	other := j.sides[1-port]
	if len(other.byID) == 0 {
		return nil
	}
	times := rows.Columns[j.times[port]]
	j.run.start(j, port, rows, emit)
	var firstID, lastID int64
	j.near = j.near[:0]
	look := func(i int) (at, low, high int64) {
		at = milliseconds(times, i)
		low, high = j.bounds(port, at)
		if first, last := floorDivide(low, other.width), floorDivide(high, other.width); i == 0 || first != firstID || last != lastID {
			firstID, lastID = first, last
			j.near = other.between(low, high, j.near[:0])
		}
		return at, low, high
	}
	// Touching all slots first lets their cache misses overlap.
	var touched uint64
	for i := range rows.Rows {
		look(i)
		for _, g := range j.near {
			touched |= g.slots[j.hashes[i]&uint64(len(g.slots)-1)]
		}
	}
	_ = touched
	for i := range rows.Rows {
		if null != nil && null[i] {
			continue
		}
		at, low, high := look(i)
		mark := max(rows.Mark(i), j.now)
		for _, g := range j.near {
			for number := g.latest(j.hashes[i], j.encoded.key(i)); number != 0; {
				r := &g.rows[number-1]
				if r.at >= low && r.at <= high && mark <= r.at+j.reach[1-port] && (!r.isLate || g.marks[number-1] <= at+j.reach[port]) {
					if err := j.run.add(i, g, number-1); err != nil {
						return err
					}
				}
				number = r.older
			}
		}
	}
	return j.run.settle()
}

// keep stores the rows that can find more partners, and shows those that cannot,
// if they are to be shown alone.
func (j *IntervalJoin) keep(port int, rows *batch.Batch, null []bool, emit engine.Emit) error {
	side, times := j.sides[port], rows.Columns[j.times[port]]
	keeps, semi := j.keeps(port), port == 0 && j.node.Kind == plan.SemiJoin
	var alone, late []uint32
	for i := range rows.Rows {
		at, mark := milliseconds(times, i), max(rows.Mark(i), j.now)
		hopeless := mark > at+j.span || j.span < 0
		if !hopeless && j.now <= at+j.reach[port] && (null == nil || !null[i]) {
			if !semi || !j.matched[i] {
				held := heldRow{at: at, isLate: mark >= at, paired: j.matched[i]}
				side.add(side.of(at), j.hashes[i], j.encoded.key(i), j.encoded.row(i), held, mark)
			}
			continue
		}
		switch {
		case !keeps || j.matched[i]:
		case hopeless:
			late = append(late, uint32(i))
		default:
			alone = append(alone, uint32(i))
		}
	}
	if err := j.showAlone(port, rows.Columns, alone, constantMarks(j.Held(j.now), len(alone)), emit); err != nil {
		return err
	}
	marks := make([]int64, len(late))
	for i, row := range late {
		marks[i] = j.Held(max(rows.Mark(int(row)), j.now))
	}
	return j.showAlone(port, rows.Columns, late, marks, emit)
}

// showAlone emits rows of a port without a partner.
func (j *IntervalJoin) showAlone(port int, columns []*batch.Column, rows []uint32, marks []int64, emit engine.Emit) error {
	if len(rows) == 0 {
		return nil
	}
	lone := make([]uint32, len(rows))
	for i := range lone {
		lone[i] = noRow
	}
	sides := [2][]*batch.Column{make([]*batch.Column, len(j.inputs[0].types)), make([]*batch.Column, len(j.inputs[1].types))}
	places := [2][]uint32{lone, lone}
	sides[port], places[port] = columns, rows
	out := j.pairing.joined(sides, places)
	out.Marks = marks
	return emit(out)
}

// Advance shows the rows that will find no partner any more and forgets what is
// not needed.
func (j *IntervalJoin) Advance(w engine.Watermark, emit engine.Emit) error {
	for port, side := range j.sides {
		until := behind(w, j.reach[port])
		if j.keeps(port) {
			if err := j.showDue(port, until, emit); err != nil {
				return err
			}
		}
		side.dropUntil(until)
	}
	j.now = w
	return nil
}

// showDue shows the rows of a port without a partner whose times are before
// until.
func (j *IntervalJoin) showDue(port int, until int64, emit engine.Emit) error {
	side, part := j.sides[port], decodedRows{input: j.inputs[port]}
	var err error
	flush := func() {
		if err != nil || part.rows == 0 {
			return
		}
		rows := make([]uint32, part.rows)
		for i := range rows {
			rows[i] = uint32(i)
		}
		err = j.showAlone(port, part.inOrder(), rows, constantMarks(j.Held(j.now), len(rows)), emit)
		part.clear()
	}
	for _, g := range side.inOrder() {
		if g.id*side.width >= until {
			break
		}
		g.takeDue(side.width, until, func(number uint32) {
			if err == nil {
				err = part.add(g.row(number))
			}
			if part.rows == batch.MaxRows {
				flush()
			}
		})
	}
	flush()
	return err
}

// Flush has nothing to show: pairs are shown at once.
func (j *IntervalJoin) Flush(engine.Emit) error { return nil }

// Save writes the rows that came and the watermark.
func (j *IntervalJoin) Save(to engine.Changes) error {
	for _, side := range j.sides {
		side.save(to, &j.numbers)
	}
	saveWatermark(j.env, to, j.now, &j.saved)
	return nil
}

// Load reads the rows of this worker, and the watermark.
func (j *IntervalJoin) Load(from engine.Saved) error {
	if err := loadWatermark(from, &j.now); err != nil {
		return fmt.Errorf("load interval join: %w", err)
	}
	j.saved = j.now
	var loads [2]generationLoad
	err := from.Each(j.env.Worker, func(group engine.KeyGroup, key, val []byte) error {
		for port, side := range j.sides {
			if err := side.load(&loads[port], group, key, val, &j.numbers); err != nil {
				return err
			}
		}
		return nil
	})
	for port, side := range j.sides {
		if err == nil {
			err = side.finishLoad(&loads[port], behind(j.now, j.reach[port]))
		}
	}
	if err != nil {
		return fmt.Errorf("load interval join: %w", err)
	}
	return nil
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

// intervalRun collects the pairs of a batch, so that the condition is evaluated
// over columns.
type intervalRun struct {
	join    *IntervalJoin
	port    int
	rows    *batch.Batch
	decoded decodedRows
	found   []foundRow // of each decoded row
	pairs   [2][]uint32
	output  joinOutput
}

// foundRow says where a row is.
type foundRow struct {
	in     *generation
	number uint32
}

func (r *intervalRun) start(j *IntervalJoin, port int, rows *batch.Batch, emit engine.Emit) {
	r.join, r.port, r.rows = j, port, rows
	r.output.pairing, r.output.mark, r.output.emit = j.pairing, j.Held(j.now), emit
	r.decoded.input = j.inputs[1-port]
}

// add notes that row i of the batch may pair with a row of the other side.
func (r *intervalRun) add(i int, g *generation, number uint32) error {
	if len(r.found) == 0 {
		r.decoded.clear()
	}
	r.pairs[r.port] = append(r.pairs[r.port], uint32(i))
	r.pairs[1-r.port] = append(r.pairs[1-r.port], uint32(r.decoded.rows))
	r.found = append(r.found, foundRow{g, number})
	if err := r.decoded.add(g.row(number)); err != nil {
		return err
	}
	if len(r.found) == batch.MaxRows {
		return r.settle()
	}
	return nil
}

// settle shows the pairs collected so far that meet the condition.
func (r *intervalRun) settle() error {
	if len(r.found) == 0 {
		return nil
	}
	r.output.sides[r.port], r.output.sides[1-r.port] = r.rows.Columns, r.decoded.inOrder()
	passes, err := r.join.pairing.pass(r.output.sides, r.pairs)
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
func (r *intervalRun) pair(at int) error {
	j := r.join
	i, found := r.pairs[r.port][at], r.found[at]
	isFirst := !j.matched[i]
	j.matched[i] = true
	if j.sides[1-r.port].tracks {
		first := found.in.pair(found.number)
		if r.port == 1 {
			isFirst = first
		}
	}
	switch j.node.Kind {
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
