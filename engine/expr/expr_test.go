package expr

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// The expressions of these tests are made of a column a INT, a column s STRING
// and the functions below, which are small enough to be checked by eye.
var (
	bigint = value.BigIntType
	text   = value.StringType
	truth  = value.BooleanType
)

func column(i int, t value.Type) plan.Expr { return &plan.Column{Index: i, Of: t} }
func number(n int64) plan.Expr             { return &plan.Literal{Value: value.OfBigInt(n)} }
func word(s string) plan.Expr              { return &plan.Literal{Value: value.OfString(s)} }

// call builds a strict function of integers.
func call(name string, result value.Type, eval plan.Kernel, args ...plan.Expr) plan.Expr {
	return &plan.Call{
		At:       plan.At{Position: problem.Position{Line: 1, Column: 7}},
		Function: &plan.Function{Name: name}, Overload: &plan.Overload{Result: result, Strict: true, Eval: eval}, Args: args,
	}
}

func eachRow(out *batch.Column, f func(i int) error) error {
	for i := range out.Len() {
		if !out.IsNull(i) {
			if err := f(i); err != nil {
				return err
			}
		}
	}
	return nil
}

func plus(a, b plan.Expr) plan.Expr {
	return call("+", bigint, func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error { out.Ints[i] = args[0].Ints[i] + args[1].Ints[i]; return nil })
	}, a, b)
}

// over is division, which fails for zero.
func over(a, b plan.Expr) plan.Expr {
	return call("/", bigint, func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			if args[1].Ints[i] == 0 {
				return problem.New(problem.InvalidValue, "division by zero")
			}
			out.Ints[i] = args[0].Ints[i] / args[1].Ints[i]
			return nil
		})
	}, a, b)
}

func less(a, b plan.Expr) plan.Expr {
	return call("<", truth, func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error { out.Bools[i] = args[0].Ints[i] < args[1].Ints[i]; return nil })
	}, a, b)
}

func equal(a, b plan.Expr) plan.Expr {
	return call("=", truth, func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			if args[0].Type.Class() == value.Strings {
				out.Bools[i] = string(args[0].Bytes(i)) == string(args[1].Bytes(i))
			} else {
				out.Bools[i] = args[0].Ints[i] == args[1].Ints[i]
			}
			return nil
		})
	}, a, b)
}

// connect is AND and OR with three truth values.
func connected(name string, args ...plan.Expr) plan.Expr {
	decisive := name == "OR"
	return &plan.Call{
		Function: &plan.Function{Name: name}, Args: args,
		Overload: &plan.Overload{Result: truth, Eval: func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			for i := range out.Len() {
				unknown, decided := false, false
				for _, a := range args {
					if a.IsNull(i) {
						unknown = true
					} else if a.Bools[i] == decisive {
						decided = true
					}
				}
				out.Bools[i] = decided == decisive
				if unknown && !decided {
					out.SetNull(i)
				}
			}
			return nil
		}},
	}
}

func ints(values ...any) *batch.Column {
	c := batch.NewColumn(bigint, len(values))
	for _, v := range values {
		if v == nil {
			c.AppendNull()
		} else {
			c.AppendValue(value.OfBigInt(int64(v.(int))))
		}
	}
	return c
}

func texts(values ...string) *batch.Column {
	c := batch.NewColumn(text, len(values))
	for _, v := range values {
		c.AppendValue(value.OfString(v))
	}
	return c
}

// show prints the values of a column.
func show(c *batch.Column) string {
	var all []any
	for i := range c.Len() {
		switch v := c.Value(i); {
		case v.Null:
			all = append(all, "NULL")
		case c.Type.Class() == value.Bools:
			all = append(all, v.Bool)
		case c.Type.Class() == value.Strings:
			all = append(all, v.Text)
		default:
			all = append(all, v.Int)
		}
	}
	return strings.TrimSuffix(fmt.Sprintln(all...), "\n")
}

func evaluate(t *testing.T, e plan.Expr, in *batch.Batch) (string, error) {
	t.Helper()
	p, err := Compile([]plan.Expr{e})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Eval(&plan.Context{Zone: time.UTC}, in)
	if err != nil {
		return "", err
	}
	return show(out[0]), nil
}

