package function

import (
	"bytes"
	"cmp"
	"slices"
	"sync"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// comparisons is =, <> and the orderings, IS DISTINCT FROM, and IN.
var comparisons = []*plan.Function{
	compareFunction(equal, "Whether two values are the same. FLOAT with DOUBLE compares as the left one's type; NaN equals nothing."),
	compareFunction(notEqual, "Whether two values differ."),
	compareFunction(less, "Whether the first value is below the second. Text goes by code points, bytes unsigned, FALSE before TRUE."),
	compareFunction(lessEqual, "Whether the first value is not above the second."),
	compareFunction(greater, "Whether the first value is above the second."),
	compareFunction(greaterEqual, "Whether the first value is not below the second."),
	distinctFunction("IS DISTINCT FROM", true, "Whether two values differ, where NULL is a value like any other. Never NULL."),
	distinctFunction("IS NOT DISTINCT FROM", false, "Whether two values are the same, where NULL is a value like any other. Never NULL."),
	define(plan.Function{
		Name: "IN", Category: "comparison",
		Signatures: []string{"value IN (value, …)"},
		Doc:        "Whether the value is one of the list; NULL when it is not and the list has a NULL.",
		DuckDB:     "($1 IN ($2*))", Flink: "($1 IN ($2*))",
	}, form{
		params:  []parameter{anything, anything},
		rest:    &anything,
		lenient: true,
		unify:   func(params []value.Type) bool { return commonForm(equal, params) || textForm(params) },
		result:  returns(value.BooleanType),
		eval:    membership,
	}),
}

// comparison is a comparison operator.
type comparison string

const (
	equal        comparison = "="
	notEqual     comparison = "<>"
	less         comparison = "<"
	lessEqual    comparison = "<="
	greater      comparison = ">"
	greaterEqual comparison = ">="
)

// holds reports whether the operator is true of values that compare as c.
func (op comparison) holds(c int) bool {
	switch op {
	case equal:
		return c == 0
	case notEqual:
		return c != 0
	case less:
		return c < 0
	case lessEqual:
		return c <= 0
	case greater:
		return c > 0
	}
	return c >= 0
}

func compareFunction(op comparison, doc string) *plan.Function {
	return define(plan.Function{
		Name: string(op), Category: "comparison",
		Signatures: []string{"value " + string(op) + " value"},
		Doc:        doc,
		DuckDB:     "($1 " + string(op) + " $2)", Flink: "($1 " + string(op) + " $2)",
	}, form{
		params: []parameter{anything, anything},
		unify:  func(params []value.Type) bool { return commonForm(op, params) },
		result: returns(value.BooleanType),
		eval:   func(c *call) plan.Kernel { return compare(op, c.Params) },
	})
}

func distinctFunction(name string, distinct bool, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "comparison",
		Signatures: []string{"value " + name + " value"},
		Doc:        doc,
		DuckDB:     "($1 " + name + " $2)", Flink: "($1 " + name + " $2)",
	}, form{
		params:  []parameter{anything, anything},
		lenient: true,
		unify:   func(params []value.Type) bool { return commonForm(equal, params) },
		result:  always(value.BooleanType),
		eval: kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			a, b := args[0], args[1]
			for i := range out.Bools {
				out.Bools[i] = same(a, i, b, i) != distinct
			}
			return nil
		}),
	})
}

// commonForm turns params into the types that op compares them as; false when
// it cannot. Numbers of different widths and texts of different lengths need no
// cast; a text compared with something else is read as that.
func commonForm(op comparison, params []value.Type) bool {
	common := value.NullType
	for _, t := range params {
		switch {
		case readAs(op, t, common):
			continue
		case readAs(op, common, t):
			common = t
			continue
		case (common.Kind == value.Date) != (t.Kind == value.Date) && (common.IsTimestamp() || t.IsTimestamp()):
			return false
		}
		var ok bool
		if common, ok = value.LeastRestrictive(common, t); !ok {
			return false
		}
	}
	if common.Kind == value.Null {
		common = value.BooleanType
	}
	ordered := op != equal && op != notEqual
	if ordered && common.Kind == value.Timestamp && slices.ContainsFunc(params, isZoned) {
		common.Kind = value.TimestampLTZ // wall clocks are ordered by the instants they show in the session's zone
	}
	if ordered && (common.Class() == value.Lists || common.Class() == value.Structs) || common.Class() == value.NoData || common.Kind == value.Variant {
		return false
	}
	for i, t := range params {
		switch {
		case t.IsText() && common.IsText(), t.IsBytes() && common.IsBytes(), t.IsInteger() && common.IsInteger():
		case t.Kind == value.Decimal && common.Kind == value.Decimal:
		case t.Kind == common.Kind && t.Class() == common.Class() && (t.IsTimestamp() || t.IsInterval() || t.Kind == value.Time):
		case t.IsInteger() && common.Kind == value.Decimal:
			params[i] = value.DecimalOfInteger(t)
		default:
			params[i] = common.WithNullability(t.NotNull)
		}
	}
	return true
}

