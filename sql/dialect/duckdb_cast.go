package dialect

import (
	"strconv"

	"tidemark/base/value"
	"tidemark/sql"
)

// cast prints conversions so that their results are Flink's: fractions are cut
// off, booleans are in capitals, times show their declared digits, a decimal
// that does not fit is NULL.
func (d *duckdb) cast(p *printer, e *sql.Cast) {
	from, known := d.info.TypeOf(e.Operand)
	to := e.Type.Type
	if known && d.acrossZones(from, to) {
		d.castAcrossZones(p, e, from)
		return
	}
	try := e.Try || to.Kind == value.Decimal && known && from.IsNumeric()
	before, behind := "", ""
	switch {
	case !known:
	case to.IsInteger() && (from.IsApproximate() || from.Kind == value.Decimal):
		before, behind = "trunc(", ")"
	case to.IsText() && from.Kind == value.Timestamp && from.Precision <= 6:
		before, behind = "strftime(", ", '"+timeFormat(from.Precision)+"')"
	case to.IsText() && from.Kind == value.TimestampLTZ && from.Precision <= 6:
		open, end := d.local()
		before, behind = "strftime("+open, end+", '"+timeFormat(from.Precision)+"')"
	case to.IsText() && from.Kind == value.Boolean:
		before, behind = "upper(CAST(", " AS VARCHAR))"
	case to.IsText() && from.IsBytes():
		before, behind = "decode(", ")"
	case to.IsBytes() && from.IsText():
		before, behind = "encode(", ")"
	}
	open, end := "", ""
	switch {
	case to.Kind == value.Varchar && to.Precision < value.MaxLength:
		open, end = "left(", ", "+strconv.Itoa(to.Precision)+")"
	case to.Kind == value.Char:
		open, end = "rpad(", ", "+strconv.Itoa(to.Precision)+", ' ')"
	}
	p.write(open, when(try, "TRY_"), "CAST(", before)
	p.expression(e.Operand)
	p.write(behind, " AS ", d.typeText(to), ")", end)
}

// timeFormat gives the strftime format of a timestamp with so many digits.
func timeFormat(precision int) string {
	switch {
	case precision == 0:
		return "%Y-%m-%d %H:%M:%S"
	case precision <= 3:
		return "%Y-%m-%d %H:%M:%S.%g"
	}
	return "%Y-%m-%d %H:%M:%S.%f"
}

// castTo prints e as a value of a type. Text stays as long as it is.
func (d *duckdb) castTo(p *printer, e sql.Expr, to value.Type) {
	from, known := d.info.TypeOf(e)
	if !known || from.Kind == to.Kind || from.IsText() && to.IsText() {
		p.write("CAST(")
		p.expression(e)
		p.write(" AS ", d.typeText(to), ")")
		return
	}
	d.cast(p, &sql.Cast{Operand: e, Type: &sql.TypeName{Type: to}})
}

// zoned reports whether times that do not say their zone are in another one than
// UTC, which is DuckDB's.
func (d *duckdb) zoned() bool {
	zone := d.info.Zone()
	return zone != nil && zone.String() != "UTC"
}

// local is what stands around a TIMESTAMP_LTZ to make it a TIMESTAMP.
func (d *duckdb) local() (before, behind string) {
	if d.zoned() {
		return "timezone(" + quoteText(d.info.Zone().String()) + ", ", ")"
	}
	return "CAST(", " AS TIMESTAMP)"
}

// instant is what stands around a TIMESTAMP to make it a TIMESTAMP_LTZ.
func (d *duckdb) instant() (before, behind string) {
	if d.zoned() {
		return d.local() // timezone() goes both ways
	}
	return "CAST(", " AS TIMESTAMPTZ)"
}

// acrossZones reports the casts that depend on the zone.
func (d *duckdb) acrossZones(from, to value.Type) bool {
	return d.zoned() && (from.Kind == value.TimestampLTZ) != (to.Kind == value.TimestampLTZ) && !to.IsText()
}

// castAcrossZones goes through a TIMESTAMP.
func (d *duckdb) castAcrossZones(p *printer, e *sql.Cast, from value.Type) {
	open, end := d.local()
	cast := when(e.Try, "TRY_") + "CAST("
	if from.Kind == value.TimestampLTZ {
		p.write(cast, open)
		p.expression(e.Operand)
		p.write(end, " AS ", d.typeText(e.Type.Type), ")")
		return
	}
	p.write(open, cast)
	p.expression(e.Operand)
	p.write(" AS TIMESTAMP)", end)
}

// mixesZones reports whether values of which one is a TIMESTAMP_LTZ and another
// is not are compared: DuckDB would take the other for a time in UTC.
func (d *duckdb) mixesZones(values ...sql.Expr) bool {
	if !d.zoned() {
		return false
	}
	instants, others := false, false
	for _, e := range values {
		switch t, _ := d.info.TypeOf(e); t.Kind {
		case value.TimestampLTZ:
			instants = true
		case value.Null:
		default:
			others = true
		}
	}
	return instants && others
}

func unsupportedMix(p *printer, n sql.Node) bool {
	return unsupported(p, n, "CAST one of them", "comparing a TIMESTAMP_LTZ with another type is not supported")
}
