package function

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// jsonMakers is the functions that make JSON of other values.
var jsonMakers = []*plan.Function{
	define(plan.Function{
		Name: "JSON_OBJECT", Category: "json",
		Signatures: []string{"JSON_OBJECT([KEY text VALUE value, …] [NULL | ABSENT ON NULL]) → STRING"},
		Doc:        "A JSON object; keys come out in order, the last of equal keys stays. NULLs are kept unless told.",
		Flink:      "JSON_OBJECT($*)",
	}, form{rest: &anything, lenient: true, unify: func([]value.Type) bool { return true }, result: always(value.StringType), eval: jsonObjectKernel, check: checkJSONObject}),
	define(plan.Function{
		Name: "JSON_ARRAY", Category: "json",
		Signatures: []string{"JSON_ARRAY([value, …] [NULL | ABSENT ON NULL]) → STRING"},
		Doc:        "A JSON array. NULLs are left out unless told.",
		Flink:      "JSON_ARRAY($*)",
	}, form{rest: &anything, lenient: true, result: always(value.StringType), eval: jsonArrayKernel, check: func(c *call) error {
		_, values := constructorOf(c, "ABSENT")
		return checkJSONTypes(c, 0, values, 1)
	}}),
	define(plan.Function{
		Name: "JSON_STRING", Category: "json", Signatures: []string{"JSON_STRING(value) → STRING"},
		Doc:   "The value as JSON.",
		Flink: "JSON_STRING($1)",
	}, form{params: []parameter{anything}, result: returns(value.StringType), eval: jsonStringKernel, check: func(c *call) error {
		return checkJSONTypes(c, 0, 1, 1)
	}}),
	define(plan.Function{
		Name: "JSON", Category: "json", Signatures: []string{"JSON(text) → STRING"},
		Doc:   "A JSON document in canonical form, to be put into JSON_OBJECT and JSON_ARRAY as it is; NULL for the empty text, an error for anything else.",
		Flink: "JSON($1)",
	}, form{params: []parameter{anyText}, result: maybe(value.StringType), eval: kernel(growing(jsonFragment))}),
	define(plan.Function{
		Name: "JSON_QUOTE", Category: "json", Signatures: []string{"JSON_QUOTE(text) → STRING"},
		Doc:   "The text as a JSON string of ASCII characters only.",
		Flink: "JSON_QUOTE($1)",
	}, form{params: []parameter{anyText}, result: returns(value.StringType), eval: whole(appendJSONQuoted)}),
	define(plan.Function{
		Name: "JSON_UNQUOTE", Category: "json", Signatures: []string{"JSON_UNQUOTE(text) → STRING"},
		Doc:   "The text of a JSON string; any other text as it is.",
		Flink: "JSON_UNQUOTE($1)",
	}, form{params: []parameter{anyText}, result: returns(value.StringType), eval: whole(appendJSONUnquoted)}),
}

// JSONConstructor is the constant that goes behind the arguments of JSON_OBJECT
// and JSON_ARRAY. onNull is NULL or ABSENT, or "" when the clause was not
// written; raw tells of each value, in order, whether it is JSON to be put in as
// it is: the direct result of JSON_OBJECT, JSON_ARRAY or JSON.
func JSONConstructor(onNull string, raw []bool) string {
	marks := make([]byte, len(raw))
	for i, r := range raw {
		marks[i] = 'v'
		if r {
			marks[i] = 'j'
		}
	}
	return constructorPrefix + onNull + ":" + string(marks)
}

const constructorPrefix = "JSON CONSTRUCTOR "

// constructor is what JSONConstructor says.
type constructor struct {
	absent bool
	raw    []bool
}

// constructorOf reads the constructor of a call, with what ON NULL means when it
// is not written, and gives the number of arguments in front of it.
func constructorOf(c *call, onNull string) (constructor, int) {
	n := len(c.Args)
	k := constructor{raw: make([]bool, n)}
	if n > 0 {
		text, _ := c.literalText(n - 1)
		if clauses, ok := strings.CutPrefix(text, constructorPrefix); ok && c.Args[n-1].Type.IsText() {
			n--
			written, marks, _ := strings.Cut(clauses, ":")
			if written != "" {
				onNull = written
			}
			for i, mark := range marks {
				k.raw[i] = mark == 'j'
			}
		}
	}
	k.absent = onNull == "ABSENT"
	return k, n
}

func checkJSONObject(c *call) error {
	_, n := constructorOf(c, "NULL")
	if n%2 != 0 {
		return problem.New(problem.TypeMismatch, "JSON_OBJECT has a key without a value").WithHint("write JSON_OBJECT(KEY 'k' VALUE v)")
	}
	for i := 0; i < n; i += 2 {
		if !c.Params[i].IsText() {
			return problem.New(problem.TypeMismatch, "a key of JSON_OBJECT is %s", c.Params[i].Optional()).
				WithHint("keys are text").At(c.Args[i].At)
		}
	}
	return checkJSONTypes(c, 1, n, 2)
}

