package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"tidemark/base/value"
)

// FormatVersion is that of the stored form of a batch. docs/formats/batch.md draws it. The
// reader must know the column types; a checksum is the caller's business.
//
//	batch   := version:u8  flags:u8  rows:uvarint  columns:uvarint  [kinds]  [marks]  column*
//	kinds   := rows bytes          if flags & 1
//	marks   := numbers             if flags & 2
//	column  := class:u8  nulls:u8  [bitmap: (rows+7)/8 bytes]  data
//	numbers := width:u8  base:8 bytes  rows × width bytes, each value - base, little-endian
const FormatVersion = 1

const (
	codecKinds = 1 << iota
	codecMarks
)

// maxElements bounds the elements, or bytes of text, in one column of a stored
// batch, so that damaged bytes cannot ask for all memory.
const (
	maxElements = 1 << 24
	maxText     = MaxHeap
)

var errShortBatch = errors.New("stored batch is cut off")

// Encode appends the live rows of b in stored form.
func Encode(to []byte, b *Batch) []byte {
	b = b.Compact()
	flags := byte(0)
	if b.Kinds != nil {
		flags |= codecKinds
	}
	if b.Marks != nil {
		flags |= codecMarks
	}
	to = append(to, FormatVersion, flags)
	to = binary.AppendUvarint(to, uint64(b.Rows))
	to = binary.AppendUvarint(to, uint64(len(b.Columns)))
	for _, k := range b.Kinds {
		to = append(to, byte(k))
	}
	if b.Marks != nil {
		to = appendNumbers(to, b.Marks)
	}
	for _, c := range b.Columns {
		to = encodeColumn(to, c, 0, b.Rows)
	}
	return to
}

// AppendColumn appends the first rows of c in the stored form of a column. The
// reader must know how many they are.
func AppendColumn(to []byte, c *Column, rows int) []byte { return encodeColumn(to, c, 0, rows) }

// AppendNulls appends which of the first rows are NULL, as stored columns have it.
func AppendNulls(to []byte, nulls Bitmap, rows int) []byte { return appendNulls(to, nulls, 0, rows) }

// encodeColumn appends rows [from, to) of c.
func encodeColumn(out []byte, c *Column, from, to int) []byte {
	out = append(out, byte(c.Type.Class()))
	out = appendNulls(out, c.Nulls, from, to)
	switch c.Type.Class() {
	case value.Bools:
		set := NewBitmap(to - from)
		for i, b := range c.Bools[from:to] {
			if b {
				set.Set(i)
			}
		}
		out = appendBitmap(out, set, to-from)
	case value.Ints:
		out = appendNumbers(out, c.Ints[from:to])
	case value.Floats:
		for _, f := range c.Floats[from:to] {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(f))
		}
	case value.Wides:
		for _, w := range c.Wides[from:to] {
			out = binary.LittleEndian.AppendUint64(out, w.Lo)
			out = binary.LittleEndian.AppendUint64(out, uint64(w.Hi))
		}
	case value.Strings:
		out = appendLengths(out, c, c.Views[from:to], from)
		out = appendTexts(out, c, from, to)
	case value.Lists:
		out = appendLengths(out, c, c.Spans[from:to], from)
		for _, child := range c.Children {
			out = encodeElements(out, c, child, from, to)
		}
	case value.Structs:
		for _, child := range c.Children {
			out = encodeColumn(out, child, from, to)
		}
	case value.NoData:
	}
	return out
}

// encodeElements appends the elements that the lists [from, to) of c have in
// child, as one column after the number of its rows.
func encodeElements(out []byte, c, child *Column, from, to int) []byte {
	var rows []uint32
	for i := from; i < to; i++ {
		if c.IsNull(i) {
			continue
		}
		for e := c.Spans[i].Offset; e < c.Spans[i].Offset+c.Spans[i].Length; e++ {
			rows = append(rows, e)
		}
	}
	out = binary.AppendUvarint(out, uint64(len(rows)))
	return encodeColumn(out, child.GatherWide(rows), 0, len(rows))
}

