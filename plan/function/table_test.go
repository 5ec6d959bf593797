package function

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// TestTable runs the files of testdata. Their commands are:
//
//	eval [zone=Area/City] [now=2024-03-01T10:00:00Z] [hidden]
//	NAME(TYPE value, …)         one call a line
//	----
//	TYPE: value                 or: error: …; hidden shows only the type
//
//	aggregate [distinct] [retracts] [apart]
//	NAME(TYPE, TYPE constant …)
//	value, value …              one row a line; a ~ in front takes it back
//	----
//	TYPE: value
//
//	window
//	NAME(TYPE, TYPE constant …) one call with OVER a line
//	----
//	TYPE                        or: error: …
//
// A call is evaluated for three rows: the values, NULLs, and the values again,
// which must give the same.
func TestTable(t *testing.T) {
	covered := map[string]bool{}
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.HasPrefix(path, "testdata/rapid") || strings.HasPrefix(path, "testdata/fuzz") {
			return // failures that other tests left to be repeated
		}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "eval":
				return runCalls(t, d, covered)
			case "aggregate":
				return runAggregate(t, d, covered)
			case "window":
				return resolveWindow(d, covered)
			}
			t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
			return ""
		})
	})
	if t.Failed() {
		return
	}
	for _, f := range All() {
		if !covered[f.Name] {
			t.Errorf("%s has no case in testdata", f.Name)
		}
	}
}

func TestRowsAreComplete(t *testing.T) {
	seen := map[string]string{}
	for _, f := range All() {
		if len(f.Signatures) == 0 || f.Doc == "" || f.Category == "" {
			t.Errorf("%s lacks a signature, documentation or category", f.Name)
		}
		if f.Resolve == nil {
			t.Errorf("%s cannot be resolved", f.Name)
		}
		if f.Flink == "" && f.DuckDB == "" {
			t.Errorf("%s is spelled in no dialect", f.Name)
		}
		for _, name := range append([]string{f.Name}, f.Aliases...) {
			upper := strings.ToUpper(name)
			if other, twice := seen[upper]; twice {
				t.Errorf("%s is a name of %s and of %s", name, f.Name, other)
			}
			seen[upper] = f.Name
			if found, ok := Lookup(strings.ToLower(name)); !ok || found != f {
				t.Errorf("Lookup(%q) does not find %s", strings.ToLower(name), f.Name)
			}
		}
	}
	if len(Names()) != len(seen) || !slices.IsSorted(Names()) {
		t.Error("Names is not the ordered list of all names")
	}
}

// contextOf is the Context that the arguments of a test command describe.
func contextOf(t *testing.T, d *datadriven.TestData) *plan.Context {
	t.Helper()
	ctx := &plan.Context{Zone: time.UTC, Now: time.Date(2024, 3, 1, 10, 20, 30, 123456789, time.UTC)}
	if d.HasArg("zone") {
		var name string
		d.ScanArgs(t, "zone", &name)
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		ctx.Zone = zone
	}
	if d.HasArg("now") {
		var text string
		d.ScanArgs(t, "now", &text)
		now, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		ctx.Now = now
	}
	ctx.Start = ctx.Now
	return ctx
}

func runCalls(t *testing.T, d *datadriven.TestData, covered map[string]bool) string {
	ctx := contextOf(t, d)
	var out strings.Builder
	for line := range strings.Lines(d.Input) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		f, args := readCall(t, d, line)
		covered[f.Name] = true
		result := evaluate(t, ctx, line, f, args)
		asColumns(t, ctx, line, f, args, result)
		if d.HasArg("hidden") {
			result, _, _ = strings.Cut(result, ":")
		}
		fmt.Fprintln(&out, result)
	}
	return out.String()
}

// argument is one argument of a test call.
type argument struct {
	value    value.Value
	constant bool
}

