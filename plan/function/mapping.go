package function

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// maps is the functions on maps. No map has a key twice: the entry written last
// stays, at the place of the first.
var maps = []*plan.Function{
	define(plan.Function{
		Name: "MAP", Category: "collection", Signatures: []string{"MAP[key, value, …]"},
		Doc:   "A map of the keys and values in turn. Of equal keys the last one stays.",
		Flink: "MAP[$*]",
	}, form{params: []parameter{anything, anything}, rest: &anything, lenient: true, unify: unifyEntries, result: func(params []value.Type) value.Type {
		return value.MapOf(params[0], params[1]).Required()
	}, eval: kernel(makeMap)}),
	define(plan.Function{
		Name: "MAP_KEYS", Category: "collection", Signatures: []string{"MAP_KEYS(map) → ARRAY"},
		Doc:    "The keys as an array.",
		DuckDB: "map_keys($1)", Flink: "MAP_KEYS($1)",
	}, form{params: []parameter{mapping}, result: func(params []value.Type) value.Type {
		return value.ArrayOf(*params[0].Key).WithNullability(params[0].NotNull)
	}, eval: kernel(mapSide(0))}),
	define(plan.Function{
		Name: "MAP_VALUES", Category: "collection", Signatures: []string{"MAP_VALUES(map) → ARRAY"},
		Doc:    "The values as an array.",
		DuckDB: "map_values($1)", Flink: "MAP_VALUES($1)",
	}, form{params: []parameter{mapping}, result: func(params []value.Type) value.Type {
		return value.ArrayOf(*params[0].Elem).WithNullability(params[0].NotNull)
	}, eval: kernel(mapSide(1))}),
	define(plan.Function{
		Name: "MAP_ENTRIES", Category: "collection", Signatures: []string{"MAP_ENTRIES(map) → ARRAY<ROW<key, value>>"},
		Doc:    "The entries as an array of rows.",
		DuckDB: "map_entries($1)", Flink: "MAP_ENTRIES($1)",
	}, form{params: []parameter{mapping}, result: func(params []value.Type) value.Type {
		entry := value.RowOf(value.Field{Name: "key", Type: *params[0].Key}, value.Field{Name: "value", Type: *params[0].Elem})
		return value.ArrayOf(entry).WithNullability(params[0].NotNull)
	}, eval: kernel(mapEntries)}),
	define(plan.Function{
		Name: "MAP_FROM_ARRAYS", Category: "collection", Signatures: []string{"MAP_FROM_ARRAYS(keys, values) → MAP"},
		Doc:   "A map of an array of keys and one of as many values.",
		Flink: "MAP_FROM_ARRAYS($1, $2)",
	}, form{params: []parameter{array, array}, result: func(params []value.Type) value.Type {
		return value.MapOf(*params[0].Elem, *params[1].Elem).WithNullability(required(params))
	}, eval: kernel(mapFromArrays)}),
	define(plan.Function{
		Name: "MAP_UNION", Category: "collection", Signatures: []string{"MAP_UNION(map, …) → MAP"},
		Doc:   "All entries of the maps. Of equal keys that of the last map stays.",
		Flink: "MAP_UNION($*)",
	}, form{params: []parameter{mapping}, rest: &mapping, unify: unifyAll, result: like(0), eval: kernel(mapUnion)}),
}

// unifyEntries gives all keys one type, and all values.
func unifyEntries(params []value.Type) bool {
	if len(params)%2 != 0 {
		return false
	}
	var keys, values []value.Type
	for i := 0; i < len(params); i += 2 {
		keys, values = append(keys, params[i]), append(values, params[i+1])
	}
	key, okKey := value.LeastRestrictive(keys...)
	content, okValue := value.LeastRestrictive(values...)
	if !okKey || !okValue || key.Class() == value.NoData || content.Class() == value.NoData {
		return false
	}
	for i := 0; i < len(params); i += 2 {
		params[i], params[i+1] = key, content
	}
	return true
}

