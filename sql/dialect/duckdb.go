package dialect

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/sql"
)

// Info is what the DuckDB printer has to know beyond the tree; whoever bound
// the query answers. It is called from one goroutine, for nodes of the tree
// that is printed.
type Info interface {
	// TypeOf gives the type of an expression; for a Descriptor that of its
	// column. ok is false when it is not known.
	TypeOf(e sql.Expr) (t value.Type, ok bool)
	// Function gives the DuckDB text of a call: {1} stands for the first
	// argument, {*} for all with DISTINCT and ORDER BY. FILTER and OVER are
	// added behind it. The text must hold together as an operand: "({1} * 2)".
	// ok is false when there is no translation.
	Function(call *sql.Call) (template string, ok bool)
	// Table gives the DuckDB text of a table or view: a name or a subquery in
	// parentheses. ok is false when there is none.
	Table(path sql.Path) (text string, ok bool)
	// Shown gives the columns that a * stands for where they are others, or in
	// another order, than in DuckDB; nil leaves it as it is.
	Shown(star *sql.Star) []sql.Path
	// Inlined gives the function that a call is of, when it is one with a body in
	// SQL. The nodes of the body are asked about as those of the tree are.
	Inlined(call *sql.Call) (f Inlined, ok bool)
	// Kernel gives the function that DuckDB has been, or will be, told of for a
	// call of a scalar function. ok is false when there can be none.
	Kernel(call *sql.Call) (k Kernel, ok bool)
	// Zone is the zone of times that do not say theirs.
	Zone() *time.Location
}

// Inlined is a function with a body in SQL, for one call.
type Inlined struct {
	Body       sql.Expr
	Parameters []value.Field // as the body names them, in the order of the arguments
	Returns    value.Type
}

// Kernel is a function of ours that DuckDB calls: its name, a number that it
// takes first, and which arguments of the call it takes after that.
type Kernel struct {
	Name      string
	Number    int
	Arguments []KernelArgument
}

// KernelArgument is an argument of the call and the type that it is passed as.
type KernelArgument struct {
	Index int
	Type  value.Type
}

// DuckDB prints a bound query as DuckDB SQL with the meaning it has in Flink:
// division of integers, order of NULLs, windows. Parameters become $1, $2, ….
// What has no translation is an Unsupported problem at its place.
func DuckDB(q *sql.Query, info Info) (string, error) {
	p := newPrinter(&duckdb{info: info})
	p.plain, p.noHints, p.strict = true, true, true
	p.query(q)
	if p.fault != nil {
		return "", p.fault
	}
	return p.text(), nil
}

// duckdb says what DuckDB writes differently.
type duckdb struct {
	info Info
	body *inlining // the function whose body is being printed; nil outside of any
}

func (d *duckdb) name(n sql.Name) string {
	return `"` + strings.ReplaceAll(n.Text, `"`, `""`) + `"`
}

// nulls are the lowest values, as in Flink; DuckDB would put them last.
func (d *duckdb) nulls(o *sql.OrderItem) string {
	if o.Nulls == sql.NullsFirst || o.Nulls == sql.NullsDefault && !o.Descending {
		return " NULLS FIRST"
	}
	return " NULLS LAST"
}

func (d *duckdb) typeText(t value.Type) string {
	switch t.Kind {
	case value.Boolean, value.TinyInt, value.SmallInt, value.BigInt, value.Float, value.Double, value.Date, value.Time:
		return t.Kind.String()
	case value.Int:
		return "INTEGER"
	case value.Decimal:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Precision, t.Scale)
	case value.Char, value.Varchar:
		return "VARCHAR"
	case value.Binary, value.Varbinary:
		return "BLOB"
	case value.Timestamp:
		if t.Precision > 6 {
			return "TIMESTAMP_NS"
		}
		return "TIMESTAMP"
	case value.TimestampLTZ:
		return "TIMESTAMPTZ"
	case value.IntervalYearMonth, value.IntervalDayTime:
		return "INTERVAL"
	case value.Array:
		return d.typeText(*t.Elem) + "[]"
	case value.Map:
		return "MAP(" + d.typeText(*t.Key) + ", " + d.typeText(*t.Elem) + ")"
	case value.Row:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = d.name(sql.NameOf(f.Name)) + " " + d.typeText(f.Type)
		}
		return "STRUCT(" + strings.Join(fields, ", ") + ")"
	case value.Variant:
		return "JSON"
	}
	return `"NULL"`
}