// checkJSONTypes refuses values that JSON cannot hold, of arguments from, from +
// step, … below n.
func checkJSONTypes(c *call, from, n, step int) error {
	for i := from; i < n; i += step {
		if !jsonType(c.Params[i]) {
			return problem.New(problem.TypeMismatch, "a value of type %s cannot become JSON", c.Params[i].Optional()).
				WithHint("cast it to STRING").At(c.Args[i].At)
		}
	}
	return nil
}

// jsonType reports types that have a form in JSON.
func jsonType(t value.Type) bool {
	switch t.Kind {
	case value.IntervalYearMonth, value.IntervalDayTime, value.Raw:
		return false
	case value.Array:
		return jsonType(*t.Elem)
	case value.Map:
		return t.Key.IsText() && jsonType(*t.Elem)
	case value.Row:
		for _, f := range t.Fields {
			if !jsonType(f.Type) {
				return false
			}
		}
	}
	return true
}

func jsonObjectKernel(c *call) plan.Kernel {
	k, n := constructorOf(c, "NULL")
	constantKeys := true
	for i := 0; i < n; i += 2 {
		constantKeys = constantKeys && c.Args[i].Literal != nil
	}
	type member struct {
		key []byte
		of  int // argument
	}
	return func(ctx *plan.Context, args []*batch.Column, out *batch.Column) error {
		members := make([]member, 0, n/2)
		return growing(func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
			if !constantKeys || len(members) == 0 {
				members = members[:0]
				for a := 0; a < n; a += 2 {
					if args[a].IsNull(i) {
						return dst, false, invalid("a key of JSON_OBJECT is NULL")
					}
					members = append(members, member{args[a].Bytes(i), a + 1})
				}
				slices.SortStableFunc(members, func(x, y member) int { return strings.Compare(string(x.key), string(y.key)) })
			}
			dst = append(dst, '{')
			first := true
			for m, at := range members {
				last := m+1 == len(members) || string(members[m+1].key) != string(at.key)
				if !last || k.absent && args[at.of].IsNull(i) {
					continue
				}
				if !first {
					dst = append(dst, ',')
				}
				first = false
				dst = append(appendJSONString(dst, at.key), ':')
				dst = appendElement(dst, args[at.of], i, k.raw[(at.of-1)/2])
			}
			return append(dst, '}'), true, nil
		})(ctx, args, out)
	}
}

func jsonArrayKernel(c *call) plan.Kernel {
	k, n := constructorOf(c, "ABSENT")
	return growing(func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
		dst = append(dst, '[')
		first := true
		for a := range n {
			if k.absent && args[a].IsNull(i) {
				continue
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = appendElement(dst, args[a], i, k.raw[a])
		}
		return append(dst, ']'), true, nil
	})
}

// appendElement appends row i of c as JSON; raw text is JSON already.
func appendElement(dst []byte, c *batch.Column, i int, raw bool) []byte {
	if raw && !c.IsNull(i) {
		return append(dst, c.Bytes(i)...)
	}
	return appendJSONOf(dst, c, i)
}

func jsonStringKernel(*call) plan.Kernel {
	return growing(func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
		return appendJSONOf(dst, args[0], i), true, nil
	})
}

// appendJSONOf appends row i of a column as JSON: text and times as strings,
// bytes in Base64, rows as objects, NULL as null.
func appendJSONOf(dst []byte, c *batch.Column, i int) []byte {
	if c.IsNull(i) || c.Type.Class() == value.NoData {
		return append(dst, "null"...)
	}
	switch c.Type.Kind {
	case value.Boolean:
		return strconv.AppendBool(dst, c.Bools[i])
	case value.TinyInt, value.SmallInt, value.Int, value.BigInt:
		return strconv.AppendInt(dst, c.Ints[i], 10)
	case value.Float, value.Double:
		return appendJSONFloat(dst, c.Floats[i])
	case value.Decimal:
		return append(dst, canonicalNumber(string(c.Wides[i].AppendDecimal(nil, c.Type.Scale)))...)
	case value.Char, value.Varchar:
		return appendJSONString(dst, c.Bytes(i))
	case value.Variant:
		return append(dst, c.Bytes(i)...)
	case value.Binary, value.Varbinary:
		dst = append(dst, '"')
		dst = base64.StdEncoding.AppendEncode(dst, c.Bytes(i))
		return append(dst, '"')
	case value.Timestamp, value.TimestampLTZ:
		return appendJSONTimestamp(dst, c.Value(i))
	case value.Array:
		return appendJSONArrayOf(dst, c, i)
	case value.Map:
		return appendJSONMapOf(dst, c, i)
	case value.Row:
		return appendJSONRowOf(dst, c, i)
	}
	return appendJSONString(dst, c.Value(i).AppendCast(nil, time.UTC))
}

