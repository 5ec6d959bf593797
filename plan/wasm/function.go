package wasm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// Category is what these functions are listed under.
const Category = "wasm"

// Function binds the export called name to SQL types. The problem says what the
// export would have to look like.
func (m *Module) Function(name string, parameters []value.Type, result value.Type) (*plan.Function, error) {
	export, ok := m.compiled.ExportedFunctions()[name]
	if !ok {
		var names []string
		for n := range m.compiled.ExportedFunctions() {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, problem.New(problem.UnknownFunction, "the module does not export %q", name).WithHint("it exports %s", strings.Join(names, ", "))
	}
	f := &bound{module: m, name: name, result: result, time: batchTime}
	var want []api.ValueType
	for _, t := range parameters {
		kinds := valueTypes(t)
		if kinds == nil {
			return nil, unfit(t)
		}
		want = append(want, kinds...)
		f.parameters = append(f.parameters, t.Optional())
	}
	gives := valueTypes(result)
	switch {
	case gives == nil:
		return nil, unfit(result)
	case len(gives) == 2:
		gives = []api.ValueType{api.ValueTypeI64}
	}
	if !slices.Equal(export.ParamTypes(), want) || !slices.Equal(export.ResultTypes(), gives) {
		return nil, problem.New(problem.TypeMismatch, "export %q of the module is %s", name, shape(export.ParamTypes(), export.ResultTypes())).
			WithHint("for these SQL types it has to be %s", shape(want, gives))
	}
	overload := &plan.Overload{Params: f.parameters, Result: result.Optional(), Strict: true, Eval: f.eval}
	return &plan.Function{
		Name: strings.ToUpper(name), Category: Category, Doc: "A function of a WebAssembly module.",
		Resolve: func([]plan.Argument) (*plan.Overload, error) { return overload, nil },
	}, nil
}

// valueTypes are the parameters that a value of the type is passed in; a text is
// two, its address and its length. nil for types that cannot be passed.
func valueTypes(t value.Type) []api.ValueType {
	switch t.Kind {
	case value.Boolean, value.TinyInt, value.SmallInt, value.Int, value.Date:
		return []api.ValueType{api.ValueTypeI32}
	case value.Float:
		return []api.ValueType{api.ValueTypeF32}
	case value.Double:
		return []api.ValueType{api.ValueTypeF64}
	}
	switch t.Class() {
	case value.Ints:
		return []api.ValueType{api.ValueTypeI64}
	case value.Strings:
		return []api.ValueType{api.ValueTypeI32, api.ValueTypeI32}
	default: // wide numbers and nested values have no form that languages agree on
		return nil
	}
}

func unfit(t value.Type) error {
	return problem.New(problem.Unsupported, "a WebAssembly function cannot take or give %s", t.Optional()).
		WithHint("pass DOUBLE or STRING, and CAST in the query")
}

func shape(parameters, results []api.ValueType) string {
	names := func(list []api.ValueType) string {
		all := make([]string, len(list))
		for i, t := range list {
			all[i] = api.ValueTypeName(t)
		}
		return "(" + strings.Join(all, ", ") + ")"
	}
	return names(parameters) + " → " + names(results)
}

// bound is an export with its SQL types.
type bound struct {
	module     *Module
	name       string
	parameters []value.Type
	result     value.Type
	time       time.Duration // for all rows of a batch
}

// eval is the kernel.
func (f *bound) eval(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
	in, err := f.module.borrow()
	if err != nil {
		return err
	}
	// Closing the instance ends a call that is under way. A context that ends
	// would do the same, at the price of a goroutine a row.
	ctx := context.Background()
	late := time.AfterFunc(f.time, func() { _ = in.module.CloseWithExitCode(ctx, sys.ExitCodeDeadlineExceeded) })
	export := in.module.ExportedFunction(f.name)
	stack := make([]uint64, 0, 2*len(args)+1)
	for i := range out.Len() {
		if out.IsNull(i) {
			continue
		}
		if stack, err = f.push(ctx, in, stack[:0], args, i); err == nil {
			err = f.call(ctx, in, export, stack, out, i)
		}
		if err != nil {
			late.Stop()
			in.close()
			return f.fault(err, args, i)
		}
	}
	if !late.Stop() {
		in.close() // it was stopped just after the last row
		return nil
	}
	f.module.giveBack(in)
	return nil
}

// push appends the arguments of row i as WebAssembly takes them.
func (f *bound) push(ctx context.Context, in *instance, stack []uint64, args []*batch.Column, i int) ([]uint64, error) {
	for k, c := range args {
		switch t := f.parameters[k]; {
		case t.Kind == value.Boolean:
			n := uint64(0)
			if c.Bools[i] {
				n = 1
			}
			stack = append(stack, n)
		case t.Kind == value.Float:
			stack = append(stack, api.EncodeF32(float32(c.Floats[i])))
		case t.Kind == value.Double:
			stack = append(stack, api.EncodeF64(c.Floats[i]))
		case t.Class() == value.Strings:
			text := c.Bytes(i)
			at, err := in.put(ctx, k, text)
			if err != nil {
				return nil, err
			}
			stack = append(stack, uint64(at), uint64(len(text)))
		default: // of both widths: an i32 is the low half
			stack = append(stack, uint64(c.Ints[i]))
		}
	}
	return stack, nil
}

// call calls the export and writes its result to row i.
func (f *bound) call(ctx context.Context, in *instance, export api.Function, stack []uint64, out *batch.Column, i int) error {
	if len(stack) == 0 {
		stack = append(stack, 0) // room for the result
	}
	if err := export.CallWithStack(ctx, stack); err != nil {
		return err
	}
	got := stack[0]
	switch t := f.result; {
	case t.Kind == value.Boolean:
		out.Bools[i] = uint32(got) != 0
	case t.Kind == value.Float:
		out.Floats[i] = float64(api.DecodeF32(got))
	case t.Kind == value.Double:
		out.Floats[i] = api.DecodeF64(got)
	case t.Class() == value.Strings:
		return f.text(ctx, in, got, out, i)
	case t.Kind == value.TinyInt:
		return f.integer(int64(int32(got)), math.MinInt8, math.MaxInt8, out, i)
	case t.Kind == value.SmallInt:
		return f.integer(int64(int32(got)), math.MinInt16, math.MaxInt16, out, i)
	case t.Kind == value.Int, t.Kind == value.Date:
		out.Ints[i] = int64(int32(got))
	default:
		out.Ints[i] = int64(got)
	}
	return nil
}

func (f *bound) integer(n, low, high int64, out *batch.Column, i int) error {
	if n < low || n > high {
		return fmt.Errorf("it gave %d, which is no %s", n, f.result.Optional())
	}
	out.Ints[i] = n
	return nil
}

// text reads a text result: address and length in one number, 0 for NULL.
func (f *bound) text(ctx context.Context, in *instance, got uint64, out *batch.Column, i int) error {
	if got == 0 {
		out.SetNull(i)
		return nil
	}
	text, err := in.take(got)
	if err != nil {
		return err
	}
	if (f.result.Kind == value.Char || f.result.Kind == value.Varchar) && !utf8.Valid(text) {
		return errors.New("it gave a text that is not UTF-8")
	}
	out.SetBytes(i, text)
	return in.drop(ctx, got)
}

// fault is the problem of row i.
func (f *bound) fault(err error, args []*batch.Column, i int) error {
	cells := make([]string, len(args))
	for k, c := range args {
		cells[k] = plan.PrintValue(c.Value(i))
	}
	reason := err.Error()
	var exit *sys.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == sys.ExitCodeDeadlineExceeded:
		return problem.New(problem.Timeout, "%s(%s) did not end: the rows of a batch may take %s together", strings.ToUpper(f.name), strings.Join(cells, ", "), f.time)
	case errors.As(err, &exit):
		reason = fmt.Sprintf("the module ended itself with code %d", exit.ExitCode())
	}
	reason, _, _ = strings.Cut(reason, "\n") // the rest is a stack of the module
	return problem.New(problem.InvalidValue, "%s(%s) failed: %s", strings.ToUpper(f.name), strings.Join(cells, ", "), strings.TrimPrefix(reason, "wasm error: "))
}
