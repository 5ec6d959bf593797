package plan

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"tidemark/base/value"
)

// Print draws the plan as an indented tree, the root first. A line that starts
// with "|" is a property of the node above it; inputs are indented below. The
// print is stable: the same plan gives the same text, and it names everything
// that changes what the plan does.
func Print(n Node) string { return PrintWith(n, func(Node) []string { return nil }) }

// PrintWith prints the plan with notes about its nodes among their properties.
func PrintWith(n Node, notes func(Node) []string) string {
	p := &printer{notes: notes}
	p.node(n, "")
	return p.String()
}

// Title is the first line of what is printed of a node: its kind and what tells it
// from its neighbours.
func Title(n Node) string {
	first, _, _ := strings.Cut(Print(n), "\n")
	return first
}

type printer struct {
	strings.Builder
	notes func(Node) []string
}

func (p *printer) node(n Node, indent string) {
	line := func(format string, args ...any) {
		p.WriteString(indent)
		fmt.Fprintf(p, format, args...)
		p.WriteByte('\n')
	}
	property := func(format string, args ...any) { line("| "+format, args...) }
	switch n := n.(type) {
	case *Scan:
		line("Scan %s", n.Table.Name)
		for _, c := range n.Schema() {
			property("%s", printColumn(c))
		}
		if n.Filter != nil {
			property("filter: %s", PrintExpr(n.Filter, n.Schema()))
		}
		if n.Changing {
			property("changing")
		}
	case *Values:
		line("Values")
		property("columns: %s", printSchema(n.Columns))
		for _, row := range n.Rows {
			property("row: %s", printExprs(row, nil))
		}
	case *Watermark:
		s := n.Input.Schema()
		line("Watermark %s", columnName(s, n.Column))
		property("delayed: %s", PrintExpr(n.Delayed, s))
		if n.IdleTimeout > 0 {
			property("idle timeout: %s", n.IdleTimeout)
		}
	case *Filter:
		line("Filter")
		for _, c := range Conjuncts(n.Condition) {
			property("%s", PrintExpr(c, n.Input.Schema()))
		}
	case *Project:
		line("Project")
		in := n.Input.Schema()
		for i, c := range n.Schema() {
			property("%s := %s", printColumn(c), PrintExpr(n.Exprs[i], in))
		}
	case *Window:
		line("Window %s", printWindow(n.Spec, n.Input.Schema()))
	case *Aggregate:
		p.aggregate(n, line, property)
	case *WindowAggregate:
		p.windowAggregate(n, line, property)
	case *Union:
		line("Union")
	case *Shared:
		line("Shared %d", n.Number)
	case *Join:
		printJoin(n, line, property)
	case *MultiJoin:
		printMultiJoin(n, line, property)
	case *TemporalJoin:
		left, right := n.Left.Schema(), n.Right.Schema()
		line("TemporalJoin %s", n.Kind)
		printJoinKeys(property, n.Keys, left, right)
		property("as of: %s, versions from %s", columnName(left, n.LeftTime), columnName(right, n.RightTime))
		printCondition(property, n.Condition, append(append(Schema(nil), left...), right...))
	case *LookupJoin:
		printLookupJoin(n, line, property)
	case *Unnest:
		s := n.Schema()
		line("Unnest %s", PrintExpr(n.Collection, n.Input.Schema()))
		property("gives: %s", printSchema(s[len(n.Input.Schema()):]))
		if n.Ordinality {
			property("with ordinality")
		}
		if n.Outer {
			property("outer")
		}
		printCondition(property, n.Condition, n.Paired())
	case *Over:
		printOver(n, line, property)
	case *Rank:
		printRank(n, line, property)
	case *Match:
		printMatch(n, line, property)
	case *Normalize:
		line("Normalize by %s", columnNames(n.Input.Schema(), n.Keys))
		printTTL(property, n.TTL)
	case *Sort:
		line("Sort")
		for _, k := range n.Keys {
			property("%s", printSortKey(k, n.Input.Schema()))
		}
	case *Limit:
		line("Limit")
		if n.Count >= 0 {
			property("count: %d", n.Count)
		}
		if n.Offset > 0 {
			property("offset: %d", n.Offset)
		}
	}
	for _, note := range p.notes(n) {
		property("%s", note)
	}
	for _, input := range n.Inputs() {
		p.node(input, indent+"  ")
	}
}

