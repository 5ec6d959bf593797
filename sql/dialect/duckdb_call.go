package dialect

import (
	"strconv"
	"strings"

	"tidemark/base/value"
	"tidemark/sql"
)

// sameInDuckDB are functions that mean the same in DuckDB under a name.
var sameInDuckDB = map[string]string{
	"COUNT": "count", "MIN": "min", "MAX": "max", "COALESCE": "coalesce", "NULLIF": "nullif", "GROUPING": "grouping",
	"ROW_NUMBER": "row_number", "RANK": "rank", "DENSE_RANK": "dense_rank", "NTILE": "ntile", "LAG": "lag", "LEAD": "lead",
	"FIRST_VALUE": "first_value", "LAST_VALUE": "last_value", "CUME_DIST": "cume_dist", "PERCENT_RANK": "percent_rank",
	"UPPER": "upper", "LOWER": "lower", "ABS": "abs", "MOD": "mod", "CHAR_LENGTH": "length", "CHARACTER_LENGTH": "length",
}

// bareInDuckDB are the functions without parentheses.
var bareInDuckDB = map[string]string{
	"CURRENT_DATE": "current_date", "CURRENT_TIMESTAMP": "now()",
	"LOCALTIMESTAMP": "CAST(now() AS TIMESTAMP)", "LOCALTIME": "CAST(CAST(now() AS TIMESTAMP) AS TIME)", "CURRENT_TIME": "CAST(CAST(now() AS TIMESTAMP) AS TIME)",
}

// call prints a call: as its body, as the info says, by a form of its own, under
// the same name, or as one of a function of ours.
func (d *duckdb) call(p *printer, c *sql.Call) bool {
	if f, ok := d.info.Inlined(c); ok {
		d.inlined(p, c, f)
		return true
	}
	if d.dependsOnZone(c) {
		if k, ok := d.info.Kernel(c); ok {
			d.kernel(p, c, k)
			return true
		}
	}
	if d.spelled(p, c) {
		return true
	}
	if k, ok := d.info.Kernel(c); ok {
		d.kernel(p, c, k)
		return true
	}
	return unsupported(p, c, asJob, "the function %s is not supported", c.Name.Last().Text)
}

// spelled prints a call that DuckDB has a spelling for.
func (d *duckdb) spelled(p *printer, c *sql.Call) bool {
	function := c.Function()
	if len(c.Name) > 1 {
		function = ""
	}
	t, typed := d.info.TypeOf(c)
	switch {
	case isMoment(function) && typed && !t.IsApproximate():
		return false // of exact numbers they are exact, with digits cut off
	case function == "CARDINALITY" && len(c.Args) == 1 && d.kindOf(c.Args[0]) == value.Map:
		d.fill(p, c, "cardinality({1})")
		return true
	case isSketch(function) && c.Over != nil:
		return unsupported(p, c, asJob, "%s with OVER is not supported", function)
	case isSketch(function) && function != "MERGE_SKETCHES" && len(c.Args) == 1:
		return d.sketched(p, c)
	}
	if template, ok := d.info.Function(c); ok {
		d.fill(p, c, template)
		return true
	}
	if bare, ok := bareInDuckDB[function]; ok && len(c.Args) == 0 {
		p.write(bare)
		return true
	}
	if name, ok := sameInDuckDB[function]; ok {
		d.fill(p, c, name+"({*})")
		return true
	}
	switch function {
	case "SUM":
		if typed && (t.IsInteger() || t.Kind == value.Decimal) {
			p.write("CAST(") // DuckDB widens sums
			d.fill(p, c, "sum({*})")
			p.write(" AS ", d.typeText(t), ")")
			return true
		}
		d.fill(p, c, "sum({*})")
		return true
	case "AVG":
		switch {
		case typed && t.IsInteger():
			p.write("CAST(trunc(")
			d.fill(p, c, "avg({*})")
			p.write(") AS ", d.typeText(t), ")")
			return true
		case typed && t.Kind == value.Decimal:
			p.write("CAST(")
			d.fill(p, c, "avg({*})")
			p.write(" AS ", d.typeText(t), ")")
			return true
		case typed:
			d.fill(p, c, "avg({*})")
			return true
		}
	}
	if template, ok := specialForm(c); ok {
		d.fill(p, c, template)
		return true
	}
	return false
}

// isSketch is for aggregates that DuckDB has from us. Over a whole partition it
// calls such an aggregate with one state for all rows, and tells it that there is
// one for each: version 1.5.5 reads beyond the state.
func isSketch(function string) bool {
	return function == "APPROX_COUNT_DISTINCT" || function == "DISTINCT_SKETCH" || function == "MERGE_SKETCHES"
}

