package function

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// fieldName is the name of field i of a row without names.
func fieldName(i int) string { return "EXPR$" + strconv.Itoa(i) }

// arrays is the functions on arrays. Where elements are compared, NULL is a
// value like any other.
var arrays = []*plan.Function{
	needleFunction("ARRAY_CONTAINS", "Whether the array has an element that is the same as the second argument.", form{
		lenient: true, result: func(params []value.Type) value.Type { return value.BooleanType.WithNullability(params[0].NotNull) }, eval: kernel(arrayContains)}),
	needleFunction("ARRAY_POSITION", "Where the element first stands in the array, from 1; 0 when it does not.", form{
		result: returns(value.IntType), eval: kernel(arrayPosition)}),
	needleFunction("ARRAY_REMOVE", "The array without the elements that are the same as the second argument.", form{
		lenient: true, result: arrayOfFirst, eval: kernel(arrayRemove)}),
	needleFunction("ARRAY_APPEND", "The array with an element added at its end.", form{
		lenient: true, result: arrayOfBoth, eval: kernel(arrayAdd(false))}),
	needleFunction("ARRAY_PREPEND", "The array with an element added at its start.", form{
		lenient: true, result: arrayOfBoth, eval: kernel(arrayAdd(true))}),
	oneArray("ARRAY_DISTINCT", "", "The array without repetitions: the first of equal elements stays.", arrayDistinct),
	oneArray("ARRAY_REVERSE", "list_reverse($1)", "The elements from last to first.", arrayReverse),
	define(plan.Function{
		Name: "ARRAY_SORT", Category: "collection", Signatures: []string{"ARRAY_SORT(array[, ascending[, nulls first]]) → array"},
		Doc:   "The elements in order. NULLs come first when ascending and last when descending, unless told.",
		Flink: "ARRAY_SORT($*)",
	}, form{params: []parameter{array, boolean, boolean}, optional: 2, result: arraySortType, eval: kernel(arraySort)}),
	define(plan.Function{
		Name: "ARRAY_SLICE", Category: "collection", Signatures: []string{"ARRAY_SLICE(array, start[, end]) → array"},
		Doc:   "The elements from start to end, both included, counted from 1, or from the end when negative; 0 is the start.",
		Flink: "ARRAY_SLICE($*)",
	}, form{params: []parameter{array, integer, integer}, optional: 1, result: arraySortType, eval: kernel(arraySlice)}),
	severalArrays("ARRAY_CONCAT", "The elements of all arrays one after the other.", 1, arrayConcat),
	severalArrays("ARRAY_UNION", "The elements of both arrays without repetitions.", 2, arrayUnion),
	severalArrays("ARRAY_EXCEPT", "The elements of the first array that are not in the second, without repetitions.", 2, arrayCompared(false)),
	severalArrays("ARRAY_INTERSECT", "The elements of the first array that are in the second, without repetitions.", 2, arrayCompared(true)),
	extremeElement("ARRAY_MAX", "list_max($1)", "The greatest element that is not NULL; NULL when there is none.", 1),
	extremeElement("ARRAY_MIN", "list_min($1)", "The least element that is not NULL; NULL when there is none.", -1),
	define(plan.Function{
		Name: "SEQUENCE", Category: "collection", Signatures: []string{"SEQUENCE(from, to) → ARRAY<BIGINT>"},
		Doc:    "The whole numbers from the first argument to the second; none when that is less. Not in Flink.",
		DuckDB: "range($1, $2 + 1)",
	}, form{params: []parameter{integer, integer}, result: returns(value.ArrayOf(value.BigIntType.Required())), eval: kernel(wholeNumbers)}),
	define(plan.Function{
		Name: "ARRAY_JOIN", Category: "collection", Signatures: []string{"ARRAY_JOIN(array, delimiter[, replacement]) → STRING"},
		Doc:   "The texts of an array with a delimiter between them. NULLs are left out, or replaced.",
		Flink: "ARRAY_JOIN($*)",
	}, form{params: []parameter{textArray, anyText, anyText}, optional: 1, result: returns(value.StringType), eval: kernel(growing(arrayJoin))}),
}

