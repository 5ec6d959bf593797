package format

import (
	"fmt"
	"slices"

	"github.com/dlclark/regexp2"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// Positions of an envelope's columns: what the tools that copy changes of a
// database wrap around a row. An envelope that lacks one never sets it.
const (
	afterColumn  = iota // the row after the change, or all rows of it
	beforeColumn        // the row before, or only its columns that changed
	operationColumn
	databaseColumn
	tableColumn
	envelopeWidth
)

// envelope is one tool's form of messages.
type envelope struct {
	name    string
	doc     string
	columns [envelopeWidth]string // keys of the message; "" for none
	// partial: the before image has only the columns that changed.
	partial bool
	// many: images are arrays with a row for each change.
	many    bool
	inserts []string // operations by what they do
	updates []string
	deletes []string
	passes  []string // operations that change no rows
	filters bool     // database.include and table.include
	wrapped bool     // schema-include: the message may be inside "payload"
}

var debezium = envelope{
	name: "debezium-json", doc: "changes as Debezium writes them: before, after, op",
	columns: [envelopeWidth]string{"after", "before", "op"},
	inserts: []string{"c", "r"}, updates: []string{"u"}, deletes: []string{"d"}, wrapped: true,
}

var canal = envelope{
	name: "canal-json", doc: "changes as Canal writes them: data, old, type",
	columns: [envelopeWidth]string{"data", "old", "type", "database", "table"},
	inserts: []string{"INSERT"}, updates: []string{"UPDATE"}, deletes: []string{"DELETE"}, passes: []string{"CREATE"},
	partial: true, many: true, filters: true,
}

var maxwell = envelope{
	name: "maxwell-json", doc: "changes as Maxwell writes them: data, old, type",
	columns: [envelopeWidth]string{"data", "old", "type"},
	inserts: []string{"insert"}, updates: []string{"update"}, deletes: []string{"delete"}, partial: true,
}

// changelogFormat is the format of an envelope. Inside, rows are spelled as in
// the json format, and its options go by the envelope's name.
func changelogFormat(e envelope) Format {
	f := Format{
		Name: e.name, Doc: e.doc, Changes: true, Arrays: true,
		NewDecoder: func(columns []Column, _ []value.Field, options map[string]string) (Decoder, error) {
			return newChangelogDecoder(e, columns, options)
		},
		NewEncoder: func(fields []value.Field, options map[string]string) (Encoder, error) {
			inner, err := newJSONEncoder(fields, e.jsonOptions(options))
			return changelogEncoder{e, inner}, err
		},
		NewSplitter: func(map[string]string) (Splitter, error) { return lineSplitter{}, nil },
	}
	for _, o := range jsonFormat().Options {
		if o.Name != "json.fail-on-missing-field" {
			o.Name = e.name + o.Name[len("json"):]
			f.Options = append(f.Options, o)
		}
	}
	if e.wrapped {
		f.Options = append(f.Options, connect.Option{Name: e.name + ".schema-include", Doc: "messages carry their schema beside a payload", Default: "false", Values: []string{"true", "false"}})
	}
	if e.filters {
		f.Options = append(f.Options,
			connect.Option{Name: e.name + ".database.include", Doc: "regular expression for the databases to read"},
			connect.Option{Name: e.name + ".table.include", Doc: "regular expression for the tables to read"})
	}
	return f
}

// jsonOptions renames the envelope's options to those of the json format.
func (e envelope) jsonOptions(options map[string]string) map[string]string {
	renamed := map[string]string{}
	for name, val := range options {
		if len(name) > len(e.name) && name[:len(e.name)] == e.name {
			renamed["json"+name[len(e.name):]] = val
		}
	}
	return renamed
}

// changelogDecoder reads messages in two steps: the envelope, whose images stay
// JSON text, and then the images.
type changelogDecoder struct {
	envelope
	columns   []Column
	messages  *JSONDecoder
	images    *JSONDecoder
	partials  *JSONDecoder // reads one partial image at a time, to ask it which fields it had
	ignore    bool
	payload   bool
	databases *regexp2.Regexp // nil for all
	tables    *regexp2.Regexp
}

func newChangelogDecoder(e envelope, columns []Column, options map[string]string) (*changelogDecoder, error) {
	o, err := jsonOptions(e.jsonOptions(options))
	if err != nil {
		return nil, err
	}
	d := &changelogDecoder{envelope: e, columns: columns, ignore: o.IgnoreErrors}
	if d.payload, err = booleanOption(options, e.name+".schema-include"); err != nil {
		return nil, err
	}
	if d.databases, err = includePattern(options, e.name+".database.include"); err != nil {
		return nil, err
	}
	if d.tables, err = includePattern(options, e.name+".table.include"); err != nil {
		return nil, err
	}
	var fields []value.Field
	for i, name := range e.columns {
		typ := value.StringType
		if i == afterColumn || i == beforeColumn {
			typ = value.VariantType
		}
		fields = append(fields, value.Field{Name: name, Type: typ})
	}
	message := Column{Name: "payload", Type: value.RowOf(fields...)}
	if !d.payload {
		var top []Column
		for _, f := range fields {
			top = append(top, Column{Name: f.Name, Type: f.Type})
		}
		d.messages = NewJSONDecoder(top, JSONOptions{IgnoreErrors: o.IgnoreErrors})
	} else {
		d.messages = NewJSONDecoder([]Column{message}, JSONOptions{IgnoreErrors: o.IgnoreErrors})
	}
	d.images, d.partials = NewJSONDecoder(columns, o), NewJSONDecoder(columns, o)
	d.partials.thorough = true // had is asked
	return d, nil
}

func includePattern(options map[string]string, name string) (*regexp2.Regexp, error) {
	text, given := options[name]
	if !given {
		return nil, nil
	}
	pattern, err := regexp2.Compile(`\A(?:`+text+`)\z`, regexp2.None)
	if err != nil {
		return nil, problem.New(problem.InvalidOption, "option %q is no regular expression: %v", name, err).About(name)
	}
	return pattern, nil
}

// Tolerant reports ignore-parse-errors.
func (d *changelogDecoder) Tolerant() bool { return d.ignore }

// change is one row's change in a message.
type change struct {
	kind          batch.Kind // Insert, UpdateAfter or Delete
	image, before int        // indexes of images; before -1 where there is none
	partial       batch.View // the columns of the before image that changed
}

// message is what became of a record.
type message struct {
	record  int
	changes []change
	problem *problem.Problem
}

// Decode reads messages: a row for each insert and delete, two for an update.
func (d *changelogDecoder) Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected) {
	envelopes, rejected := d.messages.Decode(block, records)
	parts := envelopes.Columns
	if d.payload {
		parts = parts[0].Children
	}
	var messages []message
	var views []batch.View // of images, in the heap
	heap := parts[afterColumn].Heap
	next := 0
	for record := range records {
		if next < len(rejected) && rejected[next].Record == record {
			messages = append(messages, message{record: record, problem: rejected[next].Problem})
			next++
			continue
		}
		m := message{record: record}
		m.problem = d.changesOf(&m, parts, record-next, heap, &views)
		messages = append(messages, m)
	}
	images, bad := d.images.Decode(heap, views)
	rows := rowsOf(len(views), bad)
	b := &batch.Batch{}
	for _, c := range d.columns {
		b.Columns = append(b.Columns, batch.NewColumn(c.Type, len(views)))
	}
	rejected = nil
	for _, m := range messages {
		if m.problem == nil {
			m.problem = d.emit(b, m, images, rows, bad, heap)
		}
		if m.problem != nil {
			rejected = append(rejected, Rejected{Record: m.record, Problem: m.problem})
		}
	}
	return b, rejected
}

