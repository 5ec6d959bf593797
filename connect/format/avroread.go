package format

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strings"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// avroCursor is a place in a datum.
type avroCursor struct {
	data  []byte // what is left
	depth int
	where string // column of the first fault
}

// avroStore takes the value at the cursor into a row of a column, which exists.
type avroStore func(d *avroCursor, c *batch.Column, row int) fault

// varint reads an int or a long: zigzag, seven bits a byte.
func (d *avroCursor) varint() (int64, bool) {
	u, n := binary.Uvarint(d.data)
	if n <= 0 {
		return 0, false
	}
	d.data = d.data[n:]
	return int64(u>>1) ^ -int64(u&1), true
}

// take cuts n bytes.
func (d *avroCursor) take(n int64) ([]byte, bool) {
	if n < 0 || n > int64(len(d.data)) {
		return nil, false
	}
	taken := d.data[:n]
	d.data = d.data[n:]
	return taken, true
}

// text cuts a length and as many bytes.
func (d *avroCursor) text() ([]byte, bool) {
	n, ok := d.varint()
	if !ok {
		return nil, false
	}
	return d.take(n)
}

// branch is the branch that a union's value has.
func (d *avroCursor) branch(t *avroType) (int, bool) {
	i, ok := d.varint()
	return int(i), ok && i >= 0 && i < int64(len(t.parts))
}

// items calls one for every element of an array or map. Their number stands
// before each block of them; what says that there are more than bytes, though
// elements take none, is damaged.
func (d *avroCursor) items(one func() fault) fault {
	for free := depthMax; ; {
		count, ok := d.varint()
		if !ok {
			return malformed
		}
		if count == 0 {
			return noFault
		}
		if count < 0 { // then the block's size follows, for who wants to skip it
			if _, ok := d.varint(); !ok || count == math.MinInt64 {
				return malformed
			}
			count = -count
		}
		for ; count > 0; count-- {
			before := len(d.data)
			if f := one(); f != noFault {
				return f
			}
			if before == len(d.data) {
				if free--; free == 0 {
					return malformed
				}
			}
		}
	}
}

// skip passes a value.
func (d *avroCursor) skip(t *avroType) fault {
	ok := true
	switch t.kind {
	case avroNull:
	case avroBoolean:
		_, ok = d.take(1)
	case avroInt, avroLong, avroEnum:
		_, ok = d.varint()
	case avroFloat:
		_, ok = d.take(4)
	case avroDouble:
		_, ok = d.take(8)
	case avroBytes, avroString:
		_, ok = d.text()
	case avroFixed:
		_, ok = d.take(int64(t.size))
	default:
		return d.skipParts(t)
	}
	if !ok {
		return malformed
	}
	return noFault
}

// skipParts passes a value that is made of others.
func (d *avroCursor) skipParts(t *avroType) fault {
	if d.depth++; d.depth > depthMax {
		return malformed
	}
	defer func() { d.depth-- }()
	switch t.kind {
	case avroArray:
		return d.items(func() fault { return d.skip(t.parts[0]) })
	case avroMap:
		return d.items(func() fault {
			if _, ok := d.text(); !ok {
				return malformed
			}
			return d.skip(t.parts[0])
		})
	case avroUnion:
		i, ok := d.branch(t)
		if !ok {
			return malformed
		}
		return d.skip(t.parts[i])
	}
	for _, part := range t.parts {
		if f := d.skip(part); f != noFault {
			return f
		}
	}
	return noFault
}

// newAvroStore says how a writer's values become those of a column; nil when
// they cannot. unread are fields of a ROW that nobody reads.
func newAvroStore(t *avroType, to value.Type, unread []bool) avroStore {
	switch t.kind {
	case avroUnion:
		return avroUnionStore(t, to, unread)
	case avroNull:
		return func(_ *avroCursor, c *batch.Column, row int) fault {
			if to.NotNull {
				return nullRefused
			}
			c.SetNull(row)
			return noFault
		}
	case avroArray:
		if to.Kind == value.Array {
			return avroArrayStore(t, *to.Elem)
		}
	case avroMap:
		if to.Kind == value.Map && to.Key.IsText() {
			return avroMapStore(t, *to.Elem)
		}
	case avroRecord:
		if to.Kind == value.Row {
			return avroRowStore(t, to, unread)
		}
	case avroBoolean:
		if to.Kind == value.Boolean {
			return storeAvroBoolean
		}
	case avroInt, avroLong:
		return avroIntegerStore(t, to)
	case avroFloat, avroDouble:
		return avroFloatStore(t, to)
	default:
		return avroBytesStore(t, to)
	}
	return nil
}