// unifyAll gives all parameters one type; each stays as nullable as it was.
func unifyAll(params []value.Type) bool {
	common, ok := value.LeastRestrictive(params...)
	if !ok || common.Class() == value.NoData {
		return false
	}
	for i, t := range params {
		params[i] = common.WithNullability(t.NotNull)
	}
	return true
}

// mapBuilder fills the rows of a MAP column, one after the other.
type mapBuilder struct {
	out          *batch.Column
	keys, values *batch.Column
	start        int
	seen         map[string]int // entry of each key of this row
	key          []byte
}

func newMapBuilder(out *batch.Column) *mapBuilder {
	return &mapBuilder{out: out, keys: out.Children[0], values: out.Children[1], seen: map[string]int{}}
}

// begin starts a row.
func (b *mapBuilder) begin() {
	b.start = b.keys.Len()
	clear(b.seen)
}

// entry is where the value of the key that was appended last belongs; an
// earlier entry of the same key is used again.
func (b *mapBuilder) entry() int {
	last := b.keys.Len() - 1
	b.key = elementKey(b.key[:0], b.keys, last)
	if at, again := b.seen[string(b.key)]; again {
		b.keys.Resize(last)
		return at
	}
	b.seen[string(b.key)] = last
	b.values.Resize(last + 1)
	return last
}

// put adds an entry from rows of columns.
func (b *mapBuilder) put(keys *batch.Column, k int, values *batch.Column, v int) {
	b.keys.Append(keys, k)
	b.values.Set(b.entry(), values, v)
}

// putText adds an entry of a text map; its value is NULL unless present.
func (b *mapBuilder) putText(key, content []byte, present bool) {
	n := b.keys.Len()
	b.keys.Resize(n + 1)
	b.keys.SetBytes(n, key)
	at := b.entry()
	if present {
		b.values.Nulls.Clear(at)
		b.values.SetBytes(at, content)
	} else {
		b.values.SetNull(at)
	}
}

// end finishes row i.
func (b *mapBuilder) end(i int) {
	b.out.Spans[i] = batch.View{Offset: uint32(b.start), Length: uint32(b.keys.Len() - b.start)}
}

// fillMaps builds every row of out with fill.
func fillMaps(out *batch.Column, fill func(b *mapBuilder, i int) error) error {
	b := newMapBuilder(out)
	return eachRow(out, func(i int) error {
		b.begin()
		err := fill(b, i)
		b.end(i)
		return err
	})
}

func makeMap(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return fillMaps(out, func(b *mapBuilder, i int) error {
		for k := 0; k < len(args); k += 2 {
			b.put(args[k], i, args[k+1], i)
		}
		return nil
	})
}

// mapSide is MAP_KEYS and MAP_VALUES: the array is a view of the map.
func mapSide(child int) plan.Kernel {
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		copy(out.Spans, args[0].Spans)
		out.Children = args[0].Children[child : child+1 : child+1]
		return nil
	}
}

// mapEntries is a view of the map as well: a row has the children of the map.
func mapEntries(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	copy(out.Spans, args[0].Spans)
	entries := out.Children[0]
	entries.Resize(args[0].Children[0].Len())
	entries.Children = slices.Clip(args[0].Children)
	return nil
}

func mapFromArrays(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return fillMaps(out, func(b *mapBuilder, i int) error {
		keys, values := args[0].Spans[i], args[1].Spans[i]
		if keys.Length != values.Length {
			return problem.New(problem.InvalidValue, "MAP_FROM_ARRAYS has %d keys but %d values", keys.Length, values.Length).
				WithHint("compare the CARDINALITY of both first")
		}
		for e := range keys.Length {
			b.put(args[0].Children[0], int(keys.Offset+e), args[1].Children[0], int(values.Offset+e))
		}
		return nil
	})
}

func mapUnion(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return fillMaps(out, func(b *mapBuilder, i int) error {
		for _, a := range args {
			span := a.Spans[i]
			for e := span.Offset; e < span.Offset+span.Length; e++ {
				b.put(a.Children[0], int(e), a.Children[1], int(e))
			}
		}
		return nil
	})
}
