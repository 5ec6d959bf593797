package function

import (
	"slices"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// regexps is the regular expression part of the table. Patterns are Java's, and
// one that is none makes the result NULL, except in REGEXP. DuckDB's are
// RE2: they mean the same where both know them, and it refuses what it does not.
var regexps = []*plan.Function{
	define(plan.Function{
		Name: "REGEXP", Aliases: []string{"RLIKE", "REGEXP_LIKE"}, Category: "regexp",
		Signatures: []string{"REGEXP(text, pattern) → BOOLEAN"},
		Doc:        "Whether a part of the text matches the Java regular expression. FALSE for an empty or wrong pattern.",
		DuckDB:     "($2 <> '' AND regexp_matches($1, $2))", Flink: "REGEXP($1, $2)",
	}, form{params: []parameter{anyText, anyText}, result: returns(value.BooleanType), eval: regexpMatches}),
	define(plan.Function{
		Name: "REGEXP_EXTRACT", Category: "regexp",
		Signatures: []string{"REGEXP_EXTRACT(text, pattern[, group]) → STRING"},
		Doc:        "The first match of the pattern, or a group of it. NULL when there is none.",
		DuckDB:     "nullif(regexp_extract($*), '')", Flink: "REGEXP_EXTRACT($*)",
	}, form{params: []parameter{anyText, anyText, integer}, optional: 1, result: maybe(value.StringType), eval: regexpExtract}),
	define(plan.Function{
		Name: "REGEXP_EXTRACT_ALL", Category: "regexp",
		Signatures: []string{"REGEXP_EXTRACT_ALL(text, pattern[, group]) → ARRAY<STRING>"},
		Doc:        "All matches of a group of the pattern, the first group unless told.",
		Flink:      "REGEXP_EXTRACT_ALL($*)",
	}, form{params: []parameter{anyText, anyText, integer}, optional: 1, result: maybe(value.ArrayOf(value.StringType)), eval: regexpExtractAll}),
	define(plan.Function{
		Name: "REGEXP_REPLACE", Category: "regexp",
		Signatures: []string{"REGEXP_REPLACE(text, pattern, replacement) → STRING"},
		Doc:        "The text with every match replaced. The replacement is put in as it is: $1 has no meaning.",
		DuckDB:     `regexp_replace($1, $2, replace($3, '\', '\\'), 'g')`, Flink: "REGEXP_REPLACE($1, $2, $3)",
	}, form{params: []parameter{anyText, anyText, anyText}, result: maybe(value.StringType), eval: regexpReplace}),
	define(plan.Function{
		Name: "REGEXP_COUNT", Category: "regexp",
		Signatures: []string{"REGEXP_COUNT(text, pattern) → INT"},
		Doc:        "How many matches there are.",
		Flink:      "REGEXP_COUNT($1, $2)",
	}, form{params: []parameter{anyText, anyText}, result: maybe(value.IntType), eval: regexpCount}),
	define(plan.Function{
		Name: "REGEXP_INSTR", Category: "regexp",
		Signatures: []string{"REGEXP_INSTR(text, pattern) → INT"},
		Doc:        "Where the first match starts, from 1, in UTF-16 units; 0 when there is none.",
		Flink:      "REGEXP_INSTR($1, $2)",
	}, form{params: []parameter{anyText, anyText}, result: maybe(value.IntType), eval: regexpInstr}),
	define(plan.Function{
		Name: "REGEXP_SUBSTR", Category: "regexp",
		Signatures: []string{"REGEXP_SUBSTR(text, pattern) → STRING"},
		Doc:        "The first match; NULL when there is none.",
		Flink:      "REGEXP_SUBSTR($1, $2)",
	}, form{params: []parameter{anyText, anyText}, result: maybe(value.StringType), eval: regexpSubstr}),
}

func regexpMatches(c *call) plan.Kernel {
	source := regexpSource(c, 1, "")
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			p := source.at(args, i)
			if p == nil || args[1].Views[i].Length == 0 {
				return nil
			}
			found, err := p.found(args[0].Bytes(i))
			out.Bools[i] = found
			return err
		})
	}
}

// regexpExtract gives a group of the first match: a view of the text.
func regexpExtract(c *call) plan.Kernel {
	source := regexpSource(c, 1, "")
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		out.Heap = slices.Clip(args[0].Heap)
		room := make([]int, usualSlots)
		return eachRow(out, func(i int) error {
			group := int64(0)
			if len(args) == 3 {
				group = args[2].Ints[i]
			}
			p := source.at(args, i)
			if p == nil || group < 0 || group > int64(p.groups) {
				out.SetNull(i)
				return nil
			}
			groups, err := p.first(room, args[0].Bytes(i))
			if groups == nil || groups[2*group] < 0 {
				out.SetNull(i)
				return err
			}
			out.Views[i] = piece(args[0].Views[i], groups[2*group:])
			return nil
		})
	}
}

// piece is the part of a view between the first two offsets.
func piece(whole batch.View, offsets []int) batch.View {
	return batch.View{Offset: whole.Offset + uint32(offsets[0]), Length: uint32(offsets[1] - offsets[0])}
}

func regexpSubstr(c *call) plan.Kernel { return regexpExtract(c) }

func regexpExtractAll(c *call) plan.Kernel {
	source := regexpSource(c, 1, "")
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		items := out.Children[0]
		items.Heap = slices.Clip(args[0].Heap)
		return eachRow(out, func(i int) error {
			group := int64(1)
			if len(args) == 3 {
				group = args[2].Ints[i]
			}
			p := source.at(args, i)
			if p == nil || group < 0 || group > int64(p.groups) {
				out.SetNull(i)
				return nil
			}
			start := items.Len()
			err := p.each(args[0].Bytes(i), func(groups []int) bool {
				n := items.Len()
				items.Resize(n + 1)
				if groups[2*group] < 0 {
					items.SetNull(n)
				} else {
					items.Views[n] = piece(args[0].Views[i], groups[2*group:])
				}
				return true
			})
			out.Spans[i] = batch.View{Offset: uint32(start), Length: uint32(items.Len() - start)}
			return err
		})
	}
}

func regexpReplace(c *call) plan.Kernel {
	source := regexpSource(c, 1, "")
	return growing(func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
		p := source.at(args, i)
		if p == nil {
			return dst, false, nil
		}
		text, replacement := args[0].Bytes(i), args[2].Bytes(i)
		if args[1].Views[i].Length == 0 {
			return append(dst, text...), true, nil
		}
		start, at, long := len(dst), 0, false
		err := p.each(text, func(groups []int) bool {
			dst = append(dst, text[at:groups[0]]...)
			dst = append(dst, replacement...)
			at = groups[1]
			long = len(dst)-start > textMax+len(text)
			return !long
		})
		if long {
			err = tooLong()
		}
		return append(dst, text[at:]...), true, err
	})
}

func regexpCount(c *call) plan.Kernel {
	source := regexpSource(c, 1, "")
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			p := source.at(args, i)
			if p == nil {
				out.SetNull(i)
				return nil
			}
			return p.each(args[0].Bytes(i), func([]int) bool {
				out.Ints[i]++
				return true
			})
		})
	}
}

func regexpInstr(c *call) plan.Kernel {
	source := regexpSource(c, 1, "")
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			p := source.at(args, i)
			if p == nil {
				out.SetNull(i)
				return nil
			}
			text := args[0].Bytes(i)
			groups, err := p.first(nil, text)
			if groups != nil {
				out.Ints[i] = int64(unitsOf(text[:groups[0]])) + 1
			}
			return err
		})
	}
}
