package function

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// texts is the string part of the table. What DuckDB is given it computes in the
// same way but for the edges: its upper and lower map letter by letter (ß stays),
// its substr takes 0 for the place before the text, its replace finds no empty
// text. Where more than edges differ (reverse goes by graphemes) it is not asked.
var texts = slices.Concat(lettersAndLengths, pieces, searches, composers, characterTests, likes)

// lettersAndLengths is changing case, counting and codes of characters.
var lettersAndLengths = []*plan.Function{
	textFunction("UPPER", nil, "The text in upper case, by the rules of Unicode: ß becomes SS.", "upper($1)", like(0), whole(appendUpper)),
	textFunction("LOWER", nil, "The text in lower case, by the rules of Unicode.", "lower($1)", like(0), whole(appendLower)),
	textFunction("INITCAP", nil, "The text with each word of ASCII letters and digits capitalized.", "", like(0), whole(appendCapitalized)),
	textFunction("CHAR_LENGTH", []string{"CHARACTER_LENGTH", "LENGTH"}, "The number of characters (code points).", "length($1)", returns(value.IntType),
		applyOne(ofBytes, ofInts, func(text []byte) int64 { return int64(utf8.RuneCount(text)) })),
	textFunction("REVERSE", nil, "The characters from last to first.", "", maybe(value.StringType), appending(ofBytes, appendReversed)),
	textFunction("ASCII", nil, "The first byte of the text as a signed number; 0 for the empty text.", "", returns(value.IntType),
		applyOne(ofBytes, ofInts, func(text []byte) int64 {
			if len(text) == 0 {
				return 0
			}
			return int64(int8(text[0]))
		})),
	define(plan.Function{
		Name: "CHR", Category: "string", Signatures: []string{"CHR(integer) → STRING"},
		Doc:   "The Latin-1 character with the lowest 8 bits of a number as code; the empty text for negative numbers.",
		Flink: "CHR($1)",
	}, form{params: []parameter{integer}, result: maybe(value.StringType), eval: appending(ofInts, func(dst []byte, code int64) ([]byte, bool) {
		if code < 0 {
			return dst, true
		}
		return utf8.AppendRune(dst, rune(code&0xFF)), true
	})}),
}

// textFunction is a function of one text.
func textFunction(name string, aliases []string, doc, duck string, result func([]value.Type) value.Type, eval func(*call) plan.Kernel) *plan.Function {
	return define(plan.Function{
		Name: name, Aliases: aliases, Category: "string",
		Signatures: []string{name + "(text) → " + resultName(result)},
		Doc:        doc,
		DuckDB:     duck, Flink: name + "($1)",
	}, form{params: []parameter{anyText}, result: result, eval: eval})
}

// resultName shows what a function of a STRING gives.
func resultName(result func([]value.Type) value.Type) string {
	return result([]value.Type{value.StringType}).Optional().String()
}

// whole is the kernel of an append function that always has a result.
func whole(f func(dst, text []byte) []byte) func(*call) plan.Kernel {
	return appending(ofBytes, func(dst, text []byte) ([]byte, bool) { return f(dst, text), true })
}

// varying is VARCHAR as long as text argument i, nullable unless all arguments
// are NOT NULL.
func varying(i int) func([]value.Type) value.Type {
	return func(params []value.Type) value.Type {
		return value.VarcharOf(params[i].Precision).WithNullability(required(params))
	}
}

// maybeVarying is varying, always nullable.
func maybeVarying(i int) func([]value.Type) value.Type {
	return func(params []value.Type) value.Type { return value.VarcharOf(params[i].Precision) }
}

// addLengths is the length of two texts one after the other.
func addLengths(a, b value.Type) int { return min(a.Precision+b.Precision, value.MaxLength) }