// appendJSONFloat prints a number as Java's BigDecimal does, FLOAT like the
// DOUBLE that it is: 0.1 as 0.10000000149011612. What is no number becomes text.
func appendJSONFloat(dst []byte, f float64) []byte {
	if f-f != 0 { // NaN and the infinities
		return appendJSONString(dst, value.AppendFloat(nil, f, 64))
	}
	return append(dst, canonicalNumber(string(value.AppendFloat(nil, f, 64)))...)
}

// javaDouble prints a DOUBLE as Java does.
func javaDouble(f float64) string { return string(value.AppendFloat(nil, f, 64)) }

// appendJSONTimestamp prints 2024-03-01T10:20:30.5, with as many digits as there
// are, and a Z behind instants.
func appendJSONTimestamp(dst []byte, v value.Value) []byte {
	text := v.AppendText(nil, time.UTC)
	if at := slices.Index(text, ' '); at >= 0 {
		text[at] = 'T'
	}
	if slices.Contains(text, '.') {
		text = []byte(strings.TrimRight(strings.TrimRight(string(text), "0"), "."))
	}
	if v.Type.Kind == value.TimestampLTZ {
		text = append(text, 'Z')
	}
	return appendJSONString(dst, text)
}

func appendJSONArrayOf(dst []byte, c *batch.Column, i int) []byte {
	span := c.Spans[i]
	dst = append(dst, '[')
	for e := range span.Length {
		if e > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONOf(dst, c.Children[0], int(span.Offset+e))
	}
	return append(dst, ']')
}

// appendJSONMapOf prints the entries in the order of their keys. A NULL key is
// the text null.
func appendJSONMapOf(dst []byte, c *batch.Column, i int) []byte {
	span, keys := c.Spans[i], c.Children[0]
	entries := make([]int, 0, span.Length)
	for e := range span.Length {
		entries = append(entries, int(span.Offset+e))
	}
	name := func(e int) string {
		if keys.IsNull(e) {
			return "null"
		}
		return string(keys.Bytes(e))
	}
	slices.SortStableFunc(entries, func(x, y int) int { return strings.Compare(name(x), name(y)) })
	dst = append(dst, '{')
	for n, e := range entries {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, name(e)), ':')
		dst = appendJSONOf(dst, c.Children[1], e)
	}
	return append(dst, '}')
}

// appendJSONRowOf prints the fields in the order of their names.
func appendJSONRowOf(dst []byte, c *batch.Column, i int) []byte {
	order := make([]int, len(c.Type.Fields))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(x, y int) int { return strings.Compare(c.Type.Fields[x].Name, c.Type.Fields[y].Name) })
	dst = append(dst, '{')
	for n, k := range order {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, c.Type.Fields[k].Name), ':')
		dst = appendJSONOf(dst, c.Children[k], i)
	}
	return append(dst, '}')
}

func jsonFragment(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
	text := args[0].Bytes(i)
	if len(text) == 0 {
		return dst, false, nil
	}
	v, err := parseJSON(text)
	if err != nil {
		const shown = 60
		return dst, false, problem.New(problem.InvalidValue, "%q is no JSON document", text[:min(len(text), shown)]).
			WithHint("test it with IS JSON first")
	}
	return appendJSON(dst, v), true, nil
}

// appendJSONQuoted appends a JSON string where everything but printable ASCII is
// escaped, and the slash as well. Characters beyond U+FFFF become two escapes;
// Flink writes something there that is not JSON.
func appendJSONQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, r := range string(text) {
		switch short := strings.IndexRune("\"\\/\b\f\n\r\t", r); {
		case short >= 0:
			dst = append(dst, '\\', `"\/bfnrt`[short])
		case r >= ' ' && r < utf8.RuneSelf-1:
			dst = append(dst, byte(r))
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			dst = appendUnicodeEscape(appendUnicodeEscape(dst, high), low)
		default:
			dst = appendUnicodeEscape(dst, r)
		}
	}
	return append(dst, '"')
}

func appendUnicodeEscape(dst []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}

func appendJSONUnquoted(dst, text []byte) []byte {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return append(dst, text...)
	}
	p := jsonParser{in: text}
	content, err := p.string()
	if err != nil || p.at < len(text) {
		return append(dst, text...)
	}
	return append(dst, content...)
}
