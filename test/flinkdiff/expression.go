package main

import (
	"fmt"
	"strings"
)

// of gives a column of one of the kinds, or "" when there is none.
func (r random) of(columns []column, kinds ...kind) string {
	var fitting []string
	for _, c := range columns {
		for _, k := range kinds {
			if c.kind == k {
				fitting = append(fitting, c.name)
			}
		}
	}
	if len(fitting) == 0 {
		return ""
	}
	return pick(r, fitting...)
}

// number is an expression of an integer type.
func (r random) number(columns []column, depth int) string {
	if depth == 0 || r.chance(3) {
		if c := r.of(columns, integer); c != "" && !r.chance(4) {
			return c
		}
		return fmt.Sprint(r.IntN(7))
	}
	deeper := func() string { return r.number(columns, depth-1) }
	switch r.IntN(8) {
	case 0:
		return fmt.Sprintf("(%s %s %s)", deeper(), pick(r, "+", "-", "*"), deeper())
	case 1:
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", r.condition(columns, depth-1), deeper(), deeper())
	case 2:
		return fmt.Sprintf("COALESCE(%s, %s)", deeper(), deeper())
	case 3:
		return fmt.Sprintf("NULLIF(%s, %s)", deeper(), deeper())
	case 4:
		return fmt.Sprintf("ABS(%s)", deeper())
	case 5:
		return fmt.Sprintf("MOD(%s, %d)", deeper(), 2+r.IntN(4))
	case 6:
		return fmt.Sprintf("CHAR_LENGTH(%s)", r.words(columns, depth-1))
	default:
		if c := r.of(columns, moment); c != "" {
			return fmt.Sprintf("CAST(EXTRACT(%s FROM %s) AS INT)", pick(r, "MINUTE", "SECOND", "HOUR", "DAY"), c)
		}
		return fmt.Sprintf("-%s", deeper())
	}
}

// words is an expression of type STRING.
func (r random) words(columns []column, depth int) string {
	c := r.of(columns, text)
	if c == "" {
		return fmt.Sprintf("CAST(%s AS STRING)", r.number(columns, depth))
	}
	if depth == 0 || r.chance(3) {
		return c
	}
	deeper := r.words(columns, depth-1)
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("UPPER(%s)", deeper)
	case 1:
		return fmt.Sprintf("CONCAT(%s, '-', %s)", deeper, c)
	case 2:
		return fmt.Sprintf("SUBSTRING(%s FROM 1 FOR 1)", deeper)
	case 3:
		return fmt.Sprintf("COALESCE(%s, 'none')", deeper)
	case 4:
		if t := r.of(columns, moment); t != "" {
			return fmt.Sprintf("DATE_FORMAT(%s, 'HH:mm')", t)
		}
		return fmt.Sprintf("LOWER(%s)", deeper)
	default:
		return fmt.Sprintf("CASE %s WHEN 'a' THEN 'first' WHEN '' THEN NULL ELSE %s END", c, deeper)
	}
}

// condition is an expression of type BOOLEAN.
func (r random) condition(columns []column, depth int) string {
	if depth > 0 && r.chance(3) {
		a, b := r.condition(columns, depth-1), r.condition(columns, depth-1)
		return pick(r, "("+a+" AND "+b+")", "("+a+" OR "+b+")", "NOT ("+a+")")
	}
	number := func() string { return r.number(columns, max(depth-1, 0)) }
	if c := r.of(columns, text); c != "" && r.chance(3) {
		return pick(r, c+" IS NULL", c+" IS NOT NULL", c+" = 'b'", c+" <> 'a'", c+" LIKE '%b'", c+" IN ('a', 'c', '')", c+" NOT IN ('a', 'é')",
			c+" IS DISTINCT FROM 'b'", c+" >= 'b'")
	}
	if c := r.of(columns, boolean); c != "" && r.chance(4) {
		return pick(r, c, "NOT "+c, c+" IS NOT TRUE", c+" IS FALSE", c+" IS UNKNOWN")
	}
	if c := r.of(columns, decimal); c != "" && r.chance(5) {
		return pick(r, c+" > 10.5", c+" BETWEEN -10 AND 60", c+" IS NULL")
	}
	left, right := number(), number()
	if left == right { // Flink drops WHERE x = x, and lets NULLs pass
		right = fmt.Sprint(r.IntN(7))
	}
	return fmt.Sprintf(pick(r, "%s > %s", "%s = %s", "%s <= %s", "%s <> %s", "%s IS DISTINCT FROM %s"), left, right)
}

// expressions are columns for a select list, with their names.
func (r random) expressions(columns []column, n int) (items []string, made []column) {
	for i := range n {
		name := fmt.Sprintf("e%d", i)
		item, k := "", integer
		switch r.IntN(5) {
		case 0, 1:
			item = r.number(columns, 2)
		case 2:
			item, k = r.words(columns, 2), text
		case 3:
			item, k = r.condition(columns, 1), boolean
		default:
			c := pick(r, columns...)
			item, k = c.name, c.kind
		}
		items, made = append(items, item+" AS "+name), append(made, column{name, k})
	}
	return items, made
}

// aggregates are aggregate calls for a select list. Those whose answer depends
// on the order of rows are only for ordered input.
func (r random) aggregates(columns []column, n int, ordered bool) (items []string, made []column) {
	for i := range n {
		name := fmt.Sprintf("a%d", i)
		call, k := r.aggregate(columns, ordered)
		if r.chance(4) {
			call += " FILTER (WHERE " + r.condition(columns, 1) + ")"
		}
		items, made = append(items, call+" AS "+name), append(made, column{name, k})
	}
	return items, made
}

func (r random) aggregate(columns []column, ordered bool) (call string, k kind) {
	distinct := ""
	if r.chance(4) {
		distinct = "DISTINCT "
	}
	number := r.of(columns, integer)
	if number == "" {
		return "COUNT(*)", long
	}
	forms := 9
	if ordered {
		forms = 12 // the last form more often
	}
	switch r.IntN(forms) {
	case 0:
		return "COUNT(*)", long
	case 1:
		return fmt.Sprintf("COUNT(%s%s)", distinct, pick(r, columns...).name), long
	case 2, 3:
		return fmt.Sprintf("SUM(%s%s)", distinct, number), integer
	case 4:
		return fmt.Sprintf("%s(%s)", pick(r, "MIN", "MAX"), number), integer
	case 5:
		if c := r.of(columns, text); c != "" {
			return fmt.Sprintf("%s(%s)", pick(r, "MIN", "MAX"), c), text
		}
		return fmt.Sprintf("AVG(%s)", number), integer
	case 6:
		return fmt.Sprintf("AVG(%s%s)", distinct, number), integer
	case 7:
		if c := r.of(columns, decimal); c != "" {
			return fmt.Sprintf("%s(%s)", pick(r, "SUM", "AVG", "MIN", "MAX"), c), decimal
		}
		return fmt.Sprintf("COUNT(DISTINCT %s)", number), long
	default:
		if ordered {
			c := r.of(columns, text)
			return pick(r, "FIRST_VALUE("+c+")", "LAST_VALUE("+c+")", "LISTAGG("+c+")", "LISTAGG("+c+", '/')"), text
		}
		return fmt.Sprintf("SUM(%s)", number), integer
	}
}

// qualified puts a table's alias before each column.
func qualified(alias string, columns []column) []column {
	all := make([]column, len(columns))
	for i, c := range columns {
		all[i] = column{alias + "." + c.name, c.kind}
	}
	return all
}

func list(parts ...string) string { return strings.Join(parts, ", ") }
