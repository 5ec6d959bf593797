package operator

import (
	"cmp"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
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
	forms   [2]*heldForm
	times   [2]int // the time column of each input
	reach   [2]int64
	span    int64 // Upper - Lower; negative when there can be no pairs
	hold    int64 // how far results can be behind the watermark
	sides   [2]*generations
	numbers blockNumbers
	now     engine.Watermark
	saved   engine.Watermark // watermark as it was saved last

	encoded joinRows
	at      []int64       // of each row: its time, in milliseconds
	near    []*generation // that may have partners of the rows under way
	likely  []likelyRow   // of these rows, those that are likely to have some
	run     heldRun
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
	for port, name := range [2]byte{'l', 'r'} {
		j.forms[port] = newHeldForm(j.inputs[port], j.times[port])
		// A row is kept for its reach. Rows of the other side look through all that are
		// there of the span.
		width := max(j.reach[port]/intervalGenerations, j.span/spanGenerationsMax) + 1
		j.sides[port] = newGenerations(name, len(n.Keys) == 0, keepsSide(n.Kind, port), width, j.forms[port])
	}
	j.sides[0].tracks = n.Kind.KeepsLeft() || n.Kind == plan.SemiJoin
	j.run.pairing, j.run.forms = p, j.forms
	j.run.tracks = [2]bool{j.sides[0].tracks, j.sides[1].tracks}
	return j, nil
}

// intervalGenerations is how many generations the time that a row is kept for is cut
// into, spanGenerationsMax how many the interval is cut into at most: with more of
// them a row looks into more, with fewer rows are kept longer than needed.
const (
	intervalGenerations = 6
	spanGenerationsMax  = 16
)

// behind is a watermark so many milliseconds earlier.
func behind(w engine.Watermark, by int64) engine.Watermark {
	if w == batch.NoMark || w == batch.Final {
		return w
	}
	return w - by
}

// Held is the watermark downstream: no result is at or before it.
func (j *IntervalJoin) Held(w engine.Watermark) engine.Watermark { return behind(w, j.hold) }

// Process shows the pairs that the rows make and keeps those that can have more.
func (j *IntervalJoin) Process(port int, rows *batch.Batch, emit engine.Emit) error {
	if retractions(rows) != nil {
		return fmt.Errorf("interval join: the input takes rows back")
	}
	rows, timeless := splitByTime(rows, j.times[port])
	if timeless != nil && keepsSide(j.node.Kind, port) {
		if err := j.pairing.alone(port, timeless.Columns, rowNumbers(timeless.Rows), constantMarks(j.Held(j.now), timeless.Rows), emit); err != nil {
			return err
		}
	}
	j.at = appendMilliseconds(j.at[:0], rows.Columns[j.times[port]])
	j.forms[port].encode(&j.encoded, rows)
	j.encoded.hash(generationSeed)
	null := nullKeys(j.inputs[port], rows)
	j.run.start(port, rows, j.Held(j.now), emit)
	if j.span >= 0 {
		if err := j.probe(port, rows, null); err != nil {
			return err
		}
	}
	return j.keep(port, rows, null, emit)
}

// appendMilliseconds appends the times of a column without NULL.
func appendMilliseconds(to []int64, c *batch.Column) []int64 {
	if c.Type.Class() == value.Ints {
		for _, micros := range c.Ints {
			to = append(to, wholeMilliseconds(micros))
		}
		return to
	}
	for i := range c.Len() {
		to = append(to, milliseconds(c, i))
	}
	return to
}

// splitByTime takes out the rows whose time is NULL: they have no partner. An
// outer join before this one makes such rows. timeless is nil if there are none.
func splitByTime(rows *batch.Batch, timeColumn int) (timed, timeless *batch.Batch) {
	times := rows.Columns[timeColumn]
	if times.Nulls == nil || times.Nulls.Count() == 0 {
		return rows.Compact(), nil
	}
	with, without := []uint16{}, []uint16{}
	rows.Each(func(i int) {
		if times.IsNull(i) {
			without = append(without, uint16(i))
		} else {
			with = append(with, uint16(i))
		}
	})
	selected := func(sel []uint16) *batch.Batch {
		return (&batch.Batch{Columns: rows.Columns, Rows: rows.Rows, Sel: sel, Kinds: rows.Kinds, Marks: rows.Marks}).Compact()
	}
	return selected(with), selected(without)
}

// bounds are the times of partners of a row of the port.
func (j *IntervalJoin) bounds(port int, at int64) (low, high int64) {
	if port == 0 {
		return at + j.node.Interval.Lower, at + j.node.Interval.Upper
	}
	return at - j.node.Interval.Upper, at - j.node.Interval.Lower
}