type linePrinter func(format string, args ...any)

func (p *printer) aggregate(n *Aggregate, line, property linePrinter) {
	line("Aggregate")
	if len(n.Keys) == 0 && n.Sets == nil {
		property("one group of all rows")
	}
	printGroups(property, n.Input.Schema(), n.Schema(), n.Keys, n.Calls, n.Sets, n.Groupings)
	printTTL(property, n.TTL)
}

func (p *printer) windowAggregate(n *WindowAggregate, line, property linePrinter) {
	in, out := n.Input.Schema(), n.Schema()
	line("WindowAggregate %s", printWindow(n.Spec, in))
	printGroups(property, in, out, n.Keys, n.Calls, n.Sets, n.Groupings)
	for i, w := range n.Properties {
		property("%s: %s", [...]string{"start", "end", "time"}[w.Kind], printColumn(out[len(out)-len(n.Properties)+i]))
	}
	property("emit: %s", n.Emit)
	property("late: %s", n.Late)
}

func printGroups(property linePrinter, in, out Schema, keys []Expr, calls []AggregateCall, sets, groupings [][]int) {
	for i, k := range keys {
		property("key: %s := %s", printColumn(out[i]), PrintExpr(k, in))
	}
	for i, c := range calls {
		property("call: %s := %s", printColumn(out[len(keys)+i]), PrintCall(c, in))
	}
	names := func(set []int) string {
		of := make([]string, len(set))
		for i, k := range set {
			of[i] = columnName(out, k)
		}
		return "(" + strings.Join(of, ", ") + ")"
	}
	for _, set := range sets {
		property("set: %s", names(set))
	}
	for i, g := range groupings {
		property("grouping: %s := GROUPING_ID%s", columnName(out, len(keys)+len(calls)+i), names(g))
	}
}

// String names the policy.
func (e Emit) String() string { return [...]string{"final", "early"}[e] }

// String names the policy.
func (l LatePolicy) String() string {
	switch l.Action {
	case LateSide:
		return "side"
	case LateRevise:
		return "revise for " + l.Keep.String()
	}
	return "drop"
}

// String prints the attribute, "" for none.
func (t TimeAttribute) String() string { return [...]string{"", "ROWTIME", "PROCTIME"}[t] }

func printColumn(c OutputColumn) string {
	s := Quote(c.Name) + " " + c.Type.String()
	if c.Time != NoTime {
		s += " " + c.Time.String()
	}
	return s
}

func printSchema(s Schema) string {
	parts := make([]string, len(s))
	for i, c := range s {
		parts[i] = printColumn(c)
	}
	return strings.Join(parts, ", ")
}

func printWindow(w WindowSpec, in Schema) string {
	parts := []string{"on " + columnName(in, w.Time)}
	add := func(name string, millis int64) {
		parts = append(parts, name+" "+(time.Duration(millis)*time.Millisecond).String())
	}
	switch w.Kind {
	case Tumble:
		add("size", w.Size)
	case Hop:
		add("size", w.Size)
		add("slide", w.Slide)
	case Cumulate:
		add("size", w.Size)
		add("step", w.Slide)
	case Session:
		add("gap", w.Gap)
		for _, k := range w.Keys {
			parts = append(parts, "by "+columnName(in, k))
		}
	}
	if w.Offset != 0 {
		add("offset", w.Offset)
	}
	return fmt.Sprintf("%s (%s)", w.Kind, strings.Join(parts, ", "))
}

func printSortKey(k SortKey, in Schema) string {
	s := PrintExpr(k.Expr, in)
	if k.Descending {
		s += " DESC"
	}
	if k.NullsFirst {
		return s + " NULLS FIRST"
	}
	return s + " NULLS LAST"
}

// PrintCall writes an aggregate call as SQL would; see PrintExpr for in.
func PrintCall(c AggregateCall, in Schema) string {
	args := printExprs(c.Args, in)
	if len(c.Args) == 0 {
		args = "*"
	}
	if c.Distinct {
		args = "DISTINCT " + args
	}
	s := c.Function.Name + "(" + args + ")"
	if c.Filter != nil {
		s += " FILTER (WHERE " + PrintExpr(c.Filter, in) + ")"
	}
	return s
}

