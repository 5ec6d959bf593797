package bind

import (
	"tidemark/base/problem"
	"tidemark/plan"
)

// pair is Join, where conditions about one side are asked before the join if
// they can be.
func (b *binder) pair(kind plan.JoinKind, left, right plan.Node, conditions []plan.Expr) plan.Node {
	width := len(left.Schema())
	var ofLeft, ofRight, both []plan.Expr
	for _, c := range conditions {
		switch side := sideOf(c, width); {
		case side == leftSide && !kind.KeepsLeft() && plan.Deterministic(c):
			ofLeft = append(ofLeft, c)
		case side == rightSide && !kind.KeepsRight() && plan.Deterministic(c):
			ofRight = append(ofRight, moved(c, -width))
		default:
			both = append(both, c)
		}
	}
	return Join(kind, Where(left, ofLeft), Where(right, ofRight), both)
}

// onlyColumns is node with some of its columns.
func onlyColumns(node plan.Node, kept []int) plan.Node {
	s := node.Schema()
	p := &plan.Project{Input: node}
	for _, i := range kept {
		p.Exprs = append(p.Exprs, outputColumn(s, i, problem.Position{}))
		p.Names = append(p.Names, s[i].Name)
		p.Times = append(p.Times, s[i].Time)
	}
	return p
}

// firstColumns is node without what stands behind its first columns.
func firstColumns(node plan.Node, width int) plan.Node {
	if len(node.Schema()) == width {
		return node
	}
	kept := make([]int, width)
	for i := range kept {
		kept[i] = i
	}
	return onlyColumns(node, kept)
}
