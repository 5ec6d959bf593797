package parse

import (
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/sql"
)

// typeWords are the first words of types, for hints.
var typeWords = strings.Fields(`
	BOOLEAN TINYINT SMALLINT INT INTEGER BIGINT FLOAT DOUBLE DECIMAL DEC NUMERIC CHAR CHARACTER VARCHAR STRING BINARY VARBINARY
	BYTES DATE TIME TIMESTAMP TIMESTAMP_LTZ INTERVAL ARRAY MAP ROW VARIANT`)

// foreignTypes are types of other dialects, with ours.
var foreignTypes = map[string]string{
	"TEXT": "STRING", "LONG": "BIGINT", "INT4": "INT", "INT8": "BIGINT", "INT64": "BIGINT", "INT32": "INT", "UINT64": "DECIMAL(20, 0)",
	"BOOL": "BOOLEAN", "REAL": "FLOAT", "FLOAT64": "DOUBLE", "FLOAT32": "FLOAT", "DATETIME": "TIMESTAMP(3)", "TIMESTAMPTZ": "TIMESTAMP_LTZ(3)",
	"VARCHAR2": "STRING", "NUMBER": "DECIMAL", "BLOB": "BYTES", "CLOB": "STRING", "JSON": "STRING or VARIANT", "JSONB": "STRING or VARIANT",
	"MEDIUMINT": "INT", "BYTE": "TINYINT", "SHORT": "SMALLINT", "STRUCT": "ROW<…>", "LIST": "ARRAY<…>", "UUID": "STRING",
}

// typeName reads a type with its nullability.
func (p *parser) typeName() *sql.TypeName {
	start := p.token()
	t := p.columnType()
	return &sql.TypeName{Span: p.spanFrom(start), Type: t}
}

// columnType reads a type, the ARRAY behind it and [NOT] NULL.
func (p *parser) columnType() value.Type {
	defer p.enter()()
	t := p.bareType()
	for count := 0; ; p.chain(&count) {
		switch {
		case p.accept("NOT", "NULL"):
			t.NotNull = true
		case p.accept("NULL"):
			t.NotNull = false
		case p.accept("ARRAY"):
			t = value.ArrayOf(t)
		case p.at("MULTISET"):
			p.unsupported(p.token(), "use ARRAY", "the type MULTISET is not supported")
		default:
			return t
		}
	}
}

func (p *parser) bareType() value.Type {
	t := p.token()
	if t.kind != word {
		p.failHint("a type", "such as BIGINT, STRING, DECIMAL(10, 2), TIMESTAMP(3)")
	}
	p.next()
	switch t.upper {
	case "BOOLEAN":
		return value.BooleanType
	case "TINYINT":
		return value.TinyIntType
	case "SMALLINT":
		return value.SmallIntType
	case "INT", "INTEGER":
		return value.IntType
	case "BIGINT":
		return value.BigIntType
	case "FLOAT":
		return value.FloatType
	case "DOUBLE":
		p.accept("PRECISION")
		return value.DoubleType
	case "DECIMAL", "DEC", "NUMERIC":
		return p.decimalType()
	case "CHAR", "CHARACTER":
		if p.accept("VARYING") {
			return value.VarcharOf(p.length(1))
		}
		return value.CharOf(p.length(1))
	case "VARCHAR":
		return value.VarcharOf(p.length(1))
	case "STRING":
		return value.StringType
	case "BINARY":
		if p.accept("VARYING") {
			return value.Type{Kind: value.Varbinary, Precision: p.length(1)}
		}
		return value.Type{Kind: value.Binary, Precision: p.length(1)}
	case "VARBINARY":
		return value.Type{Kind: value.Varbinary, Precision: p.length(1)}
	case "BYTES":
		return value.BytesType
	case "DATE":
		return value.DateType
	case "TIME":
		precision := p.precision(0)
		p.accept("WITHOUT", "TIME", "ZONE")
		return value.TimeOf(precision)
	case "TIMESTAMP":
		return p.timestampType(t)
	case "TIMESTAMP_LTZ":
		return value.TimestampLTZOf(p.precision(6))
	case "INTERVAL":
		return p.intervalType()
	case "ARRAY":
		open := p.openType("ARRAY<INT>")
		elem := p.columnType()
		p.close(open, "")
		return value.ArrayOf(elem)
	case "MAP":
		open := p.openType("MAP<STRING, INT>")
		key := p.columnType()
		p.expectSymbol(",")
		elem := p.columnType()
		p.close(open, "")
		return value.MapOf(key, elem)
	case "ROW":
		return p.rowType()
	case "VARIANT":
		return value.VariantType
	case "NULL":
		return value.NullType
	case "MULTISET", "RAW", "STRUCTURED", "DESCRIPTOR":
		p.unsupported(t, "use ARRAY, ROW or BYTES", "the type %s is not supported", t.upper)
	}
	p.pos--
	if ours, ok := foreignTypes[t.upper]; ok {
		p.failHint("a type", "write %s", ours)
	}
	p.tried, p.triedAt = append(p.tried[:0], typeWords...), p.pos
	p.failHint("a type", "such as BIGINT, STRING, DECIMAL(10, 2), TIMESTAMP(3)")
	return value.Type{}
}