// avroUnionStore takes the branch that a value has. A branch that the column
// cannot take is a fault only when a value has it.
func avroUnionStore(t *avroType, to value.Type, unread []bool) avroStore {
	stores := make([]avroStore, len(t.parts))
	some := false
	for i, part := range t.parts {
		stores[i] = newAvroStore(part, to, unread)
		some = some || stores[i] != nil && part.kind != avroNull
	}
	if !some {
		return nil
	}
	return func(d *avroCursor, c *batch.Column, row int) fault {
		i, ok := d.branch(t)
		if !ok {
			return malformed
		}
		if stores[i] == nil {
			return wrongType
		}
		return stores[i](d, c, row)
	}
}

// appendAvro adds a row to a column of elements.
func appendAvro(d *avroCursor, c *batch.Column, store avroStore) fault {
	n := c.Len()
	c.Resize(n + 1)
	return store(d, c, n)
}

func avroArrayStore(t *avroType, elem value.Type) avroStore {
	store := newAvroStore(t.parts[0], elem, nil)
	if store == nil {
		return nil
	}
	return func(d *avroCursor, c *batch.Column, row int) fault {
		c.Nulls.Clear(row)
		elements := c.Children[0]
		first := elements.Len()
		f := d.items(func() fault { return appendAvro(d, elements, store) })
		c.Spans[row] = batch.View{Offset: uint32(first), Length: uint32(elements.Len() - first)}
		return f
	}
}

// avroMapStore keeps the last value of a key, like a map of Java.
func avroMapStore(t *avroType, elem value.Type) avroStore {
	store := newAvroStore(t.parts[0], elem, nil)
	if store == nil {
		return nil
	}
	return func(d *avroCursor, c *batch.Column, row int) fault {
		c.Nulls.Clear(row)
		keys, values := c.Children[0], c.Children[1]
		first := keys.Len()
		f := d.items(func() fault {
			n := keys.Len()
			if f := appendAvro(d, keys, storeAvroText); f != noFault {
				return f
			}
			for earlier := first; earlier < n; earlier++ {
				if string(keys.Bytes(earlier)) == string(keys.Bytes(n)) {
					keys.Resize(n)
					return store(d, values, earlier)
				}
			}
			return appendAvro(d, values, store)
		})
		c.Spans[row] = batch.View{Offset: uint32(first), Length: uint32(values.Len() - first)}
		return f
	}
}

// avroFields are the steps through a record: what becomes of each of its fields
// in the writer's order, and which columns have no field.
type avroFields struct {
	record  *avroType
	stores  []avroStore // by field; nil where it is skipped
	columns []int       // by field
	absent  []int       // columns without a field, which are NULL
}

// newAvroFields finds fields by name. wrong is a column that cannot be had: its
// field has another type, or it is absent and NOT NULL.
func newAvroFields(t *avroType, columns []Column) (fields *avroFields, wrong int) {
	f := &avroFields{record: t, stores: make([]avroStore, len(t.parts)), columns: make([]int, len(t.parts))}
	for i, c := range columns {
		at := -1
		for field, name := range t.names {
			if name == c.Name {
				at = field
			}
		}
		switch {
		case at >= 0:
			f.stores[at], f.columns[at] = newAvroStore(t.parts[at], c.Type, c.Unread), i
			if f.stores[at] == nil {
				return nil, i
			}
		case c.Type.NotNull:
			return nil, i
		default:
			f.absent = append(f.absent, i)
		}
	}
	return f, -1
}

// read takes a record into row of columns, where absent ones are NULL already.
func (f *avroFields) read(d *avroCursor, columns []*batch.Column, row int) fault {
	for i, store := range f.stores {
		if store == nil {
			if why := d.skip(f.record.parts[i]); why != noFault {
				return why
			}
			continue
		}
		if why := store(d, columns[f.columns[i]], row); why != noFault {
			if d.where == "" {
				d.where = f.record.names[i]
			} else {
				d.where = f.record.names[i] + "." + d.where
			}
			return why
		}
	}
	return noFault
}

