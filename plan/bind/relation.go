package bind

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// from binds FROM: the rows, and what names mean over them. Without FROM there
// is one row of no columns. The scope is nil after a problem was reported.
func (b *binder) from(rel sql.Relation, outer *scope) (plan.Node, *scope) {
	if rel == nil {
		return &plan.Values{Rows: [][]plan.Expr{{}}}, &scope{outer: outer, level: &level{}}
	}
	r := b.rows(rel, outer)
	if r.node == nil {
		return nil, nil
	}
	return r.node, &scope{outer: outer, level: &level{}, relations: r.relations}
}

// relation binds one FROM item that looks at no other; the node is nil after a
// problem was reported.
func (b *binder) relation(rel sql.Relation, outer *scope) (plan.Node, relation) {
	switch rel := rel.(type) {
	case *sql.TableRef:
		return b.tableRef(rel)
	case *sql.Derived:
		node := b.table(rel.Query, outer)
		return b.named(node, "", nil, rel.Alias)
	case *sql.TableFunction:
		node := b.tableFunction(rel, outer)
		return b.named(node, "", nil, rel.Alias)
	case *sql.Aliased:
		node, _ := b.relation(rel.Relation, outer)
		return b.named(node, "", nil, rel.Alias)
	case *sql.Join:
		return flattened(b.join(rel, outer))
	case *sql.Unnest:
		one := rows{node: &plan.Values{Rows: [][]plan.Expr{{}}}}
		return flattened(b.unnestJoin(&sql.Join{Span: rel.Span, Kind: sql.CrossJoin, Right: rel}, rel, one, outer))
	case *sql.MatchRecognize:
		return b.named(b.matchRecognize(rel, outer), "", nil, rel.Alias)
	}
	return nil, relation{}
}

// named gives a FROM item its alias and column names.
func (b *binder) named(node plan.Node, name string, path sql.Path, alias *sql.Alias) (plan.Node, relation) {
	if node == nil {
		return nil, relation{}
	}
	r := relation{name: name, path: path, columns: node.Schema()}
	if alias == nil {
		return node, r
	}
	r.name, r.path = alias.Name.Text, nil
	if len(alias.Columns) > 0 {
		node = b.renamed(node, alias.Columns, alias.Name.Text)
		if node == nil {
			return nil, relation{}
		}
		r.columns = node.Schema()
	}
	return node, r
}

// renamed gives the columns of node other names.
func (b *binder) renamed(node plan.Node, names []sql.Name, of string) plan.Node {
	s := node.Schema()
	if len(names) != len(s) {
		b.wrong(names[0].Pos(), problem.InvalidQuery, "name each of them",
			"%s has %s, not %d", of, counted(len(s), "column"), len(names))
		return nil
	}
	types := make([]value.Type, len(s))
	texts := make([]string, len(s))
	for i, c := range s {
		types[i], texts[i] = c.Type, names[i].Text
	}
	return castColumns(node, types, texts)
}

// tableRef binds a table, view or common table expression by name.
func (b *binder) tableRef(ref *sql.TableRef) (plan.Node, relation) {
	if ref.SystemTime != nil {
		b.wrong(ref.SystemTime.Pos(), problem.InvalidQuery, "join it with the rows that have the time: FROM o JOIN "+ref.Path.String()+" FOR SYSTEM_TIME AS OF o.rowtime AS v ON …",
			"a table as of a time stands on the right of a join")
		return nil, relation{}
	}
	node, name := b.tableByName(ref)
	return b.named(node, name, ref.Path, ref.Alias)
}

// tableByName gives the rows of a name, and the name columns are qualified by.
func (b *binder) tableByName(ref *sql.TableRef) (plan.Node, string) {
	name := ref.Path.Last().Text
	if b.tables++; b.tables > tablesMax {
		b.wrong(ref.Path.Pos(), problem.TooLarge, "store a part of it as a materialized table", "the query reads more than %d tables once its views are expanded", tablesMax)
		return nil, name
	}
	if len(ref.Path) == 1 {
		if c := b.ctes.find(name); c != nil {
			return b.commonTable(c), name
		}
	}
	table, ok := findTable(b.catalog, ref.Path)
	if !ok {
		b.unknownTable(ref.Path)
		return nil, name
	}
	b.bound.Tables[ref] = table
	if table.Kind == plan.View || table.Kind == plan.Materialized && b.session.Expand {
		return b.view(table, ref.Path.Pos()), name
	}
	table = b.hinted(table, ref.Hints)
	return b.normalized(table, scan(table, b.session.Streaming, b.changing(table), b.idleTimeout(table))), name
}

// findTable looks a path up as written, and without the names of the one
// catalog and database there are.
func findTable(catalog Catalog, path sql.Path) (*plan.Table, bool) {
	if t, ok := catalog.Table(path.String()); ok {
		return t, true
	}
	for len(path) > 1 && (path[0].Text == "default_catalog" || path[0].Text == "default_database") {
		path = path[1:]
		if t, ok := catalog.Table(path.String()); ok {
			return t, true
		}
	}
	return nil, false
}

