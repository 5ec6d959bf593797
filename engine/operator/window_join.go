package operator

import (
	"container/heap"
	"fmt"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// WindowJoin pairs the rows of two append-only inputs that are in the same
// window. Rows are kept until the watermark reaches the window's end; then the
// window is joined, shown and forgotten. A row that comes when its window is over
// is late, by its mark, and dropped. It runs in streaming mode; in batch mode a
// Join gives the same rows.
//
// State: blocks of rows by the end of their window (see generations), and in
// key group 0 the watermark under 'w'.
type WindowJoin struct {
	env     Environment
	node    *plan.Join
	inputs  [2]*joinInput
	forms   [2]*heldForm
	ends    [2]int // the window_end column of each input
	windows *assigner
	sides   [2]*generations
	pending windowHeap // ends of windows that have rows
	queued  map[int64]bool
	numbers blockNumbers
	now     engine.Watermark
	saved   engine.Watermark // watermark as it was saved last

	encoded joinRows
	run     heldRun
}

// NewWindowJoin makes the operator for a node with a Window.
func NewWindowJoin(env Environment, n *plan.Join) (*WindowJoin, error) {
	left, right := n.Left.Schema(), n.Right.Schema()
	p, err := newPairing(env, n.Kind, left, right, n.Condition, n.Schema())
	if err != nil {
		return nil, err
	}
	j := &WindowJoin{
		env: env, node: n, inputs: joinInputs(left, right, n.Keys), ends: [2]int{n.Window.Left, n.Window.Right},
		windows: &assigner{}, queued: map[int64]bool{}, now: batch.NoMark, saved: batch.NoMark,
	}
	if onWall(n) && env.Context.Zone != time.UTC {
		j.windows.zone = env.Context.Zone
	}
	j.run.pairing = p
	for port, name := range [2]byte{'l', 'r'} {
		j.forms[port] = newHeldForm(j.inputs[port], j.ends[port])
		j.sides[port] = newGenerations(name, false, keepsSide(n.Kind, port), 0, j.forms[port])
		j.sides[port].width = 1 // a window is where its end is
		j.run.tracks[port] = j.sides[port].tracks
	}
	j.run.forms = j.forms
	return j, nil
}

// onWall reports whether the windows of n's inputs lie on the wall clock of the
// session's zone, because they are cut by instants.
func onWall(n *plan.Join) bool {
	source := plan.WindowOrigins(n.Left)[n.Window.Left].Source
	for {
		switch s := source.(type) {
		case *plan.Window:
			return s.Input.Schema()[s.Spec.Time].Type.Kind == value.TimestampLTZ
		case *plan.WindowAggregate:
			return s.Input.Schema()[s.Spec.Time].Type.Kind == value.TimestampLTZ
		case *plan.Aggregate:
			source, _, _ = plan.WindowKeys(s.Input, s.Keys, s.Sets)
		case *plan.Join:
			source = plan.WindowOrigins(s.Left)[s.Window.Left].Source
		default:
			return false
		}
	}
}

// Process keeps the rows whose windows are not over.
func (j *WindowJoin) Process(port int, rows *batch.Batch, _ engine.Emit) error {
	rows = rows.Compact()
	if retractions(rows) != nil {
		return fmt.Errorf("window join: the input takes rows back")
	}
	side, ends := j.sides[port], rows.Columns[j.ends[port]]
	if ends.Nulls != nil && ends.Nulls.Count() > 0 {
		rows, _ = splitByTime(rows, j.ends[port]) // the others are in no window
		ends = rows.Columns[j.ends[port]]
	}
	j.forms[port].encode(&j.encoded, rows)
	j.encoded.hash(generationSeed)
	recent, fires, late := batch.NoMark, batch.NoMark, 0
	for i := range rows.Rows {
		end := milliseconds(ends, i)
		if end != recent {
			recent, fires = end, j.windows.fires(end)
		}
		if max(rows.Mark(i), j.now) >= fires {
			late++
			continue
		}
		if err := side.add(side.of(end), j.encoded.hashes[i], j.encoded.key(i), j.encoded.row(i), heldRow{at: end}); err != nil {
			return err
		}
		j.queue(end)
	}
	if late > 0 && j.env.Dropped != nil {
		j.env.Dropped(late)
	}
	return nil
}

func (j *WindowJoin) queue(end int64) {
	if !j.queued[end] {
		j.queued[end] = true
		heap.Push(&j.pending, end)
	}
}

// Advance joins the windows that are over.
func (j *WindowJoin) Advance(w engine.Watermark, emit engine.Emit) error {
	if w < j.now {
		return nil // after a restart, an input that was idle is waited for again
	}
	for len(j.pending) > 0 && j.windows.fires(j.pending[0]) <= w {
		end := heap.Pop(&j.pending).(int64)
		delete(j.queued, end)
		if err := j.fire(end, emit); err != nil {
			return err
		}
	}
	j.now = w
	return nil
}

// fire joins one window and forgets it.
func (j *WindowJoin) fire(end int64, emit engine.Emit) error {
	left, right := j.sides[0].byID[end], j.sides[1].byID[end]
	if left != nil {
		part := heldColumns{form: j.forms[0]}
		for at := left.next(0); at != 0; at = left.next(at) {
			if err := part.add(left.row(at), end); err != nil {
				return err
			}
			if part.rows() == batch.MaxRows {
				if err := j.pairPart(&part, right, end, emit); err != nil {
					return err
				}
			}
		}
		if err := j.pairPart(&part, right, end, emit); err != nil {
			return err
		}
		j.sides[0].drop(left)
	}
	if right == nil {
		return nil
	}
	if keepsSide(j.node.Kind, 1) {
		if err := j.showLone(right, end, emit); err != nil {
			return err
		}
	}
	j.sides[1].drop(right)
	return nil
}

// pairPart joins some rows of the left with the right's, nil for none.
func (j *WindowJoin) pairPart(part *heldColumns, right *generation, end int64, emit engine.Emit) error {
	if part.rows() == 0 {
		return nil
	}
	columns, err := part.columns()
	if err != nil {
		return err
	}
	rows := &batch.Batch{Rows: part.rows(), Columns: columns}
	part.clear()
	j.run.start(0, rows, j.now, emit)
	if right != nil {
		if err := j.pairWith(right, rows, end); err != nil {
			return err
		}
	}
	if err := j.run.settle(); err != nil {
		return err
	}
	if !keepsSide(j.node.Kind, 0) {
		return nil
	}
	var lone []uint32
	for i, matched := range j.run.matched {
		if !matched {
			lone = append(lone, uint32(i))
		}
	}
	return j.run.pairing.alone(0, rows.Columns, lone, constantMarks(j.now, len(lone)), emit)
}

// pairWith pairs rows of the left with the right's.
func (j *WindowJoin) pairWith(right *generation, rows *batch.Batch, end int64) error {
	j.forms[0].encode(&j.encoded, rows)
	j.encoded.hash(generationSeed)
	null := nullKeys(j.inputs[0], rows)
	for i, hash := range j.encoded.hashes {
		if null != nil && null[i] {
			continue
		}
		for at := right.latest(hash, j.encoded.key(i)); at != 0; at = right.older(at) {
			if err := j.run.add(i, right, at, end); err != nil {
				return err
			}
		}
	}
	return nil
}

// showLone shows the rows of the right that have had no partner.
func (j *WindowJoin) showLone(right *generation, end int64, emit engine.Emit) error {
	part := heldColumns{form: j.forms[1]}
	show := func() error {
		columns, err := part.columns()
		if err != nil {
			return err
		}
		n := part.rows()
		part.clear()
		return j.run.pairing.alone(1, columns, rowNumbers(n), constantMarks(j.now, n), emit)
	}
	for at := right.next(0); at != 0; at = right.next(at) {
		if right.isPaired(at) {
			continue
		}
		if err := part.add(right.row(at), end); err != nil {
			return err
		}
		if part.rows() == batch.MaxRows {
			if err := show(); err != nil {
				return err
			}
		}
	}
	return show()
}

// Flush has nothing to show: windows are shown when they are over.
func (j *WindowJoin) Flush(engine.Emit) error { return nil }

// Save writes the rows that came and the watermark.
func (j *WindowJoin) Save(to engine.Changes) error {
	for _, side := range j.sides {
		if err := side.save(to, &j.numbers); err != nil {
			return fmt.Errorf("save window join: %w", err)
		}
	}
	saveWatermark(j.env, to, j.now, &j.saved)
	return nil
}

// Load reads the rows of this worker, and the watermark.
func (j *WindowJoin) Load(from engine.Saved) error {
	err := loadGenerations(j.env.Worker, from, j.sides, &j.numbers, &j.now, [2]int64{})
	if err != nil {
		return fmt.Errorf("load window join: %w", err)
	}
	j.saved = j.now
	for _, side := range j.sides {
		for end := range side.byID {
			j.queue(end)
		}
	}
	return nil
}

func (j *WindowJoin) held() int64 { return j.sides[0].held() + j.sides[1].held() }

func (j *WindowJoin) giveBack() {
	for _, side := range j.sides {
		side.giveBack()
	}
}
