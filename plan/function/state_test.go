package function

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/sketch"
	"tidemark/base/value"
	"tidemark/plan"
)

// provenCall is an aggregate that the properties below hold for.
type provenCall struct {
	call     string // as in testdata
	distinct bool
	ordered  bool // the order of rows matters, so states merge left to right only
	inexact  bool // sums of floats: only what is exact in them is drawn
}

var provenCalls = []provenCall{
	{call: "COUNT()"}, {call: "COUNT(STRING)"}, {call: "COUNT(INT)", distinct: true}, {call: "COUNT(STRING)", distinct: true},
	{call: "SUM(TINYINT)"}, {call: "SUM(BIGINT)"}, {call: "$SUM0(INT)"}, {call: "SUM(INT)", distinct: true},
	{call: "SUM(DECIMAL(38, 2))"}, {call: "AVG(DECIMAL(10, 2))", distinct: true}, {call: "AVG(INT)"}, {call: "AVG(DOUBLE)", inexact: true},
	{call: "SUM(FLOAT)", inexact: true}, {call: "VAR_POP(DOUBLE)", inexact: true}, {call: "STDDEV_SAMP(INT)"}, {call: "VAR_SAMP(DECIMAL(10, 2))"},
	{call: "MIN(INT)"}, {call: "MAX(DECIMAL(10, 2))"}, {call: "MIN(STRING)"}, {call: "MAX(BOOLEAN)"}, {call: "MAX(TIMESTAMP(9))"}, {call: "MIN(DOUBLE)", inexact: true},
	{call: "PERCENTILE(INT, DOUBLE 0.3)"}, {call: "APPROX_COUNT_DISTINCT(BIGINT)"}, {call: "DISTINCT_SKETCH(STRING)"}, {call: "DISTINCT_SKETCH(DECIMAL(10, 2))"}, {call: "MERGE_SKETCHES(BYTES)"},
	{call: "FIRST_VALUE(STRING)", ordered: true}, {call: "LAST_VALUE(INT)", ordered: true}, {call: "LISTAGG(STRING)", ordered: true},
	{call: "ARRAY_AGG(INT)", ordered: true}, {call: "COLLECT(STRING)", ordered: true}, {call: "ARRAY_AGG(ARRAY<INT>)", ordered: true},
	{call: "LISTAGG(STRING)", ordered: true, distinct: true}, {call: "JSON_ARRAYAGG(INT)", ordered: true}, {call: "JSON_OBJECTAGG(STRING, INT)", ordered: true},
}

func drawCall(t *rapid.T) (provenCall, aggregateCall) {
	proven := rapid.SampledFrom(provenCalls).Draw(t, "call")
	_, call, err := readAggregate(proven.call, proven.distinct)
	if err != nil {
		t.Fatal(err)
	}
	return proven, call
}

// drawRow makes a row of few different values, so that they repeat.
func drawRow(t *rapid.T, proven provenCall, call *aggregateCall) aggregateRow {
	var row aggregateRow
	for i, of := range call.types {
		v := value.NullOf(of)
		switch {
		case call.literals[i] != nil:
			v = *call.literals[i]
		case rapid.IntRange(0, 5).Draw(t, "null") == 0:
		case of.IsApproximate() || proven.inexact:
			v = value.Value{Type: of, Float: float64(rapid.IntRange(-8, 8).Draw(t, "quarters")) / 4}
		case of.IsInteger():
			v = value.Value{Type: of, Int: rapid.Int64Range(-4, 4).Draw(t, "integer")}
		case of.IsText():
			v = value.Value{Type: of, Text: strings.Repeat("x", rapid.IntRange(0, 4).Draw(t, "length"))}
		case strings.HasPrefix(proven.call, "MERGE_SKETCHES"):
			v = value.Value{Type: of, Text: drawSketch(t)}
		default:
			v = drawValue(t, of)
		}
		row.values = append(row.values, v)
	}
	return row
}

// drawSketch makes a stored sketch of few values, of many, or, seldom, bytes that
// are none.
func drawSketch(t *rapid.T) string {
	if rapid.IntRange(0, 30).Draw(t, "no sketch") == 0 {
		return "no sketch"
	}
	from, n := rapid.IntRange(0, 3).Draw(t, "from"), rapid.SampledFrom([]int{0, 1, 3, 500, 3000}).Draw(t, "values")
	var s sketch.Sketch
	for i := range n {
		s.Add(sketch.HashInteger(int64(from + i)))
	}
	return string(s.Append(nil))
}

