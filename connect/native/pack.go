package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect/format"
)

// A pack is many events as the columns of their table: what the log keeps of a
// body instead of its text, so that a reader takes the columns that it needs
// and parses nothing. docs/formats/pack.md draws it:
//
//	pack   = version:1  size of schema:uvarint  schema  section…
//	schema = columns:uvarint  column…       column = name type
//	name   = length:uvarint  bytes
//	type   = kind:1  required:1  precision:uvarint  scale:uvarint  unit:1  types of what is in it
//	section = rows:uvarint  size of each column: 4 bytes, little-endian  columns…
//
// Version 1 had no columns of words (words.go).
const (
	packVersion = 2
	packFirst   = 1
)

// packKinds gives a kind's byte, by its place counted from 1. Kinds are only
// ever added at the end.
var packKinds = [...]value.Kind{
	value.Boolean, value.TinyInt, value.SmallInt, value.Int, value.BigInt, value.Float, value.Double, value.Decimal,
	value.Char, value.Varchar, value.Binary, value.Varbinary, value.Date, value.Time, value.Timestamp, value.TimestampLTZ,
	value.IntervalYearMonth, value.IntervalDayTime, value.Array, value.Map, value.Row, value.Variant,
}

// appendPackHead appends what stands before the sections of every pack of a table.
func appendPackHead(to []byte, fields []value.Field) []byte {
	schema := appendPackFields(nil, fields)
	to = binary.AppendUvarint(append(to, packVersion), uint64(len(schema)))
	return append(to, schema...)
}

func appendPackFields(to []byte, fields []value.Field) []byte {
	to = binary.AppendUvarint(to, uint64(len(fields)))
	for _, f := range fields {
		to = binary.AppendUvarint(to, uint64(len(f.Name)))
		to = appendPackType(append(to, f.Name...), f.Type)
	}
	return to
}

func appendPackType(to []byte, t value.Type) []byte {
	required := byte(0)
	if t.NotNull {
		required = 1
	}
	to = append(to, byte(slices.Index(packKinds[:], t.Kind)+1), required)
	to = binary.AppendUvarint(to, uint64(t.Precision))
	to = binary.AppendUvarint(to, uint64(t.Scale))
	to = append(to, byte(t.Unit))
	if t.Key != nil {
		to = appendPackType(to, *t.Key)
	}
	if t.Elem != nil {
		to = appendPackType(to, *t.Elem)
	}
	if t.Kind == value.Row {
		to = appendPackFields(to, t.Fields)
	}
	return to
}

// packer makes packs of one table, one after the other.
type packer struct {
	words  wordTable
	pauses []int // for each column: the sections for which no words are looked for
}

// appendSection appends the rows of a batch of the table's columns.
func (p *packer) appendSection(to []byte, b *batch.Batch) []byte {
	if p.pauses == nil {
		p.pauses = make([]int, len(b.Columns))
	}
	to = binary.AppendUvarint(to, uint64(b.Rows))
	sizes := len(to)
	to = append(to, make([]byte, 4*len(b.Columns))...)
	for i, c := range b.Columns {
		start := len(to)
		if p.hasWords(i, c, b.Rows) {
			to = p.words.append(to, c, b.Rows)
		} else {
			to = batch.AppendColumn(to, c, b.Rows)
		}
		binary.LittleEndian.PutUint32(to[sizes+4*i:], uint32(len(to)-start))
	}
	return to
}

// hasWords finds the words of a column, if it has any. One that had none is not
// tried again for a while.
func (p *packer) hasWords(column int, c *batch.Column, rows int) bool {
	if c.Type.Class() != value.Strings {
		return false
	}
	if p.pauses[column] > 0 {
		p.pauses[column]--
		return false
	}
	found := p.words.find(c, rows)
	if !found && rows >= wordsPauseRows {
		p.pauses[column] = wordsPause
	}
	return found
}

