package kafka

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
)

// writing makes records of rows.
type writing struct {
	layout
	table     string
	keys      format.Encoder // nil when records have no key
	values    format.Encoder
	keyAt     []int // columns of the request
	valueAt   []int
	timestamp int // column, -1 for none
	headers   int
}

// newWriting finds where the columns of a request go.
func newWriting(r connect.Request, l layout) (*writing, error) {
	w := &writing{layout: l, table: r.Table, timestamp: -1, headers: -1}
	for i, c := range r.Columns {
		switch c.Metadata {
		case "":
			continue
		case "timestamp":
			w.timestamp = i
		case "headers":
			w.headers = i
		default:
			return nil, problem.New(problem.Unsupported, "the metadata column %q cannot be written", c.Name).About(c.Name).WithHint("declare it VIRTUAL; timestamp and headers can be written")
		}
		if err := checkMetadata(c); err != nil {
			return nil, err
		}
		if !alike(metadataTypes[c.Metadata], c.Type) {
			return nil, problem.New(problem.TypeMismatch, "the metadata column %q is %s, and is written as %s", c.Name, c.Type, metadataTypes[c.Metadata]).About(c.Name)
		}
	}
	positions := func(s side) (at []int, fields []value.Field) {
		for _, f := range s.fields {
			at = append(at, slices.IndexFunc(r.Columns, func(c connect.Column) bool { return c.Metadata == "" && c.Name == f.column }))
			fields = append(fields, value.Field{Name: f.name, Type: f.typ})
		}
		return at, fields
	}
	var fields []value.Field
	var err error
	if l.key.used() {
		w.keyAt, fields = positions(l.key)
		if w.keys, err = l.key.format.NewEncoder(fields, l.key.options); err != nil {
			return nil, err
		}
	}
	w.valueAt, fields = positions(l.value)
	if len(fields) == 0 {
		return nil, problem.New(problem.InvalidQuery, "the values of table %s have no columns", r.Table).About(optInclude)
	}
	w.values, err = l.value.format.NewEncoder(fields, l.value.options)
	return w, err
}

// announce tells registries what will be written.
func (w *writing) announce(ctx context.Context) error {
	for _, e := range []format.Encoder{w.keys, w.values} {
		if announcing, ok := e.(format.Announcing); ok {
			if err := announcing.Announce(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// records makes the records of an epoch, in the order in which they are to be
// sent.
func (w *writing) records(batches []*batch.Batch) ([]*kgo.Record, error) {
	var all []*kgo.Record
	for _, b := range batches {
		if err := w.appendRecords(&all, b); err != nil {
			return nil, err
		}
	}
	if w.upsert {
		all = newest(all)
	}
	return all, nil
}

// span is where the key and the value of a record stand in a text; a value
// without end is NULL.
type span struct {
	start, key, value int
	null              bool
}

func (w *writing) appendRecords(all *[]*kgo.Record, b *batch.Batch) error {
	key, val := pick(b, w.keyAt), pick(b, w.valueAt)
	slab := make([]kgo.Record, 0, b.Live())
	spans := make([]span, 0, b.Live())
	var text []byte
	var failed error
	b.Each(func(i int) {
		if failed != nil {
			return
		}
		kind := b.Kind(i)
		if kind != batch.Insert && !w.upsert && !w.value.format.Changes {
			failed = problem.New(problem.Unsupported, "table %q takes new rows only, and the query gives changes (%s)", w.table, kind).
				WithHint("use the connector upsert-kafka, a changelog format such as debezium-json, or a query that only adds rows")
			return
		}
		s := span{start: len(text), null: w.upsert && kind.Retracts() || w.value.format.Name == "raw" && val.Columns[0].IsNull(i)}
		if w.keys != nil {
			text, failed = appendRow(w.keys, text, key, i)
		}
		s.key = len(text)
		if failed == nil && !s.null {
			text, failed = appendRow(w.values, text, val, i)
		}
		s.value = len(text)
		spans = append(spans, s)
		slab = append(slab, w.beside(b, i))
	})
	if failed != nil {
		return failed
	}
	for i, s := range spans { // the text does not move any more
		r := &slab[i]
		if w.keys != nil {
			r.Key = text[s.start:s.key:s.key]
		}
		if !s.null {
			r.Value = text[s.key:s.value:s.value]
		}
		*all = append(*all, r)
	}
	return nil
}

// pick is a batch of some columns of another.
func pick(b *batch.Batch, columns []int) *batch.Batch {
	some := &batch.Batch{Rows: b.Rows, Kinds: b.Kinds}
	for _, c := range columns {
		some.Columns = append(some.Columns, b.Columns[c])
	}
	return some
}

// appendRow appends a row without the end of line that files need.
func appendRow(e format.Encoder, text []byte, b *batch.Batch, i int) ([]byte, error) {
	text, err := e.AppendRow(text, b, i)
	return bytes.TrimSuffix(text, []byte{'\n'}), err
}

// beside is a record with what row i says besides key and value.
func (w *writing) beside(b *batch.Batch, i int) kgo.Record {
	var r kgo.Record
	if w.timestamp >= 0 && !b.Columns[w.timestamp].IsNull(i) {
		r.Timestamp = time.UnixMicro(b.Columns[w.timestamp].Ints[i])
	}
	if w.headers >= 0 && !b.Columns[w.headers].IsNull(i) {
		items := b.Columns[w.headers].Value(i).Items
		for k := 0; k+1 < len(items); k += 2 {
			h := kgo.RecordHeader{Key: items[k].Text}
			if !items[k+1].Null {
				h.Value = []byte(items[k+1].Text)
			}
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}

// newest keeps the last record of each key. The row before an update deletes its
// key, and the row after it writes it again, unless the key itself has changed.
func newest(all []*kgo.Record) []*kgo.Record {
	last := make(map[string]int, len(all))
	for i, r := range all {
		last[string(r.Key)] = i
	}
	kept := all[:0]
	for i, r := range all {
		if last[string(r.Key)] == i {
			kept = append(kept, r)
		}
	}
	return kept
}