// unsupported refuses a node.
func unsupported(p *printer, n sql.Node, hint, format string, args ...any) bool {
	p.refuse(problem.New(problem.Unsupported, format+" by DuckDB", args...).At(n.Pos()).WithHint("%s", hint))
	return true
}

const asJob = "ask for it in a materialized table, which the engine computes"

func (d *duckdb) relation(p *printer, r sql.Relation) bool {
	switch r := r.(type) {
	case *sql.TableRef:
		return d.table(p, r)
	case *sql.MatchRecognize:
		return unsupported(p, r, asJob, "MATCH_RECOGNIZE is not supported")
	case *sql.TableFunction:
		if r.Call.Over == nil && len(r.Call.Name) == 1 {
			if w := windowFunctions[r.Call.Function()]; w != nil {
				return d.windows(p, r, w)
			}
		}
		return unsupported(p, r, asJob, "the table function %s is not supported", r.Call.Name.Last().Text)
	case *sql.Unnest:
		for _, e := range r.Exprs {
			t, ok := d.info.TypeOf(e)
			if !ok || t.Kind != value.Array || t.Elem.Kind == value.Row {
				return unsupported(p, e, "unnest arrays of simple values", "UNNEST of this value is not supported")
			}
		}
		if r.Ordinality && len(r.Exprs) > 1 {
			return unsupported(p, r, "unnest one array", "UNNEST of several arrays WITH ORDINALITY is not supported")
		}
	}
	return false
}

func (d *duckdb) table(p *printer, r *sql.TableRef) bool {
	if r.SystemTime != nil {
		return unsupported(p, r.SystemTime, asJob, "FOR SYSTEM_TIME AS OF is not supported")
	}
	alias := r.Alias
	if alias == nil {
		alias = &sql.Alias{Name: r.Path.Last()}
	}
	if len(r.Path) == 1 && slices.Contains(p.ctes, r.Path[0].Text) {
		p.path(r.Path)
		p.alias(alias)
		return true
	}
	text, ok := d.info.Table(r.Path)
	if !ok {
		p.refuse(problem.New(problem.UnknownTable, "there is no table %s to read", r.Path).At(r.Path.Pos()).WithHint("SHOW TABLES lists them"))
		return true
	}
	p.write(text)
	p.alias(alias)
	return true
}

func (d *duckdb) expr(p *printer, e sql.Expr) bool {
	switch e := e.(type) {
	case *sql.ColumnRef:
		return d.parameter(p, e)
	case *sql.Literal:
		return d.literal(p, e)
	case *sql.Interval:
		months, micros, err := intervalValue(e)
		if err != nil {
			p.refuse(err)
			return true
		}
		p.write(intervalLiteral(months, micros))
		return true
	case *sql.Param:
		p.write("$", strconv.Itoa(e.Index+1))
		return true
	case *sql.Star:
		columns := d.info.Shown(e)
		p.commas(len(columns), func(i int) { p.path(columns[i]) })
		return len(columns) > 0
	case *sql.Binary:
		return d.binary(p, e)
	case *sql.Unary:
		if e.Op == sql.Final || e.Op == sql.Running {
			return unsupported(p, e, asJob, "%s is not supported", e.Op)
		}
	case *sql.Is:
		return d.is(p, e)
	case *sql.Between:
		return d.between(p, e)
	case *sql.Like:
		if e.Similar {
			return unsupported(p, e, "write LIKE or REGEXP(x, pattern)", "SIMILAR TO is not supported")
		}
	case *sql.In:
		return d.in(p, e)
	case *sql.Quantified:
		return d.quantified(p, e)
	case *sql.Case:
		return d.caseWhen(p, e)
	case *sql.Cast:
		d.cast(p, e)
		return true
	case *sql.ArrayValue:
		p.write("[")
		p.expressions(e.Elements)
		p.write("]")
		return true
	case *sql.MapValue:
		p.write("MAP {")
		p.commas(len(e.Entries)/2, func(i int) {
			p.expression(e.Entries[2*i])
			p.write(": ")
			p.expression(e.Entries[2*i+1])
		})
		p.write("}")
		return true
	case *sql.RowValue:
		return d.row(p, e)
	case *sql.AtTimeZone:
		if e.Zone == nil {
			return unsupported(p, e, "write AT TIME ZONE '…'", "AT LOCAL is not supported")
		}
	case *sql.Call:
		return d.call(p, e)
	case *sql.NamedArgument, *sql.TableArgument, *sql.Descriptor:
		return unsupported(p, e, asJob, "this argument is not supported")
	}
	return false
}

