// Package rewrite improves plans: it moves work to where it costs least, and
// recognises what the engine has a better operator for.
//
// It is not a cost-based optimiser: there is one best plan by rules, no
// statistics, and no search. It never changes what a plan computes, only when
// and how.
//
// Flow: Optimize applies the rules of the list below to every node, inputs
// first, until none fires, and prunes columns once from the root down; then it makes
// one join of joins by the same key, lets places that read the same table share one
// reading, and those that aggregate the same windows of it one aggregate, and
// improves what that has left.
//
// Invariants:
//  1. A rule gives a node with the same schema, apart from types that become
//     NOT NULL, and the same rows.
//  2. Every rule makes the plan smaller or moves a node down, so that the rules
//     come to an end; passesMax is only a guard.
//  3. A rule never makes an expression run for rows it was not run for before,
//     unless it cannot fail: conditions go below an expression, never before an
//     earlier condition that guards them.
package rewrite

import (
	"slices"

	"tidemark/base/invariant"
	"tidemark/plan"
)

// passesMax is after how many passes over the tree the rules must have come to
// an end.
const passesMax = 100

// rule is one improvement. It gives nil when it has nothing to do with the node.
type rule struct {
	name  string
	apply func(plan.Node) plan.Node
}

// rules in the order in which they are tried at a node.
var rules = []rule{
	{"fold-constants", foldConstants},
	{"remove-true-filter", removeTrueFilter},
	{"merge-filters", mergeFilters},
	{"push-filter-below-project", pushFilterBelowProject},
	{"push-filter-below-union", pushFilterBelowUnion},
	{"push-filter-below-window", pushFilterBelowWindow},
	{"push-filter-below-aggregate", pushFilterBelowAggregate},
	{"narrow-outer-join", narrowOuterJoin},
	{"push-filter-below-join", pushFilterBelowJoin},
	{"push-filter-below-lookup", pushFilterBelowLookup},
	{"push-filter-into-scan", pushFilterIntoScan},
	{"merge-projects", mergeProjects},
	{"remove-project", removeProject},
	{"window-aggregate", windowAggregate},
	{"aggregate-same-window", aggregateSameWindow},
	{"rank", rank},
}

// merging are the rules that are tried when the others have come to an end:
// conditions are where they belong then.
var merging = []rule{{"merge-joins", mergeJoins}}

// Optimize improves a plan. fired names the rules that did something, in
// alphabetical order.
func Optimize(n plan.Node) (optimized plan.Node, fired []string) {
	names := map[string]bool{}
	n = improve(n, names)
	if merged := bottomUp(n, merging, names); merged != n {
		n = improve(merged, names)
	}
	if shared := shareSources(n); shared != n {
		names["share-sources"] = true
		n = improve(shared, names)
	}
	if shared := shareAggregates(n, func(n plan.Node) plan.Node { return improve(n, names) }); shared != n {
		names["share-aggregates"] = true
		n = improve(shared, names)
	}
	for name := range names {
		fired = append(fired, name)
	}
	slices.Sort(fired)
	return n, fired
}

// improve applies the rules until none fires, and prunes columns.
func improve(n plan.Node, fired map[string]bool) plan.Node {
	for pass := 0; ; pass++ {
		invariant.Check(pass < passesMax, "rewrite rules do not come to an end")
		before := n
		n = bottomUp(n, rules, fired)
		if n == before {
			break
		}
	}
	if pruned := pruneColumns(n); pruned != n {
		n = pruned
		fired["prune-columns"] = true
	}
	return n
}

// bottomUp applies rules below n, and then at n the first that fires. What is
// shared has been improved before, and stays the same in all its places.
func bottomUp(n plan.Node, rules []rule, fired map[string]bool) plan.Node {
	if _, shares := n.(*plan.Shared); shares {
		return n
	}
	inputs := slices.Clone(n.Inputs())
	for i, input := range inputs {
		inputs[i] = bottomUp(input, rules, fired)
	}
	n = plan.WithInputs(n, inputs)
	for _, r := range rules {
		if better := r.apply(n); better != nil {
			fired[r.name] = true
			return better
		}
	}
	return n
}
