package kafka

import (
	"maps"
	"slices"
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/connect/format"
)

// layout says how a table's columns lie in records: in the key, in the value, or
// beside them.
type layout struct {
	upsert bool
	key    side // without a format when keys are not read or written
	value  side
}

// side is the key or the value of a record.
type side struct {
	name    string // "key" or "value", for messages
	format  format.Format
	options map[string]string // as the format knows them
	fields  []sideField       // all of them, in the order that formats without names count
}

// sideField is a column as it is called in the table and in the record.
type sideField struct {
	column string
	name   string
	typ    value.Type
}

func (s side) used() bool { return s.format.Name != "" }

// table is the columns as the record calls them.
func (s side) table() []value.Field {
	fields := make([]value.Field, len(s.fields))
	for i, f := range s.fields {
		fields[i] = value.Field{Name: f.name, Type: f.typ}
	}
	return fields
}

// field finds a column in the side, -1 for none.
func (s side) field(column string) int {
	return slices.IndexFunc(s.fields, func(f sideField) bool { return f.column == column })
}

// newLayout reads the options about formats and keys.
func newLayout(r connect.Request, upsert bool) (layout, error) {
	l := layout{upsert: upsert, key: side{name: "key"}, value: side{name: "value"}}
	physical := r.Schema
	if physical == nil {
		physical = slices.DeleteFunc(slices.Clone(r.Columns), func(c connect.Column) bool { return c.Metadata != "" })
	}
	keys, err := keyColumns(r, physical, upsert)
	if err != nil {
		return l, err
	}
	if l.value.format, l.value.options, err = valueFormat(r); err != nil {
		return l, err
	}
	if l.value.format.Changes && upsert {
		return l, invalid(optValueFormat, "the values of %s cannot be changes (%s)", UpsertName, l.value.format.Name).WithHint("use a format of whole rows such as json, or the connector kafka")
	}
	if name := r.Options[optKeyFormat]; name != "" {
		if l.key.format, err = format.ByName(name); err != nil {
			return l, err
		}
		if l.key.format.Changes {
			return l, invalid(optKeyFormat, "keys cannot be changes (%s)", name)
		}
		l.key.options = optionsOf(r.Options, "key.")
	}
	if topic := r.Options[optTopic]; topic != "" {
		l.key.options = withSubject(l.key, topic)
		l.value.options = withSubject(l.value, topic)
	}
	prefix := r.Options[optKeyPrefix]
	excluded := r.Options[optInclude] == "EXCEPT_KEY"
	if prefix != "" && !excluded {
		return l, invalid(optKeyPrefix, "a prefix of key columns needs a value without them").WithHint("'value.fields-include' = 'EXCEPT_KEY'")
	}
	for _, k := range keys {
		name, found := strings.CutPrefix(k.Name, prefix)
		if !found {
			return l, invalid(optKeyPrefix, "the key column %s does not begin with %q", k.Name, prefix)
		}
		l.key.fields = append(l.key.fields, sideField{column: k.Name, name: name, typ: k.Type})
	}
	for _, c := range physical {
		if isKey := l.key.field(c.Name) >= 0; !isKey || !excluded {
			l.value.fields = append(l.value.fields, sideField{column: c.Name, name: c.Name, typ: c.Type})
		}
	}
	return l, nil
}

// withSubject names the subject of a topic's schemas as all of Kafka's clients do.
func withSubject(s side, topic string) map[string]string {
	if _, given := s.options[format.SubjectOption]; given {
		return s.options
	}
	options := maps.Clone(s.options)
	if options == nil {
		options = map[string]string{}
	}
	options[format.SubjectOption] = topic + "-" + s.name
	return options
}

// keyColumns are the columns that stand in the key.
func keyColumns(r connect.Request, physical []connect.Column, upsert bool) ([]connect.Column, error) {
	var keys []connect.Column
	if upsert {
		if len(r.PrimaryKey) == 0 {
			return nil, problem.New(problem.InvalidQuery, "table %s needs a PRIMARY KEY: it says what replaces what", r.Table).WithHint("PRIMARY KEY (…) NOT ENFORCED")
		}
		for _, k := range r.PrimaryKey {
			keys = append(keys, r.Columns[k])
		}
		return keys, nil
	}
	names, given := r.Options[optKeyFields]
	_, formatted := r.Options[optKeyFormat]
	switch {
	case formatted && !given:
		return nil, invalid(optKeyFields, "table %s has a format of keys and does not say which columns stand in them", r.Table).WithHint("'key.fields' = 'a;b'")
	case given && !formatted:
		return nil, invalid(optKeyFormat, "table %s says which columns stand in keys and not how they are written", r.Table).WithHint("'key.format' = 'json'")
	case !given:
		return nil, nil
	}
	for name := range strings.SplitSeq(names, ";") {
		at := slices.IndexFunc(physical, func(c connect.Column) bool { return c.Name == name })
		if at < 0 {
			return nil, problem.New(problem.UnknownColumn, "the key column %q is no column of %s", name, r.Table).About(optKeyFields)
		}
		keys = append(keys, physical[at])
	}
	return keys, nil
}

