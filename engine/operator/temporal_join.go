package operator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"tidemark/base/batch"
	"tidemark/engine"
	"tidemark/plan"
)

// TemporalJoin gives each row of the left the row of the right with its key that
// was valid at the row's time. Rows of the left wait until the watermark has
// passed their time, when all versions up to then are known; results are in that
// order. Of the right each row is a version, valid from its time on; a deleted
// row ends the validity; the row before an update says nothing.
//
// A late row of the left, by its own mark, is joined as of that mark: with the
// version that is the newest then, if it was valid at the row's time already,
// since older ones may be forgotten. A late version is valid for those who ask as
// of a time after its mark. So the answer does not depend on which of the two
// inputs is ahead.
//
// In batch mode nothing is late, and everything is shown at the end.
//
// State, in the worker's key groups: 'l', when the row is due (8 bytes, big
// endian, sign bit turned) and its number (8 bytes) → its time and mark (varint
// each), kind (1 byte), length of the key (uvarint), row; 'r' versions; in key
// group 0 the watermark under 'w'.
type TemporalJoin struct {
	env      Environment
	node     *plan.TemporalJoin
	pairing  *pairing
	inputs   [2]*joinInput
	versions *versions
	waiting  numbered[waitingRow] // of the left
	rows     rowStore             // of each waiting row
	queue    timeQueue            // waiting rows
	arrived  uint64               // number of the next row
	deleted  []storedKey
	now      engine.Watermark
	saved    engine.Watermark // watermark as it was saved last

	encoded joinRows
}

// waitingRow is a row of the left.
type waitingRow struct {
	at       int64
	mark     engine.Watermark // max of the row's own and the operator's when it came
	number   uint64           // in the order of arrival; no two of a key group have the same
	keyBytes uint32
	kind     batch.Kind
}

// asOf is the time as of which the row is joined.
func (r *waitingRow) asOf() int64 { return max(r.at, r.mark) }

// noTime is the time of a row whose time is NULL, in batch mode.
const noTime = math.MinInt64

// NewTemporalJoin makes the operator.
func NewTemporalJoin(env Environment, n *plan.TemporalJoin) (*TemporalJoin, error) {
	left, right := n.Left.Schema(), n.Right.Schema()
	p, err := newPairing(env, n.Kind, left, right, n.Condition, n.Schema())
	if err != nil {
		return nil, err
	}
	return &TemporalJoin{env: env, node: n, pairing: p, inputs: joinInputs(left, right, n.Keys), versions: newVersions(),
		now: batch.NoMark, saved: batch.NoMark}, nil
}

// Process keeps rows of the left until they are due, and versions of the right.
func (j *TemporalJoin) Process(port int, rows *batch.Batch, _ engine.Emit) error {
	column := [2]int{j.node.LeftTime, j.node.RightTime}[port]
	if j.env.Context.Streaming || port == 1 {
		var err error
		if rows, err = withTimes(j.env, rows, column, j.node.Inputs()[port].Schema()[column].Name); err != nil {
			return err
		}
	}
	rows = rows.Compact()
	j.inputs[port].encode(&j.encoded, rows)
	null := nullKeys(j.inputs[port], rows)
	for i := range rows.Rows {
		at, mark := int64(noTime), max(rows.Mark(i), j.now)
		if !rows.Columns[column].IsNull(i) {
			at = milliseconds(rows.Columns[column], i)
		}
		switch kind := rows.Kind(i); {
		case port == 0:
			j.wait(waitingRow{at: at, mark: mark, number: j.arrived, kind: kind, keyBytes: uint32(len(j.encoded.key(i)))}, j.encoded.row(i))
			j.arrived++
		case kind == batch.UpdateBefore || null != nil && null[i]:
		default:
			since := at
			if mark >= at {
				since = mark + 1
			}
			var row []byte
			if kind != batch.Delete {
				row = j.encoded.row(i)
			}
			j.versions.add(j.encoded.key(i), row, at, since)
		}
	}
	return nil
}

// wait keeps a row of the left.
func (j *TemporalJoin) wait(w waitingRow, row []byte) uint32 {
	code := j.waiting.take(w)
	j.rows.put(code, row)
	j.waiting.touch(code)
	j.queue.push(timed{due: w.asOf(), order: w.number, number: code})
	return code
}

// Advance joins the rows that are due and forgets versions that nobody will ask
// for.
func (j *TemporalJoin) Advance(w engine.Watermark, emit engine.Emit) error {
	if w < j.now {
		return nil // after a restart, an input that was idle is waited for again
	}
	for j.queue.isDue(w) {
		if err := j.showDue(w, emit); err != nil {
			return err
		}
	}
	j.versions.forget(w)
	j.now = w
	return nil
}

// due is rows of the left with what they are joined with.
type due struct {
	sides [2]decodedRows
	rows  [2][]uint32 // of each row of the left; noRow where the right has none
	kinds []batch.Kind
	marks []int64
}

// showDue joins some of the rows that are due at w. Those that are late keep
// their marks, so that they are late downstream as well; the others are not.
func (j *TemporalJoin) showDue(w engine.Watermark, emit engine.Emit) error {
	var inTime, late due
	for _, d := range []*due{&inTime, &late} {
		d.sides = [2]decodedRows{{input: j.inputs[0]}, {input: j.inputs[1]}}
	}
	for range batch.MaxRows {
		if !j.queue.isDue(w) {
			break
		}
		code := j.queue.pop().number
		row, to, mark := &j.waiting.list[code], &inTime, j.now
		if row.mark >= row.at && row.mark != batch.NoMark {
			to, mark = &late, row.mark
		}
		bytes := j.rows.get(code)
		if err := to.add(j.versions, row, bytes, mark); err != nil {
			return err
		}
		j.forget(code)
	}
	for _, d := range []*due{&inTime, &late} {
		if err := j.show(d, emit); err != nil {
			return err
		}
	}
	return nil
}

