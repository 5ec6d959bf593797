package operator

import (
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/plan"
)

// KeepFirst is a deduplication that keeps the earliest row of each partition and
// never takes it back: by event time it is shown when the watermark has passed
// it, as an earlier copy may still come; by processing time at once. What comes
// later is forgotten.
//
// A row that is late when it comes is dropped, as Flink does, even if its
// partition has none yet.
//
// A partition with a time to live is forgotten so long after its row was shown: the
// next one is a first one again.
//
// State: key of the partition → when it was written last if it expires, then 0 once its row was shown, or 1, the time of the
// row (8 bytes, big endian, sign bit turned), and the row in key form. Partitions
// that are more than Environment.Memory go to files (Spilling).
type KeepFirst struct {
	env       Environment
	schema    []value.Type // of the input
	types     []value.Type // of the output
	partition []int
	time      int
	proctime  bool
	number    bool

	table   *table
	rows    rowStore           // of each partition: its row, in key form, until it is shown
	due     []engine.Watermark // of each partition: the time of its row
	flags   []groupFlags
	queue   dueHeap
	unsaved []uint32
	deleted [][]byte // stored keys of partitions that have expired
	expiry  *expiry

	encoded batch.Keys
	codes   []uint32
}

// shownForGood is when the row of a partition was due whose row was shown.
const shownForGood = batch.NoMark

// NewKeepFirst makes the operator of a Rank that KeepsFirst.
func NewKeepFirst(env Environment, n *plan.Rank) (*KeepFirst, error) {
	column, ok := n.Order[0].Expr.(*plan.Column)
	if !ok {
		return nil, fmt.Errorf("keep the first rows: %s is no column", plan.PrintExpr(n.Order[0].Expr, n.Input.Schema()))
	}
	in := n.Input.Schema()
	return &KeepFirst{
		env: env, schema: schemaTypes(in), types: schemaTypes(n.Schema()), partition: n.Partition, time: column.Index,
		proctime: in[column.Index].Time == plan.Proctime, number: n.Number,
		table: newTable(), codes: make([]uint32, batch.MaxRows), expiry: newExpiry(env, n.TTL),
	}, nil
}

// dueHeap is a heap of partitions by when they are due.
type dueHeap []dueEntry

type dueEntry struct {
	due  engine.Watermark
	code uint32
}

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *dueHeap) Push(x any) { *h = append(*h, x.(dueEntry)) }

// Pop is for container/heap.
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// Process keeps the rows that may be the first of their partitions.
func (k *KeepFirst) Process(_ int, in *batch.Batch, emit engine.Emit) error {
	in = in.Compact()
	if !k.proctime {
		var err error
		if in, err = withTimes(k.env, in, k.time, "the time of deduplication"); err != nil {
			return err
		}
		in = k.withoutLate(in)
	}
	if in.Rows == 0 {
		return nil
	}
	k.encoded.Encode(nil, k.keyOf(in), in.Rows)
	fresh := k.table.encode(&k.encoded, k.codes, nil)
	k.resize()
	for _, row := range fresh {
		k.due[k.codes[row]] = batch.Final // none yet
	}
	fresh = k.renew(in.Rows, fresh)
	if k.proctime {
		return k.pass(in, fresh, emit)
	}
	var row []byte
	for i, code := range k.codes[:in.Rows] {
		t, mark := milliseconds(in.Columns[k.time], i), in.Mark(i)
		if k.due[code] <= mark || t >= k.due[code] {
			continue
		}
		row = append(batch.AppendKey(row[:0], in.Columns, i), 0)
		k.rows.put(code, row)
		k.due[code] = t
		heap.Push(&k.queue, dueEntry{t, code})
		k.note(code)
	}
	return nil
}

// withoutLate leaves out the rows that the watermark had passed when they came.
func (k *KeepFirst) withoutLate(in *batch.Batch) *batch.Batch {
	inTime := make([]uint16, 0, in.Rows)
	for i := range in.Rows {
		if milliseconds(in.Columns[k.time], i) > in.Mark(i) {
			inTime = append(inTime, uint16(i))
		}
	}
	late := in.Rows - len(inTime)
	if late == 0 {
		return in
	}
	if k.env.Dropped != nil {
		k.env.Dropped(late)
	}
	return (&batch.Batch{Columns: in.Columns, Rows: in.Rows, Sel: inTime, Kinds: in.Kinds, Marks: in.Marks}).Compact()
}

func (k *KeepFirst) resize() {
	for len(k.due) < k.table.size() {
		k.due, k.flags = append(k.due, batch.Final), append(k.flags, 0)
	}
}

func (k *KeepFirst) note(code uint32) {
	k.expiry.write(code)
	if k.flags[code]&unsaved == 0 {
		k.flags[code] |= unsaved
		k.unsaved = append(k.unsaved, code)
	}
}