// PrintExpr writes an expression much as SQL would, for people. Columns are
// printed by their names in the schema they are over; a name that stands for
// several columns there is followed by #index. A nil schema prints the names
// that the columns carry.
func PrintExpr(e Expr, in Schema) string {
	w := exprPrinter{in: in}
	w.expr(e, 0)
	return w.String()
}

func printExprs(exprs []Expr, in Schema) string {
	parts := make([]string, len(exprs))
	for i, e := range exprs {
		parts[i] = PrintExpr(e, in)
	}
	return strings.Join(parts, ", ")
}

type exprPrinter struct {
	strings.Builder
	in Schema
}

// How tightly operators hold: weaker ones inside stronger ones get parentheses.
var infix = map[string]int{
	"OR": 1, "AND": 2,
	"=": 5, "<>": 5, "<": 5, "<=": 5, ">": 5, ">=": 5, "IS DISTINCT FROM": 5, "IS NOT DISTINCT FROM": 5, "LIKE": 5, "SIMILAR TO": 5,
	"+": 6, "-": 6, "*": 7, "/": 7, "%": 7, "||": 7,
}

const (
	notBinds     = 3
	postfixBinds = 4
	signBinds    = 8
)

func (w *exprPrinter) expr(e Expr, outer int) {
	switch e := e.(type) {
	case *Column:
		w.column(e)
	case *Literal:
		w.WriteString(PrintValue(e.Value))
	case *Call:
		w.call(e, outer)
	case *Cast:
		if e.Try {
			w.WriteString("TRY_")
		}
		w.WriteString("CAST(")
		w.expr(e.Input, 0)
		w.WriteString(" AS " + e.To.Optional().String() + ")")
	case *Case:
		w.WriteString("CASE")
		for _, when := range e.Whens {
			w.WriteString(" WHEN ")
			w.expr(when.Condition, 0)
			w.WriteString(" THEN ")
			w.expr(when.Then, 0)
		}
		w.WriteString(" ELSE ")
		w.expr(e.Else, 0)
		w.WriteString(" END")
	case *Field:
		w.expr(e.Input, signBinds+1)
		w.WriteString("." + Quote(e.Input.Type().Fields[e.Index].Name))
	}
}

func (w *exprPrinter) column(c *Column) {
	name := c.Name
	if c.Index < len(w.in) {
		name = w.in[c.Index].Name
	}
	w.WriteString(Quote(name))
	same := 0
	for _, o := range w.in {
		if o.Name == name {
			same++
		}
	}
	if w.in != nil && same != 1 {
		fmt.Fprintf(w, "#%d", c.Index)
	}
}

func (w *exprPrinter) call(c *Call, outer int) {
	binds := infix[c.Function.Name]
	switch name := c.Function.Name; {
	case binds > 0 && len(c.Args) >= 2:
		w.open(binds < outer)
		for i, arg := range c.Args {
			if i > 0 {
				w.WriteString(" " + name + " ")
			}
			inner := binds
			if i > 0 && binds > 2 {
				inner++ // a - (b - c)
			}
			w.expr(arg, inner)
		}
		w.close(binds < outer)
	case name == "IN":
		w.open(outer > infix["="])
		w.expr(c.Args[0], infix["="]+1)
		w.WriteString(" IN (" + printExprs(c.Args[1:], w.in) + ")")
		w.close(outer > infix["="])
	case name == "NOT":
		w.open(outer > notBinds)
		w.WriteString("NOT ")
		w.expr(c.Args[0], notBinds)
		w.close(outer > notBinds)
	case name == "-":
		w.open(outer > signBinds)
		w.WriteString("-")
		w.expr(c.Args[0], signBinds+1) // --a would be a comment
		w.close(outer > signBinds)
	case strings.HasPrefix(name, "IS ") && len(c.Args) == 1:
		w.open(outer > postfixBinds)
		w.expr(c.Args[0], postfixBinds+1)
		w.WriteString(" " + name)
		w.close(outer > postfixBinds)
	default:
		w.WriteString(name + "(")
		for i, arg := range c.Args {
			if i > 0 {
				w.WriteString(", ")
			}
			w.expr(arg, 0)
		}
		w.WriteString(")")
	}
}

