package function

import (
	"strings"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// miscellaneous is the part of the table with conditions, and questions about
// types and the session.
//
// COALESCE, IFNULL, NULLIF and IF are here for their types and for arguments
// that are at hand; the binder makes a Case of those that must not be computed.
var miscellaneous = []*plan.Function{
	define(plan.Function{
		Name: "COALESCE", Category: "conditional", Signatures: []string{"COALESCE(value, …)"},
		Doc:    "The first value that is not NULL.",
		DuckDB: "coalesce($*)", Flink: "COALESCE($*)",
	}, form{params: []parameter{anything}, rest: &anything, lenient: true, unify: unifyAlternatives, result: firstPresentType, eval: kernel(coalesce)}),
	define(plan.Function{
		Name: "IFNULL", Category: "conditional", Signatures: []string{"IFNULL(value, value)"},
		Doc:    "The first value, or the second when the first is NULL.",
		DuckDB: "ifnull($1, $2)", Flink: "IFNULL($1, $2)",
	}, form{params: []parameter{anything, anything}, lenient: true, unify: unifyAlternatives, result: firstPresentType, eval: kernel(coalesce)}),
	define(plan.Function{
		Name: "NULLIF", Category: "conditional", Signatures: []string{"NULLIF(value, value)"},
		Doc:    "The first value, or NULL when it equals the second.",
		DuckDB: "nullif($1, $2)", Flink: "NULLIF($1, $2)",
	}, form{params: []parameter{anything, anything}, lenient: true, unify: unifyNullIf, result: func(params []value.Type) value.Type {
		return params[0].Optional()
	}, eval: kernel(nullIf)}),
	define(plan.Function{
		Name: "IF", Category: "conditional", Signatures: []string{"IF(condition, value, value)"},
		Doc:    "The second argument where the condition is TRUE, else the third.",
		DuckDB: "CASE WHEN $1 THEN $2 ELSE $3 END", Flink: "IF($1, $2, $3)",
	}, form{params: []parameter{boolean, anything, anything}, lenient: true, unify: unifyBranches, result: func(params []value.Type) value.Type {
		return params[1].WithNullability(required(params))
	}, eval: kernel(choose)}),
	define(plan.Function{
		Name: "SINGLE_VALUE", Category: "conditional", Signatures: []string{"SINGLE_VALUE(value, rows BIGINT)"},
		Doc:    "The value, which must be that of at most one row: the one value of a subquery in an expression. Not in Flink.",
		DuckDB: "CASE WHEN $2 > 1 THEN error('a subquery that stands for one value gives several rows') ELSE $1 END",
	}, form{params: []parameter{anything, integer}, lenient: true, result: like(0), eval: kernel(singleValue)}),
	define(plan.Function{
		Name: "TYPEOF", Category: "miscellaneous", Signatures: []string{"TYPEOF(value[, serializable]) → STRING"},
		Doc:   "The name of the argument's type; with TRUE one that can be written in SQL.",
		Flink: "TYPEOF($*)",
	}, form{params: []parameter{anything, boolean}, optional: 1, lenient: true, result: maybe(value.StringType), eval: typeOf}),
	define(plan.Function{
		Name: "CURRENT_DATABASE", Category: "miscellaneous", Signatures: []string{"CURRENT_DATABASE() → STRING"},
		Doc:   "The name of the database, which is default_database: there is one only.",
		Flink: "CURRENT_DATABASE()",
	}, form{result: always(value.StringType), eval: kernel(func(_ *plan.Context, _ []*batch.Column, out *batch.Column) error {
		fillText(out, "default_database")
		return nil
	})}),
}

func singleValue(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		if args[1].Ints[i] > 1 {
			return invalid("a subquery that stands for one value gives more than one row")
		}
		out.Set(i, args[0], i)
		return nil
	})
}

