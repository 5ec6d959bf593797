package jdbc

import (
	"tidemark/base/value"
	"tidemark/connect"
)

// Days between which both databases compare dates.
var (
	firstDay = value.DaysOfDate(1000, 1, 1)
	lastDay  = value.DaysOfDate(9999, 12, 30)
)

// askable is a condition to ask the database for. It holds for at least the rows
// that the given one holds for once they were read: the database may know more
// digits than the declared type has, and has its own idea of equal texts. ok is
// false where no such condition is known.
func (c column) askable(given connect.Condition) (_ connect.Condition, ok bool) {
	switch {
	case given.Comparison == connect.IsNotNull:
		return given, true
	case c.of.IsText(): // equal bytes are equal in every collation, and nothing else is sure
		return given, given.Comparison == connect.Equals && c.family == textFamily
	case c.of.IsInteger():
		return given, true
	}
	unit := int64(1)
	switch c.of.Kind {
	case value.Timestamp, value.TimestampLTZ:
		for range 6 - c.of.Precision {
			unit *= 10
		}
		if day := value.FloorDiv(given.Value.Int, value.SecondsPerDay*value.MicrosPerSecond); day < firstDay || day > lastDay {
			return given, false
		}
	case value.Date:
		if given.Value.Int < firstDay || given.Value.Int > lastDay {
			return given, false
		}
	case value.Decimal:
	default:
		return given, false
	}
	switch given.Comparison {
	case connect.Less, connect.LessOrEqual:
		given.Comparison, given.Value = connect.LessOrEqual, moved(given.Value, unit)
	case connect.Greater, connect.GreaterOrEqual:
		given.Comparison, given.Value = connect.GreaterOrEqual, moved(given.Value, -unit)
	default:
		return given, false
	}
	return given, true
}

// moved is a value that is so many units of its last digit greater.
func moved(v value.Value, units int64) value.Value {
	if v.Type.Class() == value.Wides {
		v.Wide, _ = v.Wide.Add(value.Int128Of(units))
	} else {
		v.Int += units
	}
	return v
}
