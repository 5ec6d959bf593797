package function

import (
	"errors"
	"slices"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// jsons is the part of the table with JSON.
//
// The clauses of JSON functions are constants behind the arguments:
//
//	JSON_VALUE(document, path, returning, on empty, default, on error, default)
//	JSON_QUERY(document, path, returning, wrapper, on empty, on error)
//	JSON_EXISTS(document, path, on error)
//	JSON_OBJECT(key, value, …, constructor)
//	JSON_ARRAY(value, …, constructor)
//
// returning is a NULL of the type after RETURNING, STRING when there is none.
// wrapper and the behaviors are texts as in sql.JSONClauses: "WITH CONDITIONAL
// ARRAY", "DEFAULT", "EMPTY ARRAY"; "" is what was not written. A default is any
// value, NULL where there is none. The constructor is a text made by
// JSONConstructor; where it is missing the function has no clauses. All clauses
// of a function can be left out together.
var jsons = slices.Concat(jsonReaders, jsonMakers, jsonTests, variants)

// jsonReaders is the functions that look into a document.
var jsonReaders = []*plan.Function{
	define(plan.Function{
		Name: "JSON_VALUE", Category: "json",
		Signatures: []string{"JSON_VALUE(text, path [RETURNING type] [NULL | ERROR | DEFAULT value ON EMPTY] [NULL | ERROR | DEFAULT value ON ERROR])"},
		Doc:        "The scalar at a path of a document. Without lax in the path, what is missing or no scalar is an error.",
		Flink:      "JSON_VALUE($1, $2)",
	},
		form{params: []parameter{anyText, anyText}, result: maybe(value.StringType), eval: jsonValueKernel, check: checkPath},
		form{params: []parameter{anyText, anyText, anything, anyText, anything, anyText, anything}, lenient: true,
			unify: unifyDefaults, result: returnedType, eval: jsonValueKernel, check: checkJSONValue}),
	define(plan.Function{
		Name: "JSON_QUERY", Category: "json",
		Signatures: []string{"JSON_QUERY(text, path [RETURNING type] [wrapper] [behavior ON EMPTY] [behavior ON ERROR])"},
		Doc:        "The object or array at a path of a document, as text or as an array of texts.",
		Flink:      "JSON_QUERY($1, $2)",
	},
		form{params: []parameter{anyText, anyText}, result: maybe(value.StringType), eval: jsonQueryKernel, check: checkPath},
		form{params: []parameter{anyText, anyText, anything, anyText, anyText, anyText}, lenient: true,
			unify: unifyDefaults, result: returnedType, eval: jsonQueryKernel, check: checkJSONQuery}),
	define(plan.Function{
		Name: "JSON_EXISTS", Category: "json",
		Signatures: []string{"JSON_EXISTS(text, path [TRUE | FALSE | UNKNOWN | ERROR ON ERROR]) → BOOLEAN"},
		Doc:        "Whether a path of a document leads to a value that is not null. Paths with wildcards or filters lead somewhere in every document.",
		Flink:      "JSON_EXISTS($1, $2)",
	},
		form{params: []parameter{anyText, anyText}, result: maybe(value.BooleanType), eval: jsonExistsKernel, check: checkPath},
		form{params: []parameter{anyText, anyText, anyText}, lenient: true, result: maybe(value.BooleanType), eval: jsonExistsKernel, check: checkPath}),
}

// unifyDefaults settles RETURNING: defaults are cast to the type returned.
func unifyDefaults(params []value.Type) bool {
	if params[2].Kind == value.Null {
		params[2] = value.StringType
	}
	if len(params) == 7 {
		params[4] = params[2].WithNullability(params[4].NotNull)
		params[6] = params[2].WithNullability(params[6].NotNull)
	}
	return true
}

func returnedType(params []value.Type) value.Type { return params[2].Optional() }

// checkPath refuses a constant path that is one, but not for us. What is no path
// at all is an error of every row, as in Flink: NULL unless told.
func checkPath(c *call) error {
	text, ok := c.literalText(1)
	if !ok {
		return nil
	}
	if _, err := parsePath(text); problem.Is(err, problem.Unsupported) {
		return problem.Of(err).At(c.Args[1].At)
	}
	return nil
}

func checkJSONValue(c *call) error {
	switch c.Params[2].Kind {
	case value.Char, value.Varchar, value.Boolean, value.TinyInt, value.SmallInt, value.Int, value.BigInt, value.Float, value.Double, value.Decimal:
		return checkPath(c)
	}
	return problem.New(problem.Unsupported, "JSON_VALUE cannot return %s", c.Params[2].Optional()).
		WithHint("return STRING and cast it")
}

func checkJSONQuery(c *call) error {
	if t := c.Params[2]; t.IsText() || t.Kind == value.Array && t.Elem.IsText() {
		return checkPath(c)
	}
	return problem.New(problem.Unsupported, "JSON_QUERY cannot return %s", c.Params[2].Optional()).
		WithHint("return STRING or ARRAY<STRING>")
}

// pathSource gives the path of a row: a constant one is parsed once, others
// when they change.
type pathSource struct {
	constant bool
	text     string
	path     *jsonPath // nil when text is no path
}

func newPathSource(c *call) pathSource {
	text, ok := c.literalText(1)
	if !ok {
		return pathSource{}
	}
	path, _ := parsePath(text)
	return pathSource{constant: true, path: path}
}

// at is the path of row i, nil when it is none. It must be called on a copy of
// the source that the goroutine has for itself.
func (s *pathSource) at(paths *batch.Column, i int) *jsonPath {
	if s.constant {
		return s.path
	}
	text := paths.Bytes(i)
	if s.path == nil || s.text != string(text) {
		s.text = string(text)
		s.path, _ = parsePath(s.text)
	}
	return s.path
}

// jsonResult is what a path led to: a value, nothing, or an error.
type jsonResult struct {
	value *jsonValue
	err   error
	lax   bool
}

// lookUp walks path in the document. A broken document is an error of strict
// paths, and holds nothing for lax ones.
func lookUp(document []byte, path *jsonPath) jsonResult {
	if path == nil {
		return jsonResult{err: errNoValue}
	}
	walk := path.walkDocument
	if path.definite {
		walk = path.locateValue
	}
	v, err := walk(document)
	if errors.Is(err, errJSON) {
		err = path.nothing()
	}
	return jsonResult{value: v, err: err, lax: path.lax}
}

// wanted keeps a result only if its value is of the wanted kind: another one is
// nothing to a lax path, and an error to a strict one.
func (r jsonResult) wanted(scalar bool) jsonResult {
	switch {
	case r.err != nil || r.value == nil || r.value.scalar() == scalar:
		return r
	case r.lax:
		return jsonResult{lax: true}
	}
	return jsonResult{err: errNoValue}
}

// clause reads a constant clause; "" when the call has none.
func (c *call) clause(i int) string {
	text, _ := c.literalText(i)
	return text
}

// noDocument reports whether document or path of row i is NULL.
func noDocument(args []*batch.Column, i int) bool { return args[0].IsNull(i) || args[1].IsNull(i) }

func jsonError(function string, path []byte) error {
	return problem.New(problem.InvalidValue, "%s found no value at %s", function, path).
		WithHint("say what to give instead, such as NULL ON ERROR or NULL ON EMPTY")
}

func jsonValueKernel(c *call) plan.Kernel {
	source := newPathSource(c)
	onEmpty, onError := c.clause(3), c.clause(5)
	convert := scalarTo(c.Result)
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		paths := source
		other := func(behavior string, substitute, i int) error {
			switch {
			case behavior == "ERROR":
				return jsonError("JSON_VALUE", args[1].Bytes(i))
			case behavior == "DEFAULT" && !args[substitute].IsNull(i):
				out.Set(i, args[substitute], i)
			default:
				out.SetNull(i)
			}
			return nil
		}
		return eachRow(out, func(i int) error {
			if noDocument(args, i) {
				out.SetNull(i)
				return nil
			}
			found := lookUp(args[0].Bytes(i), paths.at(args[1], i)).wanted(true)
			switch {
			case found.err != nil:
				return other(onError, 6, i)
			case found.value == nil:
				return other(onEmpty, 4, i)
			case !convert(found.value, out, i):
				return other(onError, 6, i)
			}
			return nil
		})
	}
}