// appendTexts appends the bytes of rows [from, to) end to end.
func appendTexts(out []byte, c *Column, from, to int) []byte {
	if c.Nulls != nil {
		for i := from; i < to; i++ {
			if !c.IsNull(i) {
				out = append(out, c.Bytes(i)...)
			}
		}
		return out
	}
	views := c.Views[from:to]
	if len(views) > 0 && areContiguous(views) {
		last := views[len(views)-1]
		return append(out, c.Heap[views[0].Offset:last.Offset+last.Length]...)
	}
	for _, v := range views {
		out = append(out, c.Heap[v.Offset:v.Offset+v.Length]...)
	}
	return out
}

// areContiguous reports whether each view begins where the one before ends.
func areContiguous(views []View) bool {
	next := views[0].Offset
	for _, v := range views {
		if v.Offset != next {
			return false
		}
		next += v.Length
	}
	return true
}

func appendLengths(out []byte, c *Column, views []View, from int) []byte {
	lengths := make([]int64, len(views))
	for i, v := range views {
		if !c.IsNull(from + i) {
			lengths[i] = int64(v.Length)
		}
	}
	return appendNumbers(out, lengths)
}

func appendNulls(out []byte, nulls Bitmap, from, to int) []byte {
	if nulls == nil {
		return append(out, 0)
	}
	set := NewBitmap(to - from)
	none := true
	for i := from; i < to; i++ {
		if nulls.Get(i) {
			set.Set(i - from)
			none = false
		}
	}
	if none {
		return append(out, 0)
	}
	return appendBitmap(append(out, 1), set, to-from)
}

func appendBitmap(out []byte, set Bitmap, rows int) []byte {
	for i := range (rows + 7) / 8 {
		out = append(out, byte(set[i>>3]>>(i&7*8)))
	}
	return out
}

// appendNumbers appends numbers as differences from the least one, in as few
// bytes each as the greatest difference needs.
func appendNumbers(out []byte, numbers []int64) []byte {
	if len(numbers) == 0 {
		return out
	}
	least, most := numbers[0], numbers[0]
	for _, n := range numbers {
		least, most = min(least, n), max(most, n)
	}
	width := (bits.Len64(uint64(most)-uint64(least)) + 7) / 8
	if width == 3 {
		width = 4
	} else if width > 4 {
		width = 8
	}
	out = append(out, byte(width))
	out = binary.LittleEndian.AppendUint64(out, uint64(least))
	switch width { // outside of the loops, of which this is the innermost
	case 1:
		for _, n := range numbers {
			out = append(out, byte(uint64(n)-uint64(least)))
		}
	case 2:
		for _, n := range numbers {
			out = binary.LittleEndian.AppendUint16(out, uint16(uint64(n)-uint64(least)))
		}
	case 4:
		for _, n := range numbers {
			out = binary.LittleEndian.AppendUint32(out, uint32(uint64(n)-uint64(least)))
		}
	case 8:
		for _, n := range numbers {
			out = binary.LittleEndian.AppendUint64(out, uint64(n)-uint64(least))
		}
	}
	return out
}

// Decode reads a batch of columns of the given types. The batch shares no
// memory with data. Damaged data gives an error, never a panic.
func Decode(data []byte, types []value.Type) (*Batch, error) {
	d := decoder{rest: data}
	if version := d.byte(); version != FormatVersion && d.err == nil {
		return nil, fmt.Errorf("stored batch has version %d, want %d", version, FormatVersion)
	}
	flags := d.byte()
	rows := d.count(MaxRows)
	if columns := d.count(1 << 20); columns != len(types) && d.err == nil {
		return nil, fmt.Errorf("stored batch has %d columns, want %d", columns, len(types))
	}
	b := &Batch{Rows: rows, Columns: make([]*Column, len(types))}
	if flags&codecKinds != 0 {
		b.Kinds = make([]Kind, rows)
		for i, k := range d.take(rows) {
			b.Kinds[i] = Kind(k)
			if b.Kinds[i] > Delete {
				d.fail(fmt.Errorf("stored batch has a row kind %d", k))
			}
		}
	}
	if flags&codecMarks != 0 {
		b.Marks = d.numbers(rows)
	}
	for i, t := range types {
		b.Columns[i] = d.column(t, rows)
	}
	if d.err == nil && len(d.rest) > 0 {
		d.fail(errors.New("stored batch has bytes behind its end"))
	}
	if d.err != nil {
		return nil, d.err
	}
	return b, nil
}

