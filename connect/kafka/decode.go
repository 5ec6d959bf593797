package kafka

import (
	"context"
	"fmt"
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect/format"
)

// decodeSome makes a batch of as many pending records as fit.
func (r *reader) decodeSome(ctx context.Context) (*batch.Batch, error) {
	most := len(r.pending)
	if r.source.reading.value.format.Changes && r.source.reading.needsRecord() {
		most = 1 // rows and records must be told apart to put other columns beside them
	}
	for n := most; ; n /= 2 {
		b, err := r.decode(ctx, r.pending[:n])
		if err != nil {
			return nil, err
		}
		if b.Rows <= batch.MaxRows {
			last := r.pending[n-1]
			r.pending = r.pending[n:]
			r.newest.Store(last.millis)
			if len(r.pending) > 0 {
				r.move(last.offset + 1)
			} else {
				r.move(r.unpacker.next)
			}
			return b, nil
		}
		if n == 1 {
			return nil, problem.New(problem.TooLarge, "the message at offset %d of %s has more than %d changes", r.pending[0].offset, r.id, batch.MaxRows)
		}
	}
}

// needsRecord reports whether columns come from elsewhere than the value.
func (p *reading) needsRecord() bool {
	return slices.ContainsFunc(p.parts, func(p part) bool { return p.origin != fromValue })
}

// decode makes a batch of records.
func (r *reader) decode(ctx context.Context, records []record) (*batch.Batch, error) {
	plan := r.source.reading
	if !plan.upsert && plan.value.format.Name != "raw" {
		// A deletion says nothing to a table of events.
		if slices.ContainsFunc(records, func(x record) bool { return !x.hasValue }) {
			records = slices.DeleteFunc(slices.Clone(records), func(x record) bool { return !x.hasValue })
		}
	}
	for {
		keys, badKeys, err := r.side(ctx, r.keys, plan.key, plan.keyColumns, records, func(x *record) (batch.View, bool) { return x.key, x.hasKey })
		if err != nil {
			return nil, err
		}
		values, badValues, err := r.side(ctx, r.values, plan.value, plan.valueColumns, records, func(x *record) (batch.View, bool) { return x.value, x.hasValue })
		if err != nil {
			return nil, err
		}
		if len(badKeys) == 0 && len(badValues) == 0 {
			return r.assemble(records, keys, values)
		}
		records = without(records, badKeys, badValues)
	}
}

// without leaves out the records that could not be decoded.
func without(records []record, bad ...[]format.Rejected) []record {
	out := map[int]bool{}
	for _, some := range bad {
		for _, one := range some {
			out[one.Record] = true
		}
	}
	var good []record
	for i, x := range records {
		if !out[i] {
			good = append(good, x)
		}
	}
	return good
}

// side decodes the keys or the values of records. Those that cannot be decoded
// are an error, unless the format's options say to leave them out. Where a record
// has no such side, its columns are NULL.
func (r *reader) side(ctx context.Context, d format.Decoder, s side, columns []format.Column, records []record, of func(*record) (batch.View, bool)) (*batch.Batch, []format.Rejected, error) {
	if d == nil {
		return &batch.Batch{Rows: len(records)}, nil, nil
	}
	views := make([]batch.View, 0, len(records))
	var numbers []int  // of the records with the side; nil when all have it
	var place []uint16 // of each record's row among the decoded ones
	present := 0
	for i := range records {
		v, has := of(&records[i])
		if has {
			views = append(views, v)
		} else if numbers == nil {
			numbers = make([]int, 0, len(records))
			for before := range i {
				numbers = append(numbers, before)
				place = append(place, uint16(before))
			}
		}
		if numbers != nil {
			if has {
				numbers = append(numbers, i)
				place = append(place, uint16(present))
			} else {
				place = append(place, noRow)
			}
		}
		if has {
			present++
		}
	}
	if asking, ok := d.(format.Asking); ok {
		if err := asking.Prepare(ctx, r.block, views); err != nil {
			return nil, nil, err
		}
	}
	b, rejected := d.Decode(r.block, views)
	for i := range rejected {
		if numbers != nil {
			rejected[i].Record = numbers[rejected[i].Record]
		}
		if !d.Tolerant() {
			return nil, nil, r.undecodable(rejected[i], s, records)
		}
	}
	if len(rejected) == 0 && numbers != nil {
		b = withNulls(b, place, columns)
	}
	return b, rejected, nil
}

// noRow stands for the row of NULLs.
const noRow = 1<<16 - 1

