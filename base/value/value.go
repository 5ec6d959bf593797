package value

// Int128 is a signed 128-bit integer, Hi·2^64 + Lo in two's complement.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Value is one SQL value: a type and the member that its class uses. A NULL
// has Null set and no data. The zero Value is an untyped NULL's type with a
// zero inside: use NullOf for NULL.
type Value struct {
	Type  Type
	Null  bool
	Bool  bool
	Int   int64
	Float float64
	Wide  Int128
	Text  string  // Strings: UTF-8 text or bytes
	Items []Value // Lists: elements, or keys and values in turn for MAP; Structs: fields
}

// NullOf is the NULL of type t.
func NullOf(t Type) Value { return Value{Type: t.Optional(), Null: true} }

// OfBool is a BOOLEAN NOT NULL.
func OfBool(b bool) Value { return Value{Type: BooleanType.Required(), Bool: b} }

// OfInt is an INT NOT NULL.
func OfInt(i int32) Value { return Value{Type: IntType.Required(), Int: int64(i)} }

// OfBigInt is a BIGINT NOT NULL.
func OfBigInt(i int64) Value { return Value{Type: BigIntType.Required(), Int: i} }

// OfDouble is a DOUBLE NOT NULL.
func OfDouble(f float64) Value { return Value{Type: DoubleType.Required(), Float: f} }

// OfString is a STRING NOT NULL.
func OfString(s string) Value { return Value{Type: StringType.Required(), Text: s} }
