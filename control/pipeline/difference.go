package pipeline

import (
	"fmt"
	"strings"

	"tidemark/plan"
	"tidemark/target"
)

// Operator is what becomes of the state of one operator when its table's plan is
// replaced by another.
type Operator struct {
	Operator string // its kind and what tells it from others
	// Unchanged tells that the old plan has the same operator over the same input.
	Unchanged bool
	Kept      bool   // its state goes over to the new plan, and nothing is read again for it
	Because   string // why its state is made anew all the same
}

// difference compares the operators of a plan that remember rows with those of the
// plan before, whose state is taken over as far as said:
// docs/decisions/2026-11-22-changed-plans.md.
func difference(before, after plan.Node, taken target.Takeover) []Operator {
	kept := map[plan.Node]bool{}
	for _, top := range taken.Kept {
		plan.Inspect(top, func(n plan.Node) bool {
			kept[n] = true
			return true
		})
	}
	known := map[string]bool{}
	kinds := map[string]bool{}
	plan.Inspect(before, func(n plan.Node) bool {
		if n != nil && plan.Remembers(n) {
			known[plan.Print(n)] = true
			kinds[label(n)] = true
		}
		return true
	})
	rootSame := before != nil && stateful(before) == stateful(after)
	var all []Operator
	plan.Inspect(after, func(n plan.Node) bool {
		if n == nil || !plan.Remembers(n) {
			return true
		}
		o := Operator{Operator: label(n)}
		switch o.Unchanged = known[plan.Print(n)]; {
		case kept[n]:
			o.Kept = true
		case taken.Because[n] != "":
			o.Because = taken.Because[n]
		case o.Unchanged && rootSame:
			o.Because = "its results are not kept, only its state: what stands above it has to see all of them once more"
		case o.Unchanged:
			o.Because = "the operators above it, which are new, have to see what it gave since the beginning"
		case kinds[o.Operator]:
			o.Because = "what it computes, or what comes to it, is another"
		default:
			o.Because = "it is new"
		}
		all = append(all, o)
		return true
	})
	return all
}

// label is an operator's kind and the first thing that is said of it.
func label(n plan.Node) string {
	title, rest, _ := strings.Cut(plan.Print(n), "\n")
	if first, _, _ := strings.Cut(rest, "\n"); strings.HasPrefix(first, "| ") {
		title += " (" + strings.TrimPrefix(first, "| ") + ")"
	}
	return title
}

// stateful prints the operators of a plan that remember rows, the topmost first.
func stateful(n plan.Node) string {
	var b strings.Builder
	plan.Inspect(n, func(n plan.Node) bool {
		if n != nil && plan.Remembers(n) {
			fmt.Fprintln(&b, plan.Print(n))
			return false
		}
		return true
	})
	return b.String()
}
