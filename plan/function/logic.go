package function

import (
	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// logic is AND, OR, NOT, and the tests for NULL and truth.
var logic = []*plan.Function{
	connective("AND", false, "Whether all conditions are TRUE: FALSE when one is FALSE, else NULL when one is NULL."),
	connective("OR", true, "Whether one of the conditions is TRUE: TRUE when one is, else NULL when one is NULL."),
	define(plan.Function{
		Name: "NOT", Category: "logic",
		Signatures: []string{"NOT condition"},
		Doc:        "Turns TRUE into FALSE and FALSE into TRUE.",
		DuckDB:     "(NOT $1)", Flink: "(NOT $1)",
	}, form{params: []parameter{boolean}, result: like(0), eval: applyOne(ofBools, ofBools, func(b bool) bool { return !b })}),
	nullTest("IS NULL", true, "Whether the value is NULL."),
	nullTest("IS NOT NULL", false, "Whether the value is not NULL."),
	truthTest("IS TRUE", func(b, null bool) bool { return b && !null }, "Whether the condition is TRUE, neither FALSE nor NULL."),
	truthTest("IS NOT TRUE", func(b, null bool) bool { return !b || null }, "Whether the condition is FALSE or NULL."),
	truthTest("IS FALSE", func(b, null bool) bool { return !b && !null }, "Whether the condition is FALSE, neither TRUE nor NULL."),
	truthTest("IS NOT FALSE", func(b, null bool) bool { return b || null }, "Whether the condition is TRUE or NULL."),
	truthTest("IS UNKNOWN", func(_, null bool) bool { return null }, "Whether the condition is NULL."),
	truthTest("IS NOT UNKNOWN", func(_, null bool) bool { return !null }, "Whether the condition is TRUE or FALSE."),
}

// connective is AND or OR of two or more conditions; decisive is the value
// that settles the result whatever the others are.
func connective(name string, decisive bool, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "logic",
		Signatures: []string{"condition " + name + " condition"},
		Doc:        doc,
		DuckDB:     "($1 " + name + " $2)", Flink: "($1 " + name + " $2)",
	}, form{
		params:  []parameter{boolean, boolean},
		rest:    &boolean,
		lenient: true,
		result:  returns(value.BooleanType),
		eval: kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			nulls := false
			for _, a := range args {
				nulls = nulls || a.Nulls != nil
			}
			if nulls {
				connectThree(args, decisive, out)
			} else {
				connectTwo(args, decisive, out.Bools)
			}
			return nil
		}),
	})
}

// connectTwo is the two-valued case, which most batches are.
func connectTwo(args []*batch.Column, decisive bool, to []bool) {
	copy(to, args[0].Bools)
	for _, arg := range args[1:] {
		more := arg.Bools[:len(to)]
		if decisive {
			for i := range to {
				to[i] = to[i] || more[i]
			}
		} else {
			for i := range to {
				to[i] = to[i] && more[i]
			}
		}
	}
}

func connectThree(args []*batch.Column, decisive bool, out *batch.Column) {
rows:
	for i := range out.Bools {
		unknown := false
		for _, a := range args {
			if a.IsNull(i) {
				unknown = true
			} else if a.Bools[i] == decisive {
				out.Bools[i] = decisive
				continue rows
			}
		}
		if unknown {
			out.SetNull(i)
		} else {
			out.Bools[i] = !decisive
		}
	}
}

func nullTest(name string, wanted bool, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "logic",
		Signatures: []string{"value " + name},
		Doc:        doc,
		DuckDB:     "($1 " + name + ")", Flink: "($1 " + name + ")",
	}, form{
		params:  []parameter{anything},
		lenient: true,
		result:  always(value.BooleanType),
		eval: kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			if args[0].Type.Class() == value.NoData {
				for i := range out.Bools {
					out.Bools[i] = wanted
				}
				return nil
			}
			for i := range out.Bools {
				out.Bools[i] = args[0].IsNull(i) == wanted
			}
			return nil
		}),
	})
}

func truthTest(name string, test func(b, null bool) bool, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Category: "logic",
		Signatures: []string{"condition " + name},
		Doc:        doc,
		DuckDB:     "($1 " + name + ")", Flink: "($1 " + name + ")",
	}, form{
		params:  []parameter{boolean},
		lenient: true,
		result:  always(value.BooleanType),
		eval: kernel(func(_ *plan.Context, args []*batch.Column, out *batch.Column) error {
			for i := range out.Bools {
				out.Bools[i] = test(args[0].Bools[i], args[0].IsNull(i))
			}
			return nil
		}),
	})
}