// add notes a row that is due and the version that it is joined with.
func (d *due) add(from *versions, row *waitingRow, bytes []byte, mark engine.Watermark) error {
	d.rows[0] = append(d.rows[0], uint32(d.sides[0].rows))
	d.kinds, d.marks = append(d.kinds, row.kind), append(d.marks, mark)
	if err := d.sides[0].add(bytes); err != nil {
		return err
	}
	found := from.row(bytes[:row.keyBytes], row.at, row.asOf())
	if found == nil {
		d.rows[1] = append(d.rows[1], noRow)
		return nil
	}
	d.rows[1] = append(d.rows[1], uint32(d.sides[1].rows))
	return d.sides[1].add(found)
}

// show emits the rows whose pairs meet the condition, and of a left join the
// others alone.
func (j *TemporalJoin) show(d *due, emit engine.Emit) error {
	if len(d.kinds) == 0 {
		return nil
	}
	var sides [2][]*batch.Column
	for side := range sides {
		columns, err := d.sides[side].inOrder()
		if err != nil {
			return err
		}
		sides[side] = columns
	}
	var pairs [2][]uint32
	for i, right := range d.rows[1] {
		if right != noRow {
			pairs[0], pairs[1] = append(pairs[0], uint32(i)), append(pairs[1], right)
		}
	}
	passes, err := j.pairing.pass(sides, pairs)
	if err != nil {
		return err
	}
	for at, i := range pairs[0] {
		if passes != nil && !passes[at] {
			d.rows[1][i] = noRow
		}
	}
	out := j.pairing.joined(sides, d.rows)
	out.Kinds, out.Marks = d.kinds, d.marks
	if j.node.Kind == plan.InnerJoin {
		out.Sel = []uint16{}
		for i, right := range d.rows[1] {
			if right != noRow {
				out.Sel = append(out.Sel, uint16(i))
			}
		}
		if len(out.Sel) == 0 {
			return nil
		}
		out = out.Compact()
	}
	return emit(out)
}

// forget drops a row of the left that was joined.
func (j *TemporalJoin) forget(code uint32) {
	if j.waiting.isSaved(code) {
		j.deleted = append(j.deleted, j.stored(code))
	}
	j.rows.drop(code)
	j.waiting.release(code)
}

// stored is the key that a row of the left is stored under.
func (j *TemporalJoin) stored(code uint32) storedKey {
	row := &j.waiting.list[code]
	return storedKey{engine.GroupOf(j.rows.get(code)[:row.keyBytes]), blockKey('l', row.asOf(), row.number)}
}

// Flush has nothing to show: rows are shown when they are due.
func (j *TemporalJoin) Flush(engine.Emit) error { return nil }

// Save writes what came and went, and the watermark.
func (j *TemporalJoin) Save(to engine.Changes) error {
	for _, gone := range j.deleted {
		to.Delete(gone.group, gone.key)
	}
	j.deleted = j.deleted[:0]
	var val []byte
	j.waiting.save(func(code uint32) {
		row, bytes := &j.waiting.list[code], j.rows.get(code)
		val = binary.AppendVarint(binary.AppendVarint(val[:0], row.at), row.mark)
		val = binary.AppendUvarint(append(val, byte(row.kind)), uint64(row.keyBytes))
		to.Put(engine.GroupOf(bytes[:row.keyBytes]), j.stored(code).key, append(val, bytes...))
	})
	j.versions.save(to)
	saveWatermark(j.env, to, j.now, &j.saved)
	return nil
}

// Load reads the rows and versions of this worker, and the watermark.
func (j *TemporalJoin) Load(from engine.Saved) error {
	if err := loadWatermark(from, &j.now); err != nil {
		return fmt.Errorf("load temporal join: %w", err)
	}
	j.saved = j.now
	err := from.Each(j.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		switch {
		case len(key) == blockKeyBytes && key[0] == 'l':
			return j.loadWaiting(binary.BigEndian.Uint64(key[9:]), val)
		case key[0] == 'r':
			return j.versions.load(key, val)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load temporal join: %w", err)
	}
	j.versions.forget(j.now)
	return nil
}

var errWaitingRow = errors.New("a row that waits is damaged")

func (j *TemporalJoin) loadWaiting(number uint64, val []byte) error {
	at, used := binary.Varint(val)
	if used <= 0 {
		return errWaitingRow
	}
	val = val[used:]
	mark, used := binary.Varint(val)
	if used <= 0 || used == len(val) {
		return errWaitingRow
	}
	kind := batch.Kind(val[used])
	val = val[used+1:]
	keyBytes, used := binary.Uvarint(val)
	if used <= 0 || keyBytes > uint64(len(val)-used) || kind > batch.Delete {
		return errWaitingRow
	}
	code := j.wait(waitingRow{at: at, mark: mark, number: number, keyBytes: uint32(keyBytes), kind: kind}, val[used:])
	j.waiting.loaded(code)
	j.arrived = max(j.arrived, number+1)
	return nil
}