func (b *binder) unknownTable(path sql.Path) {
	names := b.catalog.Names()
	for c := b.ctes; c != nil; c = c.outer {
		names = append(names, c.cte.Name.Text)
	}
	otherwise := "create it first with CREATE TABLE " + path.String()
	b.wrong(path.Pos(), problem.UnknownTable, didYouMean(path.String(), names, otherwise), "no table or view %s", path)
}

// commonTable binds a common table expression where it is used.
func (b *binder) commonTable(c *cteScope) plan.Node {
	saved := b.ctes
	defer func() { b.ctes = saved }()
	b.ctes, c.used = c.outer, true
	node := b.table(c.cte.Query, c.scope)
	if node == nil || len(c.cte.Columns) == 0 {
		return node
	}
	return b.renamed(node, c.cte.Columns, c.cte.Name.Text)
}

// view binds the query of a view where it is used.
func (b *binder) view(table *plan.Table, use problem.Position) plan.Node {
	switch {
	case slices.Contains(b.views, table.Name):
		b.wrong(use, problem.InvalidQuery, "let one of them read a table", "view %s is made of itself: %s", table.Name, strings.Join(append(b.views, table.Name), " → "))
		return nil
	case len(b.views) >= nestingMax:
		b.wrong(use, problem.TooLarge, "store one of them as a materialized table", "more than %d views are within each other", nestingMax)
		return nil
	}
	q, err := parse.Query(table.Query)
	if err != nil {
		b.report(use, fmt.Errorf("view %s: %w", table.Name, err))
		return nil
	}
	savedCTEs, savedFound := b.ctes, b.found
	b.ctes, b.found, b.views = nil, nil, append(b.views, table.Name)
	node := b.table(q, nil)
	if table.Kind == plan.Materialized {
		var err error
		if node, err = b.keptAs(node, table.Options); err != nil {
			b.report(use, err)
		}
	}
	wrong := b.found
	b.ctes, b.found, b.views = savedCTEs, savedFound, b.views[:len(b.views)-1]
	for _, p := range wrong {
		// The place inside the view says nothing about this statement.
		b.wrong(use, p.Code, p.Hint, "view %s cannot be read: %s", table.Name, p.Message)
	}
	if node == nil || len(wrong) > 0 {
		return nil
	}
	s := node.Schema()
	types, names := make([]value.Type, len(s)), make([]string, len(s))
	for i, c := range s {
		types[i], names[i] = c.Type, c.Name
		if i < len(table.Columns) {
			names[i] = table.Columns[i].Name
		}
		if table.Kind == plan.Materialized && i < len(table.Columns) {
			types[i] = table.Columns[i].Type
		}
	}
	return castColumns(node, types, names)
}

// hinted is the table with the options of an OPTIONS hint.
func (b *binder) hinted(table *plan.Table, hints []*sql.Hint) *plan.Table {
	for _, h := range hints {
		if !strings.EqualFold(h.Name.Text, "OPTIONS") {
			continue
		}
		changed := *table
		changed.Options = maps.Clone(table.Options)
		if changed.Options == nil {
			changed.Options = map[string]string{}
		}
		for _, o := range h.Options {
			if (o.Key.Text == "connector" || o.Key.Text == "format") && table.Options[o.Key.Text] != o.Value.Text {
				b.wrong(o.Key.Pos(), problem.InvalidOption, "create another table for it", "a hint cannot change '%s'", o.Key.Text)
			}
			changed.Options[o.Key.Text] = o.Value.Text
		}
		table = &changed
	}
	return table
}

// idleTimeout is after how long a silent split is no longer waited for.
func (b *binder) idleTimeout(table *plan.Table) time.Duration {
	for _, text := range []string{table.Options["scan.watermark.idle-timeout"], b.session.Config["table.exec.source.idle-timeout"]} {
		if d, ok := Duration(text); ok {
			return d
		}
	}
	return 0
}

// scan reads a table: its stored columns, then the computed ones, then the
// watermark. A batch has no watermark: it waits for all rows, and none is late.
func scan(table *plan.Table, streaming, changing bool, idle time.Duration) plan.Node {
	s := &plan.Scan{Table: table, Changing: changing}
	position := make([]int, len(table.Columns)) // of each stored column in the scan
	computed := false
	for i, c := range table.Columns {
		if c.Computed != nil {
			computed = true
			continue
		}
		position[i] = len(s.Columns)
		s.Columns = append(s.Columns, i)
	}
	var node plan.Node = s
	if computed {
		p := &plan.Project{Input: s}
		for i, c := range table.Columns {
			var e plan.Expr = &plan.Column{Index: position[i], Name: c.Name, Of: c.Type}
			if c.Computed != nil {
				e = plan.Renumber(c.Computed, position)
			}
			p.Exprs = append(p.Exprs, e)
			p.Names = append(p.Names, c.Name)
			p.Times = append(p.Times, timeOf(e, make([]plan.TimeAttribute, len(s.Columns))))
		}
		node = p
	}
	if w := table.Watermark; w != nil && streaming {
		node = &plan.Watermark{Input: node, Column: w.Column, Delayed: w.Delayed, IdleTimeout: idle}
	}
	return node
}
