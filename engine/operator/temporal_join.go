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
	held     heldBatches          // of the left
	queue    timeQueue            // waiting rows
	arrived  uint64               // number of the next row
	deleted  []storedKey
	now      engine.Watermark
	saved    engine.Watermark // watermark as it was saved last

	encoded  joinRows
	codes    []uint32    // scratch: of waiting rows
	due      [2]due      // scratch: those in time, and those that are late
	decoded  decodedRows // scratch: of the right
	places   []uint32    // scratch: of each version, 1 + where it is in decoded
	seen     []uint32    // scratch: versions that are in decoded
	touching touching
}

// waitingRow is a row of the left.
type waitingRow struct {
	at     int64
	mark   engine.Watermark // max of the row's own and the operator's when it came
	number uint64           // in the order of arrival; no two of a key group have the same
	place  heldPlace
	kind   batch.Kind
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
	if port == 0 {
		j.waitAll(rows, column)
		return nil
	}
	j.inputs[1].encode(&j.encoded, rows)
	null := nullKeys(j.inputs[1], rows)
	for i := range rows.Rows {
		at, mark := timeOf(rows.Columns[column], i), max(rows.Mark(i), j.now)
		kind := rows.Kind(i)
		if kind == batch.UpdateBefore || null != nil && null[i] {
			continue
		}
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
	return nil
}

// timeOf is a row's time, noTime for NULL.
func timeOf(c *batch.Column, i int) int64 {
	if c.IsNull(i) {
		return noTime
	}
	return milliseconds(c, i)
}

// waitAll keeps rows of the left.
func (j *TemporalJoin) waitAll(rows *batch.Batch, timeColumn int) {
	if rows.Rows == 0 {
		return
	}
	number := j.held.add(rows)
	for i := range rows.Rows {
		at := timeOf(rows.Columns[timeColumn], i)
		j.wait(waitingRow{at: at, mark: max(rows.Mark(i), j.now), number: j.arrived, kind: rows.Kind(i), place: heldPlace{number, uint32(i)}})
		j.arrived++
	}
}

// wait notes a row of the left that is held.
func (j *TemporalJoin) wait(w waitingRow) (code uint32) {
	code = j.waiting.take(w)
	if j.env.Saves {
		j.waiting.touch(code)
	}
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
	rows  []heldPlace
	right []uint32     // of each row: where its version is in decoded; noRow for none
	kinds []batch.Kind // nil when all are inserted
	marks []int64      // of late rows
}

func (d *due) clear() { d.rows, d.right, d.kinds, d.marks = d.rows[:0], d.right[:0], nil, nil }

func (d *due) add(row *waitingRow, right uint32) {
	if row.kind != batch.Insert && d.kinds == nil {
		d.kinds = make([]batch.Kind, len(d.rows), batch.MaxRows)
	}
	if d.kinds != nil {
		d.kinds = append(d.kinds, row.kind)
	}
	d.rows, d.right = append(d.rows, row.place), append(d.right, right)
}

// showDue joins some of the rows that are due at w. Those that are late keep
// their marks, so that they are late downstream as well; the others are not.
func (j *TemporalJoin) showDue(w engine.Watermark, emit engine.Emit) error {
	j.codes = j.codes[:0]
	for len(j.codes) < batch.MaxRows && j.queue.isDue(w) {
		j.codes = append(j.codes, j.queue.pop().number)
	}
	j.encodeKeys()
	for i := range j.due {
		j.due[i].clear()
	}
	j.decoded.input = j.inputs[1]
	j.decoded.clear()
	j.touching.slots(j.versions.keys, j.encoded.hashes)
	for i, code := range j.codes {
		if err := j.join(i, &j.waiting.list[code]); err != nil {
			return err
		}
	}
	right, err := j.decoded.inOrder()
	if err != nil {
		return err
	}
	for _, number := range j.seen {
		j.places[number] = 0
	}
	j.seen = j.seen[:0]
	for i := range j.due {
		if err := j.show(&j.due[i], right, emit); err != nil {
			return err
		}
	}
	for _, code := range j.codes {
		j.forget(code)
	}
	return nil
}

// encodeKeys makes the keys of the rows that are due, with their hashes.
func (j *TemporalJoin) encodeKeys() {
	j.encoded.clear()
	for _, code := range j.codes {
		j.inputs[0].appendKey(&j.encoded, j.held.columnsAt(j.waiting.list[code].place), int(j.waiting.list[code].place.row))
	}
	j.encoded.hash(j.versions.keys.seed)
}

// join finds the version for the i-th row that is due.
func (j *TemporalJoin) join(i int, row *waitingRow) error {
	right := noRow
	version, ok := j.versions.find(j.encoded.hashes[i], j.encoded.key(i), row.at, row.asOf())
	switch {
	case ok:
		var err error
		if right, err = j.decode(version); err != nil {
			return err
		}
	case j.node.Kind == plan.InnerJoin:
		return nil
	}
	if row.mark < row.at || row.mark == batch.NoMark {
		j.due[0].add(row, right)
		return nil
	}
	late := &j.due[1]
	late.add(row, right)
	late.marks = append(late.marks, row.mark)
	return nil
}

// decode gives the place of a version among those decoded. Many rows have the same one.
func (j *TemporalJoin) decode(version uint32) (uint32, error) {
	if need := len(j.versions.list.list) - len(j.places); need > 0 {
		j.places = append(j.places, make([]uint32, need)...)
	}
	if at := j.places[version]; at > 0 {
		return at - 1, nil
	}
	at := uint32(j.decoded.rows)
	j.places[version] = at + 1
	j.seen = append(j.seen, version)
	return at, j.decoded.add(j.versions.rows.get(version))
}

// show emits the rows whose pairs meet the condition, and of a left join the
// others alone.
func (j *TemporalJoin) show(d *due, right []*batch.Column, emit engine.Emit) error {
	if len(d.rows) == 0 {
		return nil
	}
	left := j.held.gather(j.pairing.types[0], d.rows)
	fails, err := j.test(d, left, right)
	if err != nil {
		return err
	}
	out := &batch.Batch{Rows: len(d.rows), Columns: left, Kinds: d.kinds, Marks: d.marks}
	if d.marks == nil {
		out.Marks = constantMarks(j.now, len(d.rows))
	}
	found := padding(d.right)
	for i, t := range j.pairing.types[1] {
		out.Columns = append(out.Columns, found.gather(right[i], t))
	}
	if fails > 0 && j.node.Kind == plan.InnerJoin {
		out.Sel = make([]uint16, 0, len(d.rows)-fails)
		for i, right := range d.right {
			if right != noRow {
				out.Sel = append(out.Sel, uint16(i))
			}
		}
		out = out.Compact()
	}
	if out.Rows == 0 {
		return nil
	}
	return emit(out)
}

// test takes the versions from rows with which they do not meet the condition, and
// tells how many there are.
func (j *TemporalJoin) test(d *due, left, right []*batch.Column) (fails int, err error) {
	if j.pairing.filter == nil {
		return 0, nil
	}
	var pairs [2][]uint32
	for i, at := range d.right {
		if at != noRow {
			pairs[0], pairs[1] = append(pairs[0], uint32(i)), append(pairs[1], at)
		}
	}
	passes, err := j.pairing.pass([2][]*batch.Column{left, right}, pairs)
	if err != nil || passes == nil {
		return 0, err
	}
	for at, i := range pairs[0] {
		if !passes[at] {
			d.right[i] = noRow
			fails++
		}
	}
	return fails, nil
}

// forget drops a row of the left that was joined.
func (j *TemporalJoin) forget(code uint32) {
	if j.waiting.isSaved(code) {
		j.deleted = append(j.deleted, j.stored(code))
	}
	j.held.release(j.waiting.list[code].place)
	j.waiting.release(code)
}

// encode makes the stored form of a row that waits.
func (j *TemporalJoin) encode(code uint32) (row, key []byte) {
	at := j.waiting.list[code].place
	j.encoded.clear()
	j.inputs[0].appendRow(&j.encoded, j.held.columnsAt(at), int(at.row))
	return j.encoded.row(0), j.encoded.key(0)
}

// stored is the key that a row of the left is stored under.
func (j *TemporalJoin) stored(code uint32) storedKey {
	row := &j.waiting.list[code]
	_, key := j.encode(code)
	return storedKey{engine.GroupOf(key), blockKey('l', row.asOf(), row.number)}
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
		row := &j.waiting.list[code]
		bytes, key := j.encode(code)
		val = binary.AppendVarint(binary.AppendVarint(val[:0], row.at), row.mark)
		val = binary.AppendUvarint(append(val, byte(row.kind)), uint64(len(key)))
		to.Put(engine.GroupOf(key), blockKey('l', row.asOf(), row.number), append(val, bytes...))
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
	loaded := waitingLoad{input: j.inputs[0]}
	err := from.Each(j.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		switch {
		case len(key) == blockKeyBytes && key[0] == 'l':
			if err := loaded.read(binary.BigEndian.Uint64(key[9:]), val); err != nil {
				return err
			}
			if len(loaded.rows) == batch.MaxRows {
				j.takeLoaded(&loaded)
			}
		case key[0] == 'r':
			return j.versions.load(key, val)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load temporal join: %w", err)
	}
	j.takeLoaded(&loaded)
	j.versions.forget(j.now)
	return nil
}

var errWaitingRow = errors.New("a row that waits is damaged")

// waitingLoad is rows of the left that have been read from state.
type waitingLoad struct {
	input   *joinInput
	rows    []waitingRow
	columns []*batch.Column // as they are stored
}

// read takes a row that Save wrote.
func (l *waitingLoad) read(number uint64, val []byte) error {
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
	if l.columns == nil {
		l.columns = columnsOf(l.input.stored, batch.MaxRows)
	}
	if rest, err := batch.AppendRow(l.columns, val[used:]); err != nil || len(rest) > 0 {
		return errWaitingRow
	}
	l.rows = append(l.rows, waitingRow{at: at, mark: mark, number: number, kind: kind})
	return nil
}

// takeLoaded has the rows wait that have been read.
func (j *TemporalJoin) takeLoaded(l *waitingLoad) {
	if len(l.rows) == 0 {
		return
	}
	rows := &batch.Batch{Rows: len(l.rows), Columns: make([]*batch.Column, len(l.columns))}
	for column, place := range l.input.place {
		rows.Columns[column] = l.columns[place]
	}
	held := j.held.add(rows)
	for i, row := range l.rows {
		row.place = heldPlace{held, uint32(i)}
		j.waiting.loaded(j.wait(row))
		j.arrived = max(j.arrived, row.number+1)
	}
	l.rows, l.columns = l.rows[:0], nil
}
