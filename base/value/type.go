// Package value holds the SQL types of Tidemark, which are Flink's, and single
// values of them: how they print, compare, and convert exactly.
//
// It is not the engine's data: columns of values live in base/batch, and
// kernels over them in plan/function. A Value is for literals, options, rows
// at the edges, and as the row-at-a-time reference that kernels are tested
// against.
//
// Invariants:
//  1. The zero Type is nullable; NOT NULL is a property of a type, as in Flink.
//  2. A type has exactly one physical class (Class), and every value of the
//     class that fits the type's range is a value of the type.
//  3. TIMESTAMP values up to precision 6 count microseconds since
//     1970-01-01 00:00:00 in 64 bits; those of precision 7 to 9 count
//     nanoseconds in 128 bits, so that the years 0001 to 9999 always fit.
//     A TIMESTAMP_LTZ counts from the instant 1970-01-01 00:00:00 UTC, a
//     TIMESTAMP from the same reading of a wall clock.
package value

import (
	"fmt"
	"strings"
)

// Kind is the root of a type: what its name starts with.
type Kind uint8

// The kinds. Null is the type of an untyped NULL literal.
const (
	Null Kind = iota
	Boolean
	TinyInt
	SmallInt
	Int
	BigInt
	Float
	Double
	Decimal
	Char
	Varchar
	Binary
	Varbinary
	Date
	Time
	Timestamp
	TimestampLTZ
	IntervalYearMonth
	IntervalDayTime
	Array
	Map
	Row
	Variant
	Raw // the value of DESCRIPTOR and other things that are no data
)

// MaxLength is the length of STRING and BYTES.
const MaxLength = 1<<31 - 1

// Limits of DECIMAL.
const (
	MaxDecimalPrecision = 38
	MaxTimePrecision    = 9
)

// Type is an SQL type. Types are values: copy them freely, never change one
// that others may hold.
type Type struct {
	Kind      Kind
	NotNull   bool
	Precision int     // digits of DECIMAL; fraction digits of TIME and TIMESTAMP; length of CHAR, VARCHAR, BINARY, VARBINARY
	Scale     int     // of DECIMAL
	Unit      Unit    // of intervals: how they print
	Elem      *Type   // of ARRAY; the value of MAP
	Key       *Type   // of MAP
	Fields    []Field // of ROW
}

// Field is a named part of a ROW, or a column of a schema.
type Field struct {
	Name string
	Type Type
}

// Unit is the range of an interval's fields.
type Unit uint8

// The interval units that a type can name.
const (
	NoUnit Unit = iota
	Year
	YearToMonth
	Month
	Day
	DayToHour
	DayToMinute
	DayToSecond
	Hour
	HourToMinute
	HourToSecond
	Minute
	MinuteToSecond
	Second
)

var unitNames = [...]string{"", "YEAR", "YEAR TO MONTH", "MONTH", "DAY", "DAY TO HOUR", "DAY TO MINUTE", "DAY TO SECOND", "HOUR", "HOUR TO MINUTE", "HOUR TO SECOND", "MINUTE", "MINUTE TO SECOND", "SECOND"}

// String prints the unit as SQL writes it.
func (u Unit) String() string { return unitNames[u] }

// Class is the physical shape of a type's values in memory.
type Class uint8

// The classes, each with the kinds it carries.
const (
	NoData  Class = iota // Null, Raw
	Bools                // BOOLEAN
	Ints                 // integers, DATE (days), TIME (ms), TIMESTAMP up to (6) (µs), intervals (months or ms)
	Floats               // FLOAT (rounded to 32 bits) and DOUBLE
	Wides                // DECIMAL (unscaled), TIMESTAMP above (6) (ns)
	Strings              // CHAR, VARCHAR (UTF-8), BINARY, VARBINARY, VARIANT (JSON text)
	Lists                // ARRAY, MAP
	Structs              // ROW
)