func (w *exprPrinter) open(really bool) {
	if really {
		w.WriteByte('(')
	}
}

func (w *exprPrinter) close(really bool) {
	if really {
		w.WriteByte(')')
	}
}

// PrintValue writes a constant as SQL would.
func PrintValue(v value.Value) string {
	if v.Null {
		if v.Type.Kind == value.Null {
			return "NULL"
		}
		return "CAST(NULL AS " + v.Type.Optional().String() + ")"
	}
	switch t := v.Type; {
	case t.IsText():
		return "'" + strings.ReplaceAll(v.Text, "'", "''") + "'"
	case t.IsBytes():
		return fmt.Sprintf("x'%x'", v.Text)
	case t.Kind == value.Date, t.Kind == value.Time, t.IsTimestamp():
		return fmt.Sprintf("%s '%s'", t.Kind, v)
	case t.Kind == value.IntervalYearMonth:
		return printInterval(v.Int, []intervalUnit{{value.Year, 12}, {value.Month, 1}})
	case t.Kind == value.IntervalDayTime:
		if v.Int%1000 != 0 {
			return fmt.Sprintf("INTERVAL '%g' SECOND", float64(v.Int)/1000)
		}
		return printInterval(v.Int, []intervalUnit{{value.Day, 86_400_000}, {value.Hour, 3_600_000}, {value.Minute, 60_000}, {value.Second, 1_000}})
	}
	return v.String()
}

type intervalUnit struct {
	unit value.Unit
	each int64
}

// printInterval writes an interval in the largest unit that it is a whole
// number of.
func printInterval(n int64, units []intervalUnit) string {
	for _, u := range units {
		if n != 0 && n%u.each == 0 {
			return fmt.Sprintf("INTERVAL '%d' %s", n/u.each, u.unit)
		}
	}
	return fmt.Sprintf("INTERVAL '0' %s", units[len(units)-1].unit)
}

// Quote puts backticks around a name that is no plain identifier.
func Quote(name string) string {
	plain := name != ""
	for i, r := range name {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		plain = plain && (letter || i > 0 && (r == '$' || r >= '0' && r <= '9'))
	}
	if plain {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

func columnName(s Schema, i int) string {
	name := Quote(s[i].Name)
	for j, c := range s {
		if j != i && c.Name == s[i].Name {
			return fmt.Sprintf("%s#%d", name, i)
		}
	}
	return name
}

// PrintTable writes a table's definition as a plan sees it: columns, key,
// watermark and options, one a line.
func PrintTable(t *Table) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", t.Kind, t.Name)
	schema := t.Schema()
	for i, c := range t.Columns {
		b.WriteString("| " + printColumn(schema[i]))
		if c.Computed != nil {
			b.WriteString(" AS " + PrintExpr(c.Computed, schema))
		}
		if c.Metadata != "" {
			b.WriteString(" METADATA FROM '" + c.Metadata + "'")
		}
		if c.Virtual {
			b.WriteString(" VIRTUAL")
		}
		if slices.Contains(t.PrimaryKey, i) {
			b.WriteString(" KEY")
		}
		b.WriteByte('\n')
	}
	if t.Watermark != nil {
		fmt.Fprintf(&b, "| watermark: %s AS %s\n", columnName(schema, t.Watermark.Column), PrintExpr(t.Watermark.Delayed, schema))
	}
	if len(t.Partitions) > 0 {
		fmt.Fprintf(&b, "| partitioned by: %s\n", strings.Join(t.Partitions, ", "))
	}
	keys := make([]string, 0, len(t.Options))
	for k := range t.Options {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "| '%s' = '%s'\n", k, t.Options[k])
	}
	return b.String()
}

// String names the kind.
func (k TableKind) String() string {
	return [...]string{"NATIVE TABLE", "TABLE", "VIEW", "MATERIALIZED TABLE", "SYSTEM TABLE"}[k]
}