// rowsOf tells which row each image became, -1 for the rejected.
func rowsOf(images int, bad []Rejected) []int {
	rows := make([]int, images)
	next := 0
	for i := range rows {
		rows[i] = i - next
		if next < len(bad) && bad[next].Record == i {
			rows[i] = -1
			next++
		}
	}
	return rows
}

// changesOf finds the changes of the message in a row of the envelopes.
func (d *changelogDecoder) changesOf(m *message, parts []*batch.Column, row int, heap []byte, views *[]batch.View) *problem.Problem {
	operation := ""
	if !parts[operationColumn].IsNull(row) {
		operation = string(parts[operationColumn].Bytes(row))
	}
	if !d.includes(d.databases, parts[databaseColumn], row) || !d.includes(d.tables, parts[tableColumn], row) || slices.Contains(d.passes, operation) {
		return nil
	}
	needs, kind := []int{afterColumn}, batch.Insert
	switch {
	case slices.Contains(d.inserts, operation):
	case slices.Contains(d.updates, operation):
		needs, kind = []int{afterColumn, beforeColumn}, batch.UpdateAfter
	case slices.Contains(d.deletes, operation):
		kind = batch.Delete
		if !d.partial {
			needs = []int{beforeColumn}
		}
	default:
		return problem.New(problem.InvalidValue, "the message has an unknown %s %q", d.envelope.columns[operationColumn], quoted(operation)).About(d.envelope.columns[operationColumn])
	}
	var found [envelopeWidth][]batch.View
	for _, c := range needs {
		if parts[c].IsNull(row) {
			return problem.New(problem.InvalidValue, "a message with %s %q lacks %q", d.envelope.columns[operationColumn], operation, d.envelope.columns[c]).About(d.envelope.columns[c]).WithHint("the database must log whole rows (Postgres: REPLICA IDENTITY FULL)")
		}
		found[c] = []batch.View{parts[c].Views[row]}
		if d.many {
			elements, err := SplitArray(nil, heap, found[c][0])
			if err != nil {
				return problem.Of(err).About(d.envelope.columns[c])
			}
			found[c] = elements
		}
	}
	images := found[needs[0]]
	if kind == batch.UpdateAfter && len(found[beforeColumn]) != len(images) {
		return problem.New(problem.InvalidValue, "the message has %d rows before and %d after the update", len(found[beforeColumn]), len(images))
	}
	for i, image := range images {
		c := change{kind: kind, image: len(*views), before: -1}
		*views = append(*views, image)
		if kind == batch.UpdateAfter {
			if d.partial {
				c.partial = found[beforeColumn][i]
			} else {
				c.before = len(*views)
				*views = append(*views, found[beforeColumn][i])
			}
		}
		m.changes = append(m.changes, c)
	}
	return nil
}