// openType takes the "<" of a type with parts.
func (p *parser) openType(example string) token {
	open := p.token()
	if !p.acceptSymbol("<") {
		p.failHint("\"<\"", "write %s", example)
	}
	return open
}

// between refuses a number outside a type's limits.
func (p *parser) between(t token, n int, what string, low, high int) {
	if n < low || n > high {
		panic(problem.New(problem.InvalidValue, "%s must be between %d and %d, not %d", what, low, high, n).At(t.at).
			WithHint("choose a number in this range"))
	}
}

func (p *parser) decimalType() value.Type {
	precision, scale := 10, 0
	if open := p.token(); p.acceptSymbol("(") {
		t := p.token()
		precision = p.number("the number of digits")
		p.between(t, precision, "the precision of DECIMAL", 1, value.MaxDecimalPrecision)
		if p.acceptSymbol(",") {
			t = p.token()
			scale = p.number("the number of digits behind the point")
			p.between(t, scale, "the scale of this DECIMAL", 0, precision)
		}
		p.close(open, "a comma")
	}
	return value.DecimalOf(precision, scale)
}

// length reads (n) of a text or binary type.
func (p *parser) length(otherwise int) int {
	open := p.token()
	if !p.acceptSymbol("(") {
		return otherwise
	}
	t := p.token()
	n := p.number("a length")
	p.between(t, n, "the length", 1, value.MaxLength)
	p.close(open, "")
	return n
}

// precision reads (p) of a time type.
func (p *parser) precision(otherwise int) int {
	open := p.token()
	if !p.acceptSymbol("(") {
		return otherwise
	}
	t := p.token()
	n := p.number("a precision")
	p.between(t, n, "the precision", 0, value.MaxTimePrecision)
	p.close(open, "")
	return n
}

func (p *parser) timestampType(start token) value.Type {
	precision := p.precision(6)
	switch {
	case p.accept("WITH", "LOCAL"):
		p.expect("TIME", "ZONE")
		return value.TimestampLTZOf(precision)
	case p.at("WITH", "TIME"):
		p.unsupported(start, "use TIMESTAMP_LTZ", "TIMESTAMP WITH TIME ZONE is not supported")
	}
	p.accept("WITHOUT", "TIME", "ZONE")
	return value.TimestampOf(precision)
}

func (p *parser) intervalType() value.Type {
	start := p.token()
	name, precision, fraction := p.intervalUnit()
	unit, ok := name.ValueUnit()
	if !ok {
		panic(problem.New(problem.Syntax, "there is no type INTERVAL %s", name).At(start.at).
			WithHint("use INTERVAL DAY or INTERVAL MONTH"))
	}
	t := value.Type{Kind: value.IntervalDayTime, Unit: unit, Precision: precision}
	if unit == value.Year || unit == value.Month || unit == value.YearToMonth {
		t.Kind = value.IntervalYearMonth
		return t
	}
	if strings.HasSuffix(string(name), "SECOND") {
		t.Scale = 6
		if fraction >= 0 {
			t.Scale = fraction
		}
	}
	return t
}

// rowType reads ROW<name type, …> and ROW(name type, …). Comments of fields
// are read and dropped: a type has no place for them.
func (p *parser) rowType() value.Type {
	if p.acceptSymbol("<>") {
		return value.RowOf()
	}
	open := p.token()
	if !p.acceptSymbol("<") && !p.acceptSymbol("(") {
		p.failHint("\"<\"", "write ROW<a INT, b STRING>")
	}
	fields := list(p, func() value.Field {
		f := value.Field{Name: p.name("a field").Text, Type: p.columnType()}
		p.comment()
		return f
	})
	p.close(open, "a comma")
	return value.RowOf(fields...)
}