func avroRowStore(t *avroType, to value.Type, unread []bool) avroStore {
	var columns []Column
	var places []int
	var passed []int
	for i, field := range to.Fields {
		if unread != nil && unread[i] {
			passed = append(passed, i)
			continue
		}
		columns = append(columns, Column{Name: field.Name, Type: field.Type})
		places = append(places, i)
	}
	fields, wrong := newAvroFields(t, columns)
	if wrong >= 0 {
		return nil
	}
	for i := range fields.columns {
		if fields.stores[i] != nil {
			fields.columns[i] = places[fields.columns[i]]
		}
	}
	for _, c := range fields.absent {
		passed = append(passed, places[c])
	}
	return func(d *avroCursor, c *batch.Column, row int) fault {
		if d.depth++; d.depth > depthMax {
			return malformed
		}
		defer func() { d.depth-- }()
		c.Nulls.Clear(row)
		for _, p := range passed {
			c.Children[p].SetNull(row)
		}
		return fields.read(d, c.Children, row)
	}
}

func storeAvroBoolean(d *avroCursor, c *batch.Column, row int) fault {
	b, ok := d.take(1)
	if !ok || b[0] > 1 {
		return malformed
	}
	c.Nulls.Clear(row)
	c.Bools[row] = b[0] == 1
	return noFault
}

// avroIntegerStore takes an int or a long, which may count days, or parts of a
// second.
func avroIntegerStore(t *avroType, to value.Type) avroStore {
	take := avroIntegerTaker(t, to)
	if take == nil {
		return nil
	}
	return func(d *avroCursor, c *batch.Column, row int) fault {
		n, ok := d.varint()
		if !ok || t.kind == avroInt && n != int64(int32(n)) {
			return malformed
		}
		c.Nulls.Clear(row)
		return take(n, c, row)
	}
}

func avroIntegerTaker(t *avroType, to value.Type) func(n int64, c *batch.Column, row int) fault {
	switch {
	case to.IsInteger():
		return func(n int64, c *batch.Column, row int) fault {
			c.Ints[row] = n
			if value.WrapInteger(n, to.Kind) != n {
				return unreadable
			}
			return noFault
		}
	case to.IsApproximate():
		return func(n int64, c *batch.Column, row int) fault {
			c.Floats[row] = float64(n)
			if to.Kind == value.Float {
				c.Floats[row] = float64(float32(n))
			}
			return noFault
		}
	case to.Kind == value.Decimal:
		return func(n int64, c *batch.Column, row int) fault { return setAvroDecimal(value.Int128Of(n), 0, to, c, row) }
	case to.Kind == value.Date && t.kind == avroInt:
		return setAvroInt
	case to.Kind == value.Time && (t.kind == avroInt || t.logical == "time-micros"):
		return func(n int64, c *batch.Column, row int) fault {
			if t.kind == avroLong {
				n /= 1000
			}
			if n < 0 || n >= value.MillisPerDay {
				return unreadable
			}
			return setAvroInt(n, c, row)
		}
	case to.IsTimestamp() && t.kind == avroLong:
		unit := avroUnit(t.logical, to)
		return func(n int64, c *batch.Column, row int) fault { return setAvroMoment(n, unit, to, c, row) }
	}
	return nil
}

func setAvroInt(n int64, c *batch.Column, row int) fault {
	c.Ints[row] = n
	return noFault
}

// avroUnit is how many a second has of what a long counts. A long without a
// logical type counts what Flink would write for the column.
func avroUnit(logical string, to value.Type) int64 {
	switch {
	case strings.HasSuffix(logical, "-millis"):
		return value.MillisPerSecond
	case strings.HasSuffix(logical, "-micros"):
		return value.MicrosPerSecond
	case strings.HasSuffix(logical, "-nanos"):
		return 1_000_000_000
	case to.Precision > 3:
		return value.MicrosPerSecond
	}
	return value.MillisPerSecond
}