// unifyAlternatives gives all values the common type of COALESCE. There a DATE
// in front of a timestamp stays a DATE.
func unifyAlternatives(params []value.Type) bool {
	common := params[0]
	for _, t := range params[1:] {
		next, ok := alternativeType(common, t)
		if !ok {
			return false
		}
		common = next
	}
	if common.Class() == value.NoData {
		return common.Kind == value.Null
	}
	for i, t := range params {
		params[i] = common.WithNullability(t.NotNull)
	}
	return true
}

// alternativeType is the common type of two values of which one is taken: of a
// DATE and a timestamp the first, of the two timestamps TIMESTAMP_LTZ.
func alternativeType(a, b value.Type) (value.Type, bool) {
	switch {
	case a.Kind == value.Date && b.IsTimestamp(), a.IsTimestamp() && b.Kind == value.Date:
		return a, true
	case a.IsTimestamp() && b.IsTimestamp() && a.Kind != b.Kind:
		return value.TimestampLTZOf(max(a.Precision, b.Precision)), true
	}
	return value.LeastRestrictive(a, b)
}

// firstPresentType is the common type, NOT NULL when any value is.
func firstPresentType(params []value.Type) value.Type {
	present := false
	for _, t := range params {
		present = present || t.NotNull
	}
	return params[0].WithNullability(present)
}

func coalesce(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		for _, a := range args {
			if a.Type.Class() != value.NoData && !a.IsNull(i) {
				out.Set(i, a, i)
				return nil
			}
		}
		out.SetNull(i)
		return nil
	})
}

// unifyNullIf makes the two comparable; the first keeps its type.
func unifyNullIf(params []value.Type) bool {
	compared := [2]value.Type{params[0], params[1]}
	if !commonForm(equal, compared[:]) {
		return false
	}
	if params[0].Kind == value.Null {
		params[0] = compared[0]
	}
	if params[0].Class() != compared[1].Class() {
		compared[1] = params[0]
	}
	params[1] = compared[1]
	return true
}

func nullIf(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		if args[0].IsNull(i) || !args[1].IsNull(i) && same(args[0], i, args[1], i) {
			out.SetNull(i)
			return nil
		}
		out.Set(i, args[0], i)
		return nil
	})
}

// unifyBranches gives the two branches of IF a common type; a DATE or timestamp
// takes that of the first branch.
func unifyBranches(params []value.Type) bool {
	first, second := params[1], params[2]
	common, ok := value.LeastRestrictive(first, second)
	if dated(first) && dated(second) {
		common, ok = first, true
	}
	if !ok || common.Class() == value.NoData {
		return false
	}
	params[1], params[2] = common.WithNullability(first.NotNull), common.WithNullability(second.NotNull)
	return true
}

func dated(t value.Type) bool { return t.Kind == value.Date || t.IsTimestamp() }

func choose(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		from := args[2]
		if !args[0].IsNull(i) && args[0].Bools[i] {
			from = args[1]
		}
		out.Set(i, from, i)
		return nil
	})
}

// fillText makes every row the same text.
func fillText(out *batch.Column, text string) {
	start := len(out.Heap)
	out.Heap = append(out.Heap, text...)
	for i := range out.Views {
		out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(text))}
	}
}

func typeOf(c *call) plan.Kernel {
	name := typeName(c.Args[0].Type)
	if len(c.Args) == 2 && c.Args[1].Literal != nil && c.Args[1].Literal.Bool {
		name = serializable(name)
	}
	return func(_ *plan.Context, _ []*batch.Column, out *batch.Column) error {
		fillText(out, name)
		return nil
	}
}

// typeName is how TYPEOF names a type: intervals by the unit that their values
// count, whatever units they were written with.
func typeName(t value.Type) string {
	switch t.Kind {
	case value.IntervalYearMonth:
		t.Unit = value.Month
	case value.IntervalDayTime:
		t.Unit, t.Scale = value.Second, 3
	}
	return t.String()
}

// serializable spells out the names that are short forms.
func serializable(name string) string {
	return strings.NewReplacer("STRING", "VARCHAR(2147483647)", "BYTES", "VARBINARY(2147483647)").Replace(name)
}