func readCall(t *testing.T, d *datadriven.TestData, line string) (*plan.Function, []argument) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s: %v", d.Pos, p)
		}
	}()
	name, rest, ok := strings.Cut(line, "(")
	if !ok {
		t.Fatalf("%s: no call: %s", d.Pos, line)
	}
	f, found := Lookup(name)
	if !found {
		t.Fatalf("%s: unknown function %q", d.Pos, name)
	}
	r := &reader{text: rest}
	var args []argument
	for !r.accept(")") {
		r.blanks()
		variable := r.accept("?")
		r.blanks()
		args = append(args, argument{r.readConstant(), !variable})
		r.accept(",")
	}
	return f, args
}

// asColumns checks that a function that does not care for constants gives the
// same for columns. Patterns, paths and units may care.
func asColumns(t *testing.T, ctx *plan.Context, line string, f *plan.Function, args []argument, want string) {
	t.Helper()
	switch f.Category {
	case "arithmetic", "comparison", "logic", "math", "time":
	default:
		return
	}
	if f.Volatile || strings.HasPrefix(want, "error") {
		return
	}
	columns := make([]argument, len(args))
	for i, a := range args {
		columns[i].value = a.value
	}
	got := evaluate(t, ctx, line, f, columns)
	gotType, _, _ := strings.Cut(got, ":")
	wantType, _, _ := strings.Cut(want, ":")
	if gotType == wantType && got != want {
		t.Errorf("%s: %s for constants, %s for columns", line, want, got)
	}
}

func evaluate(t *testing.T, ctx *plan.Context, line string, f *plan.Function, args []argument) string {
	t.Helper()
	resolved := make([]plan.Argument, len(args))
	for i, a := range args {
		resolved[i].Type = a.value.Type
		if a.constant {
			resolved[i].Literal = &a.value
		}
	}
	overload, err := f.Resolve(resolved)
	if err != nil {
		return "error: " + err.Error()
	}
	if len(overload.Params) != len(args) {
		t.Fatalf("%s: %d parameters for %d arguments", line, len(overload.Params), len(args))
	}
	columns := make([]*batch.Column, len(args))
	for i, a := range args {
		v, err := convert(a.value, overload.Params[i], ctx.Zone)
		if err != nil {
			return "error: " + err.Error()
		}
		columns[i] = batch.NewColumn(overload.Params[i], 3)
		for r := range 3 {
			if r == 1 && !a.constant && overload.Params[i].Class() != value.NoData {
				columns[i].AppendNull()
			} else if overload.Params[i].Class() == value.NoData {
				columns[i].AppendNull()
			} else {
				columns[i].AppendValue(v)
			}
		}
	}
	out := batch.NewColumn(overload.Result, 3)
	out.Resize(3)
	if overload.Strict {
		for _, c := range columns {
			for r := range 3 {
				if c.IsNull(r) {
					out.SetNull(r)
				}
			}
		}
	}
	strict := out.IsNull(1)
	if err := overload.Eval(ctx, columns, out); err != nil {
		if p := problem.Of(err); p.Code == problem.Internal {
			t.Errorf("%s: not a problem: %v", line, err)
		}
		return "error: " + err.Error()
	}
	if out.Len() != 3 {
		t.Fatalf("%s: %d rows instead of 3", line, out.Len())
	}
	if strict && !out.IsNull(1) {
		t.Errorf("%s: a NULL argument did not give NULL", line)
	}
	first, last := show(out, 0, ctx), show(out, 2, ctx)
	if !f.Volatile && first != last {
		t.Errorf("%s: the first row gives %s, the last %s", line, first, last)
	}
	if overload.Result.NotNull && out.IsNull(0) {
		t.Errorf("%s: NULL for %s", line, overload.Result)
	}
	return overload.Result.String() + ": " + first
}

func show(c *batch.Column, row int, ctx *plan.Context) string {
	return string(c.Value(row).AppendText(nil, ctx.Zone))
}

// convert casts an argument to the type that the overload asks for.
func convert(v value.Value, to value.Type, zone *time.Location) (value.Value, error) {
	if v.Null {
		return value.NullOf(to), nil
	}
	if v.Type.Optional().Equal(to.Optional()) {
		v.Type = to
		return v, nil
	}
	return value.Cast(v, to, zone)
}