func setAvroMoment(n, unit int64, to value.Type, c *batch.Column, row int) fault {
	t := value.Instant{Seconds: value.FloorDiv(n, unit), Nanos: int32(value.FloorMod(n, unit) * (1_000_000_000 / unit))}
	if t.Seconds > math.MaxInt64/value.MicrosPerSecond-1 || t.Seconds < math.MinInt64/value.MicrosPerSecond+1 {
		return unreadable
	}
	t = t.Truncate(to.Precision)
	if to.Class() == value.Wides {
		c.Wides[row] = t.Wide()
	} else {
		c.Ints[row] = t.Micros()
	}
	return noFault
}

func setAvroDecimal(x value.Int128, scale int, to value.Type, c *batch.Column, row int) fault {
	rescaled, fits := value.RescaleTo(x, scale, to)
	if !fits {
		return unreadable
	}
	c.Wides[row] = rescaled
	return noFault
}

// avroFloatStore takes a float or a double. A double is no FLOAT: digits would
// be lost.
func avroFloatStore(t *avroType, to value.Type) avroStore {
	if !to.IsApproximate() || t.kind == avroDouble && to.Kind == value.Float {
		return nil
	}
	if t.kind == avroFloat {
		return func(d *avroCursor, c *batch.Column, row int) fault {
			b, ok := d.take(4)
			if !ok {
				return malformed
			}
			c.Nulls.Clear(row)
			c.Floats[row] = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
			return noFault
		}
	}
	return func(d *avroCursor, c *batch.Column, row int) fault {
		b, ok := d.take(8)
		if !ok {
			return malformed
		}
		c.Nulls.Clear(row)
		c.Floats[row] = math.Float64frombits(binary.LittleEndian.Uint64(b))
		return noFault
	}
}

// avroBytesStore takes what is bytes on the wire: texts, bytes, decimals, and
// symbols of an enum.
func avroBytesStore(t *avroType, to value.Type) avroStore {
	switch {
	case t.kind == avroEnum && to.IsText():
		return func(d *avroCursor, c *batch.Column, row int) fault {
			i, ok := d.varint()
			if !ok || i < 0 || i >= int64(len(t.names)) {
				return malformed
			}
			c.Nulls.Clear(row)
			c.SetString(row, t.names[i])
			return noFault
		}
	case t.kind == avroEnum:
		return nil
	case to.Kind == value.Decimal && t.kind != avroString:
		return func(d *avroCursor, c *batch.Column, row int) fault {
			b, ok := d.bytes(t)
			if !ok {
				return malformed
			}
			x, fits := avroDecimal(b)
			if !fits {
				return unreadable
			}
			c.Nulls.Clear(row)
			return setAvroDecimal(x, t.scale, to, c, row)
		}
	case to.IsText() && t.kind != avroFixed:
		return storeAvroText
	case to.IsBytes():
		return func(d *avroCursor, c *batch.Column, row int) fault {
			b, ok := d.bytes(t)
			if !ok {
				return malformed
			}
			c.Nulls.Clear(row)
			c.SetBytes(row, b)
			return noFault
		}
	}
	return nil
}

// bytes cuts a fixed, or bytes or a text with their length.
func (d *avroCursor) bytes(t *avroType) ([]byte, bool) {
	if t.kind == avroFixed {
		return d.take(int64(t.size))
	}
	return d.text()
}

func storeAvroText(d *avroCursor, c *batch.Column, row int) fault {
	b, ok := d.text()
	if !ok {
		return malformed
	}
	c.Nulls.Clear(row)
	if utf8.Valid(b) {
		c.SetBytes(row, b)
	} else {
		c.SetString(row, string([]rune(string(b)))) // one U+FFFD for each bad byte
	}
	return noFault
}

// avroDecimal reads two's complement, the highest byte first.
func avroDecimal(b []byte) (value.Int128, bool) {
	var x value.Int128
	if len(b) > 0 && b[0] >= 0x80 {
		x = value.Int128{Hi: -1, Lo: math.MaxUint64}
	}
	sign := x.Hi
	for i, c := range b {
		if left := len(b) - i; left > 16 && int8(c) != int8(sign) { // a byte more than there is room for
			return x, false
		}
		hi, lo := bits.Mul64(x.Lo, 256)
		x = value.Int128{Hi: x.Hi<<8 | int64(hi), Lo: lo | uint64(c)}
	}
	return x, len(b) == 0 || x.Hi>>63 == sign
}