func (d *changelogDecoder) includes(pattern *regexp2.Regexp, c *batch.Column, row int) bool {
	if pattern == nil {
		return true
	}
	if c.IsNull(row) {
		return false
	}
	matches, err := pattern.MatchString(string(c.Bytes(row)))
	return err == nil && matches
}

// emit appends the rows of a message, all or none.
func (d *changelogDecoder) emit(b *batch.Batch, m message, images *batch.Batch, rows []int, bad []Rejected, heap []byte) *problem.Problem {
	for _, c := range m.changes {
		for _, image := range []int{c.image, c.before} {
			if image >= 0 && rows[image] < 0 {
				for _, r := range bad {
					if r.Record == image {
						return r.Problem
					}
				}
			}
		}
	}
	before := b.Rows
	for _, c := range m.changes {
		if c.kind == batch.UpdateAfter {
			if c.before >= 0 {
				d.add(b, batch.UpdateBefore, images, rows[c.before])
			} else if p := d.addBefore(b, c, images, rows[c.image], heap); p != nil {
				d.cut(b, before)
				return p
			}
		}
		d.add(b, c.kind, images, rows[c.image])
	}
	return nil
}

func (d *changelogDecoder) add(b *batch.Batch, kind batch.Kind, from *batch.Batch, row int) {
	for i, c := range b.Columns {
		c.Append(from.Columns[i], row)
	}
	b.Kinds = append(b.Kinds, kind)
	b.Rows++
}

// addBefore adds the row before an update: the one after it, with the columns
// that the partial image has. A null in it is a value like any other.
func (d *changelogDecoder) addBefore(b *batch.Batch, c change, after *batch.Batch, row int, heap []byte) *problem.Problem {
	old, bad := d.partials.Decode(heap, []batch.View{c.partial})
	if len(bad) > 0 {
		return bad[0].Problem
	}
	for i, column := range b.Columns {
		if d.partials.had(i) {
			column.Append(old.Columns[i], 0)
		} else {
			column.Append(after.Columns[i], row)
		}
	}
	b.Kinds = append(b.Kinds, batch.UpdateBefore)
	b.Rows++
	return nil
}

// cut takes back the rows from n on.
func (d *changelogDecoder) cut(b *batch.Batch, n int) {
	for _, c := range b.Columns {
		c.Resize(n)
	}
	b.Kinds, b.Rows = b.Kinds[:n], n
}

// had reports whether the last object decoded had a column's field.
func (d *JSONDecoder) had(column int) bool { return d.top.fields[column].seen == d.top.object }

// changelogEncoder writes a message a row; an update is a delete and an insert.
type changelogEncoder struct {
	envelope
	inner Encoder
}

// AppendHeader appends nothing.
func (e changelogEncoder) AppendHeader(dst []byte) []byte { return dst }

// AppendRow appends one message.
func (e changelogEncoder) AppendRow(dst []byte, b *batch.Batch, i int) ([]byte, error) {
	operation, image := e.inserts[0], e.envelope.columns[afterColumn]
	if b.Kind(i).Retracts() {
		operation = e.deletes[0]
		if !e.partial {
			image = e.envelope.columns[beforeColumn]
		}
	}
	opening, closing := "", ""
	if e.many {
		opening, closing = "[", "]"
	}
	dst = fmt.Appendf(dst, `{"%s":%s`, image, opening)
	dst, err := e.inner.AppendRow(dst, b, i)
	if err != nil {
		return dst, err
	}
	dst = dst[:len(dst)-1] // the line's end
	return fmt.Appendf(dst, "%s,\"%s\":\"%s\"}\n", closing, e.envelope.columns[operationColumn], operation), nil
}
