package function

import (
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
)

// WindowCategory is that of the functions that only OVER gives a meaning: they
// tell where a row stands among others, and have neither a kernel nor states.
// The operator of plan.Over computes them by name.
const WindowCategory = "window"

// windows is the part of the table that is used with OVER only. Aggregates can
// be used so too.
var windows = []*plan.Function{
	rowFunction("ROW_NUMBER", value.BigIntType, "The number of the row in its partition, from 1."),
	rowFunction("RANK", value.BigIntType, "One more than the rows before it that are not its peers: equal rows have the same number, and the next one skips."),
	rowFunction("DENSE_RANK", value.BigIntType, "One more than the different values before it: equal rows have the same number, and the next one does not skip."),
	rowFunction("PERCENT_RANK", value.DoubleType, "RANK from 0 to 1: (RANK - 1) / (rows of the partition - 1), 0 in a partition of one row."),
	rowFunction("CUME_DIST", value.DoubleType, "The share of the partition's rows that are before the row or its peers."),
	positional(plan.Function{
		Name: "NTILE", Category: WindowCategory,
		Signatures: []string{"NTILE(buckets) → INT"},
		Doc:        "The number of the row's bucket when the partition is cut into that many of the same size; the first ones have one row more where it does not divide.",
		DuckDB:     "ntile($1)", Flink: "NTILE($1)",
	}, form{params: []parameter{integer}, check: constantFrom(0, 1), result: always(value.IntType)}),
	neighbour("LAG", "before"),
	neighbour("LEAD", "after"),
}

// rowFunction is a function without arguments.
func rowFunction(name string, result value.Type, doc string) *plan.Function {
	return positional(plan.Function{
		Name: name, Category: WindowCategory, Signatures: []string{name + "() → " + result.String()}, Doc: doc,
		DuckDB: name + "()", Flink: name + "()",
	}, form{result: always(result)})
}

// neighbour is LAG or LEAD.
func neighbour(name, side string) *plan.Function {
	return positional(plan.Function{
		Name: name, Category: WindowCategory,
		Signatures: []string{name + "(value [, offset [, default]]) → the value's type"},
		Doc:        "The value in the row that is offset rows (1) " + side + " this one, or the default (NULL) where there is none.",
		DuckDB:     name + "($*)", Flink: name + "($*)",
	}, form{
		params: []parameter{anything, integer, anything}, optional: 2, check: constantFrom(1, 0), unify: unifyDefault,
		// As in Flink the default alone decides, even where values may be NULL.
		result: func(params []value.Type) value.Type {
			return params[0].WithNullability(len(params) == 3 && params[2].NotNull)
		},
	})
}

// unifyDefault gives the value and the default of LAG or LEAD a common type.
func unifyDefault(params []value.Type) bool {
	if len(params) < 3 {
		return params[0].Kind != value.Null
	}
	common, ok := value.LeastRestrictive(params[0], params[2])
	if !ok || common.Kind == value.Null {
		return false
	}
	params[0], params[2] = common.WithNullability(params[0].NotNull), common.WithNullability(params[2].NotNull)
	return true
}

// constantFrom wants argument i, where it is given, to be a constant that is not
// below least.
func constantFrom(i int, least int64) func(*call) error {
	return func(c *call) error {
		if i >= len(c.Args) {
			return nil
		}
		l := c.Args[i].Literal
		if l == nil || l.Null || l.Int < least {
			return problem.New(problem.InvalidQuery, "argument %d must be a constant from %d on", i+1, least).At(c.Args[i].At).WithHint("write a whole number, such as 1")
		}
		return nil
	}
}

// positional completes f with a Resolve that settles types only.
func positional(f plan.Function, of form) *plan.Function {
	f.Resolve = func(args []plan.Argument) (*plan.Overload, error) {
		params, ok := of.accept(args)
		if !ok {
			return nil, misfit(&f, args)
		}
		if of.check != nil {
			if err := of.check(&call{Args: args, Params: params}); err != nil {
				return nil, err
			}
		}
		return &plan.Overload{Params: params, Result: of.result(params)}, nil
	}
	return &f
}