// pieces is the functions that give a part of a text.
var pieces = []*plan.Function{
	define(plan.Function{
		Name: "SUBSTRING", Aliases: []string{"SUBSTR"}, Category: "string",
		Signatures: []string{"SUBSTRING(text, start[, length]) → VARCHAR"},
		Doc:        "The part of the text from character start on, counted from 1, or from the end when negative. NULL for a negative length.",
		DuckDB:     "substr($*)", Flink: "SUBSTRING($*)",
	}, form{params: []parameter{anyText, integer, integer}, optional: 1, result: maybeVarying(0), eval: kernel(slicing(substringPiece))}),
	define(plan.Function{
		Name: "LEFT", Category: "string", Signatures: []string{"LEFT(text, integer) → VARCHAR"},
		Doc:    "The first characters.",
		DuckDB: "left($1, greatest($2, 0))", Flink: "LEFT($1, $2)",
	}, form{params: []parameter{anyText, integer}, result: maybeVarying(0), eval: kernel(slicing(leftPiece))}),
	define(plan.Function{
		Name: "RIGHT", Category: "string", Signatures: []string{"RIGHT(text, integer) → VARCHAR"},
		Doc:    "The last characters.",
		DuckDB: "right($1, greatest($2, 0))", Flink: "RIGHT($1, $2)",
	}, form{params: []parameter{anyText, integer}, result: maybeVarying(0), eval: kernel(slicing(rightPiece))}),
	define(plan.Function{
		Name: "TRIM", Category: "string",
		Signatures: []string{"TRIM(text) → VARCHAR", "TRIM(BOTH | LEADING | TRAILING characters FROM text) → VARCHAR"},
		Doc:        "The text without the given characters at its ends, blanks when none are given. As a call the order is side, characters, text.",
		Flink:      "TRIM($1)",
	},
		form{params: []parameter{anyText}, result: varying(0), eval: trim(bothSides)},
		form{params: []parameter{anyText, anyText}, result: varying(1), eval: trimSpelledBoth},
		form{params: []parameter{anyText, anyText, anyText}, result: varying(2), eval: trimSpelled, check: func(c *call) error {
			_, err := trimSide(c)
			return err
		}}),
	trimFunction("LTRIM", leading, varying(0), "start"),
	trimFunction("RTRIM", trailing, varying(0), "end"),
	trimFunction("BTRIM", bothSides, returns(value.StringType), "start and end"),
	define(plan.Function{
		Name: "SPLIT_INDEX", Category: "string",
		Signatures: []string{"SPLIT_INDEX(text, delimiter, index) → STRING", "SPLIT_INDEX(text, code, index) → STRING"},
		Doc:        "Piece number index, counted from 0, of the text cut at a delimiter or at a character given by its code. NULL when there is none.",
		Flink:      "SPLIT_INDEX($1, $2, $3)",
	},
		form{params: []parameter{anyText, anyText, integer}, result: maybe(value.StringType), eval: kernel(slicing(splitIndexPiece(false)))},
		form{params: []parameter{anyText, integer, integer}, result: maybe(value.StringType), eval: kernel(slicing(splitIndexPiece(true)))}),
	define(plan.Function{
		Name: "SPLIT", Category: "string", Signatures: []string{"SPLIT(text, delimiter) → ARRAY<STRING>"},
		Doc:   "The pieces of the text cut at a delimiter. The empty delimiter gives single characters, the empty text no piece.",
		Flink: "SPLIT($1, $2)",
	}, form{params: []parameter{anyText, anyText}, result: returns(value.ArrayOf(value.StringType)), eval: kernel(split)}),
	define(plan.Function{
		Name: "STR_TO_MAP", Category: "string", Signatures: []string{"STR_TO_MAP(text[, pair delimiter, key delimiter]) → MAP<STRING, STRING>"},
		Doc:   "A map read from text; the delimiters are regular expressions, ',' and '=' unless told. A piece without key delimiter maps to NULL.",
		Flink: "STR_TO_MAP($*)",
	},
		form{params: []parameter{anyText}, result: maybe(stringMap), eval: stringToMap},
		form{params: []parameter{anyText, anyText, anyText}, result: maybe(stringMap), eval: stringToMap, check: checkRegexps(1, 2)}),
}