func TestEvaluation(t *testing.T) {
	a, b, s := column(0, bigint), column(1, bigint), column(2, text)
	rows := &batch.Batch{Rows: 4, Columns: []*batch.Column{ints(1, 2, nil, 0), ints(10, 0, 5, 7), texts("x", "y", "x", "z")}}
	sometimes := &plan.Case{Of: bigint, Whens: []plan.When{{Condition: less(number(0), a), Then: over(number(10), a)}}, Else: number(-1)}
	for _, c := range []struct {
		name string
		e    plan.Expr
		want string
	}{
		{"column", a, "1 2 NULL 0"},
		{"constant", number(7), "7 7 7 7"},
		{"strict functions give NULL for NULL", plus(a, b), "11 2 NULL 7"},
		{"a branch not taken does not fail", sometimes, "10 5 -1 -1"},
		{"a case without else", &plan.Case{Of: bigint, Whens: []plan.When{{Condition: less(a, number(2)), Then: b}}}, "10 NULL NULL 7"},
		{"right of AND only where the left is not FALSE", connected("AND", less(number(0), a), less(number(6), over(number(10), a))), "true false NULL false"},
		{"right of OR only where the left is not TRUE", connected("OR", less(a, number(1)), less(over(number(10), a), number(6))), "false true NULL true"},
		{"lookup of texts", lookupCase(s, word("x"), word("y"), word("nowhere")), "0 1 0 NULL"},
		{"lookup of numbers", lookupCase(a, number(5), number(1), number(0)), "1 NULL NULL 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := evaluate(t, c.e, rows)
			if err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// lookupCase gives the position of the operand among the constants.
func lookupCase(operand plan.Expr, constants ...plan.Expr) plan.Expr {
	e := &plan.Case{Of: bigint}
	for i, k := range constants {
		e.Whens = append(e.Whens, plan.When{Condition: equal(operand, k), Then: number(int64(i))})
	}
	return e
}

func TestAnErrorKnowsItsPosition(t *testing.T) {
	rows := &batch.Batch{Rows: 1, Columns: []*batch.Column{ints(0)}}
	_, err := evaluate(t, over(number(1), column(0, bigint)), rows)
	if want := "1:7: division by zero"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEqualSubExpressionsAreOneStep(t *testing.T) {
	a := column(0, bigint)
	p, err := Compile([]plan.Expr{plus(plus(a, number(1)), plus(a, number(1))), plus(a, number(1))})
	if err != nil {
		t.Fatal(err)
	}
	const want = "0 column BIGINT []\n1 literal BIGINT NOT NULL []\n2 call BIGINT [0 1]\n3 call BIGINT [2 2]\n"
	if diff := cmp.Diff(want, p.String()); diff != "" {
		t.Error(diff)
	}
}

// TestResultsOutliveTheNextBatch: what Eval gave must not change when the
// program runs again.
func TestResultsOutliveTheNextBatch(t *testing.T) {
	a := column(0, bigint)
	sum := plus(a, number(1))
	p, err := Compile([]plan.Expr{&plan.Case{Of: bigint, Whens: []plan.When{{Condition: less(sum, number(100)), Then: sum}}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := &plan.Context{}
	first, err := p.Eval(ctx, &batch.Batch{Rows: 2, Columns: []*batch.Column{ints(1, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Eval(ctx, &batch.Batch{Rows: 2, Columns: []*batch.Column{ints(7, 8)}}); err != nil {
		t.Fatal(err)
	}
	if got := show(first[0]); got != "2 3" {
		t.Errorf("first result became %q", got)
	}
}

// TestConstantsAreNotSharedByBatches: who gets a batch may change its columns.
func TestConstantsAreNotSharedByBatches(t *testing.T) {
	p, err := Compile([]plan.Expr{word("x")})
	if err != nil {
		t.Fatal(err)
	}
	rows := &batch.Batch{Rows: 1, Columns: []*batch.Column{ints(1)}}
	first, err := p.Eval(&plan.Context{}, rows)
	if err != nil {
		t.Fatal(err)
	}
	first[0].Resize(0)
	first[0].AppendValue(value.OfString("changed"))
	second, err := p.Eval(&plan.Context{}, rows)
	if err != nil || show(second[0]) != "x" {
		t.Errorf("got %s, %v", show(second[0]), err)
	}
}

// TestSelectedRowsAreEvaluatedAlone compares evaluation over a selection with
// evaluation over the compacted batch, for random rows.
func TestSelectedRowsAreEvaluatedAlone(t *testing.T) {
	a, b := column(0, bigint), column(1, bigint)
	e := &plan.Case{Of: bigint, Whens: []plan.When{
		{Condition: connected("OR", less(a, b), less(over(b, a), number(3))), Then: plus(a, b)},
		{Condition: equal(a, number(3)), Then: over(a, b)},
	}, Else: plus(b, number(1))}
	p, err := Compile([]plan.Expr{e})
	if err != nil {
		t.Fatal(err)
	}
	f, err := CompileFilter(connected("AND", less(a, b), less(number(0), plus(a, b)), less(a, number(3))))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		in := &batch.Batch{Rows: rapid.IntRange(0, 40).Draw(t, "rows"), Columns: []*batch.Column{ints(), ints()}, Sel: []uint16{}}
		for i := range in.Rows {
			for _, c := range in.Columns {
				if rapid.IntRange(0, 5).Draw(t, "null") == 0 {
					c.AppendNull()
				} else {
					c.AppendValue(value.OfBigInt(rapid.Int64Range(-4, 4).Draw(t, "value")))
				}
			}
			if rapid.Bool().Draw(t, "live") {
				in.Sel = append(in.Sel, uint16(i))
			}
		}
		compact := in.Compact()
		whole, wholeErr := p.Eval(&plan.Context{}, compact)
		part, partErr := p.Eval(&plan.Context{}, in)
		if (wholeErr == nil) != (partErr == nil) {
			t.Fatalf("errors differ: %v, %v", wholeErr, partErr)
		}
		if wholeErr == nil && show(whole[0]) != show(part[0]) {
			t.Errorf("got %s, want %s", show(part[0]), show(whole[0]))
		}
		sel, err := f.Select(&plan.Context{}, in)
		if err != nil {
			t.Fatal(err)
		}
		if sel == nil {
			sel = in.Sel
		}
		var want []uint16
		for _, i := range in.Sel {
			x, y := in.Columns[0].Value(int(i)), in.Columns[1].Value(int(i))
			if !x.Null && !y.Null && x.Int < y.Int && x.Int+y.Int > 0 && x.Int < 3 {
				want = append(want, i)
			}
		}
		if fmt.Sprint(sel) != fmt.Sprint(want) {
			t.Errorf("filter passed %v, want %v", sel, want)
		}
	})
}