// Class gives the physical class of t.
func (t Type) Class() Class {
	switch t.Kind {
	case Boolean:
		return Bools
	case TinyInt, SmallInt, Int, BigInt, Date, Time, IntervalYearMonth, IntervalDayTime:
		return Ints
	case Timestamp, TimestampLTZ:
		if t.Precision > 6 {
			return Wides
		}
		return Ints
	case Float, Double:
		return Floats
	case Decimal:
		return Wides
	case Char, Varchar, Binary, Varbinary, Variant:
		return Strings
	case Array, Map:
		return Lists
	case Row:
		return Structs
	}
	return NoData
}

// Simple types, nullable.
var (
	NullType      = Type{Kind: Null}
	BooleanType   = Type{Kind: Boolean}
	TinyIntType   = Type{Kind: TinyInt}
	SmallIntType  = Type{Kind: SmallInt}
	IntType       = Type{Kind: Int}
	BigIntType    = Type{Kind: BigInt}
	FloatType     = Type{Kind: Float}
	DoubleType    = Type{Kind: Double}
	StringType    = Type{Kind: Varchar, Precision: MaxLength}
	BytesType     = Type{Kind: Varbinary, Precision: MaxLength}
	DateType      = Type{Kind: Date}
	VariantType   = Type{Kind: Variant}
	TimestampType = TimestampOf(3) // the usual one: milliseconds
)

// DecimalOf is DECIMAL(precision, scale).
func DecimalOf(precision, scale int) Type {
	return Type{Kind: Decimal, Precision: precision, Scale: scale}
}

// CharOf is CHAR(n).
func CharOf(n int) Type { return Type{Kind: Char, Precision: n} }

// VarcharOf is VARCHAR(n).
func VarcharOf(n int) Type { return Type{Kind: Varchar, Precision: n} }

// TimeOf is TIME(p).
func TimeOf(p int) Type { return Type{Kind: Time, Precision: p} }

// TimestampOf is TIMESTAMP(p).
func TimestampOf(p int) Type { return Type{Kind: Timestamp, Precision: p} }

// TimestampLTZOf is TIMESTAMP_LTZ(p).
func TimestampLTZOf(p int) Type { return Type{Kind: TimestampLTZ, Precision: p} }

// ArrayOf is ARRAY<elem>.
func ArrayOf(elem Type) Type { return Type{Kind: Array, Elem: &elem} }

// MapOf is MAP<key, elem>.
func MapOf(key, elem Type) Type { return Type{Kind: Map, Key: &key, Elem: &elem} }

// RowOf is ROW<fields…>.
func RowOf(fields ...Field) Type { return Type{Kind: Row, Fields: fields} }

// Required returns t with NOT NULL.
func (t Type) Required() Type {
	t.NotNull = true
	return t
}

// Optional returns t without NOT NULL.
func (t Type) Optional() Type {
	t.NotNull = false
	return t
}

// WithNullability returns t, NOT NULL exactly when notNull.
func (t Type) WithNullability(notNull bool) Type {
	t.NotNull = notNull
	return t
}

// IsInteger reports TINYINT to BIGINT.
func (t Type) IsInteger() bool { return t.Kind >= TinyInt && t.Kind <= BigInt }

// IsApproximate reports FLOAT and DOUBLE.
func (t Type) IsApproximate() bool { return t.Kind == Float || t.Kind == Double }

// IsNumeric reports integers, DECIMAL, FLOAT and DOUBLE.
func (t Type) IsNumeric() bool { return t.Kind >= TinyInt && t.Kind <= Decimal }

// IsText reports CHAR and VARCHAR.
func (t Type) IsText() bool { return t.Kind == Char || t.Kind == Varchar }

// IsBytes reports BINARY and VARBINARY.
func (t Type) IsBytes() bool { return t.Kind == Binary || t.Kind == Varbinary }

// IsTimestamp reports TIMESTAMP and TIMESTAMP_LTZ.
func (t Type) IsTimestamp() bool { return t.Kind == Timestamp || t.Kind == TimestampLTZ }

// IsInterval reports both interval kinds.
func (t Type) IsInterval() bool { return t.Kind == IntervalYearMonth || t.Kind == IntervalDayTime }

