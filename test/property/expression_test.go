package property

import "slices"

// of gives a column of one of the kinds, or "" when there is none.
func (c *choices) of(columns []column, kinds ...kind) string {
	var fitting []string
	for _, column := range columns {
		if slices.Contains(kinds, column.kind) {
			fitting = append(fitting, column.name)
		}
	}
	if len(fitting) == 0 {
		return ""
	}
	return pick(c, fitting...)
}

// number is an expression of an integer type.
func (c *choices) number(columns []column, depth int) string {
	name := c.of(columns, integer)
	if name == "" || c.chance(15) {
		name = format("%d", c.below(5))
	}
	if depth == 0 || !c.chance(50) {
		return name
	}
	switch c.below(6) {
	case 0:
		return format("(%s %s %s)", name, pick(c, "+", "-"), c.number(columns, depth-1))
	case 1:
		return format("COALESCE(%s, %s)", name, c.number(columns, depth-1))
	case 2:
		return format("CASE WHEN %s THEN %s ELSE %s END", c.condition(columns, depth-1), c.number(columns, depth-1), name)
	case 3:
		return format("NULLIF(%s, %s)", name, c.number(columns, depth-1))
	case 4:
		return format("MOD(%s, 3)", name)
	default:
		if word := c.of(columns, text); word != "" {
			return format("CHAR_LENGTH(%s)", word)
		}
		return format("ABS(%s)", name)
	}
}

// condition is an expression of type BOOLEAN.
func (c *choices) condition(columns []column, depth int) string {
	if depth > 0 && c.chance(35) {
		left, right := c.condition(columns, depth-1), c.condition(columns, depth-1)
		return format(pick(c, "(%s AND %s)", "(%s OR %s)", "NOT (%s AND %s)"), left, right)
	}
	if name := c.of(columns, text); name != "" && c.chance(30) {
		return name + pick(c, " = 'b'", " <> 'a'", " IS NULL", " IS NOT NULL", " >= 'b'", " LIKE '%b'", " IN ('a', '')", " NOT IN ('a', 'c')", " IS DISTINCT FROM 'a'")
	}
	if name := c.of(columns, boolean); name != "" && c.chance(25) {
		return name + pick(c, "", " IS NOT TRUE", " IS FALSE", " IS UNKNOWN")
	}
	if name := c.of(columns, decimal); name != "" && c.chance(25) {
		return name + pick(c, " > 10.5", " BETWEEN -5 AND 20", " IS NULL")
	}
	if name := c.of(columns, moment); name != "" && c.chance(15) {
		return name + pick(c, " >= ", " < ") + "TIMESTAMP '2024-03-01 09:02:00'"
	}
	return c.number(columns, max(depth-1, 0)) + pick(c, " > ", " = ", " <= ", " <> ", " IS NOT DISTINCT FROM ") + c.number(columns, max(depth-1, 0))
}

// aggregate is a call of an aggregate function, whose answer does not depend on
// the order of rows.
func (c *choices) aggregate(columns []column) (call string, of kind) {
	number, one := c.number(columns, 1), pick(c, columns...)
	distinct := ""
	if c.chance(25) {
		distinct = "DISTINCT "
	}
	switch call, of = "COUNT(*)", integer; c.below(6) {
	case 1:
		call = format("COUNT(%s%s)", distinct, one.name)
	case 2:
		call = format("SUM(%s%s)", distinct, number)
	case 3:
		if one.kind != boolean {
			call, of = format("%s(%s)", pick(c, "MIN", "MAX"), one.name), one.kind
		}
	case 4:
		call = format("AVG(%s%s)", distinct, number)
	case 5:
		if name := c.of(columns, decimal); name != "" {
			call, of = format("%s(%s%s)", pick(c, "SUM", "MAX", "MIN"), distinct, name), decimal
		}
	}
	if c.chance(20) {
		call += " FILTER (WHERE " + c.condition(columns, 1) + ")"
	}
	return call, of
}
