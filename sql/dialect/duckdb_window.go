package dialect

import (
	"fmt"
	"strconv"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/sql"
)

// windowFunction names the arguments of a window function in their order.
type windowFunction struct {
	arguments []string
	required  int
}

// windowFunctions are those that a question can be asked over.
var windowFunctions = map[string]*windowFunction{
	"TUMBLE":   {[]string{"DATA", "TIMECOL", "SIZE", "OFFSET"}, 3},
	"HOP":      {[]string{"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"}, 4},
	"CUMULATE": {[]string{"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"}, 4},
}

// windows prints a window function as a subquery that adds window_start,
// window_end and window_time: the start comes from arithmetic on microseconds
// since the epoch; HOP and CUMULATE give a row for each of its windows.
func (d *duckdb) windows(p *printer, r *sql.TableFunction, w *windowFunction) bool {
	arguments, fault := bindArguments(r.Call, w)
	if fault != nil {
		p.refuse(fault)
		return true
	}
	table, isTable := arguments["DATA"].(*sql.TableArgument)
	column, isColumn := arguments["TIMECOL"].(*sql.Descriptor)
	if !isTable || !isColumn || len(column.Columns) != 1 {
		return unsupported(p, r, "write TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))", "%s of these arguments is not supported", r.Call.Name.Last().Text)
	}
	micros := make(map[string]int64)
	for _, name := range []string{"SIZE", "SLIDE", "STEP", "OFFSET"} {
		if arguments[name] == nil {
			continue
		}
		if micros[name], fault = windowMicros(arguments[name], name); fault != nil {
			p.refuse(fault)
			return true
		}
	}
	if step := micros["STEP"]; step != 0 && micros["SIZE"]%step != 0 {
		p.refuse(problem.New(problem.InvalidQuery, "the size of CUMULATE must be a multiple of its step").At(arguments["SIZE"].Pos()).
			WithHint("such as a step of 10 minutes and a size of an hour"))
		return true
	}
	time := d.name(column.Columns[0])
	local := time
	timeType, known := d.info.TypeOf(column)
	if !known {
		return unsupported(p, column, "name a TIMESTAMP column", "a window over a column of unknown type is not supported")
	}
	zoned := timeType.Kind == value.TimestampLTZ
	if zoned {
		before, behind := d.local()
		local = before + time + behind
	}
	p.write("(")
	p.indented(func() {
		p.line()
		last := "window_end - INTERVAL '1 millisecond'"
		if zoned {
			before, behind := d.instant()
			last = before + last + behind
		}
		p.write("SELECT *, ", last, " AS window_time FROM (")
		p.indented(func() {
			p.line()
			starts, ends := windowBounds(r.Call.Function(), "epoch_us("+local+")", micros)
			p.write("SELECT *, make_timestamp(", starts, ") AS window_start, make_timestamp(", ends, ") AS window_end FROM ")
			if table.Query != nil {
				p.parenthesised(table.Query)
			} else {
				d.table(p, &sql.TableRef{Span: table.Span, Path: table.Table})
			}
		})
		p.line()
		p.write(")")
		p.line()
		p.write("WHERE ", time, " IS NOT NULL", when(r.Call.Function() == "HOP", " AND window_end > "+local))
	})
	p.line()
	p.write(")")
	p.alias(r.Alias)
	return true
}

// windowBounds gives the microseconds of a row's window start and end as
// expressions over the row's time.
func windowBounds(function, time string, micros map[string]int64) (start, end string) {
	size, offset := micros["SIZE"], micros["OFFSET"]
	floor := func(step int64) string {
		shifted := time
		if offset != 0 {
			shifted = fmt.Sprintf("(%s - (%d))", time, offset)
		}
		// The remainder of a time before 1970 is negative.
		return fmt.Sprintf("%s - (%s %% %d + %d) %% %d", time, shifted, step, step, step)
	}
	switch function {
	case "HOP":
		slide := micros["SLIDE"]
		start = fmt.Sprintf("%s - unnest(generate_series(0, %d)) * %d", floor(slide), (size-1)/slide, slide)
		return start, fmt.Sprintf("%s + %d", start, size)
	case "CUMULATE":
		start, step := floor(size), micros["STEP"]
		return start, fmt.Sprintf("%s + unnest(generate_series((%s - (%s)) // %d + 1, %d)) * %d", start, time, start, step, size/step, step)
	}
	return floor(size), floor(size) + " + " + strconv.FormatInt(size, 10)
}

// bindArguments puts positional and named arguments under their names.
func bindArguments(c *sql.Call, w *windowFunction) (map[string]sql.Expr, *problem.Problem) {
	wrong := func(n sql.Node) *problem.Problem {
		return problem.New(problem.InvalidQuery, "%s does not take this argument", c.Name.Last().Text).At(n.Pos()).
			WithHint("the arguments are %v", w.arguments)
	}
	bound := make(map[string]sql.Expr)
	for i, a := range c.Args {
		name := ""
		if named, ok := a.(*sql.NamedArgument); ok {
			name, a = named.Name.Text, named.Value
		} else if i < len(w.arguments) {
			name = w.arguments[i]
		}
		known := false
		for _, n := range w.arguments {
			known = known || n == name
		}
		if !known || bound[name] != nil {
			return nil, wrong(a)
		}
		bound[name] = a
	}
	for _, n := range w.arguments[:w.required] {
		if bound[n] == nil {
			return nil, problem.New(problem.InvalidQuery, "%s lacks its argument %s", c.Name.Last().Text, n).At(c.Pos()).
				WithHint("the arguments are %v", w.arguments)
		}
	}
	return bound, nil
}

// windowMicros reads the length of a window; only an offset may be negative.
func windowMicros(e sql.Expr, name string) (int64, *problem.Problem) {
	i, ok := e.(*sql.Interval)
	if !ok {
		return 0, problem.New(problem.Unsupported, "the %s of a window must be an INTERVAL literal for DuckDB", name).At(e.Pos()).
			WithHint("write INTERVAL '1' MINUTE")
	}
	months, micros, fault := intervalValue(i)
	if fault != nil {
		return 0, fault
	}
	if months != 0 || micros <= 0 && name != "OFFSET" {
		return 0, problem.New(problem.InvalidQuery, "the %s of a window must be a positive number of days or less", name).At(e.Pos()).
			WithHint("write INTERVAL '1' MINUTE; months have no fixed length")
	}
	return micros, nil
}