// sequenceMax is the length of the longest SEQUENCE.
const sequenceMax = 1 << 24

func wholeNumbers(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	elements := out.Children[0]
	return eachRow(out, func(i int) error {
		from, to := args[0].Ints[i], args[1].Ints[i]
		start := elements.Len()
		if to >= from {
			if uint64(to)-uint64(from) >= sequenceMax {
				return invalid("SEQUENCE(%d, %d) has more than %d numbers", from, to, sequenceMax)
			}
			for n := from; ; n++ {
				elements.Ints = append(elements.Ints, n)
				if n == to {
					break
				}
			}
		}
		out.Spans[i] = batch.View{Offset: uint32(start), Length: uint32(elements.Len() - start)}
		return nil
	})
}

var textArray = parameter{name: "an ARRAY of text", accepts: func(t value.Type) bool {
	return t.Kind == value.Array && t.Elem.IsText()
}, null: value.ArrayOf(value.StringType)}

// needleFunction is a function of an array and one of its elements. NULL is an
// element like any other, which those of DuckDB do not know.
func needleFunction(name, doc string, f form) *plan.Function {
	f.params = []parameter{array, anything}
	f.unify = unifyNeedle
	return define(plan.Function{
		Name: name, Category: "collection",
		Signatures: []string{name + "(array, element)"},
		Doc:        doc,
		Flink:      name + "($1, $2)",
	}, f)
}

// unifyNeedle gives array and element a common element type.
func unifyNeedle(params []value.Type) bool {
	common, ok := value.LeastRestrictive(*params[0].Elem, params[1])
	if !ok || common.Class() == value.NoData {
		return false
	}
	params[1] = common.WithNullability(params[1].NotNull && params[1].Kind != value.Null)
	params[0] = value.ArrayOf(common.WithNullability(params[0].Elem.NotNull)).WithNullability(params[0].NotNull)
	return true
}

func arrayOfFirst(params []value.Type) value.Type { return params[0] }

// arrayOfBoth is the array with an element that may be NULL when either may.
func arrayOfBoth(params []value.Type) value.Type {
	elem := params[0].Elem.WithNullability(params[0].Elem.NotNull && params[1].NotNull)
	return value.ArrayOf(elem).WithNullability(params[0].NotNull)
}

func arraySortType(params []value.Type) value.Type {
	return params[0].WithNullability(required(params))
}

func oneArray(name, duck, doc string, k plan.Kernel) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "collection",
		Signatures: []string{name + "(array) → array"},
		Doc:        doc,
		DuckDB:     duck, Flink: name + "($1)",
	}, form{params: []parameter{array}, result: like(0), eval: kernel(k)})
}

// severalArrays is a function of exactly two arrays, or of least and more.
func severalArrays(name, doc string, least int, k plan.Kernel) *plan.Function {
	f := form{params: []parameter{array, array}, unify: unifyAll, result: like(0), eval: kernel(k)}
	signature := name + "(array, array) → array"
	if least == 1 {
		f.params, f.rest = f.params[:1], &array
		signature = name + "(array, …) → array"
	}
	return define(plan.Function{
		Name: name, Category: "collection", Signatures: []string{signature},
		Doc:   doc,
		Flink: name + "($*)",
	}, f)
}

func extremeElement(name, duck, doc string, sign int) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "collection", Signatures: []string{name + "(array) → element"},
		Doc:    doc,
		DuckDB: duck, Flink: name + "($1)",
	}, form{params: []parameter{array}, result: elementOf, eval: kernel(arrayExtreme(sign))})
}

func arrayContains(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		if args[0].IsNull(i) {
			out.SetNull(i)
			return nil
		}
		out.Bools[i] = findElement(args[0], i, args[1], i) >= 0
		return nil
	})
}

// findElement is the place of element j of needles in array i, -1 for none.
func findElement(arrays *batch.Column, i int, needles *batch.Column, j int) int {
	span, items := arrays.Spans[i], arrays.Children[0]
	for e := range span.Length {
		if sameElement(items, int(span.Offset+e), needles, j) {
			return int(e)
		}
	}
	return -1
}