func drawRows(t *rapid.T, proven provenCall, call *aggregateCall) []aggregateRow {
	rows := make([]aggregateRow, rapid.IntRange(0, 12).Draw(t, "rows"))
	for i := range rows {
		rows[i] = drawRow(t, proven, call)
	}
	return rows
}

// bothContexts are those of an append-only input and of one that takes back.
var bothContexts = []*plan.Context{{}, {Retracts: true}}

// TestMergeEqualsUpdate: rows in one state, or in two that are merged, in
// either order where order does not matter, give the same.
func TestMergeEqualsUpdate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		proven, call := drawCall(t)
		ctx := rapid.SampledFrom(bothContexts).Draw(t, "context")
		left, right := drawRows(t, proven, &call), drawRows(t, proven, &call)
		want := call.result(call.state(ctx, slices.Concat(left, right)), 0)
		a, b := call.state(ctx, left), call.state(ctx, right)
		a.Merge([]uint32{0}, b, []uint32{0})
		if got := call.result(a, 0); got != want {
			t.Fatalf("%s: %s merged, %s in one", proven.call, got, want)
		}
		if proven.ordered {
			return
		}
		a = call.state(ctx, left)
		b.Merge([]uint32{0}, a, []uint32{0})
		if got := call.result(b, 0); got != want {
			t.Fatalf("%s: %s merged the other way, %s in one", proven.call, got, want)
		}
	})
}

// TestStoredStateGoesOn: a state that was stored and read back gives the same
// after more rows as one that was not.
func TestStoredStateGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		proven, call := drawCall(t)
		ctx := rapid.SampledFrom(bothContexts).Draw(t, "context")
		before, after := drawRows(t, proven, &call), drawRows(t, proven, &call)
		kept := call.state(ctx, before)
		stored := call.overload.New(ctx)
		stored.Resize(2)
		call.feed(stored, 1, after) // to be replaced
		rest, err := stored.Decode(1, append(kept.Encode(0, nil), "rest"...))
		if err != nil || string(rest) != "rest" {
			t.Fatalf("%s: rest %q, %v", proven.call, rest, err)
		}
		call.feed(kept, 0, after)
		call.feed(stored, 1, after)
		if got, want := call.result(stored, 1), call.result(kept, 0); got != want {
			t.Fatalf("%s: %s after a round trip, %s without", proven.call, got, want)
		}
		if empty := call.result(stored, 0); empty != call.result(call.state(ctx, nil), 0) {
			t.Fatalf("%s: another group was changed: %s", proven.call, empty)
		}
	})
}

// TestRetractInvertsUpdate: rows taken back in any order leave no trace.
func TestRetractInvertsUpdate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		proven, call := drawCall(t)
		if proven.ordered && proven.distinct {
			t.Skip("a value keeps the place of its first copy when that one goes")
		}
		ctx := bothContexts[1]
		kept, gone := drawRows(t, proven, &call), drawRows(t, proven, &call)
		want := call.result(call.state(ctx, kept), 0)
		taken := rapid.Permutation(gone).Draw(t, "taken back")
		for i := range taken {
			taken[i].retract = true
		}
		// A list takes back the earliest of equal values: those to go come first.
		s := call.state(ctx, slices.Concat(gone, kept, taken))
		if got := call.result(s, 0); got != want {
			t.Fatalf("%s: %s is left instead of %s", proven.call, got, want)
		}
		for i := range taken {
			taken[i].retract = false
		}
		s.Clear(0)
		call.feed(s, 0, kept)
		if got := call.result(s, 0); got != want {
			t.Fatalf("%s: %s after Clear instead of %s", proven.call, got, want)
		}
	})
}

// TestGroupsAreApart: rows of many groups in one call are those of each alone.
func TestGroupsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		proven, call := drawCall(t)
		ctx := rapid.SampledFrom(bothContexts).Draw(t, "context")
		rows := drawRows(t, proven, &call)
		groups := make([]uint32, len(rows))
		apart := map[uint32][]aggregateRow{}
		for i := range groups {
			groups[i] = uint32(rapid.IntRange(0, 3).Draw(t, "group"))
			apart[groups[i]] = append(apart[groups[i]], rows[i])
		}
		s := call.overload.New(ctx)
		s.Resize(4)
		args, retract := call.columns(rows)
		s.Update(groups, args, retract)
		for g := range uint32(4) {
			if got, want := call.result(s, g), call.result(call.state(ctx, apart[g]), 0); got != want {
				t.Fatalf("%s: group %d is %s instead of %s", proven.call, g, got, want)
			}
		}
	})
}