// Equal reports whether the types are the same, nullability included.
func (t Type) Equal(o Type) bool {
	if t.Kind != o.Kind || t.NotNull != o.NotNull || t.Precision != o.Precision || t.Scale != o.Scale || t.Unit != o.Unit || len(t.Fields) != len(o.Fields) {
		return false
	}
	for i := range t.Fields {
		if t.Fields[i].Name != o.Fields[i].Name || !t.Fields[i].Type.Equal(o.Fields[i].Type) {
			return false
		}
	}
	return samePointer(t.Elem, o.Elem) && samePointer(t.Key, o.Key)
}

func samePointer(a, b *Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

var kindNames = [...]string{
	Null: "NULL", Boolean: "BOOLEAN", TinyInt: "TINYINT", SmallInt: "SMALLINT", Int: "INT", BigInt: "BIGINT",
	Float: "FLOAT", Double: "DOUBLE", Decimal: "DECIMAL", Char: "CHAR", Varchar: "VARCHAR", Binary: "BINARY",
	Varbinary: "VARBINARY", Date: "DATE", Time: "TIME", Timestamp: "TIMESTAMP", TimestampLTZ: "TIMESTAMP_LTZ",
	IntervalYearMonth: "INTERVAL", IntervalDayTime: "INTERVAL", Array: "ARRAY", Map: "MAP", Row: "ROW", Variant: "VARIANT", Raw: "RAW",
}

// String prints the kind's name.
func (k Kind) String() string { return kindNames[k] }

// String prints the type as Flink does, with NOT NULL where it holds.
func (t Type) String() string {
	s := t.bare()
	if t.NotNull {
		s += " NOT NULL"
	}
	return s
}

func (t Type) bare() string {
	switch t.Kind {
	case Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Precision, t.Scale)
	case Varchar:
		if t.Precision == MaxLength {
			return "STRING"
		}
		return fmt.Sprintf("VARCHAR(%d)", t.Precision)
	case Varbinary:
		if t.Precision == MaxLength {
			return "BYTES"
		}
		return fmt.Sprintf("VARBINARY(%d)", t.Precision)
	case Char, Binary, Time, Timestamp, TimestampLTZ:
		return fmt.Sprintf("%s(%d)", t.Kind, t.Precision)
	case IntervalYearMonth, IntervalDayTime:
		return "INTERVAL " + t.intervalRange()
	case Array:
		return "ARRAY<" + t.Elem.String() + ">"
	case Map:
		return "MAP<" + t.Key.String() + ", " + t.Elem.String() + ">"
	case Row:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = "`" + strings.ReplaceAll(f.Name, "`", "``") + "` " + f.Type.String()
		}
		return "ROW<" + strings.Join(parts, ", ") + ">"
	}
	return t.Kind.String()
}

// intervalRange prints the unit with the precisions that Flink shows.
func (t Type) intervalRange() string {
	lead := t.Precision
	if lead == 0 {
		lead = 2
	}
	switch t.Unit {
	case Year, Day:
		return fmt.Sprintf("%s(%d)", t.Unit, lead)
	case YearToMonth:
		return fmt.Sprintf("YEAR(%d) TO MONTH", lead)
	case DayToHour:
		return fmt.Sprintf("DAY(%d) TO HOUR", lead)
	case DayToMinute:
		return fmt.Sprintf("DAY(%d) TO MINUTE", lead)
	case DayToSecond:
		return fmt.Sprintf("DAY(%d) TO SECOND(%d)", lead, t.Scale)
	case HourToSecond:
		return fmt.Sprintf("HOUR TO SECOND(%d)", t.Scale)
	case MinuteToSecond:
		return fmt.Sprintf("MINUTE TO SECOND(%d)", t.Scale)
	case Second:
		return fmt.Sprintf("SECOND(%d)", t.Scale)
	case NoUnit:
		if t.Kind == IntervalYearMonth {
			return "YEAR(2) TO MONTH"
		}
		return "DAY(2) TO SECOND(6)"
	}
	return t.Unit.String()
}