// sketched prints an aggregate that hashes values: as values of the type that a job
// hashes, since 1 and 1.0 have other hashes. DISTINCT and ORDER BY, which make no
// difference to it, are left out.
func (d *duckdb) sketched(p *printer, c *sql.Call) bool {
	template, ok := d.info.Function(c)
	t, typed := d.info.TypeOf(c.Args[0])
	if !ok || !typed {
		return false
	}
	if t.Kind == value.Null {
		t = value.StringType
	}
	d.fill(p, c, strings.Replace(template, "{1}", "CAST({1} AS "+d.typeText(t)+")", 1))
	return true
}

// specialForm gives the template of functions with a syntax of their own.
func specialForm(c *sql.Call) (template string, ok bool) {
	symbol := func(i int) string {
		if i < 0 || i >= len(c.Args) {
			return ""
		}
		s, _ := c.Args[i].(*sql.Symbol)
		if s == nil {
			return ""
		}
		return s.Text
	}
	switch c.Function() {
	case "EXTRACT":
		switch unit := symbol(0); unit {
		case "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "DOY", "ISODOW", "ISOYEAR", "DECADE", "CENTURY", "MILLENNIUM":
			return "extract(" + unit + " FROM {2})", true
		case "SECOND":
			return "CAST(floor(extract(SECOND FROM {2})) AS BIGINT)", true
		case "DOW":
			return "(extract(DOW FROM {2}) + 1)", true
		case "EPOCH":
			return "CAST(floor(extract(EPOCH FROM {2})) AS BIGINT)", true
		}
	case "FLOOR", "CEIL", "CEILING":
		unit := symbol(len(c.Args) - 1)
		switch {
		case len(c.Args) == 1 && c.Function() == "FLOOR":
			return "floor({1})", true
		case len(c.Args) == 1:
			return "ceil({1})", true
		case len(c.Args) != 2 || unit == "":
		case c.Function() == "FLOOR":
			return "date_trunc('" + strings.ToLower(unit) + "', {1})", true
		}
	case "TIMESTAMPADD":
		switch unit := symbol(0); unit {
		case "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND":
			return "({3} + CAST({2} AS INTEGER) * INTERVAL '1 " + strings.ToLower(unit) + "')", len(c.Args) == 3
		}
	case "TIMESTAMPDIFF":
		switch unit := symbol(0); unit {
		case "YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND":
			return "date_sub('" + strings.ToLower(unit) + "', {2}, {3})", len(c.Args) == 3
		}
	case "TRIM":
		if len(c.Args) == 1 {
			return "trim({1}, ' ')", true
		}
		switch symbol(0) {
		case "BOTH":
			return "trim({3}, {2})", true
		case "LEADING":
			return "ltrim({3}, {2})", true
		case "TRAILING":
			return "rtrim({3}, {2})", true
		}
	case "POSITION":
		return "strpos({2}, {1})", len(c.Args) == 2
	}
	return "", false
}

// fill prints a template with the arguments, and the clauses behind it.
func (d *duckdb) fill(p *printer, c *sql.Call, template string) {
	for template != "" {
		open := strings.IndexByte(template, '{')
		end := strings.IndexByte(template[open+1:], '}') + open + 1
		if open < 0 || end <= open {
			break
		}
		slot, rest := strings.CutSuffix(template[open+1:end], "*")
		n, err := strconv.Atoi(slot)
		switch {
		case rest && slot == "":
			p.write(template[:open])
			d.allArguments(p, c)
		case rest && err == nil && n >= 1 && n <= len(c.Args):
			p.write(template[:open])
			p.expressions(c.Args[n-1:])
		case err == nil && n >= 1 && n <= len(c.Args):
			p.write(template[:open])
			d.slot(p, c.Args[n-1], template[:open], template[end+1:])
		default:
			p.write(template[:end+1])
		}
		template = template[end+1:]
	}
	p.write(template)
	clauses := *c
	clauses.Nulls = sql.DefaultNulls // printed inside the parentheses
	p.callClauses(&clauses)
}

// slot prints one argument, in parentheses unless the template encloses it.
func (d *duckdb) slot(p *printer, e sql.Expr, before, behind string) {
	before, behind = strings.TrimRight(before, " "), strings.TrimLeft(behind, " ")
	if (strings.HasSuffix(before, "(") || strings.HasSuffix(before, ",")) && (strings.HasPrefix(behind, ")") || strings.HasPrefix(behind, ",")) {
		p.expression(e)
		return
	}
	p.operand(e, sql.HighestPrecedence)
}

// allArguments prints what {*} stands for.
func (d *duckdb) allArguments(p *printer, c *sql.Call) {
	p.write(when(c.Distinct, "DISTINCT "))
	p.expressions(c.Args)
	if len(c.OrderBy) > 0 {
		p.write(" ORDER BY ")
		p.orderItems(c.OrderBy)
	}
	// FIRST_VALUE and LAST_VALUE leave NULL out whether told or not.
	picks := c.Function() == "FIRST_VALUE" || c.Function() == "LAST_VALUE"
	if c.Nulls == sql.IgnoreNulls || picks && c.Over != nil {
		p.write(" IGNORE NULLS")
	}
}
