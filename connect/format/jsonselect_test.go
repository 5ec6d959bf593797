package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/connect"
)

// meets is what a condition says of a value.
func meets(c connect.Condition, v value.Value) bool {
	if v.Null {
		return false
	}
	same := func(with value.Value) bool { return v.Text == with.Text && v.Int == with.Int }
	switch c.Comparison {
	case connect.Equals:
		return same(c.Value)
	case connect.Less:
		return v.Int < c.Value.Int
	case connect.LessOrEqual:
		return v.Int <= c.Value.Int
	case connect.Greater:
		return v.Int > c.Value.Int
	case connect.GreaterOrEqual:
		return v.Int >= c.Value.Int
	case connect.In:
		return slices.ContainsFunc(c.Values, same)
	case connect.IsNotNull:
	}
	return true
}

// drawCondition draws a condition on one of learnedColumns.
func drawCondition(t *rapid.T) connect.Condition {
	c := connect.Condition{Column: rapid.IntRange(0, len(learnedColumns)-1).Draw(t, "column"), Comparison: connect.IsNotNull}
	switch typ := learnedColumns[c.Column].Type; {
	case typ.IsText():
		texts := rapid.Custom(func(t *rapid.T) value.Value {
			return value.OfString(rapid.SampledFrom([]string{"", "a", "abc", "1", "z", "a\"b\u00e9", "ünïcödé", "12345678", "123456789", "a text"}).Draw(t, "text"))
		})
		c.Comparison = rapid.SampledFrom([]connect.Comparison{connect.Equals, connect.In, connect.IsNotNull}).Draw(t, "comparison")
		c.Value, c.Values = texts.Draw(t, "value"), rapid.SliceOfN(texts, 1, 3).Draw(t, "values")
	case typ.Class() == value.Ints:
		numbers := rapid.Map(rapid.SampledFrom([]int64{-1, 0, 1, 2, 12, 1234567, 2147483647, 1709288430123000}), value.OfBigInt)
		c.Comparison = rapid.SampledFrom([]connect.Comparison{
			connect.Equals, connect.Less, connect.LessOrEqual, connect.Greater, connect.GreaterOrEqual, connect.In, connect.IsNotNull,
		}).Draw(t, "comparison")
		c.Value, c.Values = numbers.Draw(t, "value"), rapid.SliceOfN(numbers, 1, 3).Draw(t, "values")
	}
	return c
}

// TestSelectedRowsAreThoseThatPass compares a decoder that is given conditions with one
// that is not, whose rows are filtered: over records that are right and wrong, with
// escapes, keys that come twice, ROWs and NULLs.
func TestSelectedRowsAreThoseThatPass(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		`"s":"a"`, `"s":"abc"`, `"s":"\u0061bc"`, `"s":"a\"b\u00e9"`, `"s":"ünïcödé"`, `"s":"12345678"`, `"s":"123456789"`, `"s":""`, `"s":null`, `"s":1`, `"s":{"x": 1}`, `"s":"a text"`, `"s":"z"`,
		`"n":0`, `"n":1`, `"n":-1`, `"n":12`, `"n":1234567`, `"n":"2"`, `"n":null`, `"n":"wrong"`, `"i":2147483647`, `"i":2`, `"i":1.0`, `"i":1e99`,
		`"t":"2024-03-01 10:20:30.123"`, `"t":null`, `"t":"never"`, `"f":1.5`, `"v":[1, 2]`, `"r":{"s":"d\\","n":5,"q":{"t":"2024-03-01 10:20:31.123"}}`, `"r":null`, `"r":{"n":7}`, `"r":5`,
		`"a":[{"s":"f"},{"s":"\n"}]`, `"a":[]`, `"m":{"k":"v","k":"\u00e9"}`, `"x":"y"`, `"y":[{}]`, `"s"`, `"s":"`, `:`,
	})
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return "{" + strings.Join(rapid.SliceOfN(pieces, 0, 5).Draw(t, "pieces"), ",") + "}"
		}), 1, 4).Draw(t, "kinds")
		var block []byte
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			block = append(append(block, rapid.SampledFrom(kinds).Draw(t, "record")...), '\n')
		}
		if rapid.Bool().Draw(t, "more behind") {
			block = append(block, strings.Repeat(" ", wordsAhead)...)
		}
		wanted := connect.Selection{Conditions: rapid.SliceOfN(rapid.Custom(drawCondition), 1, 3).Draw(t, "conditions"), Whole: make([]bool, len(learnedColumns))}
		for i := range wanted.Whole {
			wanted.Whole[i] = rapid.Bool().Draw(t, "whole")
		}
		options, copies, lines := rapid.SampledFrom(variedOptions).Draw(t, "options"), rapid.Bool().Draw(t, "copies"), rapid.Bool().Draw(t, "lines")
		read := func(selection connect.Selection) (*batch.Batch, string) {
			d := NewJSONDecoder(learnedColumns, options)
			d.Select(selection)
			if copies {
				d.CopyTexts()
			}
			mine := bytes.Clone(block)
			var rows *batch.Batch
			var rejected []Rejected
			for range 2 { // in fresh memory, then in the same again
				if lines {
					d.CutLines()
					l := d.DecodeLines(mine, true)
					rows, rejected = l.Rows, l.Rejected
				} else {
					records, _ := lineSplitter{}.Split(nil, mine, true)
					rows, rejected = d.Decode(mine, records)
				}
				if copies {
					d.Reuse(rows)
				}
			}
			var wrong strings.Builder
			for _, r := range rejected {
				fmt.Fprintln(&wrong, r.Record, r.Problem)
			}
			if copies {
				clear(mine)
			}
			return rows, wrong.String()
		}
		all, wrong := read(connect.Selection{})
		some, alsoWrong := read(wanted)
		if wrong != alsoWrong || all.Rows != some.Rows {
			t.Fatalf("%d rows and\n%s\nnot %d and\n%s", some.Rows, alsoWrong, all.Rows, wrong)
		}
		passes := func(i int) bool {
			return !slices.ContainsFunc(wanted.Conditions, func(c connect.Condition) bool { return !meets(c, all.Columns[c.Column].Value(i)) })
		}
		var want, got []uint16
		some.Each(func(i int) { got = append(got, uint16(i)) })
		for i := range all.Rows {
			if passes(i) {
				want = append(want, uint16(i))
				if diff := cmp.Diff(fmt.Sprint(all.Row(i)), fmt.Sprint(some.Row(i))); diff != "" {
					t.Fatalf("row %d: %s", i, diff)
				}
			}
			for k, whole := range wanted.Whole {
				if whole && fmt.Sprint(all.Columns[k].Value(i)) != fmt.Sprint(some.Columns[k].Value(i)) {
					t.Fatalf("row %d, column %s: %s, not %s", i, learnedColumns[k].Name, some.Columns[k].Value(i), all.Columns[k].Value(i))
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("rows that pass %v: %s", wanted.Conditions, diff)
		}
	})
}
