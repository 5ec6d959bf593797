package function

import (
	"fmt"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// parameter is what one argument may be.
type parameter struct {
	name    string                      // for messages: "a number"
	accepts func(value.Type) bool       // never asked about an untyped NULL
	to      func(value.Type) value.Type // what an accepted argument is cast to; nil leaves it as it is
	null    value.Type                  // what an untyped NULL becomes
}

// The parameters. Those without a cast leave the argument's own type, so that
// result rules can look at it; the physical class is the same in all of them.
var (
	anyText      = parameter{name: "text", accepts: value.Type.IsText, null: value.StringType}
	anyBytes     = parameter{name: "bytes", accepts: value.Type.IsBytes, null: value.BytesType}
	textOrBytes  = parameter{name: "text or bytes", accepts: func(t value.Type) bool { return t.IsText() || t.IsBytes() }, null: value.StringType}
	boolean      = parameter{name: "a BOOLEAN", accepts: isKind(value.Boolean), null: value.BooleanType}
	integer      = parameter{name: "an integer", accepts: value.Type.IsInteger, null: value.IntType}
	numeric      = parameter{name: "a number", accepts: value.Type.IsNumeric, null: value.IntType}
	asDouble     = parameter{name: "a number", accepts: value.Type.IsNumeric, to: castTo(value.DoubleType), null: value.DoubleType}
	approximate  = parameter{name: "a FLOAT or DOUBLE", accepts: value.Type.IsApproximate, null: value.DoubleType}
	decimal      = parameter{name: "a DECIMAL", accepts: isKind(value.Decimal), null: value.DecimalOf(10, 0)}
	anyTimestamp = parameter{name: "a timestamp", accepts: value.Type.IsTimestamp, null: value.TimestampOf(3)}
	interval     = parameter{name: "an INTERVAL", accepts: value.Type.IsInterval, null: value.Type{Kind: value.IntervalDayTime}}
	array        = parameter{name: "an ARRAY", accepts: isKind(value.Array), null: value.ArrayOf(value.StringType)}
	mapping      = parameter{name: "a MAP", accepts: isKind(value.Map), null: value.MapOf(value.StringType, value.StringType)}
	anything     = parameter{name: "any value", accepts: func(value.Type) bool { return true }, null: value.NullType}
)

func isKind(k value.Kind) func(value.Type) bool {
	return func(t value.Type) bool { return t.Kind == k }
}

// castTo is the same type for every argument, as nullable as the argument is.
func castTo(to value.Type) func(value.Type) value.Type {
	return func(t value.Type) value.Type { return to.WithNullability(t.NotNull) }
}

// call is a function with its argument types settled: what a kernel may be
// built from.
type call struct {
	Args   []plan.Argument // as written, with their constants
	Params []value.Type    // after the casts
	Result value.Type
}

// literalText is the constant text of argument i; ok is false when it is no
// constant, or NULL.
func (c *call) literalText(i int) (text string, ok bool) {
	if i >= len(c.Args) || c.Args[i].Literal == nil || c.Args[i].Literal.Null {
		return "", false
	}
	return c.Args[i].Literal.Text, true
}

// form is one way to call a function.
type form struct {
	params   []parameter
	optional int        // how many of params, at the end, may be left out
	rest     *parameter // what may follow any number of times; nil for nothing

	// unify, when set, sees the parameter types after each was accepted by
	// itself; it may change them in place (to a common type, say), or refuse.
	unify func(params []value.Type) bool

	// check, when set, refuses a call for a reason that it can explain better
	// than "does not fit".
	check func(c *call) error

	// result gives the result type. See returns, like and always. resultOf,
	// when set, is asked instead: it may look at constants too.
	result   func(params []value.Type) value.Type
	resultOf func(c *call) value.Type

	// lenient functions see NULL arguments; all others are strict.
	lenient bool

	// eval makes the kernel of a scalar function, state that of an aggregate.
	eval  func(c *call) plan.Kernel
	state func(c *call) func(*plan.Context) plan.Accumulator
}

// kernel is a maker that needs to know nothing of the call.
func kernel(k plan.Kernel) func(*call) plan.Kernel {
	return func(*call) plan.Kernel { return k }
}

// define completes f with a Resolve that takes the first of forms whose
// parameters accept the arguments.
func define(f plan.Function, forms ...form) *plan.Function {
	f.Resolve = func(args []plan.Argument) (*plan.Overload, error) {
		for i := range forms {
			params, ok := forms[i].accept(args)
			if !ok {
				continue
			}
			return forms[i].overload(&call{Args: args, Params: params})
		}
		return nil, misfit(&f, args)
	}
	return &f
}

// accept gives the types that the arguments are cast to, if they fit.
func (f *form) accept(args []plan.Argument) ([]value.Type, bool) {
	if len(args) < len(f.params)-f.optional || len(args) > len(f.params) && f.rest == nil {
		return nil, false
	}
	params := make([]value.Type, len(args))
	for i, a := range args {
		p := f.rest
		if i < len(f.params) {
			p = &f.params[i]
		}
		t, ok := p.take(a.Type)
		if !ok {
			return nil, false
		}
		params[i] = t
	}
	return params, f.unify == nil || f.unify(params)
}

func (p *parameter) take(t value.Type) (value.Type, bool) {
	switch {
	case t.Kind == value.Null:
		return p.null, true
	case !p.accepts(t):
		return t, false
	case p.to != nil:
		return p.to(t), true
	}
	return t, true
}

func (f *form) overload(c *call) (*plan.Overload, error) {
	if f.check != nil {
		if err := f.check(c); err != nil {
			return nil, err
		}
	}
	if f.resultOf != nil {
		c.Result = f.resultOf(c)
	} else {
		c.Result = f.result(c.Params)
	}
	o := &plan.Overload{Params: c.Params, Result: c.Result, Strict: !f.lenient}
	if f.state != nil {
		o.Strict = false
		o.New = f.state(c)
		return o, nil
	}
	o.Eval = f.eval(c)
	return o, nil
}

// misfit says that f cannot be called with args.
func misfit(f *plan.Function, args []plan.Argument) error {
	types := make([]string, len(args))
	for i, a := range args {
		types[i] = a.Type.Optional().String()
	}
	return problem.New(problem.TypeMismatch, "%s does not take (%s)", f.Name, strings.Join(types, ", ")).
		WithHint("use %s", strings.Join(f.Signatures, " or "))
}

// required reports whether all types are NOT NULL.
func required(types []value.Type) bool {
	for _, t := range types {
		if !t.NotNull {
			return false
		}
	}
	return true
}

// returns is the type t, NOT NULL when all arguments are.
func returns(t value.Type) func([]value.Type) value.Type {
	return func(params []value.Type) value.Type { return t.WithNullability(required(params)) }
}

// maybe is the type t, always nullable: the function gives NULL by itself.
func maybe(t value.Type) func([]value.Type) value.Type {
	return func([]value.Type) value.Type { return t.Optional() }
}

// always is the type t, NOT NULL whatever the arguments.
func always(t value.Type) func([]value.Type) value.Type {
	return func([]value.Type) value.Type { return t.Required() }
}

// like is the type of argument i, NOT NULL when all arguments are.
func like(i int) func([]value.Type) value.Type {
	return func(params []value.Type) value.Type { return params[i].WithNullability(required(params)) }
}

// access reads and writes one Go type in columns of one class.
type access[T any] struct {
	get func(c *batch.Column, i int) T
	set func(c *batch.Column, i int, v T)
}

// The accesses, one a class. Bytes are views into the argument's heap, to be
// read only; set copies.
var (
	ofBools  = access[bool]{func(c *batch.Column, i int) bool { return c.Bools[i] }, func(c *batch.Column, i int, v bool) { c.Bools[i] = v }}
	ofInts   = access[int64]{func(c *batch.Column, i int) int64 { return c.Ints[i] }, func(c *batch.Column, i int, v int64) { c.Ints[i] = v }}
	ofFloats = access[float64]{func(c *batch.Column, i int) float64 { return c.Floats[i] }, func(c *batch.Column, i int, v float64) { c.Floats[i] = v }}
	ofWides  = access[value.Int128]{func(c *batch.Column, i int) value.Int128 { return c.Wides[i] }, func(c *batch.Column, i int, v value.Int128) { c.Wides[i] = v }}
	ofBytes  = access[[]byte]{(*batch.Column).Bytes, (*batch.Column).SetBytes}
	ofString = access[string]{func(c *batch.Column, i int) string { return string(c.Bytes(i)) }, (*batch.Column).SetString}
)

// applyOne is the kernel that applies f to its argument, row by row.
func applyOne[A, R any](a access[A], r access[R], f func(A) R) func(*call) plan.Kernel {
	return kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			r.set(out, i, f(a.get(args[0], i)))
			return nil
		})
	})
}