func trimFunction(name string, s side, result func([]value.Type) value.Type, where string) *plan.Function {
	duck := map[string]string{"LTRIM": "ltrim", "RTRIM": "rtrim", "BTRIM": "trim"}[name]
	return define(plan.Function{
		Name: name, Category: "string",
		Signatures: []string{name + "(text[, characters]) → STRING"},
		Doc:        "The text without blanks, or the given characters, at its " + where + ".",
		DuckDB:     duck + "($*)", Flink: name + "($*)",
	}, form{params: []parameter{anyText, anyText}, optional: 1, result: result, eval: trim(s)})
}

// checkRegexps refuses constant arguments that are no regular expressions.
func checkRegexps(arguments ...int) func(*call) error {
	return func(c *call) error {
		for _, i := range arguments {
			if text, ok := c.literalText(i); ok {
				if _, err := compileJava(text); err != nil {
					return badRegexp(err)
				}
			}
		}
		return nil
	}
}

// searches is the functions that look for one text in another.
var searches = []*plan.Function{
	define(plan.Function{
		Name: "POSITION", Category: "string", Signatures: []string{"POSITION(text IN text) → INT"},
		Doc:    "Where the first text stands in the second, counted from 1; 0 when it does not. As a call the order is the same.",
		DuckDB: "strpos($2, $1)", Flink: "POSITION($1 IN $2)",
	}, form{params: []parameter{anyText, anyText}, result: returns(value.IntType), eval: kernel(locate)}),
	define(plan.Function{
		Name: "LOCATE", Category: "string", Signatures: []string{"LOCATE(text, text[, start]) → INT"},
		Doc:   "Where the first text stands in the second, at or after character start; 0 when it does not.",
		Flink: "LOCATE($*)",
	}, form{params: []parameter{anyText, anyText, integer}, optional: 1, result: returns(value.IntType), eval: kernel(locate)}),
	define(plan.Function{
		Name: "INSTR", Category: "string", Signatures: []string{"INSTR(text, text[, start[, occurrence]]) → INT"},
		Doc:   "Where the second text stands in the first, from character start on, backwards when negative; 0 when it does not.",
		Flink: "INSTR($*)",
	}, form{params: []parameter{anyText, anyText, integer, integer}, optional: 2, result: returns(value.IntType), eval: kernel(instr)}),
	affix("STARTSWITH", "starts_with", "Whether the text or bytes start with others.", bytes.HasPrefix),
	affix("ENDSWITH", "ends_with", "Whether the text or bytes end with others.", bytes.HasSuffix),
}

func locate(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		out.Ints[i] = position(args[0].Bytes(i), args[1].Bytes(i), startOf(args, 2, i))
		return nil
	})
}

func instr(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		nth := startOf(args, 3, i)
		if nth < 1 {
			return invalid("INSTR looks for occurrence %d, but occurrences count from 1", nth)
		}
		out.Ints[i] = occurrence(args[0].Bytes(i), args[1].Bytes(i), startOf(args, 2, i), nth)
		return nil
	})
}

func affix(name, duck, doc string, test func(text, part []byte) bool) *plan.Function {
	eval := applyTwo(ofBytes, ofBytes, ofBools, test)
	return define(plan.Function{
		Name: name, Category: "string",
		Signatures: []string{name + "(text, text) → BOOLEAN", name + "(bytes, bytes) → BOOLEAN"},
		Doc:        doc,
		DuckDB:     duck + "($1, $2)", Flink: name + "($1, $2)",
	},
		form{params: []parameter{anyText, anyText}, result: returns(value.BooleanType), eval: eval},
		form{params: []parameter{anyBytes, anyBytes}, result: returns(value.BooleanType), eval: eval})
}