// withNulls puts rows where place says, and NULLs elsewhere.
func withNulls(b *batch.Batch, place []uint16, columns []format.Column) *batch.Batch {
	all := &batch.Batch{Rows: len(place)}
	for i, c := range b.Columns {
		c.Type = columns[i].Type.Optional()
		c.Resize(b.Rows + 1)
		c.SetNull(b.Rows)
		rows := make([]uint16, len(place))
		for at, p := range place {
			rows[at] = p
			if p == noRow {
				rows[at] = uint16(b.Rows)
			}
		}
		all.Columns = append(all.Columns, c.Gather(rows))
	}
	return all
}

func (r *reader) undecodable(bad format.Rejected, s side, records []record) error {
	p := *bad.Problem
	p.Message = fmt.Sprintf("the %s of the record at offset %d of %s: %s", s.name, records[bad.Record].offset, r.id, p.Message)
	if p.Hint == "" {
		p.Hint = fmt.Sprintf("'%s.ignore-parse-errors' = 'true' leaves such records out, if the format has it", s.format.Name)
	}
	return &p
}

// assemble puts the columns of a batch together.
func (r *reader) assemble(records []record, keys, values *batch.Batch) (*batch.Batch, error) {
	plan := r.source.reading
	b := &batch.Batch{Rows: values.Rows, Kinds: values.Kinds}
	if plan.upsert {
		b.Kinds = make([]batch.Kind, len(records))
		for i, x := range records {
			if !x.hasKey {
				return nil, problem.New(problem.InvalidValue, "the record at offset %d of %s has no key", x.offset, r.id).WithHint("read such a topic with the connector kafka")
			}
			b.Kinds[i] = batch.UpdateAfter
			if !x.hasValue {
				b.Kinds[i] = batch.Delete
			}
		}
	}
	repeated := make([]uint16, values.Rows) // of the only record, when it gives several rows
	alike := values.Rows != len(records)
	for _, p := range plan.parts {
		var c *batch.Column
		switch p.origin {
		case fromKey:
			c = keys.Columns[p.index]
		case fromValue:
			b.Columns = append(b.Columns, values.Columns[p.index])
			continue
		case fromRecord:
			var err error
			if c, err = r.metadata(p, records); err != nil {
				return nil, err
			}
		}
		if alike {
			c = c.Gather(repeated)
		}
		b.Columns = append(b.Columns, c)
	}
	return b, nil
}

// metadata makes a column of what records have besides key and value.
func (r *reader) metadata(p part, records []record) (*batch.Column, error) {
	native := metadataTypes[p.metadata]
	column := batch.NewColumn(p.typ, len(records))
	column.Resize(len(records))
	same := alike(native, p.typ)
	for i := range records {
		v, err := r.metadataOf(p.metadata, &records[i])
		if err == nil && !same {
			v, err = value.Cast(v, p.typ, r.source.request.Zone)
		}
		if err != nil {
			return nil, fmt.Errorf("metadata %s of %s: %w", p.metadata, r.id, err)
		}
		column.SetValue(i, v)
	}
	return column, nil
}

func (r *reader) metadataOf(key string, x *record) (value.Value, error) {
	switch key {
	case "topic":
		return value.OfString(r.id.topic), nil
	case "partition":
		return value.OfInt(r.id.number), nil
	case "offset":
		return value.OfBigInt(x.offset), nil
	case "leader-epoch":
		if x.leaderEpoch < 0 {
			return value.NullOf(value.IntType), nil
		}
		return value.OfInt(x.leaderEpoch), nil
	case "timestamp":
		return value.Value{Type: metadataTypes[key], Int: x.millis * 1000}, nil
	case "timestamp-type":
		switch {
		case x.millis < 0:
			return value.OfString("NoTimestampType"), nil
		case x.logTime:
			return value.OfString("LogAppendTime"), nil
		}
		return value.OfString("CreateTime"), nil
	}
	headers, err := cutHeaders(r.block, x.headers)
	if err != nil {
		return value.Value{}, err
	}
	v := value.Value{Type: metadataTypes["headers"]}
	for _, h := range headers {
		val := value.Value{Type: value.BytesType, Null: h.value == nil, Text: string(h.value)}
		// The last header of a name counts, as in a map of Java.
		at := slices.IndexFunc(v.Items, func(k value.Value) bool { return k.Type.IsText() && k.Text == h.name })
		if at >= 0 {
			v.Items[at+1] = val
			continue
		}
		v.Items = append(v.Items, value.OfString(h.name), val)
	}
	return v, nil
}
