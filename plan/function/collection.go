package function

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// collections is the part of the table with arrays, maps and rows.
var collections = slices.Concat(constructors, arrays, maps)

// constructors is making collections and rows, and looking into them.
var constructors = []*plan.Function{
	define(plan.Function{
		Name: "ARRAY", Category: "collection", Signatures: []string{"ARRAY[value, …]"},
		Doc:    "An array of the values.",
		DuckDB: "[$*]", Flink: "ARRAY[$*]",
	}, form{params: []parameter{anything}, rest: &anything, lenient: true, unify: unifyElements, result: func(params []value.Type) value.Type {
		return value.ArrayOf(params[0]).Required()
	}, eval: kernel(makeArray)}),
	define(plan.Function{
		Name: "ROW", Category: "collection", Signatures: []string{"ROW(value, …)", "(value, value, …)"},
		Doc:    "A row of the values. Its fields are named EXPR$0, EXPR$1, ….",
		DuckDB: "row($*)", Flink: "ROW($*)",
	}, form{rest: &anything, lenient: true, result: rowOf, eval: kernel(makeRow)}),
	define(plan.Function{
		Name: "ITEM", Category: "collection", Signatures: []string{"array[index]", "map[key]"},
		Doc:   "The element of an array at an index counted from 1, or the value of a key of a map; NULL when there is none.",
		Flink: "$1[$2]",
	},
		form{params: []parameter{array, integer}, result: elementOf, eval: kernel(elementAt), check: checkIndex},
		form{params: []parameter{mapping, anything}, unify: unifyKey, result: elementOf, eval: kernel(valueOf)}),
	define(plan.Function{
		Name: "CARDINALITY", Category: "collection", Signatures: []string{"CARDINALITY(array or map) → INT"},
		Doc:    "The number of elements or entries.",
		DuckDB: "len($1)", Flink: "CARDINALITY($1)",
	},
		form{params: []parameter{array}, result: returns(value.IntType), eval: kernel(cardinality)},
		form{params: []parameter{mapping}, result: returns(value.IntType), eval: kernel(cardinality)}),
	define(plan.Function{
		Name: "ELEMENT", Category: "collection", Signatures: []string{"ELEMENT(array) → element"},
		Doc:   "The only element of an array; NULL when it is empty, an error when there are several.",
		Flink: "ELEMENT($1)",
	}, form{params: []parameter{array}, result: elementOf, eval: kernel(onlyElement)}),
}

// unifyElements gives all elements the common type, as nullable as any is.
func unifyElements(params []value.Type) bool {
	common, ok := value.LeastRestrictive(params...)
	if !ok || common.Class() == value.NoData {
		return false
	}
	for i := range params {
		params[i] = common
	}
	return true
}

// elementOf is the element type of argument 0, nullable.
func elementOf(params []value.Type) value.Type { return params[0].Elem.Optional() }

func rowOf(params []value.Type) value.Type {
	fields := make([]value.Field, len(params))
	for i, t := range params {
		fields[i] = value.Field{Name: fieldName(i), Type: t}
	}
	return value.RowOf(fields...).Required()
}

func makeArray(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	items := out.Children[0]
	n := len(args)
	items.Resize(n * out.Len())
	return eachRow(out, func(i int) error {
		for k, a := range args {
			items.Set(i*n+k, a, i)
		}
		out.Spans[i] = batch.View{Offset: uint32(i * n), Length: uint32(n)}
		return nil
	})
}

// makeRow copies the arguments: they belong to the caller.
func makeRow(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	for k, a := range args {
		field := out.Children[k]
		for i := range out.Len() {
			field.Set(i, a, i)
		}
	}
	return nil
}

func checkIndex(c *call) error {
	index := c.Args[1].Literal
	if index == nil || index.Null || index.Int >= 1 {
		return nil
	}
	return problem.New(problem.InvalidValue, "an array has no element %d", index.Int).
		WithHint("elements count from 1").At(c.Args[1].At)
}

func elementAt(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	items := args[0].Children[0]
	return pickRows(items, out, func(i int) int {
		span, index := args[0].Spans[i], args[1].Ints[i]
		if index < 1 || index > int64(span.Length) {
			return -1
		}
		return int(span.Offset) + int(index) - 1
	})
}

// pickRows makes every row of out the row of items that row gives, NULL when
// that is negative.
func pickRows(items, out *batch.Column, row func(i int) int) error {
	return eachRow(out, func(i int) error {
		if e := row(i); e < 0 {
			out.SetNull(i)
		} else {
			out.Set(i, items, e)
		}
		return nil
	})
}

// unifyKey gives the second argument the type of the map's keys.
func unifyKey(params []value.Type) bool {
	key := *params[0].Key
	if params[1].Kind == value.Null {
		params[1] = key.Optional()
		return true
	}
	if _, ok := value.LeastRestrictive(key, params[1]); !ok {
		return false
	}
	if key.IsText() && params[1].IsText() {
		return true // no length matters to a comparison
	}
	params[1] = key.WithNullability(params[1].NotNull)
	return true
}

func valueOf(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	keys, values := args[0].Children[0], args[0].Children[1]
	return pickRows(values, out, func(i int) int {
		span := args[0].Spans[i]
		for e := span.Offset; e < span.Offset+span.Length; e++ {
			if sameElement(keys, int(e), args[1], i) {
				return int(e)
			}
		}
		return -1
	})
}

func cardinality(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	for i, span := range args[0].Spans {
		out.Ints[i] = int64(span.Length)
	}
	return nil
}

func onlyElement(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		switch span := args[0].Spans[i]; span.Length {
		case 0:
			out.SetNull(i)
		case 1:
			out.Set(i, args[0].Children[0], int(span.Offset))
		default:
			return invalid("ELEMENT of an array with %d elements", span.Length)
		}
		return nil
	})
}

// sameElement reports whether two elements are the same, where NULL and NaN are
// values like any other.
func sameElement(a *batch.Column, i int, b *batch.Column, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) && b.IsNull(j)
	}
	if a.Type.Class() == value.Floats && a.Floats[i] != a.Floats[i] {
		return b.Floats[j] != b.Floats[j]
	}
	return same(a, i, b, j)
}

// elementKey appends bytes that are the same for elements that are.
func elementKey(to []byte, c *batch.Column, i int) []byte {
	if c.IsNull(i) {
		return append(to, 0)
	}
	return appendKey(append(to, 1), c, i)
}