// composers is the functions that make a text of others.
var composers = []*plan.Function{
	define(plan.Function{
		Name: "||", Category: "string", Signatures: []string{"text || text", "bytes || bytes"},
		Doc:    "The two one after the other.",
		DuckDB: "($1 || $2)", Flink: "($1 || $2)",
	},
		form{params: []parameter{anyText, anyText}, result: concatenated(value.Char, value.Varchar), eval: kernel(concat)},
		form{params: []parameter{anyBytes, anyBytes}, result: concatenated(value.Binary, value.Varbinary), eval: kernel(concat)}),
	define(plan.Function{
		Name: "CONCAT", Category: "string", Signatures: []string{"CONCAT(text, …) → STRING"},
		Doc:   "The texts one after the other; NULL when one is.",
		Flink: "CONCAT($*)",
	}, form{params: []parameter{anyText}, rest: &anyText, result: returns(value.StringType), eval: kernel(concat)}),
	define(plan.Function{
		Name: "CONCAT_WS", Category: "string", Signatures: []string{"CONCAT_WS(separator, text, …) → STRING"},
		Doc:    "The texts that are not NULL, with the separator between them. NULL only when the separator is.",
		DuckDB: "concat_ws($*)", Flink: "CONCAT_WS($*)",
	}, form{params: []parameter{anyText}, rest: &anyText, lenient: true, result: returns(value.StringType), eval: kernel(growing(concatSeparated))}),
	define(plan.Function{
		Name: "REPEAT", Category: "string", Signatures: []string{"REPEAT(text, integer) → STRING"},
		Doc:    "The text that many times.",
		DuckDB: "repeat($1, $2)", Flink: "REPEAT($1, $2)",
	}, form{params: []parameter{anyText, integer}, result: returns(value.StringType), eval: kernel(growing(appendRepeated))}),
	define(plan.Function{
		Name: "LPAD", Category: "string", Signatures: []string{"LPAD(text, length, pad) → STRING"},
		Doc:   "The text filled up at its start, or cut, to a length in UTF-16 units. NULL for a negative length or an empty pad.",
		Flink: "LPAD($1, $2, $3)",
	}, form{params: []parameter{anyText, integer, anyText}, resultOf: padType, eval: kernel(growing(pad(true)))}),
	define(plan.Function{
		Name: "RPAD", Category: "string", Signatures: []string{"RPAD(text, length, pad) → STRING"},
		Doc:   "The text filled up at its end, or cut, to a length in UTF-16 units. NULL for a negative length or an empty pad.",
		Flink: "RPAD($1, $2, $3)",
	}, form{params: []parameter{anyText, integer, anyText}, resultOf: padType, eval: kernel(growing(pad(false)))}),
	define(plan.Function{
		Name: "REPLACE", Category: "string", Signatures: []string{"REPLACE(text, old, new) → STRING"},
		Doc:    "The text with every occurrence of old replaced.",
		DuckDB: "replace($1, $2, $3)", Flink: "REPLACE($1, $2, $3)",
	}, form{params: []parameter{anyText, anyText, anyText}, result: returns(value.StringType), eval: kernel(growing(appendReplaced))}),
	define(plan.Function{
		Name: "TRANSLATE", Category: "string", Signatures: []string{"TRANSLATE(text, characters, characters) → STRING"},
		Doc:    "The text with every character of the first list replaced by the one at the same place of the second. A NULL list counts as empty.",
		DuckDB: "translate($1, coalesce($2, ''), coalesce($3, ''))", Flink: "TRANSLATE($1, $2, $3)",
	}, form{params: []parameter{anyText, anyText, anyText}, lenient: true, result: returns(value.StringType), eval: kernel(growing(translate))}),
	define(plan.Function{
		Name: "OVERLAY", Category: "string", Signatures: []string{"OVERLAY(text PLACING text FROM start [FOR length]) → VARCHAR"},
		Doc:   "The first text with a part, as long as the second unless told, replaced by the second. As a call the order is the same.",
		Flink: "OVERLAY($*)",
	}, form{params: []parameter{anyText, anyText, integer, integer}, optional: 1, result: func(params []value.Type) value.Type {
		return value.VarcharOf(addLengths(params[0], params[1])).WithNullability(required(params))
	}, eval: kernel(growing(overlay))}),
	define(plan.Function{
		Name: "ELT", Category: "string", Signatures: []string{"ELT(index, text, …) → VARCHAR", "ELT(index, bytes, …) → VARBINARY"},
		Doc:   "The text at an index, counted from 1; NULL when there is none.",
		Flink: "ELT($*)",
	},
		form{params: []parameter{integer, anyText}, rest: &anyText, lenient: true, result: longest, eval: kernel(pick)},
		form{params: []parameter{integer, anyBytes}, rest: &anyBytes, lenient: true, result: longest, eval: kernel(pick)}),
	define(plan.Function{
		Name: "PRINTF", Category: "string", Signatures: []string{"PRINTF(format, value, …) → STRING"},
		Doc:   "Values put into a format of Java (%d, %s, %.2f, …). NULL when the format does not fit them.",
		Flink: "PRINTF($*)",
	}, form{params: []parameter{anyText}, rest: &anything, lenient: true, result: maybe(value.StringType), eval: kernel(printf)}),
}

