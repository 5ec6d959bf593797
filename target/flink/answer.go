package flink

import (
	"iter"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// logicalType is a type as the gateway writes it.
type logicalType struct {
	Root                string         `json:"type"`
	Nullable            *bool          `json:"nullable"` // nil means true
	Length              int            `json:"length"`
	Precision           int            `json:"precision"`
	Scale               int            `json:"scale"`
	FractionalPrecision int            `json:"fractionalPrecision"`
	Resolution          string         `json:"resolution"` // of intervals: DAY_TO_SECOND
	Element             *logicalType   `json:"elementType"`
	Key                 *logicalType   `json:"keyType"`
	Value               *logicalType   `json:"valueType"`
	Fields              []logicalField `json:"fields"`
}

type logicalField struct {
	Name string      `json:"name"`
	Type logicalType `json:"fieldType"`
}

// kinds are the roots of types that have no parameters but sizes.
var kinds = map[string]value.Kind{
	"NULL": value.Null, "BOOLEAN": value.Boolean, "TINYINT": value.TinyInt, "SMALLINT": value.SmallInt, "INTEGER": value.Int, "BIGINT": value.BigInt,
	"FLOAT": value.Float, "DOUBLE": value.Double, "DECIMAL": value.Decimal, "CHAR": value.Char, "VARCHAR": value.Varchar, "BINARY": value.Binary,
	"VARBINARY": value.Varbinary, "DATE": value.Date, "TIME_WITHOUT_TIME_ZONE": value.Time, "TIMESTAMP_WITHOUT_TIME_ZONE": value.Timestamp,
	"TIMESTAMP_WITH_LOCAL_TIME_ZONE": value.TimestampLTZ, "INTERVAL_YEAR_MONTH": value.IntervalYearMonth, "INTERVAL_DAY_TIME": value.IntervalDayTime,
	"ARRAY": value.Array, "MAP": value.Map, "ROW": value.Row, "VARIANT": value.Variant,
}

// valueType gives the type that it is here; ok is false for those that only
// Flink has (MULTISET, RAW, …).
func (t *logicalType) valueType() (made value.Type, ok bool) {
	if t == nil {
		return value.Type{}, false
	}
	made.Kind, ok = kinds[t.Root]
	made.NotNull = t.Nullable != nil && !*t.Nullable
	switch made.Kind {
	case value.Char, value.Varchar, value.Binary, value.Varbinary:
		made.Precision = t.Length
	case value.Decimal:
		made.Precision, made.Scale = t.Precision, t.Scale
	case value.Time, value.Timestamp, value.TimestampLTZ:
		made.Precision = t.Precision
	case value.IntervalYearMonth, value.IntervalDayTime:
		made.Precision, made.Scale = t.Precision, t.FractionalPrecision
		for u := value.Year; u <= value.Second; u++ {
			if strings.ReplaceAll(u.String(), " ", "_") == t.Resolution {
				made.Unit = u
			}
		}
	case value.Array:
		element, known := t.Element.valueType()
		made.Elem, ok = &element, ok && known
	case value.Map:
		key, keyKnown := t.Key.valueType()
		element, known := t.Value.valueType()
		made.Key, made.Elem, ok = &key, &element, ok && keyKnown && known
	case value.Row:
		for _, f := range t.Fields {
			field, known := f.Type.valueType()
			ok = ok && known
			made.Fields = append(made.Fields, value.Field{Name: f.Name, Type: field})
		}
	}
	return made, ok
}

// schemaOf is an answer's schema.
func schemaOf(columns []column) (plan.Schema, error) {
	schema := make(plan.Schema, len(columns))
	for i, c := range columns {
		t, ok := c.Type.valueType()
		if !ok {
			return nil, problem.New(problem.Unsupported, "column %s has Flink's type %s, which cannot be shown", c.Name, c.Type.Root).
				About(c.Name).WithHint("turn it into rows, a text or an array in the query")
		}
		schema[i] = plan.OutputColumn{Name: c.Name, Type: t}
	}
	return schema, nil
}

// changeKinds are the kinds of changes as the gateway writes them.
var changeKinds = map[string]batch.Kind{
	"INSERT": batch.Insert, "UPDATE_BEFORE": batch.UpdateBefore, "UPDATE_AFTER": batch.UpdateAfter, "DELETE": batch.Delete,
}

// pairing makes every +U follow its -U. Flink's changes are complete, but where
// a filter or a join passes on only one half of an update, it leaves that half
// its name; here a -U without a +U behind it is a -D, and a +U without a -U
// before it a +I.
type pairing struct {
	held *row // a -U that waits for what follows
}

// settle gives the rows that are settled when these have come; end says that no
// more will.
func (p *pairing) settle(rows []row, end bool) []row {
	settled := make([]row, 0, len(rows)+1)
	for _, r := range rows {
		before := p.held
		p.held = nil
		if before != nil {
			if r.kind != batch.UpdateAfter {
				before.kind = batch.Delete
			}
			settled = append(settled, *before)
		}
		switch {
		case r.kind == batch.UpdateBefore:
			p.held = &r
			continue
		case r.kind == batch.UpdateAfter && before == nil:
			r.kind = batch.Insert
		}
		settled = append(settled, r)
	}
	if end && p.held != nil {
		p.held.kind = batch.Delete
		settled, p.held = append(settled, *p.held), nil
	}
	return settled
}

// batchesOf gives rows as batches of texts.
func batchesOf(width int, rows []row) iter.Seq[*batch.Batch] {
	return func(yield func(*batch.Batch) bool) {
		for len(rows) > 0 {
			n := min(len(rows), batch.MaxRows)
			if !yield(batchOf(width, rows[:n])) {
				return
			}
			rows = rows[n:]
		}
	}
}

func batchOf(width int, rows []row) *batch.Batch {
	b := &batch.Batch{Rows: len(rows), Kinds: make([]batch.Kind, len(rows))}
	for range width {
		b.Columns = append(b.Columns, batch.NewColumn(value.StringType, len(rows)))
	}
	for i, r := range rows {
		b.Kinds[i] = r.kind
		for j, cell := range r.cells {
			if cell == nil {
				b.Columns[j].AppendNull()
			} else {
				b.Columns[j].AppendValue(value.OfString(*cell))
			}
		}
	}
	return b
}