// ReadColumn reads a column of type t that AppendColumn wrote of so many rows.
// It shares no memory with data. Damaged data gives an error, never a panic.
func ReadColumn(data []byte, t value.Type, rows int) (*Column, error) {
	d := decoder{rest: data}
	c := d.column(t, rows)
	if d.err == nil && len(d.rest) > 0 {
		d.fail(errors.New("stored column has bytes behind its end"))
	}
	if d.err != nil {
		return nil, d.err
	}
	return c, nil
}

// ReadNulls reads what AppendNulls wrote of so many rows, and gives what follows.
func ReadNulls(data []byte, rows int) (nulls Bitmap, rest []byte, err error) {
	d := decoder{rest: data}
	nulls = d.nulls(rows)
	return nulls, d.rest, d.err
}

// decoder reads a stored batch; after the first error it reads zeros.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

// take cuts n bytes off; none after an error.
func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.fail(errShortBatch)
		return nil
	}
	taken := d.rest[:n:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// count reads a number of things, of which there can be at most limit.
func (d *decoder) count(limit int) int {
	n, used := binary.Uvarint(d.rest)
	if used <= 0 {
		d.fail(errShortBatch)
		return 0
	}
	if n > uint64(limit) {
		d.fail(fmt.Errorf("stored batch counts %d, at most %d are possible", n, limit))
		return 0
	}
	d.rest = d.rest[used:]
	return int(n)
}

// packed takes numbers as they are stored: the least of them, and how far each
// is above it in width bytes. The width is 0 after an error.
func (d *decoder) packed(rows int) (least uint64, width int, differences []byte) {
	width = int(d.byte())
	base := d.take(8)
	if base == nil {
		return 0, 0, nil
	}
	switch width {
	case 0, 1, 2, 4, 8:
	default:
		d.fail(fmt.Errorf("stored batch has numbers of %d bytes", width))
		return 0, 0, nil
	}
	if differences = d.take(rows * width); differences == nil {
		width = 0
	}
	return binary.LittleEndian.Uint64(base), width, differences
}

func (d *decoder) numbers(rows int) []int64 {
	numbers := make([]int64, rows)
	if rows == 0 {
		return numbers
	}
	least, width, differences := d.packed(rows)
	switch width {
	case 0:
		for i := range numbers {
			numbers[i] = int64(least)
		}
	case 1:
		for i, difference := range differences[:len(numbers)] {
			numbers[i] = int64(least + uint64(difference))
		}
	case 2:
		for i := range numbers {
			numbers[i] = int64(least + uint64(binary.LittleEndian.Uint16(differences[2*i:])))
		}
	case 4:
		for i := range numbers {
			numbers[i] = int64(least + uint64(binary.LittleEndian.Uint32(differences[4*i:])))
		}
	case 8:
		for i := range numbers {
			numbers[i] = int64(least + binary.LittleEndian.Uint64(differences[8*i:]))
		}
	}
	return numbers
}

func (d *decoder) bitmap(rows int) Bitmap {
	set := NewBitmap(rows)
	for i, b := range d.take((rows + 7) / 8) {
		set[i>>3] |= uint64(b) << (i & 7 * 8)
	}
	return set.resized(rows)
}

// nulls reads which rows are NULL; nil when none is.
func (d *decoder) nulls(rows int) Bitmap {
	if d.byte() == 0 {
		return nil
	}
	return d.bitmap(rows)
}

func (d *decoder) column(t value.Type, rows int) *Column {
	c := NewColumn(t, 0)
	if class := value.Class(d.byte()); class != t.Class() && d.err == nil {
		d.fail(fmt.Errorf("stored batch has a column of class %d, want %d for %s", class, t.Class(), t))
	}
	c.Nulls = d.nulls(rows)
	if d.err != nil {
		return c
	}
	c.rows = rows
	switch t.Class() {
	case value.Bools:
		set := d.bitmap(rows)
		c.Bools = make([]bool, rows)
		for i := range c.Bools {
			c.Bools[i] = set.Get(i)
		}
	case value.Ints:
		c.Ints = d.numbers(rows)
	case value.Floats:
		c.Floats = make([]float64, rows)
		if packed := d.take(8 * rows); packed != nil {
			for i := range c.Floats {
				c.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(packed[8*i:]))
			}
		}
	case value.Wides:
		c.Wides = make([]value.Int128, rows)
		if packed := d.take(16 * rows); packed != nil {
			for i := range c.Wides {
				c.Wides[i] = value.Int128{Lo: binary.LittleEndian.Uint64(packed[16*i:]), Hi: int64(binary.LittleEndian.Uint64(packed[16*i+8:]))}
			}
		}
	case value.Strings:
		var total int
		c.Views, total = d.views(rows, maxText)
		c.Heap = append([]byte(nil), d.take(total)...)
	case value.Lists:
		var total int
		c.Spans, total = d.views(rows, maxElements)
		for i, child := range c.Children {
			if elements := d.count(maxElements); elements != total && d.err == nil {
				d.fail(fmt.Errorf("stored batch has %d list elements, want %d", elements, total))
			}
			if d.err == nil {
				c.Children[i] = d.column(child.Type, total)
			}
		}
	case value.Structs:
		for i, child := range c.Children {
			c.Children[i] = d.column(child.Type, rows)
		}
	case value.NoData:
	}
	return c
}

