package rewrite

import "tidemark/plan"

// removeProject removes a projection that passes on its input as it is.
func removeProject(n plan.Node) plan.Node {
	p, ok := n.(*plan.Project)
	if !ok {
		return nil
	}
	in := p.Input.Schema()
	if len(in) != len(p.Exprs) {
		return nil
	}
	for i, e := range p.Exprs {
		c, isColumn := e.(*plan.Column)
		if !isColumn || c.Index != i || in[i].Name != p.Names[i] || in[i].Time != p.Times[i] || !in[i].Type.Equal(c.Of) {
			return nil
		}
	}
	return p.Input
}

// unlessSame is a projection, or its input where it passes that on as it is.
func unlessSame(p *plan.Project) plan.Node {
	if same := removeProject(p); same != nil {
		return same
	}
	return p
}