// pass shows the first rows of partitions at once.
func (k *KeepFirst) pass(in *batch.Batch, fresh []uint16, emit engine.Emit) error {
	if len(fresh) == 0 {
		return nil
	}
	for _, row := range fresh {
		k.due[k.codes[row]] = shownForGood
		k.note(k.codes[row])
	}
	out := (&batch.Batch{Columns: in.Columns, Rows: in.Rows, Sel: fresh, Marks: in.Marks}).Compact()
	if k.number {
		out.Columns = append(out.Columns[:len(out.Columns):len(out.Columns)], ones(out.Rows))
	}
	return emit(out)
}

// ones is n times the number of a first row.
func ones(n int) *batch.Column {
	c := batch.NewColumn(value.BigIntType.Required(), n)
	c.Resize(n)
	for i := range c.Ints {
		c.Ints[i] = 1
	}
	return c
}

// Advance shows the rows that the watermark passes.
func (k *KeepFirst) Advance(w engine.Watermark, emit engine.Emit) error { return k.release(w, emit) }

// release implements releasing.
func (k *KeepFirst) release(w engine.Watermark, emit engine.Emit) error {
	k.expiry.tick()
	var codes []uint32
	for len(k.queue) > 0 && k.queue[0].due <= w {
		e := heap.Pop(&k.queue).(dueEntry)
		if k.due[e.code] == e.due { // else an earlier copy came
			codes = append(codes, e.code)
			if len(codes) == batch.MaxRows {
				if err := k.show(codes, emit); err != nil {
					return err
				}
				codes = codes[:0]
			}
		}
	}
	return k.show(codes, emit)
}

func (k *KeepFirst) show(codes []uint32, emit engine.Emit) error {
	if len(codes) == 0 {
		return nil
	}
	b := &batch.Batch{Rows: len(codes), Marks: make([]int64, len(codes))}
	rows := newRowHeap(k.schema, nil)
	for i, code := range codes {
		row := k.rows.get(code)
		rows.add(row[:len(row)-1])
		b.Marks[i] = k.due[code] - 1
		k.rows.drop(code)
		k.due[code] = shownForGood
		k.note(code)
	}
	var err error
	if b.Columns, _, err = rows.read(); err != nil {
		return err
	}
	if k.number {
		b.Columns = append(b.Columns, ones(b.Rows))
	}
	return emit(b)
}

// Flush has held nothing back, and forgets what has expired.
func (k *KeepFirst) Flush(engine.Emit) error {
	k.expire()
	return nil
}

// Save writes the partitions that have changed.
func (k *KeepFirst) Save(to engine.Changes) error {
	for _, key := range k.deleted {
		to.Delete(engine.GroupOf(key), key)
	}
	k.deleted = k.deleted[:0]
	var val []byte
	for _, code := range k.unsaved {
		if k.flags[code]&unsaved == 0 {
			continue // has expired since
		}
		k.flags[code] &^= unsaved
		key := k.table.key(code)
		val = k.appendState(val[:0], code)
		to.Put(engine.GroupOf(key), key, val)
	}
	k.unsaved = k.unsaved[:0]
	return nil
}

// appendState appends the stored form of a partition.
func (k *KeepFirst) appendState(to []byte, code uint32) []byte {
	to = k.expiry.append(to, code)
	if k.due[code] == shownForGood {
		return append(to, 0)
	}
	to = binary.BigEndian.AppendUint64(append(to, 1), uint64(k.due[code])^1<<63)
	row := k.rows.get(code)
	return append(to, row[:len(row)-1]...)
}

// readState takes in the stored form of a partition.
func (k *KeepFirst) readState(key, val []byte) (code uint32, err error) {
	written, val, err := k.expiry.cut(val)
	if err != nil {
		return 0, err
	}
	code = k.table.put(key)
	k.resize()
	k.expiry.restore(code, written)
	if len(val) > 0 && val[0] == 0 {
		k.due[code] = shownForGood
		return code, nil
	}
	if len(val) < 9 {
		return 0, errors.New("the state of a partition is cut off")
	}
	columns := columnsOf(k.schema, 1)
	if _, err := batch.AppendRow(columns, val[9:]); err != nil {
		return 0, err
	}
	k.rows.put(code, append(append([]byte(nil), val[9:]...), 0))
	k.due[code] = int64(binary.BigEndian.Uint64(val[1:]) ^ 1<<63)
	heap.Push(&k.queue, dueEntry{k.due[code], code})
	return code, nil
}

// Load reads the partitions of this worker.
func (k *KeepFirst) Load(from engine.Saved) error {
	err := from.Each(k.env.Worker, func(_ engine.KeyGroup, key, val []byte) error {
		_, err := k.readState(key, val)
		return err
	})
	if err != nil {
		return fmt.Errorf("load the first rows: %w", err)
	}
	return nil
}
