// Package function is the one table of functions and operators: for each its
// name, types, code, documentation, and how other dialects spell it.
//
// It is not the binder: it does not see expressions, only the types (and
// constants) of arguments. Control flow (CASE, and AND or OR that must not
// evaluate their right side), grouping (GROUPING_ID) and casts between columns
// are nodes of package plan; the code of casts is here, in Cast.
//
// Flow: the binder finds a row by name (Lookup), asks it for an Overload
// (Resolve), casts the arguments to Overload.Params, and the engine calls
// Overload.Eval for every batch, or Overload.New once per aggregation.
//
// The DuckDB templates of rows that need to know types or units, such as SUM,
// / and EXTRACT, are empty: package sql/dialect writes these itself.
//
// Every row is declared in the file of its category with the combinators of
// signature.go: a form is a list of parameters, a rule for the result type and
// a maker of the kernel.
//
// Invariants:
//  1. Names and aliases are unique without regard to case.
//  2. Every row has a signature, a sentence of documentation and a case in
//     testdata.
//  3. A kernel reads only rows that are not NULL in out; it writes nothing but
//     out, and keeps nothing between batches but what depends on constants.
//  4. Overload.Result is nullable when any argument is, unless the function
//     says otherwise; an aggregate over no rows at all is the binder's affair.
//  5. What a row does is what Flink 2.1 does; a deliberate difference is
//     written at the row.
package function

import (
	"slices"
	"strings"
	"sync"

	"tidemark/plan"
)

// All lists the whole table, category by category.
func All() []*plan.Function {
	return slices.Concat(operators, mathematics, times, aggregates, sketches, texts, regexps, jsons, collections, encodings, miscellaneous, windows)
}

var byName = sync.OnceValue(func() map[string]*plan.Function {
	index := map[string]*plan.Function{}
	for _, f := range All() {
		index[strings.ToUpper(f.Name)] = f
		for _, alias := range f.Aliases {
			index[strings.ToUpper(alias)] = f
		}
	}
	return index
})

// Lookup finds a function or operator by name or alias, in any case.
func Lookup(name string) (*plan.Function, bool) {
	f, ok := byName()[strings.ToUpper(name)]
	return f, ok
}

// Names lists every name and alias in order, for "did you mean" hints.
func Names() []string {
	names := make([]string, 0, len(byName()))
	for name := range byName() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
