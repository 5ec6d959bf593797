package jdbc

import "tidemark/base/value"

// family is what types of a database have in common when they are read.
type family uint8

// The families.
const (
	otherFamily family = iota // has a text
	integerFamily
	decimalFamily
	floatFamily
	booleanFamily
	bitFamily // bytes that are a number, the highest first
	textFamily
	bytesFamily
	dateFamily
	timeFamily
	timestampFamily
	listFamily
)

// readableAs lists the kinds that columns of a family can be declared as. Texts
// can be made of all families but bytes.
var readableAs = map[family][]value.Kind{
	integerFamily:   {value.Boolean, value.TinyInt, value.SmallInt, value.Int, value.BigInt, value.Decimal, value.Float, value.Double},
	decimalFamily:   {value.Decimal, value.Float, value.Double, value.TinyInt, value.SmallInt, value.Int, value.BigInt},
	floatFamily:     {value.Float, value.Double},
	booleanFamily:   {value.Boolean},
	bitFamily:       {value.Boolean, value.TinyInt, value.SmallInt, value.Int, value.BigInt},
	bytesFamily:     {value.Binary, value.Varbinary},
	dateFamily:      {value.Date},
	timeFamily:      {value.Time},
	timestampFamily: {value.Timestamp, value.TimestampLTZ},
	listFamily:      {value.Array},
}

// canRead reports whether a column of the family can be declared as t.
func (f family) canRead(t value.Type) bool {
	if t.IsText() {
		return f != bytesFamily && f != bitFamily
	}
	for _, kind := range readableAs[f] {
		if kind == t.Kind {
			return true
		}
	}
	return false
}