// scalarText is a scalar as text: strings without quotes.
func scalarText(v *jsonValue) string {
	if v.kind == jsonString || v.kind == jsonNumber {
		return v.text
	}
	return string(appendJSON(nil, v))
}

// scalarTo stores a JSON scalar as a type; false when it does not fit.
func scalarTo(t value.Type) func(v *jsonValue, out *batch.Column, i int) bool {
	switch {
	case t.Kind == value.Boolean:
		return func(v *jsonValue, out *batch.Column, i int) bool {
			b, ok := value.ParseBoolean(scalarText(v))
			if ok {
				out.Bools[i] = b
			}
			return ok && v.kind != jsonNumber
		}
	case t.IsInteger():
		return func(v *jsonValue, out *batch.Column, i int) bool {
			n, ok := value.ParseInteger(scalarText(v), t.Kind)
			if ok {
				out.Ints[i] = n
			}
			return ok
		}
	case t.IsApproximate():
		return func(v *jsonValue, out *batch.Column, i int) bool {
			f, ok := value.ParseFloat(scalarText(v), t.Kind)
			if ok {
				out.Floats[i] = f
			}
			return ok
		}
	case t.Kind == value.Decimal:
		return func(v *jsonValue, out *batch.Column, i int) bool {
			x, fits, bad := value.ParseDecimal(scalarText(v), t)
			if fits && !bad {
				out.Wides[i] = x
			}
			return fits && !bad
		}
	}
	return func(v *jsonValue, out *batch.Column, i int) bool {
		out.SetString(i, scalarText(v))
		return true
	}
}

