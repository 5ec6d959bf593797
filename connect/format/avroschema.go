package format

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/twmb/avro"

	"tidemark/base/problem"
	"tidemark/base/value"
)

// avroType is a type of a writer's schema: it says how many bytes a value takes.
type avroType struct {
	kind    avroKind
	logical string // logical type; "" for none
	scale   int    // of a decimal
	size    int    // bytes of a fixed
	names   []string
	// names are the fields of a record or the symbols of an enum; parts are the
	// types of a record's fields, of an array's or map's elements, of a union's
	// branches. A record may be a part of itself.
	parts []*avroType
}

type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroFixed
	avroEnum
	avroArray
	avroMap
	avroRecord
	avroUnion
)

var avroKinds = map[string]avroKind{
	"null": avroNull, "boolean": avroBoolean, "int": avroInt, "long": avroLong, "float": avroFloat, "double": avroDouble,
	"bytes": avroBytes, "string": avroString, "fixed": avroFixed, "enum": avroEnum,
	"array": avroArray, "map": avroMap, "record": avroRecord, "error": avroRecord,
}

// parseAvro reads a schema, which must be that of a record, or of a record or
// null, as Flink writes files. named are schemas
// whose types it may name, each behind those that it names itself.
func parseAvro(schema string, named ...string) (*avroType, error) {
	var known avro.SchemaCache
	types := map[string]*avroType{}
	for _, text := range named {
		if _, err := newAvroSchema(&known, text, types); err != nil {
			return nil, err
		}
	}
	t, err := newAvroSchema(&known, schema, types)
	if err == nil && t.recordBranch() < 0 && t.kind != avroRecord {
		return nil, problem.New(problem.TypeMismatch, "the Avro schema is not that of a record").WithHint("a table's rows are records")
	}
	return t, err
}