// TestBag compares a bag with maps.
func TestBag(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBag()
		b.resize(3)
		model := [3]map[string]int64{{}, {}, {}}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				group := rapid.IntRange(0, 2).Draw(t, "group")
				key := rapid.StringMatching("[ab]{0,3}").Draw(t, "key")
				n := int64(rapid.IntRange(-2, 2).Draw(t, "n"))
				_, count := b.add(uint32(group), []byte(key), n)
				model[group][key] += n
				if count != model[group][key] {
					t.Fatalf("count %d instead of %d", count, model[group][key])
				}
				if model[group][key] == 0 {
					delete(model[group], key)
				}
			},
			"clear": func(t *rapid.T) {
				group := rapid.IntRange(0, 2).Draw(t, "group")
				b.clear(uint32(group))
				model[group] = map[string]int64{}
			},
			"compact": func(*rapid.T) { b.compact() },
			"": func(t *rapid.T) {
				for group, counts := range model {
					found := map[string]int64{}
					b.each(uint32(group), func(entry int32, key []byte, count int64) {
						found[string(key)] = count
						if b.find(uint32(group), key) != entry {
							t.Fatalf("%q is not found", key)
						}
					})
					if fmt.Sprint(found) != fmt.Sprint(counts) || b.size(uint32(group)) != len(counts) {
						t.Fatalf("group %d has %v instead of %v", group, found, counts)
					}
				}
			},
		})
	})
}

// TestSequence compares a sequence with slices.
func TestSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSequence(true)
		s.resize(2)
		model := [2][]string{}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				group := rapid.IntRange(0, 1).Draw(t, "group")
				key := rapid.StringMatching("[ab]{0,2}").Draw(t, "key")
				s.push(uint32(group), []byte(key))
				model[group] = append(model[group], key)
			},
			"take": func(t *rapid.T) {
				group := rapid.IntRange(0, 1).Draw(t, "group")
				if len(model[group]) == 0 {
					t.Skip("nothing there")
				}
				key := rapid.SampledFrom(model[group]).Draw(t, "key")
				s.take(uint32(group), []byte(key))
				at := slices.Index(model[group], key)
				model[group] = slices.Delete(model[group], at, at+1)
			},
			"compact": func(*rapid.T) { s.compact() },
			"": func(t *rapid.T) {
				for group, want := range model {
					var got []string
					s.each(uint32(group), func(key []byte) { got = append(got, string(key)) })
					if !slices.Equal(got, want) {
						t.Fatalf("group %d is %q instead of %q", group, got, want)
					}
				}
			},
		})
	})
}

// TestSlots compares slots with a map.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slots
		s.resize(3)
		model := map[uint32]string{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				group := uint32(rapid.IntRange(0, 2).Draw(t, "group"))
				text := strings.Repeat("ab", rapid.IntRange(0, 3).Draw(t, "length"))
				s.put(group, []byte(text))
				model[group] = text
			},
			"clear": func(t *rapid.T) {
				group := uint32(rapid.IntRange(0, 2).Draw(t, "group"))
				s.clear(group)
				delete(model, group)
			},
			"compact": func(*rapid.T) { s.compact() },
			"": func(t *rapid.T) {
				for group := range uint32(3) {
					got, set := s.get(group)
					want, wanted := model[group]
					if string(got) != want || set != wanted {
						t.Fatalf("group %d is %q, %v instead of %q, %v", group, got, set, want, wanted)
					}
				}
			},
		})
	})
}

// TestKeysOrderAndComeBack: keys compare as values do, and give them back.
func TestKeysOrderAndComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.SampledFrom(castTypes).Draw(t, "type")
		a, b := drawValue(t, of), drawValue(t, of)
		if a.Null || b.Null {
			t.Skip("NULL")
		}
		c := batch.NewColumn(of, 2)
		c.AppendValue(a)
		c.AppendValue(b)
		first, second := appendKey(nil, c, 0), appendKey(nil, c, 1)
		want := value.Compare(a, b)
		if got := bytes.Compare(first, second); comparableValue.accepts(of) && got != want || (got == 0) != (want == 0) {
			t.Fatalf("the keys of %s and %s compare as %d", a, b, got)
		}
		back := batch.NewColumn(of, 1)
		back.Resize(1)
		if err := setKey(back, 0, first); err != nil || back.Value(0).String() != a.String() {
			t.Fatalf("%s comes back as %s, %v", a, back.Value(0), err)
		}
	})
}