func jsonQueryKernel(c *call) plan.Kernel {
	source := newPathSource(c)
	wrapper, onEmpty, onError := c.clause(3), c.clause(4), c.clause(5)
	store := storeText
	if c.Result.Kind == value.Array {
		store = storeTexts
	}
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		paths := source
		other := func(behavior string, i int) error {
			switch behavior {
			case "ERROR":
				return jsonError("JSON_QUERY", args[1].Bytes(i))
			case "EMPTY ARRAY":
				store(&jsonValue{kind: jsonArray}, out, i)
			case "EMPTY OBJECT":
				if !store(&jsonValue{kind: jsonObject}, out, i) {
					out.SetNull(i)
				}
			default:
				out.SetNull(i)
			}
			return nil
		}
		return eachRow(out, func(i int) error {
			if noDocument(args, i) {
				out.SetNull(i)
				return nil
			}
			found := lookUp(args[0].Bytes(i), paths.at(args[1], i))
			if found.value != nil {
				found.value = wrap(found.value, wrapper)
			}
			found = found.wanted(false)
			switch {
			case found.err != nil:
				return other(onError, i)
			case found.value == nil:
				return other(onEmpty, i)
			case !store(found.value, out, i):
				return other(onError, i)
			}
			return nil
		})
	}
}

// wrap puts a value into an array, if the clause says so. The conditional
// wrapper leaves arrays alone, but no objects.
func wrap(v *jsonValue, wrapper string) *jsonValue {
	switch wrapper {
	case "WITH UNCONDITIONAL ARRAY":
		return &jsonValue{kind: jsonArray, items: []*jsonValue{v}}
	case "WITH CONDITIONAL ARRAY":
		if v.kind != jsonArray {
			return &jsonValue{kind: jsonArray, items: []*jsonValue{v}}
		}
	}
	return v
}

// storeText stores a value as JSON text.
func storeText(v *jsonValue, out *batch.Column, i int) bool {
	start := len(out.Heap)
	out.Heap = appendJSON(out.Heap, v)
	out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(out.Heap) - start)}
	return true
}

// storeTexts stores a JSON array as an array of texts, strings without quotes;
// false for an object.
func storeTexts(v *jsonValue, out *batch.Column, i int) bool {
	if v.kind != jsonArray {
		return false
	}
	items := out.Children[0]
	start := items.Len()
	for _, item := range v.items {
		if item.kind == jsonNull {
			items.AppendNull()
			continue
		}
		n := items.Len()
		items.Resize(n + 1)
		items.SetString(n, scalarText(item))
	}
	out.Spans[i] = batch.View{Offset: uint32(start), Length: uint32(items.Len() - start)}
	return true
}

func jsonExistsKernel(c *call) plan.Kernel {
	source := newPathSource(c)
	onError := c.clause(2)
	return func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		paths := source
		return eachRow(out, func(i int) error {
			if noDocument(args, i) {
				out.SetNull(i)
				return nil
			}
			found := lookUp(args[0].Bytes(i), paths.at(args[1], i))
			switch {
			case found.err == nil:
				out.Bools[i] = found.value != nil
			case onError == "ERROR":
				return jsonError("JSON_EXISTS", args[1].Bytes(i))
			case onError == "UNKNOWN":
				out.SetNull(i)
			default:
				out.Bools[i] = onError == "TRUE"
			}
			return nil
		})
	}
}

