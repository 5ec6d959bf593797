package wasm

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

func load(t testing.TB) *Module {
	code, err := os.ReadFile("testdata/functions.wasm")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Compile(code)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func function(t testing.TB, m *Module, name string, parameters []value.Type, result value.Type) *plan.Overload {
	f, err := m.Function(name, parameters, result)
	if err != nil {
		t.Fatal(err)
	}
	o, err := f.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// call evaluates a function for rows of arguments; NULL in, NULL out.
func call(o *plan.Overload, rows ...[]value.Value) ([]string, error) {
	args := make([]*batch.Column, len(o.Params))
	for k, t := range o.Params {
		args[k] = batch.NewColumn(t, len(rows))
		for _, row := range rows {
			args[k].AppendValue(row[k])
		}
	}
	out := batch.NewColumn(o.Result, len(rows))
	out.Resize(len(rows))
	for i, row := range rows {
		for _, v := range row {
			if v.Null {
				out.SetNull(i)
			}
		}
	}
	if err := o.Eval(nil, args, out); err != nil {
		return nil, err
	}
	answers := make([]string, len(rows))
	for i := range rows {
		answers[i] = plan.PrintValue(out.Value(i))
	}
	return answers, nil
}

func ofInt(n int64, t value.Type) value.Value { return value.Value{Type: t, Int: n} }

func TestFunctions(t *testing.T) {
	m := load(t)
	big, text := value.BigIntType, value.StringType
	null := value.Value{Type: big, Null: true}
	for _, c := range []struct {
		name       string
		parameters []value.Type
		result     value.Type
		rows       [][]value.Value
		want       []string
	}{
		{"add", []value.Type{big, big}, big, [][]value.Value{{ofInt(2, big), ofInt(-5, big)}, {null, ofInt(1, big)}}, []string{"-3", "CAST(NULL AS BIGINT)"}},
		{"half", []value.Type{value.DoubleType}, value.DoubleType, [][]value.Value{{value.OfDouble(3)}}, []string{"1.5"}},
		{"negate", []value.Type{value.BooleanType}, value.BooleanType, [][]value.Value{{value.OfBool(true)}, {value.OfBool(false)}}, []string{"FALSE", "TRUE"}},
		{"same", []value.Type{value.IntType}, value.SmallIntType, [][]value.Value{{ofInt(-7, value.IntType)}}, []string{"-7"}},
		{"answer", nil, big, [][]value.Value{{}, {}}, []string{"42", "42"}},
		{"count", []value.Type{text, value.IntType}, big, [][]value.Value{
			{value.OfString("abcabc"), ofInt('c', value.IntType)}, {value.OfString(""), ofInt('c', value.IntType)},
			{value.OfString(strings.Repeat("xc", 50_000)), ofInt('c', value.IntType)},
		}, []string{"2", "0", "50000"}},
		{"tail", []value.Type{text}, text, [][]value.Value{{value.OfString("abc")}, {value.OfString("")}, {value.OfString("x")}}, []string{"'bc'", "CAST(NULL AS STRING)", "''"}},
	} {
		got, err := call(function(t, m, c.name, c.parameters, c.result), c.rows...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestFaultsNameTheRow: and the next batch runs as if nothing had been.
func TestFaultsNameTheRow(t *testing.T) {
	m := load(t)
	big, text := value.BigIntType, value.StringType
	divide := function(t, m, "divide", []value.Type{big, big}, big)
	_, err := call(divide, []value.Value{ofInt(6, big), ofInt(3, big)}, []value.Value{ofInt(7, big), ofInt(0, big)})
	if p := problem.All(err); len(p) != 1 || p[0].Code != problem.InvalidValue || !strings.Contains(p[0].Message, "DIVIDE(7, 0) failed: integer divide by zero") {
		t.Errorf("a trap is told as %v", err)
	}
	if got, err := call(divide, []value.Value{ofInt(6, big), ofInt(3, big)}); err != nil || got[0] != "2" {
		t.Errorf("after a trap: %v, %v", got, err)
	}
	if _, err := call(function(t, m, "outside", []value.Type{text}, text), []value.Value{value.OfString("x")}); !problem.Is(err, problem.InvalidValue) {
		t.Errorf("a text outside of the memory is told as %v", err)
	}
	if _, err := call(function(t, m, "same", []value.Type{value.IntType}, value.TinyIntType), []value.Value{ofInt(300, value.IntType)}); !problem.Is(err, problem.InvalidValue) {
		t.Errorf("300 as a TINYINT is told as %v", err)
	}
}

// TestLoopsEnd: a function that never returns is stopped.
func TestLoopsEnd(t *testing.T) {
	m := load(t)
	f := &bound{module: m, name: "forever", parameters: []value.Type{value.BigIntType}, result: value.BigIntType, time: 1}
	_, err := call(&plan.Overload{Params: f.parameters, Result: f.result, Eval: f.eval}, []value.Value{ofInt(1, value.BigIntType)})
	if !problem.Is(err, problem.Timeout) {
		t.Errorf("a loop without end is told as %v", err)
	}
}

// TestMemoryIsReused: however many rows there are, texts take the same place.
func TestMemoryIsReused(t *testing.T) {
	m := load(t)
	count := function(t, m, "tail", []value.Type{value.StringType}, value.StringType)
	rows := make([][]value.Value, batch.MaxRows)
	for i := range rows {
		rows[i] = []value.Value{value.OfString(strings.Repeat("x", 1000))}
	}
	for range 50 { // 200 MB of texts
		if _, err := call(count, rows...); err != nil {
			t.Fatal(err)
		}
	}
	in := <-m.idle
	if size := in.module.Memory().Size(); size > 1<<20 {
		t.Errorf("the instance has %d bytes", size)
	}
}

func TestGoroutinesHaveInstancesOfTheirOwn(t *testing.T) {
	add := function(t, load(t), "add", []value.Type{value.BigIntType, value.BigIntType}, value.BigIntType)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := range 50 {
				got, err := call(add, []value.Value{ofInt(int64(g), value.BigIntType), ofInt(int64(n), value.BigIntType)})
				if want := plan.PrintValue(ofInt(int64(g+n), value.BigIntType)); err != nil || got[0] != want {
					t.Errorf("%v, %v, want %s", got, err, want)
				}
			}
		})
	}
	all.Wait()
}

func TestWrongModules(t *testing.T) {
	if _, err := Compile([]byte("no module")); !problem.Is(err, problem.InvalidQuery) {
		t.Errorf("no module: %v", err)
	}
	if _, err := Compile(make([]byte, codeMax+1)); !problem.Is(err, problem.TooLarge) {
		t.Errorf("a large module: %v", err)
	}
	m := load(t)
	for _, c := range []struct {
		name       string
		parameters []value.Type
		result     value.Type
		code       problem.Code
		says       string
	}{
		{"sub", nil, value.BigIntType, problem.UnknownFunction, `does not export "sub"`},
		{"add", []value.Type{value.BigIntType}, value.BigIntType, problem.TypeMismatch, "(i64, i64) → (i64)"},
		{"add", []value.Type{value.DecimalOf(10, 2), value.BigIntType}, value.BigIntType, problem.Unsupported, "cannot take or give DECIMAL(10, 2)"},
	} {
		_, err := m.Function(c.name, c.parameters, c.result)
		if !problem.Is(err, c.code) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	code, err := os.ReadFile("testdata/functions.wasm")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(code)
	f.Fuzz(func(t *testing.T, code []byte) {
		if m, err := Compile(code); err == nil {
			_, _ = m.Function("add", []value.Type{value.BigIntType, value.BigIntType}, value.BigIntType)
		}
	})
}

func BenchmarkCall(b *testing.B) {
	o := function(b, load(b), "count", []value.Type{value.StringType, value.IntType}, value.BigIntType)
	texts, bytes, out := batch.NewColumn(o.Params[0], batch.MaxRows), batch.NewColumn(o.Params[1], batch.MaxRows), batch.NewColumn(o.Result, batch.MaxRows)
	for range batch.MaxRows {
		texts.AppendValue(value.OfString("https://example.org/a/b/c?channel=12"))
		bytes.AppendValue(ofInt('c', value.IntType))
	}
	out.Resize(batch.MaxRows)
	for b.Loop() {
		if err := o.Eval(nil, []*batch.Column{texts, bytes}, out); err != nil || out.Ints[batch.MaxRows-1] != 2 {
			b.Fatal(out.Ints[batch.MaxRows-1], err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch.MaxRows, "ns/row")
}