func isZoned(t value.Type) bool { return t.Kind == value.TimestampLTZ }

// textForm turns numbers and BOOLEANs among texts into text: IN compares them
// so, as in Flink, where = refuses to.
func textForm(params []value.Type) bool {
	for _, t := range params {
		if !t.IsText() && !t.IsNumeric() && t.Kind != value.Boolean && t.Kind != value.Null {
			return false
		}
	}
	for i, t := range params {
		if !t.IsText() {
			params[i] = value.StringType.WithNullability(t.NotNull)
		}
	}
	return slices.ContainsFunc(params, value.Type.IsText)
}

// readAs reports whether a text is read as other to compare them: dates and
// times always, other simple types only to order them, as in Flink.
func readAs(op comparison, text, other value.Type) bool {
	if !text.IsText() {
		return false
	}
	switch {
	case other.Kind == value.Date, other.Kind == value.Time, other.IsTimestamp():
		return true
	case other.IsNumeric(), other.Kind == value.Boolean:
		return op != equal && op != notEqual
	}
	return false
}

// compare is the kernel of op for two columns of comparable types.
func compare(op comparison, params []value.Type) plan.Kernel {
	left, right := params[0], params[1]
	switch left.Class() {
	case value.Ints:
		return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			compareSlices(op, args[0].Ints, args[1].Ints, out.Bools)
			return nil
		}
	case value.Floats:
		return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			compareSlices(op, args[0].Floats, args[1].Floats, out.Bools)
			return nil
		}
	case value.Wides:
		if left.Scale == right.Scale {
			return applyTwo(ofWides, ofWides, ofBools, func(a, b value.Int128) bool { return op.holds(a.Cmp(b)) })(nil)
		}
		return applyTwo(ofWides, ofWides, ofBools, func(a, b value.Int128) bool {
			return op.holds(value.CompareDecimal(a, left.Scale, b, right.Scale))
		})(nil)
	case value.Bools:
		return applyTwo(ofBools, ofBools, ofBools, func(a, b bool) bool { return op.holds(rank(a) - rank(b)) })(nil)
	case value.Strings:
		return compareBytes(op)
	}
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			out.Bools[i] = same(args[0], i, args[1], i) == (op == equal)
			return nil
		})
	}
}

func rank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareSlices compares all rows, NULL or not: it is quicker than looking.
func compareSlices[T cmp.Ordered](op comparison, a, b []T, to []bool) {
	a, b = a[:len(to)], b[:len(to)]
	switch op {
	case equal:
		for i := range to {
			to[i] = a[i] == b[i]
		}
	case notEqual:
		for i := range to {
			to[i] = a[i] != b[i]
		}
	case less:
		for i := range to {
			to[i] = a[i] < b[i]
		}
	case lessEqual:
		for i := range to {
			to[i] = a[i] <= b[i]
		}
	case greater:
		for i := range to {
			to[i] = a[i] > b[i]
		}
	case greaterEqual:
		for i := range to {
			to[i] = a[i] >= b[i]
		}
	}
}

func compareBytes(op comparison) plan.Kernel {
	if op == equal || op == notEqual {
		return applyTwo(ofBytes, ofBytes, ofBools, func(a, b []byte) bool { return bytes.Equal(a, b) == (op == equal) })(nil)
	}
	return applyTwo(ofBytes, ofBytes, ofBools, func(a, b []byte) bool { return op.holds(bytes.Compare(a, b)) })(nil)
}

