package format

import (
	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// avroFormat is 'format' = 'avro': in a message a datum and nothing else, so that
// the schema must be known on both sides. It is the one that Flink derives from
// the table.
func avroFormat() Format {
	return Format{
		Name:    "avro",
		Doc:     "Avro: binary records by the schema that Flink derives from the table; container files",
		Options: avroOptions(),
		InFiles: avroFileFormat(),
		NewDecoder: func(columns []Column, fields []value.Field, options map[string]string) (Decoder, error) {
			schema, err := avroTableSchema(fields, options)
			if err != nil {
				return nil, err
			}
			d := &avroDecoder{columns: columns}
			d.reader, err = newAvroReader(schema, columns)
			return d, err
		},
		NewEncoder: func(fields []value.Field, options map[string]string) (Encoder, error) {
			schema, err := avroTableSchema(fields, options)
			if err != nil {
				return nil, err
			}
			_, err = parseAvro(schema) // names that Avro does not allow
			return newAvroEncoder(fields), err
		},
	}
}

func avroOptions() []connect.Option {
	return []connect.Option{
		{Name: "avro.timestamp_mapping.legacy", Doc: "a TIMESTAMP is an instant of Avro, and there is no TIMESTAMP_LTZ", Default: "true", Values: []string{"true", "false"}},
		{Name: "avro.encoding", Doc: "how values are written", Default: "binary", Values: []string{"binary"}},
	}
}

// avroTableSchema is the schema of a table's rows.
func avroTableSchema(fields []value.Field, options map[string]string) (string, error) {
	if fields == nil {
		return "", problem.New(problem.Unsupported, "the avro format must know all columns of the table")
	}
	legacy := true
	if options["avro.timestamp_mapping.legacy"] != "" {
		var err error
		if legacy, err = booleanOption(options, "avro.timestamp_mapping.legacy"); err != nil {
			return "", err
		}
	}
	if encoding := options["avro.encoding"]; encoding != "" && encoding != "binary" {
		return "", problem.New(problem.InvalidOption, "option %q cannot be %q", "avro.encoding", encoding).About("avro.encoding").WithHint("allowed: binary")
	}
	return avroSchemaOf(fields, legacy)
}

// avroReader reads records of one writer's schema into the columns of a table.
type avroReader struct {
	fields *avroFields
	union  *avroType // that the record is a branch of; nil for none
}

// newAvroReader compiles a writer's schema, which may name types of others.
func newAvroReader(schema string, columns []Column, named ...string) (*avroReader, error) {
	t, err := parseAvro(schema, named...)
	if err != nil {
		return nil, err
	}
	r := &avroReader{}
	if at := t.recordBranch(); at >= 0 {
		r.union, t = t, t.parts[at]
	}
	fields, wrong := newAvroFields(t, columns)
	if wrong >= 0 {
		c := columns[wrong]
		for i, name := range t.names {
			if name == c.Name {
				return nil, problem.New(problem.TypeMismatch, "the field %s of the Avro schema, %s, cannot be %s", c.Name, t.parts[i], c.Type.Optional()).About(c.Name)
			}
		}
		return nil, problem.New(problem.TypeMismatch, "the Avro schema has no field %s, which is NOT NULL", c.Name).About(c.Name)
	}
	r.fields = fields
	return r, nil
}

// avroDecoder reads data. Texts are copied: a batch does not hold the messages.
type avroDecoder struct {
	columns []Column
	reader  *avroReader
}

// Tolerant is false: the format has no option to leave records out.
func (d *avroDecoder) Tolerant() bool { return false }

// Decode reads a row from each record.
func (d *avroDecoder) Decode(block []byte, records []batch.View) (*batch.Batch, []Rejected) {
	return d.decode(records, func(record batch.View) (*avroReader, []byte, *problem.Problem) {
		return d.reader, block[record.Offset : record.Offset+record.Length], nil
	})
}

// decode reads a row from each record, whose reader and datum of tells.
func (d *avroDecoder) decode(records []batch.View, of func(batch.View) (*avroReader, []byte, *problem.Problem)) (*batch.Batch, []Rejected) {
	b := &batch.Batch{}
	for _, c := range d.columns {
		column := batch.NewColumn(c.Type, len(records))
		column.Resize(len(records))
		b.Columns = append(b.Columns, column)
	}
	var rejected []Rejected
	for i, record := range records {
		reader, datum, wrong := of(record)
		if wrong == nil {
			wrong = reader.read(datum, b.Columns, b.Rows, d.columns)
		}
		if wrong != nil {
			rejected = append(rejected, Rejected{Record: i, Problem: wrong})
			continue
		}
		b.Rows++
	}
	for _, c := range b.Columns {
		c.Resize(b.Rows)
	}
	return b, rejected
}

// read takes a datum, all of it, into a row.
func (r *avroReader) read(datum []byte, into []*batch.Column, row int, columns []Column) *problem.Problem {
	for _, absent := range r.fields.absent {
		into[absent].SetNull(row)
	}
	cursor := avroCursor{data: datum}
	why := r.begin(&cursor)
	if why == noFault {
		why = r.fields.read(&cursor, into, row)
	}
	if why == noFault && len(cursor.data) > 0 {
		why = trailingText
	}
	switch why {
	case noFault:
		return nil
	case trailingText:
		return problem.New(problem.InvalidValue, "%d bytes behind the Avro record", len(cursor.data)).WithHint("the record was written by another schema")
	case wrongType:
		return problem.New(problem.TypeMismatch, "the value of %s has a type that the column cannot take", cursor.where).About(cursor.where)
	case nullRefused:
		if cursor.where == "" {
			return problem.New(problem.InvalidValue, "the record is null")
		}
		return problem.New(problem.InvalidValue, "the field %s must not be null", cursor.where).About(cursor.where)
	case unreadable:
		return problem.New(problem.InvalidValue, "the value of %s does not fit the column", cursor.where).About(cursor.where)
	}
	p := problem.New(problem.InvalidValue, "not an Avro record of the schema").WithHint("the record was written by another schema, or has a header such as avro-confluent's")
	if cursor.where != "" {
		p = p.About(cursor.where)
	}
	return p
}

// begin passes the number of the record's branch, where it has one.
func (r *avroReader) begin(d *avroCursor) fault {
	if r.union == nil {
		return noFault
	}
	i, ok := d.branch(r.union)
	if !ok {
		return malformed
	}
	if r.union.parts[i] != r.fields.record {
		return nullRefused
	}
	return noFault
}
