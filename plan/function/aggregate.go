package function

import (
	"tidemark/base/value"
	"tidemark/plan"
)

// comparableValue is what MIN and MAX take.
var comparableValue = parameter{name: "a value that has an order", accepts: func(t value.Type) bool {
	switch t.Class() {
	case value.Lists, value.Structs, value.NoData:
		return false
	}
	return t.Kind != value.Variant
}, null: value.IntType}

// anyColumn is what aggregates of all types take.
var anyColumn = parameter{name: "any value", accepts: func(value.Type) bool { return true }, null: value.StringType}

var doubles = parameter{name: "an ARRAY of numbers", accepts: func(t value.Type) bool {
	return t.Kind == value.Array && t.Elem.IsNumeric()
}, to: castTo(value.ArrayOf(value.DoubleType)), null: value.ArrayOf(value.DoubleType)}

// aggregates is the aggregate part of the table. The DISTINCT form of each is
// made by Distinct, FILTER is the engine's, GROUPING and its like the binder's.
var aggregates = []*plan.Function{
	define(plan.Function{
		Name: "COUNT", Category: "aggregate", Aggregate: true,
		Signatures: []string{"COUNT(*) → BIGINT", "COUNT(value) → BIGINT"},
		Doc:        "How many rows there are, or how many of them have a value that is not NULL.",
		DuckDB:     "count($*)", Flink: "COUNT($*)",
	},
		form{params: nil, result: always(value.BigIntType), state: plain(newCounting)},
		form{params: []parameter{anyColumn}, result: always(value.BigIntType), state: plain(newCounting)}),
	define(plan.Function{
		Name: "SUM", Category: "aggregate", Aggregate: true,
		Signatures: []string{"SUM(number) → the number's type"},
		Doc:        "The sum of all values; NULL when there are none. Integers wrap at their type; DECIMAL grows to 38 digits, and to NULL beyond.",
		DuckDB:     "", Flink: "SUM($*)",
	}, form{params: []parameter{numeric}, result: sumType, state: newSum(asSum)}),
	define(plan.Function{
		Name: "$SUM0", Aliases: []string{"SUM0"}, Category: "aggregate", Aggregate: true,
		Signatures: []string{"$SUM0(number) → the number's type"},
		Doc:        "The sum of all values; 0 when there are none.",
		DuckDB:     "coalesce(sum($*), 0)", Flink: "COALESCE(SUM($*), 0)",
	}, form{params: []parameter{numeric}, result: func(params []value.Type) value.Type { return sumType(params).Required() }, state: newSum(asSumOrZero)}),
	define(plan.Function{
		Name: "AVG", Category: "aggregate", Aggregate: true,
		Signatures: []string{"AVG(number) → the number's type"},
		Doc:        "The mean of all values, in their own type: of integers it is cut towards zero, of DECIMAL it has at least 6 digits after the point.",
		DuckDB:     "", Flink: "AVG($*)",
	}, form{params: []parameter{numeric}, result: averageType, state: newSum(asAverage)}),
	define(plan.Function{
		Name: "MIN", Category: "aggregate", Aggregate: true,
		Signatures: []string{"MIN(value) → the value's type"},
		Doc:        "The least value; NULL when there is none.",
		DuckDB:     "min($*)", Flink: "MIN($*)",
	}, form{params: []parameter{comparableValue}, result: like(0), state: newExtreme(false)}),
	define(plan.Function{
		Name: "MAX", Category: "aggregate", Aggregate: true,
		Signatures: []string{"MAX(value) → the value's type"},
		Doc:        "The greatest value; NULL when there is none.",
		DuckDB:     "max($*)", Flink: "MAX($*)",
	}, form{params: []parameter{comparableValue}, result: like(0), state: newExtreme(true)}),
	varianceFunction("VAR_POP", nil, "var_pop($*)", spread{}, "The variance of all values."),
	varianceFunction("VAR_SAMP", []string{"VARIANCE"}, "var_samp($*)", spread{sample: true}, "The variance of a population of which the values are a sample; NULL for fewer than two."),
	varianceFunction("STDDEV_POP", nil, "stddev_pop($*)", spread{root: true}, "The standard deviation of all values."),
	varianceFunction("STDDEV_SAMP", []string{"STDDEV"}, "stddev_samp($*)", spread{sample: true, root: true}, "The standard deviation of a population of which the values are a sample; NULL for fewer than two."),
	define(plan.Function{
		Name: "FIRST_VALUE", Category: "aggregate", Aggregate: true,
		Signatures: []string{"FIRST_VALUE(value) → the value's type"},
		Doc:        "The value that came first and is not NULL.",
		DuckDB:     "", Flink: "FIRST_VALUE($*)",
	}, form{params: []parameter{anyColumn}, result: like(0), state: newOrdered(showFirst)}),
	define(plan.Function{
		Name: "LAST_VALUE", Category: "aggregate", Aggregate: true,
		Signatures: []string{"LAST_VALUE(value) → the value's type"},
		Doc:        "The value that came last and is not NULL.",
		DuckDB:     "", Flink: "LAST_VALUE($*)",
	}, form{params: []parameter{anyColumn}, result: like(0), state: newOrdered(showLast)}),
	define(plan.Function{
		Name: "ANY_VALUE", Category: "aggregate", Aggregate: true,
		Signatures: []string{"ANY_VALUE(value) → the value's type"},
		Doc:        "One of the values that are not NULL: the first. Not in Flink.",
		DuckDB:     "any_value($*)", Flink: "FIRST_VALUE($*)",
	}, form{params: []parameter{anyColumn}, result: like(0), state: newOrdered(showFirst)}),
	define(plan.Function{
		Name: "LISTAGG", Category: "aggregate", Aggregate: true,
		Signatures: []string{"LISTAGG(text [, separator]) → STRING"},
		Doc:        "The texts that are not NULL in the order they came, joined by a comma or the separator.",
		DuckDB:     "string_agg($*)", Flink: "LISTAGG($*)",
	}, form{
		params: []parameter{anyText, anyText}, optional: 1, check: constantSeparator,
		result: func(params []value.Type) value.Type { return value.StringType.WithNullability(params[0].NotNull) },
		state:  newOrdered(showText),
	}),
	define(plan.Function{
		Name: "ARRAY_AGG", Category: "aggregate", Aggregate: true,
		Signatures: []string{"ARRAY_AGG(value) → ARRAY"},
		Doc:        "The values in the order they came, NULLs too; NULL when there are none.",
		DuckDB:     "array_agg($*)", Flink: "ARRAY_AGG($*)",
	}, form{params: []parameter{anyColumn}, result: arrayOfArgument, state: newOrdered(showArray)}),
	define(plan.Function{
		Name: "COLLECT", Category: "aggregate", Aggregate: true,
		Signatures: []string{"COLLECT(value) → ARRAY"},
		Doc:        "The values that are not NULL, repeats too. Flink gives a MULTISET, here an ARRAY: both unnest alike.",
		DuckDB:     "", Flink: "COLLECT($*)",
	}, form{params: []parameter{anyColumn}, result: func(params []value.Type) value.Type {
		return value.ArrayOf(params[0]).Required()
	}, state: newOrdered(showValues)}),
	define(plan.Function{
		Name: "JSON_ARRAYAGG", Category: "aggregate", Aggregate: true,
		Signatures: []string{"JSON_ARRAYAGG(value [NULL | ABSENT ON NULL]) → VARCHAR(2000)"},
		Doc:        "A JSON array of the values in the order they came. NULLs are left out unless told.",
		DuckDB:     "", Flink: "JSON_ARRAYAGG($1)",
	}, form{params: []parameter{anyColumn, anyText}, optional: 1, check: checkJSONAggregate(0), result: always(value.VarcharOf(2000)), state: newOrdered(showJSONArray)}),
	define(plan.Function{
		Name: "JSON_OBJECTAGG", Category: "aggregate", Aggregate: true,
		Signatures: []string{"JSON_OBJECTAGG(KEY text VALUE value [NULL | ABSENT ON NULL]) → VARCHAR(2000)"},
		Doc:        "A JSON object of keys and values; keys come out in order, the last of equal keys stays. NULL values are kept unless told, rows without a key are passed over.",
		DuckDB:     "", Flink: "JSON_OBJECTAGG(KEY $1 VALUE $2)",
	}, form{params: []parameter{anyText, anyColumn, anyText}, optional: 1, check: checkJSONAggregate(1), result: always(value.VarcharOf(2000)), state: newOrdered(showJSONObject)}),
	define(plan.Function{
		Name: "PERCENTILE", Category: "aggregate", Aggregate: true,
		Signatures: []string{"PERCENTILE(number, share [, frequency]) → DOUBLE", "PERCENTILE(number, ARRAY[share, …] [, frequency]) → ARRAY<DOUBLE>"},
		Doc:        "The value below which the given share (0 to 1) of the values lies, between neighbours in proportion; a frequency says how often a value counts.",
		DuckDB:     "quantile_cont($1, $2)", Flink: "PERCENTILE($*)",
	},
		form{params: []parameter{asDouble, asDouble, integer}, optional: 1, check: checkPercentile, result: maybe(value.DoubleType), state: newPercentile},
		form{params: []parameter{asDouble, doubles, integer}, optional: 1, check: checkPercentile, result: maybe(value.ArrayOf(value.DoubleType)), state: newPercentile}),
}

// plain is a maker of states that needs to know nothing of the call.
func plain(make func(*plan.Context) plan.Accumulator) func(*call) func(*plan.Context) plan.Accumulator {
	return func(*call) func(*plan.Context) plan.Accumulator { return make }
}

func varianceFunction(name string, aliases []string, duckDB string, show spread, doc string) *plan.Function {
	return define(plan.Function{
		Name: name, Aliases: aliases, Category: "aggregate", Aggregate: true,
		Signatures: []string{name + "(number) → the number's type"},
		Doc:        doc + " Of integers it is cut towards zero, as in Flink.",
		DuckDB:     duckDB, Flink: name + "($*)",
	}, form{params: []parameter{numeric}, result: func(params []value.Type) value.Type {
		t := averageType(params)
		if show.sample {
			t.NotNull = false
		}
		return t
	}, state: newVariance(show)})
}

func checkPercentile(c *call) error {
	_, _, err := percentileShares(c)
	return err
}
