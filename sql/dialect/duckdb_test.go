package dialect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/sql/parse"
)

// lettersInfo answers from names: the first letter of a column is its type.
type lettersInfo struct{ zone *time.Location }

var letterTypes = map[byte]value.Type{
	'i': value.IntType, 'l': value.BigIntType, 'd': value.DoubleType, 'n': value.DecimalOf(10, 2), 's': value.StringType,
	'b': value.BooleanType, 't': value.TimestampOf(3), 'z': value.TimestampLTZOf(3), 'y': value.BytesType,
	'a': value.ArrayOf(value.IntType), 'm': value.MapOf(value.StringType, value.IntType),
}

func (in lettersInfo) TypeOf(e sql.Expr) (value.Type, bool) {
	switch e := e.(type) {
	case *sql.ColumnRef:
		t, ok := letterTypes[e.Path.Last().Text[0]]
		return t, ok
	case *sql.Descriptor:
		t, ok := letterTypes[e.Columns[0].Text[0]]
		return t, ok
	case *sql.Literal:
		if e.Kind == sql.IntegerLiteral {
			return value.IntType, true
		}
	case *sql.Unary:
		return in.TypeOf(e.Operand)
	case *sql.Binary:
		return in.TypeOf(e.Left)
	case *sql.Call:
		if len(e.Args) > 0 {
			return in.TypeOf(e.Args[0])
		}
	case *sql.RowValue:
		t := value.RowOf()
		for range e.Fields {
			t.Fields = append(t.Fields, value.Field{Name: "f" + string(rune('0'+len(t.Fields))), Type: value.IntType})
		}
		return t, true
	}
	return value.Type{}, false
}

func (lettersInfo) Function(c *sql.Call) (string, bool) {
	switch c.Function() {
	case "SUBSTRING":
		return "substr({1}, {2}, {3})", len(c.Args) == 3
	case "IF":
		return "CASE WHEN {1} THEN {2} ELSE {3} END", true
	case "DOUBLED":
		return "({1} * 2)", true
	case "LISTAGG":
		return "string_agg({*})", true
	case "APPROX_COUNT_DISTINCT", "MERGE_SKETCHES":
		return strings.ToLower(c.Function()) + "({1})", true
	}
	return "", false
}

func (lettersInfo) Table(path sql.Path) (string, bool) {
	if path.Last().Text == "missing" {
		return "", false
	}
	return `"hot"."` + path.String() + `"`, true
}

func (lettersInfo) Shown(*sql.Star) []sql.Path { return nil }

// Inlined knows TWICE(x) and NESTED(x, y).
func (lettersInfo) Inlined(c *sql.Call) (f dialect.Inlined, ok bool) {
	bodies := map[string]string{"TWICE": "l * 2", "NESTED": "TWICE(l + s) - l"}
	body, ok := bodies[c.Function()]
	if !ok {
		return f, false
	}
	f.Body, _ = parse.Expr(body)
	f.Parameters = []value.Field{{Name: "l", Type: value.BigIntType}, {Name: "s", Type: value.StringType}}[:len(c.Args)]
	f.Returns = value.BigIntType
	return f, true
}

// Kernel knows OURS, of its second argument.
func (lettersInfo) Kernel(c *sql.Call) (dialect.Kernel, bool) {
	ours := dialect.Kernel{Name: "OURS(STRING) → STRING", Number: 3, Arguments: []dialect.KernelArgument{{Index: 1, Type: value.StringType}}}
	return ours, c.Function() == "OURS"
}

func (in lettersInfo) Zone() *time.Location { return in.zone }

func TestDuckDB(t *testing.T) {
	datadriven.RunTest(t, "testdata/duckdb/questions", func(t *testing.T, d *datadriven.TestData) string {
		q, err := parse.Query(d.Input)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		var info lettersInfo
		for _, a := range d.CmdArgs {
			if info.zone, err = time.LoadLocation(a.Vals[0]); err != nil {
				t.Fatal(err)
			}
		}
		text, err := dialect.DuckDB(q, info)
		return outcome(t, d, text, err)
	})
}

func TestFlink(t *testing.T) {
	datadriven.RunTest(t, "testdata/flink/statements", func(t *testing.T, d *datadriven.TestData) string {
		s, err := parse.Statement(d.Input)
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
		text, err := dialect.Flink(s)
		return outcome(t, d, text, err)
	})
}

// outcome prints a text, or the problem, which must have a place.
func outcome(t *testing.T, d *datadriven.TestData, text string, err error) string {
	t.Helper()
	if err == nil {
		return text + "\n"
	}
	p := problem.Of(err)
	if p.Position.IsZero() {
		t.Errorf("%s: the problem has no place: %v", d.Pos, err)
	}
	return strings.TrimSuffix(string(p.Code)+" "+p.Error(), "\n") + "\n"
}