// readPackColumn reads a column of a section.
func readPackColumn(data []byte, t value.Type, rows int) (*batch.Column, error) {
	if len(data) > 0 && data[0] == wordsMark {
		return readWords(data, t, rows)
	}
	return batch.ReadColumn(data, t, rows)
}

// errPack says that a pack is not what it must be although its checksum is right.
var errPack = errors.New("a pack of events is damaged")

// packReader reads packs as the columns that are wanted of the table now.
type packReader struct {
	wanted   []value.Field
	schema   []byte         // of the pack before; the rest is made for it
	columns  int            // how many a pack has
	from     []int          // for each wanted column: which one of the pack, -1 for none
	convert  []*packConvert // for each wanted column: not nil where it has another type now
	sections []byte         // of the pack under way that were not read yet
	sizes    []int
}

// begin begins to read a pack.
func (p *packReader) begin(pack []byte) error {
	p.sections = nil // so that nothing can be read after an error
	if len(pack) > 0 && pack[0] < packFirst {
		return errPack
	}
	if len(pack) > 0 && pack[0] > packVersion {
		return problem.New(problem.Unsupported, "the event log has packs of events of version %d, and %d is the newest known here", pack[0], packVersion).WithHint("use the version that wrote them, or a later one")
	}
	d := packDecoder{rest: pack}
	d.byte()
	schema := d.take(d.uvarint())
	p.sections = d.rest
	if d.failed {
		return errPack
	}
	if p.from != nil && bytes.Equal(schema, p.schema) {
		return nil
	}
	d = packDecoder{rest: schema}
	fields := d.fields()
	if d.failed || len(d.rest) > 0 {
		return errPack
	}
	p.schema, p.columns = bytes.Clone(schema), len(fields)
	p.from, p.convert = make([]int, len(p.wanted)), make([]*packConvert, len(p.wanted))
	for i, w := range p.wanted {
		p.from[i] = slices.IndexFunc(fields, func(f value.Field) bool { return f.Name == w.Name })
		if at := p.from[i]; at >= 0 && !fields[at].Type.Optional().Equal(w.Type.Optional()) {
			var err error
			if p.convert[i], err = newPackConvert(fields[at], w); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip passes a number of rows if the next section has no more, and tells how many
// rows it has.
func (p *packReader) skip(most int) (rows int, skipped bool, err error) {
	d := packDecoder{rest: p.sections}
	rows = d.uvarint()
	p.sizes = p.sizes[:0]
	total := 0
	for range p.columns {
		size := int(binary.LittleEndian.Uint32(d.take(4)))
		if d.failed {
			break
		}
		p.sizes = append(p.sizes, size)
		total += size
	}
	if d.failed || rows < 1 || rows > batch.MaxRows || total > len(d.rest) {
		return 0, false, errPack
	}
	if rows > most {
		return rows, false, nil
	}
	p.sections = d.rest[total:]
	return rows, true, nil
}

// next reads the next section.
func (p *packReader) next() (*batch.Batch, error) {
	before := p.sections
	rows, _, err := p.skip(batch.MaxRows)
	if err != nil {
		return nil, err
	}
	columns := before[:len(before)-len(p.sections)]
	starts, at := make([]int, len(p.sizes)), len(columns)
	for i := len(p.sizes) - 1; i >= 0; i-- {
		at -= p.sizes[i]
		starts[i] = at
	}
	b := &batch.Batch{Rows: rows, Columns: make([]*batch.Column, len(p.wanted))}
	for i, w := range p.wanted {
		n := p.from[i]
		switch {
		case n < 0:
			b.Columns[i] = nullColumn(w.Type, rows)
			continue
		case p.convert[i] != nil:
			b.Columns[i], err = p.convert[i].column(columns[starts[n]:starts[n]+p.sizes[n]], rows)
		default:
			b.Columns[i], err = readPackColumn(columns[starts[n]:starts[n]+p.sizes[n]], w.Type, rows)
		}
		if err != nil {
			return nil, fmt.Errorf("read column %s of a pack of events: %w", w.Name, err)
		}
	}
	return b, nil
}

func nullColumn(t value.Type, rows int) *batch.Column {
	c := batch.NewColumn(t, rows)
	for range rows {
		c.AppendNull()
	}
	return c
}

// packConvert reads a column whose type has changed since, as if its values
// came as JSON now. What no longer fits is NULL.
type packConvert struct {
	stored  value.Type
	encoder format.Encoder
	strict  *format.JSONDecoder
	lenient *format.JSONDecoder
}

func newPackConvert(stored, wanted value.Field) (*packConvert, error) {
	json, err := format.ByName("json")
	if err != nil {
		return nil, err
	}
	k := &packConvert{stored: stored.Type}
	if k.encoder, err = json.NewEncoder([]value.Field{stored}, nil); err != nil {
		return nil, err
	}
	columns := []format.Column{{Name: wanted.Name, Type: wanted.Type}}
	k.strict = format.NewJSONDecoder(columns, format.JSONOptions{Strict: true})
	k.lenient = format.NewJSONDecoder(columns, format.JSONOptions{IgnoreErrors: true})
	return k, nil
}

func (k *packConvert) column(data []byte, rows int) (*batch.Column, error) {
	c, err := readPackColumn(data, k.stored, rows)
	if err != nil {
		return nil, err
	}
	b := &batch.Batch{Rows: rows, Columns: []*batch.Column{c}}
	var text []byte
	views := make([]batch.View, rows)
	for i := range rows {
		start := len(text)
		if text, err = k.encoder.AppendRow(text, b, i); err != nil {
			return nil, err
		}
		views[i] = batch.View{Offset: uint32(start), Length: uint32(len(text) - start)}
	}
	decoded, rejected := k.strict.Decode(text, views)
	if len(rejected) > 0 {
		decoded, _ = k.lenient.Decode(text, views)
	}
	if decoded.Rows != rows {
		return nil, fmt.Errorf("%d of %d values were read again", decoded.Rows, rows)
	}
	return decoded.Columns[0], nil
}

// packDecoder reads the head of a pack; after the first error it reads zeros.
type packDecoder struct {
	rest   []byte
	failed bool
	depth  int
}

// packDepthMax bounds the nesting of types.
const packDepthMax = 100

func (d *packDecoder) take(n int) []byte {
	if n < 0 || n > len(d.rest) {
		d.failed, d.rest = true, nil
		return make([]byte, min(max(n, 0), 4))
	}
	taken := d.rest[:n:n]
	d.rest = d.rest[n:]
	return taken
}

func (d *packDecoder) byte() byte { return d.take(1)[0] }

func (d *packDecoder) uvarint() int {
	n, used := binary.Uvarint(d.rest)
	if used <= 0 || n > 1<<31 {
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[used:]
	return int(n)
}

func (d *packDecoder) fields() []value.Field {
	var fields []value.Field
	for range d.uvarint() {
		name := string(d.take(d.uvarint()))
		fields = append(fields, value.Field{Name: name, Type: d.typ()})
		if d.failed {
			return nil
		}
	}
	return fields
}

func (d *packDecoder) typ() value.Type {
	kind := int(d.byte())
	t := value.Type{NotNull: d.byte() != 0, Precision: d.uvarint(), Scale: d.uvarint(), Unit: value.Unit(d.byte())}
	d.depth++
	defer func() { d.depth-- }()
	if kind < 1 || kind > len(packKinds) || t.Unit > value.Second || d.depth > packDepthMax {
		d.failed, d.rest = true, nil
		return t
	}
	t.Kind = packKinds[kind-1]
	if t.Kind == value.Map {
		key := d.typ()
		t.Key = &key
	}
	if t.Kind == value.Map || t.Kind == value.Array {
		elem := d.typ()
		t.Elem = &elem
	}
	if t.Kind == value.Row {
		t.Fields = d.fields()
	}
	return t
}