func (d *duckdb) literal(p *printer, l *sql.Literal) bool {
	switch l.Kind {
	case sql.BooleanLiteral:
		if l.Text != "UNKNOWN" {
			return false
		}
		p.write("CAST(NULL AS BOOLEAN)")
		return true
	case sql.BytesLiteral:
		p.write("unhex('", hex.EncodeToString([]byte(l.Text)), "')")
		return true
	}
	return false
}

// binary prints divisions: of integers they cut off, of decimals they have
// the scale that Flink gives the result. DuckDB divides decimals as doubles, so
// digits beyond the fifteenth are lost.
func (d *duckdb) binary(p *printer, e *sql.Binary) bool {
	if e.Op.Comparison() && d.mixesZones(e.Left, e.Right) {
		return unsupportedMix(p, e)
	}
	switch e.Op {
	case sql.Divide:
		t, ok := d.info.TypeOf(e)
		if !ok {
			return unsupported(p, e, "cast the operands", "a division whose type is not known is not supported")
		}
		switch {
		case t.IsInteger():
			p.operand(e.Left, sql.MultiplyPrecedence)
			p.write(" // ")
			p.operand(e.Right, sql.MultiplyPrecedence+1)
		case t.Kind == value.Decimal:
			p.write("CAST(")
			p.operand(e.Left, sql.MultiplyPrecedence)
			p.write(" / ")
			p.operand(e.Right, sql.MultiplyPrecedence+1)
			p.write(" AS ", d.typeText(t), ")")
		default:
			return false
		}
		return true
	case sql.Overlaps, sql.Contains, sql.PeriodEquals, sql.Precedes, sql.Succeeds, sql.ImmediatelyPrecedes, sql.ImmediatelySucceeds:
		return unsupported(p, e, "compare the ends of the periods", "%s is not supported", e.Op)
	}
	return false
}

// is prints IS JSON, which DuckDB has as functions.
func (d *duckdb) is(p *printer, e *sql.Is) bool {
	switch e.Test {
	case sql.IsNull, sql.IsTrue, sql.IsFalse:
		return false
	case sql.IsUnknown:
		p.operand(e.Operand, sql.IsPrecedence)
		p.write(" IS ", when(e.Not, "NOT "), "NULL")
		return true
	}
	p.write(when(e.Not, "(NOT "), "coalesce(json_valid(")
	p.expression(e.Operand)
	p.write(")")
	if kind := strings.TrimPrefix(string(e.Test), "JSON "); kind == "OBJECT" || kind == "ARRAY" || kind == "SCALAR" {
		p.write(" AND json_type(CASE WHEN json_valid(")
		p.expression(e.Operand)
		p.write(") THEN ")
		p.expression(e.Operand)
		p.write(" END)", when(kind != "SCALAR", " = '"+kind+"'"), when(kind == "SCALAR", " NOT IN ('OBJECT', 'ARRAY')"))
	}
	p.write(", FALSE)", when(e.Not, ")"))
	return true
}

// between prints SYMMETRIC, which DuckDB does not have.
func (d *duckdb) between(p *printer, e *sql.Between) bool {
	if d.mixesZones(e.Operand, e.Low, e.High) {
		return unsupportedMix(p, e)
	}
	if !e.Symmetric {
		return false
	}
	half := func(low, high sql.Expr) {
		p.operand(e.Operand, sql.RangePrecedence)
		p.write(" BETWEEN ")
		p.operand(low, sql.AddPrecedence)
		p.write(" AND ")
		p.operand(high, sql.AddPrecedence)
	}
	p.write(when(e.Not, "(NOT "), "(")
	half(e.Low, e.High)
	p.write(" OR ")
	half(e.High, e.Low)
	p.write(")", when(e.Not, ")"))
	return true
}