// same reports whether row i of a and row j of b are not distinct: NULLs are
// the same, floats go by ==, maps go by their entries in any order, and a NULL
// row is the same as a row of NULLs, as in Flink. The columns have comparable
// types.
func same(a *batch.Column, i int, b *batch.Column, j int) bool {
	if a.Type.Class() == value.Structs {
		return sameRow(a, i, b, j)
	}
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) == b.IsNull(j)
	}
	switch a.Type.Class() {
	case value.Bools:
		return a.Bools[i] == b.Bools[j]
	case value.Ints:
		return a.Ints[i] == b.Ints[j]
	case value.Floats:
		return a.Floats[i] == b.Floats[j]
	case value.Wides:
		return value.CompareDecimal(a.Wides[i], a.Type.Scale, b.Wides[j], b.Type.Scale) == 0
	case value.Strings:
		return bytes.Equal(a.Bytes(i), b.Bytes(j))
	case value.Lists:
		return sameList(a, i, b, j)
	}
	return true
}

func sameRow(a *batch.Column, i int, b *batch.Column, j int) bool {
	for k, field := range a.Children {
		other := b.Children[k]
		missing, otherMissing := a.IsNull(i) || field.IsNull(i), b.IsNull(j) || other.IsNull(j)
		if missing || otherMissing {
			if missing != otherMissing {
				return false
			}
			continue
		}
		if !same(field, i, other, j) {
			return false
		}
	}
	return true
}

func sameList(a *batch.Column, i int, b *batch.Column, j int) bool {
	x, y := a.Spans[i], b.Spans[j]
	if x.Length != y.Length {
		return false
	}
	if a.Type.Kind == value.Map {
		return sameMap(a, x, b, y)
	}
	for k := range x.Length {
		if !same(a.Children[0], int(x.Offset+k), b.Children[0], int(y.Offset+k)) {
			return false
		}
	}
	return true
}

// sameMap looks every entry of one map up in the other of the same size.
func sameMap(a *batch.Column, x batch.View, b *batch.Column, y batch.View) bool {
	for k := x.Offset; k < x.Offset+x.Length; k++ {
		found := false
		for l := y.Offset; l < y.Offset+y.Length && !found; l++ {
			found = same(a.Children[0], int(k), b.Children[0], int(l)) && same(a.Children[1], int(k), b.Children[1], int(l))
		}
		if !found {
			return false
		}
	}
	return true
}

// listScanMax is up to how many members of an IN list are compared one by one
// instead of being looked up in a set.
const listScanMax = 8

// membership is the kernel of IN. A list of constants of a type that can be
// the key of a map is put into a set when the first rows arrive.
func membership(c *call) plan.Kernel {
	constant := true
	for _, a := range c.Args[1:] {
		constant = constant && a.Literal != nil
	}
	uniform := true
	for _, t := range c.Params {
		uniform = uniform && t.Scale == c.Params[0].Scale
	}
	if !constant || !uniform || len(c.Args) <= listScanMax {
		return scanMembers
	}
	switch c.Params[0].Class() {
	case value.Ints:
		return lookUpMembers(ofInts)
	case value.Wides:
		return lookUpMembers(ofWides)
	case value.Strings:
		return lookUpMembers(ofString)
	}
	return scanMembers
}

func scanMembers(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	x, list := args[0], args[1:]
	for i := range out.Bools {
		if x.IsNull(i) {
			out.SetNull(i)
			continue
		}
		unknown := false
		for _, member := range list {
			if member.IsNull(i) {
				unknown = true
			} else if same(x, i, member, i) {
				out.Bools[i] = true
				break
			}
		}
		if unknown && !out.Bools[i] {
			out.SetNull(i)
		}
	}
	return nil
}

// lookUpMembers is scanMembers for a list that is the same in every row.
func lookUpMembers[T comparableKey](a access[T]) plan.Kernel {
	var build sync.Once // kernels of one overload may run in several goroutines
	members, unknown := map[T]struct{}{}, false
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		if out.Len() == 0 {
			return nil
		}
		build.Do(func() {
			for _, member := range args[1:] {
				if member.IsNull(0) {
					unknown = true
				} else {
					members[a.get(member, 0)] = struct{}{}
				}
			}
		})
		for i := range out.Bools {
			if args[0].IsNull(i) {
				out.SetNull(i)
				continue
			}
			if _, ok := members[a.get(args[0], i)]; ok {
				out.Bools[i] = true
			} else if unknown {
				out.SetNull(i)
			}
		}
		return nil
	}
}

type comparableKey interface{ int64 | value.Int128 | string }
