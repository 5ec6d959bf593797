package olap

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
)

// plus is a function that adds n, gives NULL for NULL, and refuses 13.
func plus(n int64) Function {
	return Function{
		Signature: "PLUS(BIGINT) → BIGINT", Params: []value.Type{value.BigIntType}, Result: value.BigIntType,
		Eval: func(args []*batch.Column, out *batch.Column) error {
			for i := range out.Len() {
				switch {
				case args[0].IsNull(i):
					out.SetNull(i)
				case args[0].Ints[i] == 13:
					return problem.New(problem.InvalidValue, "13 is refused")
				default:
					out.Ints[i] = args[0].Ints[i] + n
				}
			}
			return nil
		},
	}
}

// asked are the rows of an answer, as texts.
func asked(t *testing.T, s *Store, q Question) ([]string, error) {
	t.Helper()
	var rows []string
	_, err := s.Query(t.Context(), q, func(_ []value.Field, b *batch.Batch) error {
		for i := range b.Rows {
			var cells []string
			for _, v := range b.Row(i) {
				cells = append(cells, v.String())
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
		return nil
	})
	return rows, err
}

func TestFunctions(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	text := `SELECT "PLUS(BIGINT) → BIGINT"(0, x), "PLUS(BIGINT) → BIGINT"(1, x) FROM (VALUES (1::BIGINT), (NULL)) AS v(x)`
	for _, by := range []int64{1, 5} { // the same name, with other code
		got, err := asked(t, s, Question{SQL: text, Functions: []Function{plus(by), plus(100)}})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{fmt.Sprintf("%d|101", 1+by), "NULL|NULL"}; !cmp.Equal(got, want) {
			t.Errorf("plus %d: %v", by, got)
		}
	}
}

func TestFunctionProblem(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	_, err := asked(t, s, Question{SQL: `SELECT sum("PLUS(BIGINT) → BIGINT"(0, i)) FROM range(100000) AS r(i)`, Functions: []Function{plus(1)}})
	if p := problem.Of(err); p == nil || p.Code != problem.InvalidValue || p.Message != "13 is refused" {
		t.Errorf("got %v", err)
	}
}

// TestFunctionsAtOnce has several questions with the same function and other code
// run at the same time, in DuckDB's own goroutines.
func TestFunctionsAtOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	var group sync.WaitGroup
	for n := range int64(8) {
		group.Go(func() {
			const rows = 200_000
			got, err := asked(t, s, Question{
				SQL:       fmt.Sprintf(`SELECT sum("PLUS(BIGINT) → BIGINT"(0, i + 14))::BIGINT FROM range(%d) AS r(i)`, rows),
				Functions: []Function{plus(n)},
			})
			if want := fmt.Sprint(rows*(rows-1)/2 + rows*(14+n)); err != nil || !cmp.Equal(got, []string{want}) {
				t.Errorf("plus %d: %v, %v; want %s", n, got, err, want)
			}
		})
	}
	group.Wait()
}

// TestFunctionTypes passes a value of every type through a function.
func TestFunctionTypes(t *testing.T) {
	s := openStore(t, t.TempDir())
	defer s.Close()
	for text, of := range map[string]value.Type{
		"TRUE": value.BooleanType, "7::TINYINT": value.TinyIntType, "7::INTEGER": value.IntType, "1.5::FLOAT": value.FloatType,
		"2.5::DOUBLE": value.DoubleType, "12.34::DECIMAL(10, 2)": value.DecimalOf(10, 2), "'x'": value.StringType, "'ab'::BLOB": value.BytesType,
		"DATE '2026-01-02'": value.DateType, "TIME '01:02:03.456'": value.TimeOf(3), "TIMESTAMP '2026-01-02 03:04:05.678'": value.TimestampOf(3),
		"'2026-01-02 03:04:05.123456789'::TIMESTAMP_NS": value.TimestampOf(9), "TIMESTAMPTZ '2026-01-02 03:04:05+00'": value.TimestampLTZOf(3),
		"[1, NULL, 3]::INTEGER[]": value.ArrayOf(value.IntType), "MAP {'a': 1::INTEGER}": value.MapOf(value.StringType, value.IntType),
		"{'a': 1::INTEGER, 'b': 'x'}": value.RowOf(value.Field{Name: "a", Type: value.IntType}, value.Field{Name: "b", Type: value.StringType}),
	} {
		name := "SAME(" + of.String() + ")"
		same := Function{Signature: name, Params: []value.Type{of}, Result: of, Eval: func(args []*batch.Column, out *batch.Column) error {
			for i := range out.Len() {
				out.SetValue(i, args[0].Value(i))
			}
			return nil
		}}
		columns := []value.Field{{Name: "was", Type: of}, {Name: "is", Type: of}}
		got, err := asked(t, s, Question{SQL: "SELECT x, " + quote(name) + "(0, x) FROM (SELECT " + text + " AS x)", Columns: columns, Functions: []Function{same}})
		if err != nil {
			t.Errorf("%s: %v", of, err)
			continue
		}
		if was, is, _ := strings.Cut(got[0], "|"); was != is {
			t.Errorf("%s: %s became %s", of, was, is)
		}
	}
}

func BenchmarkFunction(b *testing.B) {
	s, err := open(b.Context(), b.TempDir()+"/x.duckdb", Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const rows = 1_000_000
	for b.Loop() {
		sum := int64(0)
		_, err := s.Query(b.Context(), Question{
			SQL: fmt.Sprintf(`SELECT sum("PLUS(BIGINT) → BIGINT"(0, i + 14))::BIGINT FROM range(%d) AS r(i)`, rows), Functions: []Function{plus(1)},
		}, func(_ []value.Field, a *batch.Batch) error { sum = a.Columns[0].Ints[0]; return nil })
		if want := int64(rows*(rows-1)/2 + rows*15); err != nil || sum != want {
			b.Fatalf("%d, %v", sum, err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