// in prints (a, b) IN … field by field: DuckDB compares rows as values, in which
// NULL equals NULL.
func (d *duckdb) in(p *printer, e *sql.In) bool {
	if d.mixesZones(append([]sql.Expr{e.Operand}, e.List...)...) {
		return unsupportedMix(p, e)
	}
	row, ok := e.Operand.(*sql.RowValue)
	switch {
	case !ok || row.Explicit || len(row.Fields) < 2:
		return false
	case e.Query != nil:
		d.rowInQuery(p, e, row)
		return true
	}
	return d.rowInList(p, e, row)
}

func (d *duckdb) rowInList(p *printer, e *sql.In, row *sql.RowValue) bool {
	for _, v := range e.List {
		if of, ok := v.(*sql.RowValue); !ok || len(of.Fields) != len(row.Fields) {
			return unsupported(p, v, "write a row: (1, 2)", "IN with this value is not supported")
		}
	}
	p.write(when(e.Not, "(NOT "), "(")
	for i, v := range e.List {
		p.write(when(i > 0, " OR "))
		for k, field := range v.(*sql.RowValue).Fields {
			p.write(when(k > 0, " AND "))
			p.operand(row.Fields[k], sql.ComparePrecedence+1)
			p.write(" = ")
			p.operand(field, sql.ComparePrecedence+1)
		}
	}
	p.write(")", when(e.Not, ")"))
	return true
}

func (d *duckdb) rowInQuery(p *printer, e *sql.In, row *sql.RowValue) {
	match := func() {
		for i, field := range row.Fields {
			p.write(when(i > 0, " AND "))
			p.operand(field, sql.ComparePrecedence+1)
			p.write(" = \"$in\".\"$", strconv.Itoa(i+1), "\"")
		}
	}
	p.write(when(e.Not, "(NOT "), "(SELECT CASE WHEN bool_or(")
	match()
	p.write(") THEN TRUE WHEN bool_or((")
	match()
	p.write(") IS NULL) THEN NULL ELSE FALSE END FROM ")
	p.parenthesised(e.Query)
	p.write(" AS \"$in\"(")
	p.commas(len(row.Fields), func(i int) { p.write("\"$", strconv.Itoa(i+1), "\"") })
	p.write("))", when(e.Not, ")"))
}

// quantified prints a comparison with a list as single comparisons.
func (d *duckdb) quantified(p *printer, e *sql.Quantified) bool {
	if e.Query != nil {
		return false
	}
	p.write("(")
	for i, v := range e.List {
		if i > 0 {
			p.write(when(e.Quantifier == sql.Any, " OR "), when(e.Quantifier == sql.All, " AND "))
		}
		p.operand(e.Left, sql.ComparePrecedence)
		p.write(" ", string(e.Op), " ")
		p.operand(v, sql.ComparePrecedence+1)
	}
	p.write(")")
	return true
}

// caseWhen prints WHEN 1, 2 as two branches.
func (d *duckdb) caseWhen(p *printer, e *sql.Case) bool {
	several := slices.ContainsFunc(e.Whens, func(w *sql.When) bool {
		_, ok := w.Condition.(*sql.Alternatives)
		return ok
	})
	if !several {
		return false
	}
	split := *e
	split.Whens = nil
	for _, w := range e.Whens {
		a, ok := w.Condition.(*sql.Alternatives)
		if !ok {
			split.Whens = append(split.Whens, w)
			continue
		}
		for _, v := range a.Values {
			split.Whens = append(split.Whens, &sql.When{Span: w.Span, Condition: v, Result: w.Result})
		}
	}
	p.caseWhen(&split)
	return true
}

// row prints a row with the names that its type has.
func (d *duckdb) row(p *printer, e *sql.RowValue) bool {
	t, ok := d.info.TypeOf(e)
	if !e.Explicit || !ok || t.Kind != value.Row || len(t.Fields) != len(e.Fields) || len(e.Fields) == 0 {
		p.write("row(")
		p.expressions(e.Fields)
		p.write(")")
		return true
	}
	p.write("struct_pack(")
	p.commas(len(e.Fields), func(i int) {
		p.write(d.name(sql.NameOf(t.Fields[i].Name)), " := ")
		p.expression(e.Fields[i])
	})
	p.write(")")
	return true
}
