package pipeline

import (
	"context"
	"slices"

	"tidemark/base/problem"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// rebound is a table whose job is to be built anew.
type rebound struct {
	change  catalog.Change
	session bind.Session
}

// readers binds anew the materialized tables that read a table, through views or
// one another, in the order of their creation. One that could not be read any
// more is a problem.
func (p *Pipeline) readers(name string, at sql.Statement) ([]rebound, error) {
	return p.readersIn(p.catalog, name, at)
}

// readersIn is readers in a catalog that may not be ours yet.
func (p *Pipeline) readersIn(c *catalog.Catalog, name string, at sql.Statement) ([]rebound, error) {
	changed := map[string]bool{name: true}
	var all []rebound
	for _, t := range c.Tables() {
		if t.Query == "" || t.Name == name || !readsAny(t, changed) {
			continue
		}
		changed[t.Name] = true
		if t.Kind != plan.Materialized {
			continue
		}
		in, err := catalog.InZone(p.session(), t.Zone)
		if err != nil {
			return nil, err
		}
		m, err := c.Rebind(in, t)
		if err != nil {
			return nil, problem.New(problem.Conflict, "%s reads %s, and could not any more: %s", t.Name, name, problem.Of(err).Message).
				At(at.Pos()).WithHint("change or drop %s first", t.Name)
		}
		all = append(all, rebound{catalog.Change{Name: t.Name, What: catalog.Noun(t.Kind), Created: true, Before: t, Table: m.Table, Job: m}, in})
	}
	return all, nil
}

// callers builds anew the materialized tables whose plan has changed with a function.
func (p *Pipeline) callers(ctx context.Context) error {
	var all []rebound
	for _, t := range p.catalog.Tables() {
		if t.Kind != plan.Materialized {
			continue
		}
		in, err := catalog.InZone(p.session(), t.Zone)
		if err != nil {
			return err
		}
		m, err := p.catalog.Rebind(in, t)
		if err != nil {
			return problem.New(problem.Conflict, "%s cannot be read any more: %s", t.Name, problem.Of(err).Message).WithHint("change or drop %s", t.Name)
		}
		all = append(all, rebound{catalog.Change{Name: t.Name, What: catalog.Noun(t.Kind), Created: true, Before: t, Table: m.Table, Job: m}, in})
	}
	return p.rebind(ctx, all)
}

// readsAny reports whether the query of a table or view names one of the tables.
func readsAny(t *plan.Table, names map[string]bool) bool {
	query, err := parse.Query(t.Query)
	return err == nil && slices.ContainsFunc(tablesRead(query), func(read string) bool { return names[read] })
}

// rebind has the target keep what reads a table that was replaced. A table whose
// plan is what it was goes on where it is.
func (p *Pipeline) rebind(ctx context.Context, all []rebound) error {
	for _, r := range all {
		if done, err := p.upgradeReader(ctx, r); done || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		p.catalog.Rebound(r.change.Table)
		if err := p.keep(ctx, r.change, r.session); err != nil {
			return err
		}
	}
	return nil
}