// valueFormat reads 'format', or 'value.format', which is the same but for the
// names of its options.
func valueFormat(r connect.Request) (format.Format, map[string]string, error) {
	short, long := r.Options[optFormat], r.Options[optValueFormat]
	if short != "" && long != "" {
		return format.Format{}, nil, invalid(optValueFormat, "table %s has both 'format' and 'value.format'", r.Table).WithHint("keep one of them")
	}
	if long == "" {
		f, err := format.ByName(short)
		return f, r.Options, err
	}
	f, err := format.ByName(long)
	return f, optionsOf(r.Options, "value."), err
}

// optionsOf are the options whose names begin with a prefix, without it.
func optionsOf(all map[string]string, prefix string) map[string]string {
	some := map[string]string{}
	for name, val := range all {
		if rest, found := strings.CutPrefix(name, prefix); found {
			some[rest] = val
		}
	}
	return some
}

// origin is where a column of a request comes from.
type origin uint8

const (
	fromKey origin = iota
	fromValue
	fromRecord // metadata
)

// part is a column of a request.
type part struct {
	origin   origin
	index    int // among the columns that are decoded of its side
	metadata string
	typ      value.Type
}

// reading is what is decoded of records for a request.
type reading struct {
	layout
	parts        []part
	keyColumns   []format.Column
	valueColumns []format.Column
}

// newReading finds where the columns of a request come from. A column that
// stands in key and value is read from the value, as in Flink, but for upserts:
// there a deletion has nothing but its key.
func newReading(r connect.Request, l layout) (*reading, error) {
	plan := &reading{layout: l}
	add := func(columns *[]format.Column, s side, field int, c connect.Column) int {
		*columns = append(*columns, format.Column{Name: s.fields[field].name, Type: c.Type, Position: field})
		return len(*columns) - 1
	}
	for _, c := range r.Columns {
		p := part{typ: c.Type, metadata: c.Metadata}
		inKey, inValue := l.key.field(c.Name), l.value.field(c.Name)
		switch {
		case c.Metadata != "":
			p.origin = fromRecord
			if err := checkMetadata(c); err != nil {
				return nil, err
			}
		case inKey >= 0 && (inValue < 0 || l.upsert):
			p.origin, p.index = fromKey, add(&plan.keyColumns, l.key, inKey, c)
		case inValue >= 0:
			p.origin, p.index = fromValue, add(&plan.valueColumns, l.value, inValue, c)
		default:
			return nil, problem.New(problem.UnknownColumn, "column %s of %s stands neither in keys nor in values", c.Name, r.Table).About(c.Name)
		}
		plan.parts = append(plan.parts, p)
	}
	_, _, err := plan.decoders()
	return plan, err
}

// decoders makes a reader's decoders; that of keys is nil when nobody reads them.
func (p *reading) decoders() (key, val format.Decoder, err error) {
	if len(p.keyColumns) > 0 {
		if key, err = p.key.format.NewDecoder(p.keyColumns, p.key.table(), p.key.options); err != nil {
			return nil, nil, err
		}
	}
	val, err = p.value.format.NewDecoder(p.valueColumns, p.value.table(), p.value.options)
	return key, val, err
}

// alike reports whether types differ in what may be NULL at most.
func alike(a, b value.Type) bool {
	bare := func(t value.Type) string { return strings.ReplaceAll(t.String(), " NOT NULL", "") }
	return bare(a) == bare(b)
}

// checkMetadata refuses metadata that Kafka does not have, or not of the type.
func checkMetadata(c connect.Column) error {
	native, known := metadataTypes[c.Metadata]
	if !known {
		if strings.HasPrefix(c.Metadata, "value.") {
			return problem.New(problem.Unsupported, "metadata of formats (%q) is not read", c.Metadata).About(c.Name)
		}
		names := make([]string, 0, len(metadataTypes))
		for name := range metadataTypes {
			names = append(names, name)
		}
		slices.Sort(names)
		return problem.New(problem.UnknownColumn, "Kafka has no metadata %q", c.Metadata).About(c.Name).WithHint("there are %s", strings.Join(names, ", "))
	}
	if !alike(native, c.Type) && !value.CanCast(native, c.Type) {
		return problem.New(problem.TypeMismatch, "metadata %q is %s, not %s", c.Metadata, native, c.Type).About(c.Name)
	}
	return nil
}