func arrayPosition(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		out.Ints[i] = int64(findElement(args[0], i, args[1], i)) + 1
		return nil
	})
}

// arrayBuilder fills the rows of an ARRAY column from rows of other columns.
type arrayBuilder struct {
	items *batch.Column
	start int
}

// fillArrays builds every row of out with fill; rows where an argument is NULL
// that is an array become NULL.
func fillArrays(args []*batch.Column, out *batch.Column, fill func(b *arrayBuilder, i int) error) error {
	b := &arrayBuilder{items: out.Children[0]}
	return eachRow(out, func(i int) error {
		if args[0].IsNull(i) {
			out.SetNull(i)
			return nil
		}
		b.start = b.items.Len()
		err := fill(b, i)
		out.Spans[i] = batch.View{Offset: uint32(b.start), Length: uint32(b.items.Len() - b.start)}
		return err
	})
}

func (b *arrayBuilder) add(from *batch.Column, e int) { b.items.Append(from, e) }

func (b *arrayBuilder) addAll(arrays *batch.Column, i int) {
	span := arrays.Spans[i]
	for e := span.Offset; e < span.Offset+span.Length; e++ {
		b.add(arrays.Children[0], int(e))
	}
}

func arrayRemove(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return fillArrays(args, out, func(b *arrayBuilder, i int) error {
		span, items := args[0].Spans[i], args[0].Children[0]
		for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
			if !sameElement(items, e, args[1], i) {
				b.add(items, e)
			}
		}
		return nil
	})
}

func arrayAdd(first bool) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return fillArrays(args, out, func(b *arrayBuilder, i int) error {
			if first {
				b.add(args[1], i)
			}
			b.addAll(args[0], i)
			if !first {
				b.add(args[1], i)
			}
			return nil
		})
	}
}

func arrayConcat(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return fillArrays(args, out, func(b *arrayBuilder, i int) error {
		for _, a := range args {
			b.addAll(a, i)
		}
		return nil
	})
}

// elementSet is the elements seen so far.
type elementSet struct {
	seen map[string]struct{}
	key  []byte
}

// add reports whether element e of items is new, and remembers it.
func (s *elementSet) add(items *batch.Column, e int) bool {
	if s.has(items, e) {
		return false
	}
	s.seen[string(s.key)] = struct{}{}
	return true
}

func (s *elementSet) has(items *batch.Column, e int) bool {
	s.key = elementKey(s.key[:0], items, e)
	_, ok := s.seen[string(s.key)]
	return ok
}

// addArray remembers all elements of array i.
func (s *elementSet) addArray(arrays *batch.Column, i int) {
	span := arrays.Spans[i]
	for e := span.Offset; e < span.Offset+span.Length; e++ {
		s.add(arrays.Children[0], int(e))
	}
}

func newElementSet() *elementSet { return &elementSet{seen: map[string]struct{}{}} }

func (s *elementSet) reset() { clear(s.seen) }

// addNew appends the elements of array i that are not in the set yet.
func (b *arrayBuilder) addNew(s *elementSet, arrays *batch.Column, i int) {
	span, items := arrays.Spans[i], arrays.Children[0]
	for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
		if s.add(items, e) {
			b.add(items, e)
		}
	}
}

func arrayUnion(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	seen := newElementSet()
	return fillArrays(args, out, func(b *arrayBuilder, i int) error {
		seen.reset()
		for _, a := range args {
			b.addNew(seen, a, i)
		}
		return nil
	})
}

func arrayDistinct(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
	return arrayUnion(ctx, args, out)
}

// arrayCompared is ARRAY_INTERSECT when wanted, else ARRAY_EXCEPT.
func arrayCompared(wanted bool) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		seen, others := newElementSet(), newElementSet()
		return fillArrays(args, out, func(b *arrayBuilder, i int) error {
			seen.reset()
			others.reset()
			others.addArray(args[1], i)
			span, items := args[0].Spans[i], args[0].Children[0]
			for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
				if others.has(items, e) == wanted && seen.add(items, e) {
					b.add(items, e)
				}
			}
			return nil
		})
	}
}