// jsonTests is IS JSON and its forms. They are FALSE for NULL, and so their
// negations TRUE.
var jsonTests = slices.Concat(
	jsonTest("JSON", "a JSON document", func(jsonKind) bool { return true }),
	jsonTest("JSON VALUE", "a JSON document", func(jsonKind) bool { return true }),
	jsonTest("JSON OBJECT", "a JSON object", func(k jsonKind) bool { return k == jsonObject }),
	jsonTest("JSON ARRAY", "a JSON array", func(k jsonKind) bool { return k == jsonArray }),
	jsonTest("JSON SCALAR", "a JSON text, number, boolean or null", func(k jsonKind) bool { return k < jsonArray }),
)

// jsonTest is IS what and IS NOT what.
func jsonTest(what, meaning string, test func(jsonKind) bool) []*plan.Function {
	row := func(name, doc string, wanted bool) *plan.Function {
		return define(plan.Function{
			Name: name, Category: "json", Signatures: []string{"text " + name},
			Doc:   doc,
			Flink: "($1 " + name + ")",
		}, form{params: []parameter{anyText}, lenient: true, result: always(value.BooleanType), eval: kernel(
			func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
				for i := range out.Bools {
					is := false
					if !args[0].IsNull(i) {
						v, err := parseJSON(args[0].Bytes(i))
						is = err == nil && test(v.kind)
					}
					out.Bools[i] = is == wanted
				}
				return nil
			})})
	}
	return []*plan.Function{
		row("IS "+what, "Whether the text is "+meaning+". Text after the document does not matter.", true),
		row("IS NOT "+what, "Whether the text is not "+meaning+".", false),
	}
}

// variants is reading VARIANT values.
var variants = []*plan.Function{
	define(plan.Function{
		Name: "PARSE_JSON", Category: "json", Signatures: []string{"PARSE_JSON(text[, allow duplicate keys]) → VARIANT"},
		Doc:   "The JSON document as a VARIANT. Text that is no JSON is an error, and so is an object with a key twice unless allowed.",
		Flink: "PARSE_JSON($*)",
	}, form{params: []parameter{anyText, boolean}, optional: 1, result: returns(value.VariantType), eval: kernel(growing(func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
		result, ok := appendVariant(dst, args, i)
		if !ok {
			const shown = 60
			text := args[0].Bytes(i)
			return dst, false, problem.New(problem.InvalidValue, "%q is no JSON document, or has a key twice", text[:min(len(text), shown)]).
				WithHint("TRY_PARSE_JSON gives NULL instead")
		}
		return result, true, nil
	}))}),
	define(plan.Function{
		Name: "TRY_PARSE_JSON", Category: "json", Signatures: []string{"TRY_PARSE_JSON(text[, allow duplicate keys]) → VARIANT"},
		Doc:   "The JSON document as a VARIANT; NULL when it is none.",
		Flink: "TRY_PARSE_JSON($*)",
	}, form{params: []parameter{anyText, boolean}, optional: 1, result: maybe(value.VariantType), eval: kernel(growing(func(dst []byte, args []*batch.Column, i int) ([]byte, bool, error) {
		result, ok := appendVariant(dst, args, i)
		return result, ok, nil
	}))}),
}

// appendVariant appends the canonical text of a VARIANT.
func appendVariant(dst []byte, args []*batch.Column, i int) ([]byte, bool) {
	p := jsonParser{in: args[0].Bytes(i), number: variantNumber, duplicates: len(args) == 2 && args[1].Bools[i]}
	v, err := p.document()
	if err != nil {
		return dst, false
	}
	return appendJSON(dst, v), true
}

// variantNumber prints numbers as a VARIANT does: exact ones without zeros at
// the end, those with an exponent as a DOUBLE.
func variantNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return canonicalNumber(text)
	}
	if strings.ContainsAny(text, "eE") {
		f, ok := value.ParseFloat(text, value.Double)
		if !ok {
			return canonicalNumber(text)
		}
		return javaDouble(f)
	}
	text = strings.TrimRight(text, "0")
	text = strings.TrimSuffix(text, ".")
	if text == "-0" || text == "-" || text == "" {
		return "0"
	}
	return text
}
