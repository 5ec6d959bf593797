package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect/format"
	"tidemark/plan"
	"tidemark/target/embedded"
)

// rowWriter prints answers in one of the formats.
type rowWriter struct {
	out       *bufio.Writer
	form      string
	streaming bool
	zone      *time.Location
	started   bool
	schema    plan.Schema
	encoder   format.Encoder // of csv and json
	line      []byte
	cells     [][]string // of table, which is printed at the end
}

// tableRowsMax is how many rows the format table lays out together; widths are
// fixed from then on.
const tableRowsMax = 1000

func newRowWriter(out io.Writer, form string, streaming bool) (*rowWriter, error) {
	switch form {
	case "table", "csv", "json", "rows":
		return &rowWriter{out: bufio.NewWriterSize(out, 1<<16), form: form, streaming: streaming, zone: time.UTC}, nil
	}
	return nil, usagef("--format is %q, not table, csv, json or rows", form)
}

// results receives one statement's answer.
func (w *rowWriter) results(session *embedded.Session) embedded.Results {
	return embedded.Results{
		Start: func(s plan.Schema) error { w.zone = session.Zone(); return w.start(s) },
		Rows:  w.rows,
	}
}

func (w *rowWriter) start(s plan.Schema) error {
	w.schema, w.started = s, true
	fields := s.Fields()
	if w.streaming && w.form != "rows" {
		fields = append([]value.Field{{Name: "op", Type: value.StringType}}, fields...)
	}
	switch w.form {
	case "rows":
		columns := make([][2]string, len(s))
		for i, c := range s {
			columns[i] = [2]string{c.Name, strings.ReplaceAll(c.Type.String(), "`", "")} // as Flink's client shows ROW fields
		}
		return w.json(map[string]any{"columns": columns})
	case "csv", "json":
		f, err := format.ByName(w.form)
		if err != nil {
			return err
		}
		options := map[string]string{"csv.header": "true"}
		if w.form == "json" {
			options = nil
		}
		if w.encoder, err = f.NewEncoder(fields, options); err != nil {
			return err
		}
		_, err = w.out.Write(w.encoder.AppendHeader(nil))
		return err
	}
	header := make([]string, len(fields))
	for i, f := range fields {
		header[i] = f.Name
	}
	w.cells = [][]string{header}
	return nil
}

func (w *rowWriter) json(v any) error {
	e := json.NewEncoder(w.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (w *rowWriter) rows(b *batch.Batch) error {
	switch w.form {
	case "rows":
		return w.changes(b)
	case "csv", "json":
		return w.encoded(b)
	}
	b.Each(func(i int) {
		var cells []string
		if w.streaming {
			cells = append(cells, b.Kind(i).String())
		}
		for _, v := range b.Row(i) {
			cells = append(cells, string(v.AppendText(nil, w.zone)))
		}
		w.cells = append(w.cells, cells)
	})
	if len(w.cells) > tableRowsMax {
		return w.flushTable()
	}
	return nil
}

// changes prints the format for programs: one JSON array per change.
func (w *rowWriter) changes(b *batch.Batch) error {
	var failed error
	b.Each(func(i int) {
		change := make([]*string, 0, len(b.Columns)+1)
		kind := b.Kind(i).String()
		change = append(change, &kind)
		for _, v := range b.Row(i) {
			if v.Null {
				change = append(change, nil)
				continue
			}
			cell := string(v.AppendText(nil, w.zone))
			change = append(change, &cell)
		}
		if failed == nil {
			failed = w.json(change)
		}
	})
	return failed
}

func (w *rowWriter) encoded(b *batch.Batch) error {
	if w.streaming {
		op := batch.NewColumn(value.StringType, b.Rows)
		for i := range b.Rows {
			op.AppendValue(value.OfString(b.Kind(i).String()))
		}
		withOp := *b
		withOp.Columns = append([]*batch.Column{op}, b.Columns...)
		b = &withOp
	}
	var failed error
	b.Each(func(i int) {
		if failed == nil {
			w.line, failed = w.encoder.AppendRow(w.line[:0], b, i)
			_, _ = w.out.Write(w.line)
		}
	})
	return failed
}

// end finishes a statement's answer.
func (w *rowWriter) end() error {
	if w.started && w.form == "table" {
		if err := w.flushTable(); err != nil {
			return err
		}
	}
	w.started, w.cells = false, nil
	return w.out.Flush()
}

// flushTable prints the rows so far, aligned.
func (w *rowWriter) flushTable() error {
	widths := make([]int, 0, 8)
	for _, row := range w.cells {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cellWidth(cell))
		}
	}
	for n, row := range w.cells {
		var line strings.Builder
		for i, cell := range row {
			if i > 0 {
				line.WriteString("  ")
			}
			line.WriteString(cell)
			if i < len(row)-1 {
				last := cell[strings.LastIndexByte(cell, '\n')+1:]
				line.WriteString(strings.Repeat(" ", widths[i]-cellWidth(last)))
			}
		}
		line.WriteByte('\n')
		if n == 0 && len(w.schema) > 0 {
			total := 2 * (len(widths) - 1)
			for _, width := range widths {
				total += width
			}
			line.WriteString(strings.Repeat("─", max(total, 1)) + "\n")
		}
		if _, err := w.out.WriteString(line.String()); err != nil {
			return err
		}
	}
	w.cells, w.schema = nil, nil
	return nil
}

// cellWidth is the length of a cell's longest line.
func cellWidth(cell string) int {
	width := 0
	for line := range strings.Lines(cell) {
		width = max(width, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return width
}