// probe finds the partners of rows that are there.
func (j *IntervalJoin) probe(port int, rows *batch.Batch, null []bool) error {
	if len(j.sides[1-port].byID) == 0 {
		return nil
	}
	for begin := 0; begin < rows.Rows; begin += touchRows {
		end := min(begin+touchRows, rows.Rows)
		low, _ := j.bounds(port, slices.Min(j.at[begin:end]))
		_, high := j.bounds(port, slices.Max(j.at[begin:end]))
		j.near, j.likely = j.sides[1-port].between(low, high, j.near[:0]), j.likely[:0]
		for _, g := range j.near {
			j.likely = g.sift(j.encoded.hashes[begin:end], j.likely)
		}
		if len(j.near) > 1 {
			slices.SortFunc(j.likely, func(a, b likelyRow) int { return cmp.Or(cmp.Compare(a.row, b.row), cmp.Compare(a.in.id, b.in.id)) })
		}
		for _, l := range j.likely {
			if null != nil && null[begin+l.row] {
				continue
			}
			if err := j.match(port, rows, begin+l.row, l.in); err != nil {
				return err
			}
		}
	}
	return j.run.settle()
}

// match finds the partners of row i in a generation.
func (j *IntervalJoin) match(port int, rows *batch.Batch, i int, g *generation) error {
	at := j.at[i]
	low, high := j.bounds(port, at)
	for found := g.latest(j.encoded.hashes[i], j.encoded.key(i)); found != 0; found = g.older(found) {
		within, isLate := g.timeOf(found)
		time := g.id*j.sides[1-port].width + within
		if time < low || time > high || max(rows.Mark(i), j.now) > time+j.reach[1-port] || isLate && g.marks[found] > at+j.reach[port] {
			continue
		}
		if err := j.run.add(i, g, found, time); err != nil {
			return err
		}
	}
	return nil
}

// keep stores the rows that can find more partners, and shows those that cannot,
// if they are to be shown alone.
func (j *IntervalJoin) keep(port int, rows *batch.Batch, null []bool, emit engine.Emit) error {
	side := j.sides[port]
	keeps, semi := keepsSide(j.node.Kind, port), port == 0 && j.node.Kind == plan.SemiJoin
	var alone, late []uint32
	for i, at := range j.at {
		if i%touchRows == 0 {
			side.of(at).touch(j.encoded.hashes[i:min(i+touchRows, rows.Rows)])
		}
		mark := max(rows.Mark(i), j.now)
		hopeless := mark > at+j.span || j.span < 0
		if !hopeless && j.now <= at+j.reach[port] && (null == nil || !null[i]) {
			if !semi || !j.run.matched[i] {
				held := heldRow{at: at, mark: mark, isLate: mark >= at, paired: j.run.matched[i]}
				if err := side.add(side.of(at), j.encoded.hashes[i], j.encoded.key(i), j.encoded.row(i), held); err != nil {
					return err
				}
			}
			continue
		}
		switch {
		case !keeps || j.run.matched[i]:
		case hopeless:
			late = append(late, uint32(i))
		default:
			alone = append(alone, uint32(i))
		}
	}
	if err := j.pairing.alone(port, rows.Columns, alone, constantMarks(j.Held(j.now), len(alone)), emit); err != nil {
		return err
	}
	marks := make([]int64, len(late))
	for i, row := range late {
		marks[i] = j.Held(max(rows.Mark(int(row)), j.now))
	}
	return j.pairing.alone(port, rows.Columns, late, marks, emit)
}

// Advance shows the rows that will find no partner any more and forgets what is
// not needed.
func (j *IntervalJoin) Advance(w engine.Watermark, emit engine.Emit) error {
	if w < j.now {
		return nil // after a restart, an input that was idle is waited for again
	}
	for port, side := range j.sides {
		until := behind(w, j.reach[port])
		if keepsSide(j.node.Kind, port) {
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
	side, part := j.sides[port], heldColumns{form: j.forms[port]}
	var err error
	flush := func() {
		if err != nil || part.rows() == 0 {
			return
		}
		var columns []*batch.Column
		if columns, err = part.columns(); err == nil {
			err = j.pairing.alone(port, columns, rowNumbers(part.rows()), constantMarks(j.Held(j.now), part.rows()), emit)
		}
		part.clear()
	}
	for _, g := range side.inOrder() {
		if g.id*side.width >= until {
			break
		}
		g.takeDue(side.width, until, func(at rowPlace, time int64) {
			if err == nil {
				err = part.add(g.row(at), time)
			}
			if part.rows() == batch.MaxRows {
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
		if err := side.save(to, &j.numbers); err != nil {
			return fmt.Errorf("save interval join: %w", err)
		}
	}
	saveWatermark(j.env, to, j.now, &j.saved)
	return nil
}

// Load reads the rows of this worker, and the watermark.
func (j *IntervalJoin) Load(from engine.Saved) error {
	if err := loadGenerations(j.env.Worker, from, j.sides, &j.numbers, &j.now, j.reach); err != nil {
		return fmt.Errorf("load interval join: %w", err)
	}
	j.saved = j.now
	return nil
}

func (j *IntervalJoin) held() int64 { return j.sides[0].held() + j.sides[1].held() }

func (j *IntervalJoin) giveBack() {
	for _, side := range j.sides {
		side.giveBack()
	}
}