// TestStoredForms pins the bytes of stored states: changing them breaks the
// checkpoints that users have.
func TestStoredForms(t *testing.T) {
	for _, c := range []struct {
		call     string
		distinct bool
		retracts bool
		rows     []string
		want     string
	}{
		{"COUNT(INT)", false, false, []string{"1", "2"}, "04"},
		{"SUM(INT)", false, false, []string{"1", "-4"}, "0504"},
		{"AVG(DOUBLE)", false, false, []string{"1.5"}, "000000000000f83f02"},
		{"SUM(DECIMAL(5, 2))", false, false, []string{"-0.01"}, "ffffffffffffffffffffffffffffffff0002"},
		{"VAR_POP(DOUBLE)", false, false, []string{"2"}, "0000000000000040000000000000104002"},
		{"VAR_POP(INT)", false, false, []string{"3"}, "0300000000000000000000000000000009000000000000000000000000000000000002"},
		{"MIN(INT)", false, false, []string{"5"}, "018000000000000005"},
		{"MAX(STRING)", false, false, []string{"'ab'"}, "01026162"},
		{"MIN(INT)", false, true, []string{"5", "5"}, "0108800000000000000504"},
		{"FIRST_VALUE(STRING)", false, false, []string{"'x'"}, "010178"},
		{"LISTAGG(STRING)", false, false, []string{"'x'", "'yz'"}, "0102017802797a00"},
		{"LISTAGG(STRING)", false, true, []string{"'x'", "~'y'"}, "010101780101" + "7901"},
		{"COUNT(STRING)", true, false, []string{"'x'", "'x'"}, "01017804"},
		{"SUM(INT)", true, false, []string{"1"}, "010a" + "0108" + "8000000000000001" + "02" + "0202"},
		{"APPROX_COUNT_DISTINCT(STRING)", false, false, []string{"'x'"}, "0200018d1801"},
		{"APPROX_COUNT_DISTINCT(STRING)", false, true, []string{"'x'", "'x'"}, "0103" + "0c0c01" + "04"},
		{"MERGE_SKETCHES(BYTES)", false, false, []string{"x'020001d31d35'", "x''"}, "01" + "020001d31d35"},
		{"MERGE_SKETCHES(BYTES)", false, true, []string{"x'020001d31d35'", "x''"}, "01" + "03" + "0ed235" + "02" + "02"},
	} {
		_, call, err := readAggregate(c.call, c.distinct)
		if err != nil {
			t.Fatal(err)
		}
		var rows []aggregateRow
		for _, line := range c.rows {
			rows = append(rows, call.readRow(line))
		}
		s := call.state(&plan.Context{Retracts: c.retracts}, rows)
		if got := hex.EncodeToString(s.Encode(0, nil)); got != c.want {
			t.Errorf("%s distinct %v retracts %v of %q is stored as %s, not %s", c.call, c.distinct, c.retracts, c.rows, got, c.want)
		}
	}
}

// FuzzDecode feeds bytes to every accumulator: they give an error or a state
// that works.
func FuzzDecode(f *testing.F) {
	for i, proven := range provenCalls {
		_, call, err := readAggregate(proven.call, proven.distinct)
		if err != nil {
			f.Fatal(err)
		}
		for k, ctx := range bothContexts {
			f.Add(uint8(i), k == 1, call.state(ctx, nil).Encode(0, nil))
		}
	}
	f.Add(uint8(22), false, []byte{1, 1, 'x', 2})
	f.Add(uint8(14), false, []byte(strings.Repeat("0", 32)+"\x00\x000")) // a variance below zero
	f.Fuzz(func(t *testing.T, which uint8, retracts bool, data []byte) {
		proven := provenCalls[int(which)%len(provenCalls)]
		_, call, err := readAggregate(proven.call, proven.distinct)
		if err != nil {
			t.Fatal(err)
		}
		s := call.overload.New(&plan.Context{Retracts: retracts})
		s.Resize(1)
		if _, err := s.Decode(0, data); err != nil {
			return
		}
		call.result(s, 0)
		s.Encode(0, nil)
		s.Clear(0)
	})
}
