package native

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
)

// valueFormat is the table option that says how the values of records are written.
const valueFormat = "value.format"

// recordFormat reads values of records that are no JSON rows. They are stored as
// JSON rows: what a change leaves of a row, or what another format says.
type recordFormat struct {
	format  format.Format
	fields  []format.Column
	table   []value.Field
	options map[string]string
}

func newRecordFormat(name string, fields []format.Column, options map[string]string) (*recordFormat, error) {
	f, err := format.ByName(name)
	if err != nil {
		return nil, problem.Of(err).About(valueFormat)
	}
	v := &recordFormat{format: f, fields: fields, options: map[string]string{}}
	for _, c := range fields {
		v.table = append(v.table, value.Field{Name: c.Name, Type: c.Type})
	}
	for option, text := range options {
		if !strings.HasPrefix(option, name+".") {
			continue
		}
		if !slices.ContainsFunc(f.Options, func(o connect.Option) bool { return o.Name == option }) {
			return nil, problem.New(problem.UnknownOption, "the format %s has no option %q", name, option).About(option)
		}
		v.options[option] = text
	}
	_, err = f.NewDecoder(fields, v.table, v.options)
	return v, err
}

// recordReader reads the values of one call.
type recordReader struct {
	messages format.Decoder
	rows     format.Encoder
	keys     format.Encoder
	key      []int // positions of the primary key
}

func (v *recordFormat) reader(key []format.Column) (*recordReader, error) {
	r := &recordReader{}
	var err error
	if r.messages, err = v.format.NewDecoder(v.fields, v.table, v.options); err != nil {
		return nil, err
	}
	if r.rows, err = jsonEncoder(v.table); err != nil {
		return nil, err
	}
	var keys []value.Field
	for _, c := range key {
		keys = append(keys, value.Field{Name: c.Name, Type: c.Type})
		r.key = append(r.key, c.Position)
	}
	r.keys, err = jsonEncoder(keys)
	return r, err
}

// prepare asks for what values need that name their schema elsewhere. Nothing is
// accepted while there is no answer: the producer sends it again.
func (r *recordReader) prepare(ctx context.Context, block []byte, values []batch.View) error {
	if asking, ok := r.messages.(format.Asking); ok {
		return asking.Prepare(ctx, block, values)
	}
	return nil
}

// row gives the row that a value leaves, as JSON, or the key of the row that it
// deletes.
func (r *recordReader) row(block []byte, message batch.View, keyed bool) (text []byte, kind batch.Kind, p *problem.Problem) {
	rows, rejected := r.messages.Decode(block, []batch.View{message})
	if len(rejected) > 0 {
		return nil, kind, rejected[0].Problem
	}
	if rows.Rows == 0 {
		return nil, kind, problem.New(problem.InvalidValue, "the message has no change")
	}
	last := rows.Rows - 1
	if kind = rows.Kind(last); kind != batch.Insert && !keyed {
		return nil, kind, problem.New(problem.InvalidValue, "the message changes a row, and the table has no primary key to find it by")
	}
	var err error
	if kind == batch.Delete {
		keys := &batch.Batch{Rows: rows.Rows}
		for _, at := range r.key {
			keys.Columns = append(keys.Columns, rows.Columns[at])
		}
		text, err = r.keys.AppendRow(nil, keys, last)
	} else {
		text, err = r.rows.AppendRow(nil, rows, last)
	}
	if err != nil {
		return nil, kind, problem.Of(err)
	}
	return bytes.TrimSuffix(text, []byte("\n")), kind, nil
}

// convert checks records whose values are no JSON rows, and makes them such.
func (w *recordsWork) convert(ctx context.Context) error {
	block := w.block.Buffer()
	if err := w.checkOwnHeaders(block); err != nil {
		return err
	}
	reader, err := w.intake.values.reader(w.intake.key)
	if err != nil {
		return err
	}
	values := w.block.Values()
	if err := reader.prepare(ctx, block, slices.DeleteFunc(slices.Clone(values), func(v batch.View) bool { return v.Length == 0 })); err != nil {
		return err
	}
	decoder := w.intake.decoders.Get().(*format.JSONDecoder)
	defer w.intake.decoders.Put(decoder)
	defer w.sortBad()
	for i, view := range values {
		if w.refused(i) {
			continue
		}
		if view.Length == 0 || view.Length > eventBytesMax {
			if err := w.valueless(i); err != nil {
				return err
			}
			continue
		}
		record, err := w.block.Record(i)
		if err != nil {
			return err
		}
		text, kind, p := reader.row(block, view, len(w.intake.key) > 0)
		switch {
		case p != nil:
			w.refuse(i, record.Value, p)
		case kind == batch.Delete:
			w.delete(i, record, text)
		default:
			b, rejected := decoder.Decode(text, []batch.View{{Length: uint32(len(text))}})
			decoder.Reuse(b)
			if len(rejected) > 0 {
				w.refuse(i, record.Value, rejected[0].Problem)
				continue
			}
			record.Value = text
			*w.at(i) = &record
		}
	}
	return nil
}
