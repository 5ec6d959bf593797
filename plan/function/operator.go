package function

import (
	"slices"

	"tidemark/base/value"
	"tidemark/plan"
)

// operators is the part of the table that has signs and keywords for names.
// BETWEEN, CASE, ANY and their like are put together from these by the binder.
var operators = slices.Concat(arithmetic, comparisons, logic)

// arithmetic is + - * / % on numbers, and + - * / on dates and intervals.
var arithmetic = []*plan.Function{
	define(plan.Function{
		Name: "+", Category: "arithmetic",
		Signatures: []string{"number + number", "date or time + INTERVAL", "INTERVAL + INTERVAL", "+number"},
		Doc:        "Adds. Integers wrap; a DECIMAL sum with too many digits is NULL; months are added up to the last day of a shorter month.",
		DuckDB:     "($1 + $2)", Flink: "($1 + $2)",
	},
		form{params: []parameter{numeric}, result: like(0), eval: identity},
		numericForm(value.Plus),
		datetimeForm(1), datetimeFormReversed(), intervalForm(1)),
	define(plan.Function{
		Name: "-", Category: "arithmetic",
		Signatures: []string{"number - number", "date or time - INTERVAL", "INTERVAL - INTERVAL", "-number", "-INTERVAL"},
		Doc:        "Subtracts, or changes the sign. Integers wrap; a DECIMAL difference with too many digits is NULL.",
		DuckDB:     "($1 - $2)", Flink: "($1 - $2)",
	},
		form{params: []parameter{numeric}, result: like(0), eval: negate},
		form{params: []parameter{interval}, result: like(0), eval: negate},
		numericForm(value.Minus),
		datetimeForm(-1), intervalForm(-1)),
	define(plan.Function{
		Name: "*", Category: "arithmetic",
		Signatures: []string{"number * number", "INTERVAL * integer", "integer * INTERVAL"},
		Doc:        "Multiplies. Integers wrap; a DECIMAL product with too many digits is NULL.",
		DuckDB:     "($1 * $2)", Flink: "($1 * $2)",
	},
		numericForm(value.Times),
		form{params: []parameter{interval, integer}, result: like(0), eval: applyTwo(ofInts, ofInts, ofInts, func(a, b int64) int64 { return a * b })},
		form{params: []parameter{integer, interval}, result: like(1), eval: applyTwo(ofInts, ofInts, ofInts, func(a, b int64) int64 { return a * b })}),
	define(plan.Function{
		Name: "/", Category: "arithmetic",
		Signatures: []string{"number / number", "INTERVAL / integer"},
		Doc:        "Divides. Integers are cut towards zero; an integer or DECIMAL divided by zero is an error, a FLOAT or DOUBLE gives an infinity or NaN.",
		DuckDB:     "", Flink: "($1 / $2)",
	},
		numericForm(value.Divide),
		form{params: []parameter{interval, integer}, result: like(0), eval: kernel(divideInts)}),
	define(plan.Function{
		Name: "%", Aliases: []string{"MOD"}, Category: "arithmetic",
		Signatures: []string{"number % number", "MOD(number, number)"},
		Doc:        "The remainder of a division, with the sign of the dividend and, for integers, the type of the divisor. A remainder by zero is an error.",
		DuckDB:     "($1 % $2)", Flink: "MOD($1, $2)",
	}, numericForm(value.Modulo)),
}