// views reads lengths, of limit together at most, and lays them end to end.
func (d *decoder) views(rows, limit int) (views []View, total int) {
	views = make([]View, rows)
	if rows == 0 {
		return views, 0
	}
	least, width, differences := d.packed(rows)
	if d.err == nil && width <= 1 && least < uint64(limit/rows)>>1 && limit/rows > 2*math.MaxUint8 {
		// Nearly all columns: lengths that cannot be too many together.
		return views, laySmall(views, uint32(least), differences)
	}
	for i := range views {
		length := int64(least + d.difference(differences, width, i))
		if length < 0 || length > int64(limit-total) {
			d.fail(errors.New("stored batch has an impossible length"))
			return views, 0
		}
		views[i] = View{uint32(total), uint32(length)}
		total += int(length)
	}
	return views, total
}

// laySmall lays views end to end whose lengths differ from the least one by a
// byte each, or not at all when there are no differences.
func laySmall(views []View, least uint32, differences []byte) (total int) {
	at := uint32(0)
	if len(differences) == 0 {
		for i := range views {
			views[i] = View{at, least}
			at += least
		}
		return int(at)
	}
	for i, difference := range differences[:len(views)] {
		length := least + uint32(difference)
		views[i] = View{at, length}
		at += length
	}
	return int(at)
}

// difference reads one of the numbers that packed takes.
func (d *decoder) difference(differences []byte, width, i int) uint64 {
	switch width {
	case 1:
		return uint64(differences[i])
	case 2:
		return uint64(binary.LittleEndian.Uint16(differences[2*i:]))
	case 4:
		return uint64(binary.LittleEndian.Uint32(differences[4*i:]))
	case 8:
		return binary.LittleEndian.Uint64(differences[8*i:])
	}
	return 0
}