// recordBranch is the only record in a union, -1 for none.
func (t *avroType) recordBranch() int {
	found := -1
	for i, part := range t.parts {
		if t.kind == avroUnion && part.kind == avroRecord {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

func newAvroSchema(known *avro.SchemaCache, text string, types map[string]*avroType) (*avroType, error) {
	parsed, err := known.Parse(text)
	if err != nil {
		return nil, problem.New(problem.InvalidValue, "not an Avro schema: %v", err)
	}
	return newAvroType(parsed.Root(), "", types)
}

// newAvroType makes a type of a node in a namespace. Types with names are kept in
// named, where nodes that only name them find them.
func newAvroType(n *avro.SchemaNode, namespace string, named map[string]*avroType) (*avroType, error) {
	if len(n.Branches) > 0 || n.Type == "union" {
		t := &avroType{kind: avroUnion}
		for i := range n.Branches {
			branch, err := newAvroType(&n.Branches[i], namespace, named)
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, branch)
		}
		return t, nil
	}
	kind, known := avroKinds[n.Type]
	if !known {
		if t := cmp.Or(named[n.Type], named[namespace+"."+n.Type]); t != nil {
			return t, nil
		}
		return nil, problem.New(problem.InvalidValue, "the Avro schema names the type %q and does not define it", n.Type)
	}
	t := &avroType{kind: kind, logical: n.LogicalType, scale: n.Scale, size: n.Size}
	if n.Name != "" {
		name := n.Name
		if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
			namespace = name[:dot]
		} else if namespace = n.Namespace; namespace != "" {
			name = namespace + "." + name
		}
		named[name] = t
	}
	var parts []*avro.SchemaNode
	switch kind {
	case avroEnum:
		t.names = n.Symbols
	case avroArray:
		parts = append(parts, n.Items)
	case avroMap:
		parts = append(parts, n.Values)
	case avroRecord:
		for i := range n.Fields {
			t.names = append(t.names, n.Fields[i].Name)
			parts = append(parts, &n.Fields[i].Type)
		}
	}
	for _, p := range parts {
		part, err := newAvroType(p, namespace, named)
		if err != nil {
			return nil, err
		}
		t.parts = append(t.parts, part)
	}
	return t, nil
}

// avroRecordName is what Flink calls the record of a table's rows.
const avroRecordName = "org.apache.flink.avro.generated.record"

// avroSchemaOf is the schema that Flink derives from a table's columns: fields
// in order, what may be NULL a union with null. In legacy form a TIMESTAMP is
// what Avro calls an instant, and there is no TIMESTAMP_LTZ.
func avroSchemaOf(fields []value.Field, legacy bool) (string, error) {
	row := value.RowOf(fields...).Required()
	dst, err := appendAvroSchema(nil, row, avroRecordName, legacy)
	return string(dst), err
}

// appendAvroSchema appends a type. name is that of a record in it.
func appendAvroSchema(dst []byte, t value.Type, name string, legacy bool) ([]byte, error) {
	if !t.NotNull {
		dst, err := appendAvroSchema(append(dst, `["null",`...), t.Required(), name, legacy)
		return append(dst, ']'), err
	}
	switch t.Kind {
	case value.Boolean:
		return append(dst, `"boolean"`...), nil
	case value.TinyInt, value.SmallInt, value.Int:
		return append(dst, `"int"`...), nil
	case value.BigInt:
		return append(dst, `"long"`...), nil
	case value.Float:
		return append(dst, `"float"`...), nil
	case value.Double:
		return append(dst, `"double"`...), nil
	case value.Char, value.Varchar:
		return append(dst, `"string"`...), nil
	case value.Binary, value.Varbinary:
		return append(dst, `"bytes"`...), nil
	case value.Decimal:
		dst = strconv.AppendInt(append(dst, `{"type":"bytes","logicalType":"decimal","precision":`...), int64(t.Precision), 10)
		return append(strconv.AppendInt(append(dst, `,"scale":`...), int64(t.Scale), 10), '}'), nil
	case value.Date:
		return append(dst, `{"type":"int","logicalType":"date"}`...), nil
	case value.Time:
		if t.Precision > 3 {
			return dst, avroRefuses(t, "Avro's time of day has milliseconds here, as in Flink: declare TIME(3)")
		}
		return append(dst, `{"type":"int","logicalType":"time-millis"}`...), nil
	case value.Timestamp, value.TimestampLTZ:
		logical, err := avroTimestamp(t, legacy)
		return append(append(append(dst, `{"type":"long","logicalType":"`...), logical...), `"}`...), err
	case value.Array:
		dst, err := appendAvroSchema(append(dst, `{"type":"array","items":`...), *t.Elem, name, legacy)
		return append(dst, '}'), err
	case value.Map:
		if !t.Key.IsText() {
			return dst, avroRefuses(t, "keys of a map are texts in Avro")
		}
		dst, err := appendAvroSchema(append(dst, `{"type":"map","values":`...), *t.Elem, name, legacy)
		return append(dst, '}'), err
	case value.Row:
		dst = append(append(append(dst, `{"type":"record","name":"`...), name...), `","fields":[`...)
		for i, f := range t.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendJSONText(append(dst, `{"name":`...), []byte(f.Name)), `,"type":`...)
			var err error
			if dst, err = appendAvroSchema(dst, f.Type, name+"_"+f.Name, legacy); err != nil {
				return dst, err
			}
			if !f.Type.NotNull {
				dst = append(dst, `,"default":null`...)
			}
			dst = append(dst, '}')
		}
		return append(dst, `]}`...), nil
	}
	return dst, avroRefuses(t, "")
}

// avroTimestamp is the logical type of a timestamp.
func avroTimestamp(t value.Type, legacy bool) (string, error) {
	const modern = "'avro.timestamp_mapping.legacy' = 'false' has a form for up to TIMESTAMP(6) and TIMESTAMP_LTZ(6)"
	unit := "millis"
	if t.Precision > 3 {
		unit = "micros"
	}
	local := t.Kind == value.Timestamp
	if t.Precision > 6 || legacy && (!local || t.Precision > 3) {
		return "", avroRefuses(t, modern)
	}
	if local && !legacy {
		return "local-timestamp-" + unit, nil
	}
	return "timestamp-" + unit, nil
}

func avroRefuses(t value.Type, hint string) error {
	return problem.New(problem.Unsupported, "the avro format has no form for %s", t.Optional()).WithHint("%s", cmp.Or(hint, "CAST it to STRING"))
}

// String says what a type is called in a schema.
func (t *avroType) String() string {
	name := ""
	for text, kind := range avroKinds {
		if kind == t.kind && text != "error" {
			name = text
		}
	}
	switch {
	case t.kind == avroUnion:
		name = "a union"
	case t.logical != "":
		name += " (" + t.logical + ")"
	}
	return name
}