// concatenated is the type of two strings one after the other.
func concatenated(fixed, varied value.Kind) func([]value.Type) value.Type {
	return func(params []value.Type) value.Type {
		t := value.Type{Kind: varied, Precision: addLengths(params[0], params[1]), NotNull: required(params)}
		if params[0].Kind == fixed && params[1].Kind == fixed {
			t.Kind = fixed
		}
		return t
	}
}

func concat(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	size := 0
	for _, a := range args {
		for i, v := range a.Views {
			if !out.IsNull(i) {
				size += int(v.Length)
			}
		}
	}
	if size >= batch.MaxHeap {
		return tooLong()
	}
	out.Heap = slices.Grow(out.Heap, size)
	return eachRow(out, func(i int) error {
		start := len(out.Heap)
		for _, a := range args {
			out.Heap = append(out.Heap, a.Bytes(i)...)
		}
		out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(out.Heap) - start)}
		return nil
	})
}

func concatSeparated(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	if args[0].IsNull(i) {
		return dst, false, nil
	}
	separator := args[0].Bytes(i)
	first := true
	for _, a := range args[1:] {
		if a.IsNull(i) {
			continue
		}
		if !first {
			dst = append(dst, separator...)
		}
		first = false
		dst = append(dst, a.Bytes(i)...)
	}
	return dst, true, nil
}

// longest is the result of ELT: as long as the longest of the choices.
func longest(params []value.Type) value.Type {
	t, _ := value.LeastRestrictive(params[1:]...)
	if t.IsText() {
		t.Kind = value.Varchar
	}
	return t.Optional()
}

func pick(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	return eachRow(out, func(i int) error {
		if args[0].IsNull(i) || args[0].Ints[i] < 1 || args[0].Ints[i] >= int64(len(args)) || args[args[0].Ints[i]].IsNull(i) {
			out.SetNull(i)
			return nil
		}
		out.SetBytes(i, args[args[0].Ints[i]].Bytes(i))
		return nil
	})
}

// characterTests is IS_ALPHA and its like. They are FALSE for NULL, and for
// what is no text they only look at its type.
var characterTests = []*plan.Function{
	characterTest("IS_ALPHA", "Whether the text has letters only, and at least one.", isAlpha, func(value.Type) bool { return false }),
	characterTest("IS_DIGIT", "Whether the text has digits only, and at least one. TRUE for every integer.", isDigits, value.Type.IsInteger),
	characterTest("IS_DECIMAL", "Whether the text is a number as Java writes them. TRUE for every integer, FLOAT and DOUBLE.", isJavaNumber,
		func(t value.Type) bool { return t.IsInteger() || t.IsApproximate() }),
}

func characterTest(name, doc string, test func(text []byte) bool, others func(value.Type) bool) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "string",
		Signatures: []string{name + "(value) → BOOLEAN"},
		Doc:        doc,
		Flink:      name + "($1)",
	}, form{params: []parameter{anything}, lenient: true, result: always(value.BooleanType), eval: func(c *call) plan.Kernel {
		answer := others(c.Params[0])
		if !c.Params[0].IsText() {
			return func(_ *plan.Context, _ []*batch.Column, out *batch.Column) error {
				for i := range out.Bools {
					out.Bools[i] = answer
				}
				return nil
			}
		}
		return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			for i := range out.Bools {
				out.Bools[i] = !args[0].IsNull(i) && test(args[0].Bytes(i))
			}
			return nil
		}
	}})
}
