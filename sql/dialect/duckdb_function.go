package dialect

import (
	"strconv"
	"strings"

	"tidemark/base/value"
	"tidemark/sql"
)

// inlining is a function whose body is being printed.
type inlining struct {
	function Inlined
	call     *sql.Call
	around   *inlining // where the arguments of the call stand
}

// inlined prints the body of a function in place of its call.
func (d *duckdb) inlined(p *printer, c *sql.Call, f Inlined) {
	d.body = &inlining{f, c, d.body}
	d.castTo(p, f.Body, f.Returns)
	d.body = d.body.around
}

// parameter prints a parameter of the body as the argument of the call.
func (d *duckdb) parameter(p *printer, e *sql.ColumnRef) bool {
	body := d.body
	if body == nil || len(e.Path) != 1 {
		return false
	}
	for i, parameter := range body.function.Parameters {
		if parameter.Name != e.Path[0].Text {
			continue
		}
		d.body = body.around
		d.castTo(p, body.call.Args[i], parameter.Type)
		d.body = body
		return true
	}
	return false
}

// kernel prints a call of a function of ours.
func (d *duckdb) kernel(p *printer, c *sql.Call, k Kernel) {
	p.write(d.name(sql.NameOf(k.Name)), "(", strconv.Itoa(k.Number))
	for _, a := range k.Arguments {
		p.write(", ")
		d.castTo(p, c.Args[a.Index], a.Type)
	}
	p.write(")")
}

// dependsOnZone reports the calls whose results are others in other zones, or may
// be. DuckDB computes all of them for UTC.
func (d *duckdb) dependsOnZone(c *sql.Call) bool {
	if !d.zoned() {
		return false
	}
	if _, now := bareInDuckDB[c.Function()]; now {
		return true
	}
	zoned := d.kindOf(c) == value.TimestampLTZ
	for _, arg := range c.Args {
		zoned = zoned || d.kindOf(arg) == value.TimestampLTZ
	}
	return zoned
}

// kindOf is the kind of an expression; value.Null when it is not known.
func (d *duckdb) kindOf(e sql.Expr) value.Kind {
	t, _ := d.info.TypeOf(e)
	return t.Kind
}

// isMoment reports variances and deviations.
func isMoment(function string) bool {
	return strings.HasPrefix(function, "STDDEV") || strings.HasPrefix(function, "VAR")
}
