package bind

import (
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
)

// unnestJoin binds left JOIN UNNEST(collection): every row of the left once for
// each element of its collection.
func (b *binder) unnestJoin(j *sql.Join, u *sql.Unnest, left rows, outer *scope) rows {
	switch {
	case j.Kind == sql.RightJoin || j.Kind == sql.FullJoin:
		b.wrong(u.Pos(), problem.InvalidQuery, "write CROSS JOIN, or LEFT JOIN … ON TRUE to keep rows without elements",
			"%s with UNNEST has no meaning: elements belong to a row of the left", j.Kind)
		return rows{}
	case len(u.Exprs) > 1:
		b.unsupported(u.Exprs[1].Pos(), "UNNEST of several collections", "unnest each of them WITH ORDINALITY and join them by the number")
		return rows{}
	case j.Natural || len(j.Using) > 0:
		b.wrong(u.Pos(), problem.InvalidQuery, "write ON and a condition", "elements are not joined by name")
		return rows{}
	case left.node == nil:
		return rows{}
	}
	collection := b.expr(u.Exprs[0], &scope{outer: outer, level: &level{}, relations: left.relations, clause: "UNNEST"})
	if collection == nil {
		return rows{}
	}
	if kind := collection.Type().Kind; kind != value.Array && kind != value.Map {
		b.wrong(u.Exprs[0].Pos(), problem.TypeMismatch, "unnest an ARRAY or a MAP; SPLIT(text, ',') makes an ARRAY of a text",
			"UNNEST needs a collection, but this is %s", collection.Type().Optional())
		return rows{}
	}
	node := &plan.Unnest{Input: left.node, Collection: collection, Ordinality: u.Ordinality, Outer: j.Kind == sql.LeftJoin}
	r := relation{first: len(left.node.Schema())}
	if node.Names = b.elementNames(u, collection.Type()); node.Names == nil {
		return rows{}
	}
	if u.Alias != nil {
		r.name = u.Alias.Name.Text
	}
	r.columns = node.Paired()[r.first:]
	right := rows{node: &plan.Values{Columns: r.columns}, relations: []relation{{name: r.name, columns: r.columns}}}
	if !b.distinctNames(j, left, right) {
		return rows{}
	}
	if j.On != nil {
		condition := b.condition(j.On, &scope{outer: outer, level: &level{}, relations: append(append([]relation(nil), left.relations...), r), clause: "ON"}, "ON")
		if condition == nil {
			return rows{}
		}
		if !plan.IsTrue(condition) {
			node.Condition = condition
		}
	}
	r.columns = node.Schema()[r.first:]
	return rows{node: node, relations: append(append([]relation(nil), left.relations...), r)}
}

// elementNames are the names of an element's columns: those of the alias, or
// what Flink calls them. They are nil after a problem was reported.
func (b *binder) elementNames(u *sql.Unnest, collection value.Type) []string {
	names := elementDefaults(collection)
	if u.Ordinality {
		names = append(names, "ORDINALITY")
	}
	if u.Alias == nil {
		return names
	}
	given := u.Alias.Columns
	switch {
	case len(given) == 0 && len(names) == 1:
		return []string{u.Alias.Name.Text}
	case len(given) == 0:
		return names
	case len(given) != len(names):
		b.wrong(given[0].Pos(), problem.InvalidQuery, "name each of them: "+listed(names), "an element of %s has %s, not %d",
			collection.Optional(), counted(len(names), "column"), len(given))
		return nil
	}
	for i, name := range given {
		names[i] = name.Text
	}
	return names
}

func elementDefaults(collection value.Type) []string {
	switch {
	case collection.Kind == value.Map:
		return []string{"KEY", "VALUE"}
	case collection.Elem.Kind == value.Row:
		var names []string
		for _, f := range collection.Elem.Fields {
			names = append(names, f.Name)
		}
		return names
	}
	return []string{unnamed(0)}
}