// applyOneOrNull is applyOne for a function that may have no value.
func applyOneOrNull[A, R any](a access[A], r access[R], f func(A) (R, bool)) func(*call) plan.Kernel {
	return kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			if v, ok := f(a.get(args[0], i)); ok {
				r.set(out, i, v)
			} else {
				out.SetNull(i)
			}
			return nil
		})
	})
}

// applyTwo is the kernel that applies f to its two arguments, row by row.
func applyTwo[A, B, R any](a access[A], b access[B], r access[R], f func(A, B) R) func(*call) plan.Kernel {
	return kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			r.set(out, i, f(a.get(args[0], i), b.get(args[1], i)))
			return nil
		})
	})
}

// appending is the kernel of text functions that append their result to dst,
// which is the heap of the result column; ok false gives NULL.
func appending[A any](a access[A], f func(dst []byte, v A) (result []byte, ok bool)) func(*call) plan.Kernel {
	return kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
		return eachRow(out, func(i int) error {
			start := len(out.Heap)
			heap, ok := f(out.Heap, a.get(args[0], i))
			if !ok {
				out.SetNull(i)
				return nil
			}
			out.Heap = heap
			out.Views[i] = batch.View{Offset: uint32(start), Length: uint32(len(heap) - start)}
			return nil
		})
	})
}

// eachRow calls f with every row of out that is not NULL yet, and stops at the
// first error.
func eachRow(out *batch.Column, f func(i int) error) error {
	n := out.Len()
	if out.Nulls == nil {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range n {
		if out.Nulls.Get(i) {
			continue
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// invalid is the problem of a value that a function cannot work with.
func invalid(format string, args ...any) error {
	return problem.New(problem.InvalidValue, "%s", fmt.Sprintf(format, args...))
}