func arrayReverse(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return fillArrays(args, out, func(b *arrayBuilder, i int) error {
		span := args[0].Spans[i]
		for e := int(span.Offset+span.Length) - 1; e >= int(span.Offset); e-- {
			b.add(args[0].Children[0], e)
		}
		return nil
	})
}

// arraySlice gives views of the same elements.
func arraySlice(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	out.Children = args[0].Children
	return eachRow(out, func(i int) error {
		span := args[0].Spans[i]
		size := int64(span.Length)
		start, end := args[1].Ints[i], size
		if len(args) == 3 {
			end = args[2].Ints[i]
		}
		start, end = sliceBound(start, size), sliceBound(end, size)
		start, end = max(start, 1), min(end, size)
		if start > end {
			return nil
		}
		out.Spans[i] = batch.View{Offset: span.Offset + uint32(start-1), Length: uint32(end - start + 1)}
		return nil
	})
}

// sliceBound is a place counted from 1, for one that may be 0 or count from the
// end.
func sliceBound(at, size int64) int64 {
	switch {
	case at < 0:
		return at + size + 1
	case at == 0:
		return 1
	}
	return at
}

func arraySort(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	items := args[0].Children[0]
	order := elementOrder(items)
	var rows []int
	return fillArrays(args, out, func(b *arrayBuilder, i int) error {
		ascending := len(args) < 2 || args[1].Bools[i]
		nullsFirst := ascending
		if len(args) == 3 {
			nullsFirst = args[2].Bools[i]
		}
		rows = rows[:0]
		span := args[0].Spans[i]
		for e := range span.Length {
			rows = append(rows, int(span.Offset+e))
		}
		slices.SortStableFunc(rows, func(x, y int) int {
			switch missing, other := items.IsNull(x), items.IsNull(y); {
			case missing && other:
				return 0
			case missing || other:
				if missing == nullsFirst {
					return -1
				}
				return 1
			case ascending:
				return order(x, y)
			}
			return order(y, x)
		})
		for _, e := range rows {
			b.add(items, e)
		}
		return nil
	})
}

// elementOrder compares two elements that are not NULL. Zero and its negative
// are equal, NaN is the greatest.
func elementOrder(items *batch.Column) func(x, y int) int {
	switch items.Type.Class() {
	case value.Bools:
		return func(x, y int) int { return rank(items.Bools[x]) - rank(items.Bools[y]) }
	case value.Ints:
		return func(x, y int) int { return cmp.Compare(items.Ints[x], items.Ints[y]) }
	case value.Floats:
		return func(x, y int) int { return value.CompareFloats(items.Floats[x], items.Floats[y]) }
	case value.Wides:
		return func(x, y int) int { return items.Wides[x].Cmp(items.Wides[y]) }
	case value.Strings:
		return func(x, y int) int { return bytes.Compare(items.Bytes(x), items.Bytes(y)) }
	}
	return func(x, y int) int { return value.Compare(items.Value(x), items.Value(y)) }
}

// arrayExtreme is ARRAY_MAX for sign 1 and ARRAY_MIN for -1.
func arrayExtreme(sign int) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		items := args[0].Children[0]
		order := elementOrder(items)
		return pickRows(items, out, func(i int) int {
			best := -1
			span := args[0].Spans[i]
			for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
				if !items.IsNull(e) && (best < 0 || sign*order(e, best) > 0) {
					best = e
				}
			}
			return best
		})
	}
}

func arrayJoin(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	span, items := args[0].Spans[i], args[0].Children[0]
	delimiter := args[1].Bytes(i)
	first := true
	for e := int(span.Offset); e < int(span.Offset+span.Length); e++ {
		var text []byte
		switch {
		case !items.IsNull(e):
			text = items.Bytes(e)
		case len(args) == 3:
			text = args[2].Bytes(i)
		default:
			continue
		}
		if !first {
			dst = append(dst, delimiter...)
		}
		first = false
		dst = append(dst, text...)
	}
	return dst, true, nil
}
