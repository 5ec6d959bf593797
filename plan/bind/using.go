package bind

import (
	"slices"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
)

// moved is the relation over columns that stand by further behind.
func (r relation) moved(by int) relation {
	r.first += by
	if r.merged != nil {
		merged := make([]plan.Expr, len(r.merged))
		for i, e := range r.merged {
			merged[i] = plan.Shift(e, by)
		}
		r.merged = merged
	}
	return r
}

// over is the relation with its columns as they are in the schema of a join:
// nullable where it pads them, and times where it keeps them.
func (b *binder) over(r relation, s plan.Schema) relation {
	columns := append(plan.Schema(nil), r.columns...)
	if r.merged == nil {
		for i := range columns {
			columns[i].Type, columns[i].Time = s[r.first+i].Type, s[r.first+i].Time
		}
	} else {
		merged := make([]plan.Expr, len(r.merged))
		for i, e := range r.merged {
			merged[i] = b.substituted(e, columnsOf(s, 0))
			columns[i].Type = merged[i].Type()
		}
		r.merged = merged
	}
	r.columns = columns
	return r
}

// visible are the columns of a name that it means without a table in front.
func visible(relations []relation, name sql.Name) []plan.Expr {
	var found []plan.Expr
	for i := range relations {
		if slices.Contains(relations[i].hidden, name.Text) {
			continue
		}
		if e, ok := relations[i].column(name); ok {
			found = append(found, e)
		}
	}
	return found
}

func isVisible(relations []relation, name string) bool {
	return len(visible(relations, sql.NameOf(name))) > 0
}

// visibleNames are the names that * shows, in its order.
func visibleNames(relations []relation) []string {
	var names []string
	for _, r := range relations {
		for _, c := range r.columns {
			if !slices.Contains(r.hidden, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// equalColumns makes the conditions of USING, whose names have a place, and of
// NATURAL, which stands at pos.
func (b *binder) equalColumns(on *joinOn, pos problem.Position, using []sql.Name, left, right rows) bool {
	width := len(left.node.Schema())
	ok := true
	for i, text := range on.common {
		name := sql.NameOf(text)
		at := pos
		if using != nil {
			name, at = using[i], using[i].Pos()
		}
		l, fineLeft := b.commonColumn(at, name, left, "left")
		r, fineRight := b.commonColumn(at, name, right, "right")
		if !fineLeft || !fineRight {
			ok = false
			continue
		}
		equal := b.operator(at, "=", []plan.Expr{l, plan.Shift(r, width)})
		ok = ok && equal != nil
		on.conditions = append(on.conditions, equal)
	}
	return ok
}

// commonColumn is the one column of a side that USING or NATURAL names.
func (b *binder) commonColumn(at problem.Position, name sql.Name, of rows, where string) (plan.Expr, bool) {
	switch found := visible(of.relations, name); len(found) {
	case 1:
		return found[0], true
	case 0:
		names := visibleNames(of.relations)
		b.wrong(at, problem.UnknownColumn, didYouMean(name.Text, names, "its columns are "+listed(names)), "the %s side of the join has no column %s", where, name.Text)
	default:
		b.wrong(at, problem.Ambiguous, "join with ON, and write the table in front of it", "the %s side of the join has several columns %s", where, name.Text)
	}
	return nil, false
}

// merged hides the common columns of both sides of a join, and gives the
// relation of the columns that stand for them: the one that is there.
func (b *binder) merged(j *sql.Join, kind plan.JoinKind, common []string, left, right []relation) relation {
	var m relation
	for _, text := range common {
		l, r := visible(left, sql.NameOf(text))[0], visible(right, sql.NameOf(text))[0]
		either := b.operator(j.Right.Pos(), "COALESCE", []plan.Expr{l, r})
		switch {
		case either == nil:
			either = l
		case kind != plan.FullJoin && kind != plan.RightJoin && l.Type().Equal(either.Type()):
			either = l
		case kind == plan.RightJoin && r.Type().Equal(either.Type()):
			either = r
		}
		m.merged = append(m.merged, either)
		m.columns = append(m.columns, plan.OutputColumn{Name: text, Type: either.Type()})
	}
	for _, side := range [][]relation{left, right} {
		for i := range side {
			side[i].hidden = append(slices.Clone(side[i].hidden), common...)
		}
	}
	return m
}

// shownPaths are the names of the columns that * shows, where some are those of
// USING or NATURAL; nil where none are.
func shownPaths(relations []relation) []sql.Path {
	if !slices.ContainsFunc(relations, func(r relation) bool { return r.merged != nil }) {
		return nil
	}
	var paths []sql.Path
	for _, r := range relations {
		for _, c := range r.columns {
			switch {
			case slices.Contains(r.hidden, c.Name):
			case r.name == "":
				paths = append(paths, sql.PathOf(c.Name))
			default:
				paths = append(paths, sql.PathOf(r.name, c.Name))
			}
		}
	}
	return paths
}
