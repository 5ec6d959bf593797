package bind

import (
	"fmt"
	"slices"
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/plan/function"
	"tidemark/sql"
)

// windowParameters are the parameters of the window functions, in order, with
// their names.
var windowParameters = map[string][]string{
	"TUMBLE":   {"DATA", "TIMECOL", "SIZE", "OFFSET"},
	"HOP":      {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"},
	"CUMULATE": {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"},
	"SESSION":  {"DATA", "TIMECOL", "GAP"},
}

// usages show how the window functions are called.
var usages = map[string]string{
	"TUMBLE":   "TUMBLE(TABLE t, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE)",
	"HOP":      "HOP(TABLE t, DESCRIPTOR(rowtime), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)",
	"CUMULATE": "CUMULATE(TABLE t, DESCRIPTOR(rowtime), INTERVAL '1' HOUR, INTERVAL '1' DAY)",
	"SESSION":  "SESSION(TABLE t PARTITION BY id, DESCRIPTOR(rowtime), INTERVAL '30' MINUTE)",
}

// tableFunction binds TABLE(f(…)) in FROM.
func (b *binder) tableFunction(t *sql.TableFunction, outer *scope) plan.Node {
	name := t.Call.Function()
	if _, ok := windowParameters[name]; ok {
		return b.windowFunction(t.Call, outer)
	}
	b.wrong(t.Call.Pos(), problem.UnknownFunction, didYouMean(name, []string{"TUMBLE", "HOP", "CUMULATE", "SESSION"}, "TUMBLE, HOP, CUMULATE and SESSION can stand here"),
		"no table function %s", t.Call.Name)
	return nil
}

// windowFunction binds TUMBLE, HOP, CUMULATE or SESSION over a table.
func (b *binder) windowFunction(c *sql.Call, outer *scope) plan.Node {
	args := b.windowArguments(c)
	if args == nil {
		return nil
	}
	input := b.windowInput(args["DATA"], c.Function(), outer)
	if input == nil {
		return nil
	}
	spec := plan.WindowSpec{}
	keys, keysOK := b.sessionKeys(args["DATA"], input)
	spec.Keys = keys
	time, ok := b.windowTime(c, args["TIMECOL"], input)
	spec.Time = time
	ok = b.windowSizes(c, args, &spec) && ok && keysOK
	if !ok {
		return nil
	}
	return &plan.Window{Input: input, Spec: spec}
}

// windowArguments sorts the arguments by parameter; nil after a problem.
func (b *binder) windowArguments(c *sql.Call) map[string]sql.Expr {
	name := c.Function()
	parameters, usage := windowParameters[name], "write "+usages[name]
	args := map[string]sql.Expr{}
	for i, arg := range c.Args {
		named, ok := arg.(*sql.NamedArgument)
		if !ok {
			if i >= len(parameters) {
				b.wrong(arg.Pos(), problem.InvalidQuery, usage, "%s takes at most %s", name, counted(len(parameters), "argument"))
				return nil
			}
			args[parameters[i]] = arg
			continue
		}
		parameter := strings.ToUpper(named.Name.Text)
		if !slices.Contains(parameters, parameter) {
			b.wrong(named.Pos(), problem.InvalidQuery, didYouMean(parameter, parameters, "its parameters are "+listed(parameters)),
				"%s has no parameter %s", name, named.Name.Text)
			return nil
		}
		if _, twice := args[parameter]; twice {
			b.wrong(named.Pos(), problem.InvalidQuery, "remove one", "%s is given twice", parameter)
			return nil
		}
		args[parameter] = named.Value
	}
	for _, parameter := range parameters {
		if args[parameter] == nil && parameter != "OFFSET" {
			b.wrong(c.Pos(), problem.InvalidQuery, usage, "%s lacks its argument %s", name, parameter)
			return nil
		}
	}
	return args
}

// windowInput binds the table that is cut into windows.
func (b *binder) windowInput(e sql.Expr, window string, outer *scope) plan.Node {
	switch e := e.(type) {
	case *sql.TableArgument:
		switch {
		case len(e.OrderBy) > 0:
			b.wrong(e.OrderBy[0].Expr.Pos(), problem.InvalidQuery, "leave it out: rows are put into windows by their time", "%s takes no ORDER BY", window)
			return nil
		case len(e.PartitionBy) > 0 && window != "SESSION":
			b.wrong(e.Pos(), problem.InvalidQuery, "put the columns into GROUP BY", "only SESSION windows take PARTITION BY")
			return nil
		}
		if e.Query != nil {
			return b.table(e.Query, outer)
		}
		node, _ := b.tableByName(&sql.TableRef{Span: e.Span, Path: e.Table})
		return node
	case *sql.Subquery:
		return b.table(e.Query, outer)
	}
	b.wrong(e.Pos(), problem.InvalidQuery, "write TABLE and its name: TUMBLE(TABLE t, …)", "the first argument of a window function is a table")
	return nil
}

// sessionKeys are the columns of PARTITION BY.
func (b *binder) sessionKeys(e sql.Expr, input plan.Node) (keys []int, ok bool) {
	argument, isTable := e.(*sql.TableArgument)
	if !isTable {
		return nil, true
	}
	r := relation{columns: input.Schema()}
	if len(argument.Table) > 0 {
		r.name = argument.Table.Last().Text
	}
	s := &scope{clause: "PARTITION BY", relations: []relation{r}}
	ok = true
	for _, e := range argument.PartitionBy {
		switch bound := b.expr(e, s).(type) {
		case nil:
			ok = false
		case *plan.Column:
			if !slices.Contains(keys, bound.Index) {
				keys = append(keys, bound.Index)
			}
		default:
			b.wrong(e.Pos(), problem.InvalidQuery, "compute it as a column of a subquery or view", "PARTITION BY of a window takes columns")
			ok = false
		}
	}
	return keys, ok
}

// windowTime is the column that DESCRIPTOR names.
func (b *binder) windowTime(c *sql.Call, e sql.Expr, input plan.Node) (column int, ok bool) {
	d, isDescriptor := e.(*sql.Descriptor)
	if !isDescriptor || len(d.Columns) != 1 {
		b.wrong(e.Pos(), problem.InvalidQuery, "write DESCRIPTOR(rowtime) with the name of the time column", "%s needs a DESCRIPTOR of one column", c.Function())
		return 0, false
	}
	name := d.Columns[0]
	s := input.Schema()
	column = -1
	var names []string
	for i, c := range s {
		if c.Name == name.Text && column < 0 {
			column = i
		}
		names = append(names, c.Name)
	}
	if column < 0 {
		b.wrong(name.Pos(), problem.UnknownColumn, didYouMean(name.Text, names, "its columns are "+listed(names)), "the windowed table has no column %s", name.Text)
		return 0, false
	}
	b.bound.Types[d] = s[column].Type
	return column, b.timeColumn(s[column], c.Function(), name.Pos())
}

// timeColumn checks that a column can put rows into windows.
func (b *binder) timeColumn(c plan.OutputColumn, window string, pos problem.Position) bool {
	switch {
	case !c.Type.IsTimestamp():
		b.wrong(pos, problem.TypeMismatch, "compute a time, such as "+c.Name+"_time AS TO_TIMESTAMP("+c.Name+"), and add WATERMARK FOR it",
			"%s needs a TIMESTAMP, but %s is %s", window, c.Name, c.Type.Optional())
	case c.Type.Precision > 3:
		b.wrong(pos, problem.TypeMismatch, "cast it to TIMESTAMP(3)", "%s goes by milliseconds, but %s is %s", window, c.Name, c.Type.Optional())
	case b.session.Streaming && c.Time == plan.NoTime:
		b.wrong(pos, problem.InvalidQuery,
			fmt.Sprintf("add WATERMARK FOR %s AS %s - INTERVAL '5' SECOND to its table; of a window's own columns only window_time goes on", c.Name, c.Name),
			"%s needs a time with a watermark, but %s is a plain %s", window, c.Name, c.Type.Optional())
	default:
		return true
	}
	return false
}

// windowSizes fills in the sizes of the windows and checks them.
func (b *binder) windowSizes(c *sql.Call, args map[string]sql.Expr, spec *plan.WindowSpec) bool {
	ok := true
	read := func(parameter string) int64 {
		e := args[parameter]
		if e == nil {
			return 0
		}
		millis, fine := b.windowSize(c.Function(), parameter, e)
		if fine && millis <= 0 && parameter != "OFFSET" {
			b.wrong(e.Pos(), problem.InvalidQuery, "write a positive interval", "the %s of %s is not above zero", parameter, c.Function())
			fine = false
		}
		ok = ok && fine
		return millis
	}
	spec.Size, spec.Offset = read("SIZE"), read("OFFSET")
	switch c.Function() {
	case "SESSION":
		spec.Kind = plan.Session
		spec.Gap = read("GAP")
		return ok
	case "TUMBLE":
		spec.Kind = plan.Tumble
	case "HOP":
		spec.Kind = plan.Hop
		spec.Slide = read("SLIDE")
	case "CUMULATE":
		spec.Kind = plan.Cumulate
		spec.Slide = read("STEP")
		if ok && spec.Size%spec.Slide != 0 {
			b.wrong(args["SIZE"].Pos(), problem.InvalidQuery, "change one of them", "the SIZE of CUMULATE is not a multiple of its STEP")
			return false
		}
	}
	if ok && (spec.Offset >= spec.Size || spec.Offset <= -spec.Size) {
		b.wrong(args["OFFSET"].Pos(), problem.InvalidQuery, "an offset is what is left after whole windows", "the OFFSET of %s is not smaller than its SIZE", c.Function())
		return false
	}
	return ok
}

// windowSize reads a constant interval of days to milliseconds.
func (b *binder) windowSize(window, parameter string, e sql.Expr) (millis int64, ok bool) {
	bound := b.expr(e, &scope{clause: parameter})
	if bound == nil {
		return 0, false
	}
	l, constant := bound.(*plan.Literal)
	switch {
	case !constant || l.Value.Null:
		b.wrong(e.Pos(), problem.InvalidQuery, "write INTERVAL '1' MINUTE", "the %s of %s is no constant", parameter, window)
	case l.Value.Type.Kind == value.IntervalYearMonth:
		b.wrong(e.Pos(), problem.InvalidQuery, "write days, INTERVAL '30' DAY, or group by a calendar month with FLOOR(t TO MONTH)",
			"months and years have no fixed length, so that %s cannot be the %s of %s", plan.PrintValue(l.Value), parameter, window)
	case l.Value.Type.Kind != value.IntervalDayTime:
		b.wrong(e.Pos(), problem.TypeMismatch, "write INTERVAL '1' MINUTE", "the %s of %s is an INTERVAL, but this is %s", parameter, window, l.Value.Type.Optional())
	default:
		return l.Value.Int, true
	}
	return 0, false
}

// legacyWindow is a group window of the old form, GROUP BY TUMBLE(t, size): a
// window function over the input, and its properties as keys.
type legacyWindow struct {
	call   sql.Expr // in GROUP BY
	name   string
	window *plan.Window
}

// legacyWindow finds a group window in GROUP BY; ok is false after a problem.
func (b *binder) legacyWindow(by *sql.GroupBy, input plan.Node, s *scope) (found *legacyWindow, ok bool) {
	for _, element := range by.Elements {
		for _, e := range element.Exprs {
			call, isCall := e.(*sql.Call)
			if !isCall || !isGroupWindow(call.Function()) {
				continue
			}
			if found != nil {
				b.wrong(call.Pos(), problem.InvalidQuery, "remove one", "GROUP BY has two windows")
				return nil, false
			}
			spec, fine := b.legacySpec(call, s)
			if !fine {
				return nil, false
			}
			found = &legacyWindow{call: e, name: call.Function(), window: &plan.Window{Input: input, Spec: spec}}
		}
	}
	return found, true
}

func isGroupWindow(name string) bool {
	return name == "TUMBLE" || name == "HOP" || name == "SESSION"
}

// legacySpec reads TUMBLE(time, size), HOP(time, slide, size) or SESSION(time, gap).
func (b *binder) legacySpec(c *sql.Call, s *scope) (spec plan.WindowSpec, ok bool) {
	name := c.Function()
	sizes := []string{"SIZE"}
	switch name {
	case "HOP":
		sizes = []string{"SLIDE", "SIZE"}
	case "SESSION":
		sizes = []string{"GAP"}
	}
	if len(c.Args) != len(sizes)+1 {
		b.wrong(c.Pos(), problem.InvalidQuery, "write "+name+"(rowtime, "+strings.ToLower(strings.Join(sizes, ", "))+"), or FROM TABLE("+usages[name]+")",
			"%s in GROUP BY takes %s", name, counted(len(sizes)+1, "argument"))
		return spec, false
	}
	time := b.expr(c.Args[0], s)
	if time == nil {
		return spec, false
	}
	column, isColumn := time.(*plan.Column)
	if !isColumn {
		b.wrong(c.Args[0].Pos(), problem.InvalidQuery, "use the rowtime column itself", "%s needs a column with a watermark", name)
		return spec, false
	}
	spec.Time = column.Index
	args := map[string]sql.Expr{}
	for i, parameter := range sizes {
		args[parameter] = c.Args[i+1]
	}
	ok = b.timeColumn(s.schema()[column.Index], name, c.Args[0].Pos())
	return spec, b.windowSizes(c, args, &spec) && ok
}

// keys are the key numbers of the window's start, end and time.
func (w *legacyWindow) keys(g *grouping) []int {
	return []int{
		g.key(w.property(plan.WindowStart, problem.Position{}), "window_start"),
		g.key(w.property(plan.WindowEnd, problem.Position{}), "window_end"),
		g.key(w.property(plan.WindowTime, problem.Position{}), "window_time"),
	}
}

// partition makes the other keys of GROUP BY the partition key of sessions. A key
// that is computed becomes a column of the window's input for it; columns then
// tells where each of g's keys is to be read.
func (w *legacyWindow) partition(g *grouping) (columns []plan.Expr) {
	width := len(w.window.Input.Schema())
	columns = slices.Clone(g.keys)
	input := plan.PickAll(w.window.Input)
	for i, key := range g.keys {
		c, isColumn := key.(*plan.Column)
		if isColumn && c.Index >= width {
			continue // a property of the window
		}
		if !isColumn {
			c = &plan.Column{At: plan.At{Position: key.Pos()}, Index: len(input.Exprs), Name: g.names[i], Of: key.Type()}
			input.Add(key, g.names[i], plan.NoTime)
			columns[i] = c
		}
		w.window.Spec.Keys = append(w.window.Spec.Keys, c.Index)
	}
	added := len(input.Exprs) - width
	if added == 0 {
		return columns
	}
	w.window.Input = input
	for i, key := range g.keys {
		if c, isColumn := key.(*plan.Column); isColumn && c.Index >= width {
			moved := *c
			moved.Index += added
			g.keys[i], columns[i] = &moved, &moved
		}
	}
	return columns
}

// property is a column of the window. The rowtime of a group window is
// nullable in Flink.
func (w *legacyWindow) property(kind plan.WindowPropertyKind, pos problem.Position) *plan.Column {
	s := w.window.Schema()
	c := outputColumn(s, len(s)-3+int(kind), pos)
	if kind == plan.WindowTime {
		c.Of = c.Of.Optional()
	}
	return c
}

// auxiliary are the functions that give the properties of a group window, by
// what stands behind the window's name.
var auxiliary = map[string]plan.WindowPropertyKind{"_START": plan.WindowStart, "_END": plan.WindowEnd, "_ROWTIME": plan.WindowTime}

// isAuxiliary takes TUMBLE_START apart.
func isAuxiliary(name string) (window, property string, ok bool) {
	window, property, ok = strings.Cut(name, "_")
	return window, "_" + property, ok && isGroupWindow(window) && slices.Contains([]string{"START", "END", "ROWTIME", "PROCTIME"}, property)
}

// windowProperty binds TUMBLE_START(time, size) and its like.
func (b *binder) windowProperty(c *sql.Call, s *scope) plan.Expr {
	window, property, _ := isAuxiliary(c.Function())
	kind, isColumn := auxiliary[property]
	if s.grouping == nil || s.grouping.legacy == nil || s.grouping.legacy.name != window {
		b.wrong(c.Pos(), problem.InvalidQuery, "add GROUP BY "+window+"(…) with the same arguments", "%s belongs to a %s in GROUP BY", c.Function(), window)
		return nil
	}
	w := s.grouping.legacy
	spec, ok := b.legacySpec(&sql.Call{Span: c.Span, Name: sql.PathOf(window), Args: c.Args}, s.in(c.Function()))
	if !ok {
		return nil
	}
	if spec.Time != w.window.Spec.Time || spec.Size != w.window.Spec.Size || spec.Slide != w.window.Spec.Slide || spec.Gap != w.window.Spec.Gap {
		b.wrong(c.Pos(), problem.InvalidQuery, "use the same arguments in both", "%s has other arguments than the %s in GROUP BY", c.Function(), window)
		return nil
	}
	if !isColumn {
		clock, _ := function.Lookup("PROCTIME")
		return b.apply(c.Pos(), clock, nil)
	}
	return w.property(kind, c.Pos())
}
