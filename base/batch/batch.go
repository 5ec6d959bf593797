// Package batch holds rows as columns: the unit that sources read, operators
// pass on and sinks write.
//
// It is not a data frame library: it has no expressions and no I/O. Kernels are
// in plan/function, decoding in connect/format.
//
// A Batch is a few thousand rows of typed columns with a row kind each and,
// where a source tracks event time, the watermark that stood before each row.
// Columns are plain slices without pointers, strings are (offset, length)
// views into one byte heap per column, so that the garbage collector sees a
// handful of objects per batch, whatever the number of rows.
//
// Invariants:
//  1. Every column has exactly Rows entries; Rows ≤ MaxRows.
//  2. Sel, when not nil, lists the live rows in strictly ascending order;
//     rows not listed are to be ignored by everybody.
//  3. A batch and its columns belong to whoever received it last; who passes
//     one on does not touch it again. Heaps may be shared between columns and
//     are never written after they were filled.
//     With a Lease, the memory of the columns still belongs to their maker: who has
//     used the batch up may return it, and who passes on what shares the memory
//     shares the lease. Who does neither keeps the memory for ever, which is all
//     right.
//  4. Marks ascend: a row's mark is the watermark of its source just before
//     that row, so lateness is a property of the row, not of batch borders.
package batch

import "tidemark/base/value"

// MaxRows is how many rows a batch may hold.
const MaxRows = 4096

// MaxHeap is how many bytes of text a column may hold: views are 32 bits wide.
const MaxHeap = 1 << 31

// Kind says what a row does to the table it belongs to.
type Kind uint8

// The row kinds of a changelog. A stream of Inserts only is append-only.
const (
	Insert       Kind = iota // +I
	UpdateBefore             // -U: the row that an update replaces
	UpdateAfter              // +U: the row that replaces it
	Delete                   // -D
)

// String prints the kind as Flink does.
func (k Kind) String() string { return [...]string{"+I", "-U", "+U", "-D"}[k] }

// Retracts reports whether the row takes an earlier one back.
func (k Kind) Retracts() bool { return k == UpdateBefore || k == Delete }

// NoMark is the watermark before any was known.
const NoMark int64 = -1 << 63

// Final is the watermark of an input that has ended.
const Final int64 = 1<<63 - 1

// Batch is some rows of one schema.
type Batch struct {
	Columns []*Column
	Rows    int      // physical rows, live or not
	Sel     []uint16 // live rows, nil when all are
	Kinds   []Kind   // one per physical row, nil when all are Insert
	Marks   []int64  // watermark before each physical row, in milliseconds since 1970; nil when there is none
	Lease   *Lease   // of the memory of the columns; nil when it is nobody's to fill again
}

// Live is the number of rows that count.
func (b *Batch) Live() int {
	if b.Sel != nil {
		return len(b.Sel)
	}
	return b.Rows
}

// Kind is the row kind of physical row i.
func (b *Batch) Kind(i int) Kind {
	if b.Kinds == nil {
		return Insert
	}
	return b.Kinds[i]
}

// Mark is the watermark before physical row i.
func (b *Batch) Mark(i int) int64 {
	if b.Marks == nil {
		return NoMark
	}
	return b.Marks[i]
}

// Each calls f with every live physical row in order.
func (b *Batch) Each(f func(row int)) {
	if b.Sel == nil {
		for i := range b.Rows {
			f(i)
		}
		return
	}
	for _, i := range b.Sel {
		f(int(i))
	}
}

// Compact returns a batch of only the live rows; b itself when all are live.
// Heaps are shared, not copied.
func (b *Batch) Compact() *Batch {
	if b.Sel == nil {
		return b
	}
	c := &Batch{Rows: len(b.Sel), Columns: make([]*Column, len(b.Columns))}
	for i, col := range b.Columns {
		c.Columns[i] = col.Gather(b.Sel)
	}
	if b.Kinds != nil {
		c.Kinds = gather(b.Kinds, b.Sel)
	}
	if b.Marks != nil {
		c.Marks = gather(b.Marks, b.Sel)
	}
	return c
}

// Row copies physical row i out as values.
func (b *Batch) Row(i int) []value.Value {
	row := make([]value.Value, len(b.Columns))
	for c, col := range b.Columns {
		row[c] = col.Value(i)
	}
	return row
}

func gather[T any, I uint16 | uint32](from []T, rows []I) []T {
	to := make([]T, len(rows))
	for i, r := range rows {
		to[i] = from[r]
	}
	return to
}
