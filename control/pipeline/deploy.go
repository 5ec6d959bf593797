package pipeline

import (
	"context"
	"slices"

	"tidemark/base/problem"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
)

// Check finds everything that is wrong with a project: it parses and binds all
// statements against a catalog of their own. Statements that need one that is
// wrong are not looked at, so that one mistake is reported once.
func (p *Project) Check(ctx context.Context, session bind.Session) problem.List {
	ordered, wrong := p.definitions()
	c := catalog.New(nil)
	broken := map[string]bool{}
	session.Streaming, session.Expand, session.ReadFile = true, true, p.readFile
	if session.Config == nil {
		session.Config = map[string]string{}
	}
	for _, d := range ordered {
		if d.circular || needsBroken(d, broken) {
			broken[d.name] = true
			continue
		}
		if s, ok := d.statement.(*sql.Set); ok {
			wrong = append(wrong, d.placed(set(&session, s))...)
			continue
		}
		if insert, ok := d.statement.(*sql.Insert); ok {
			if _, err := insertion(c, session, insert); err != nil {
				wrong = append(wrong, d.placed(err)...)
			}
			continue
		}
		change, err := c.Apply(ctx, session, d.statement)
		if err == nil && change.Table != nil && stored(change.Table.Kind) {
			err = addSystemTables(ctx, c, change.Table)
		}
		if err != nil {
			broken[d.name] = true
			wrong = append(wrong, d.placed(err)...)
		}
	}
	sortByPlace(wrong)
	return wrong
}

func needsBroken(d definition, broken map[string]bool) bool {
	for _, name := range d.reads {
		if broken[name] {
			return true
		}
	}
	return false
}

// Deploy makes a project true. What it does not mention stays as it is, and is
// built anew at the end where it reads something that was replaced.
func (p *Pipeline) Deploy(ctx context.Context, project *Project) error {
	if wrong := project.Check(ctx, p.session()); len(wrong) > 0 {
		return wrong
	}
	ordered, _ := project.definitions()
	p.mu.Lock()
	defer p.mu.Unlock()
	session := p.session()
	session.ReadFile = project.readFile
	defined := map[string]bool{}
	var replaced []definition
	later := func(catalog.Change) ([]rebound, error) { return nil, nil }
	for _, d := range ordered {
		if s, ok := d.statement.(*sql.Set); ok {
			if err := set(&session, s); err != nil {
				return d.placed(err)
			}
			continue
		}
		if insert, ok := d.statement.(*sql.Insert); ok {
			if err := p.insert(ctx, session, insert); err != nil {
				return d.placed(err)
			}
			continue
		}
		defined[d.name] = true
		result, anew, err := p.apply(ctx, replacing(d.statement), session, later)
		if err == nil {
			// What comes later in the project may read what this is going to be.
			err = p.wait(ctx, result)
		}
		if err != nil {
			return d.placed(err)
		}
		if anew {
			replaced = append(replaced, d)
		}
	}
	for _, d := range replaced {
		readers, err := p.readers(d.name, d.statement)
		if err != nil {
			return d.placed(err)
		}
		readers = slices.DeleteFunc(readers, func(r rebound) bool { return defined[r.change.Name] })
		if err := p.rebind(ctx, readers); err != nil {
			return err
		}
	}
	return nil
}

// replacing makes CREATE take the place of an older definition: in a project,
// the file is what holds.
func replacing(s sql.Statement) sql.Statement {
	switch s := s.(type) {
	case *sql.CreateTable:
		c := *s
		c.OrReplace, c.IfNotExists = true, false
		return &c
	case *sql.CreateView:
		c := *s
		c.OrReplace, c.IfNotExists = true, false
		return &c
	case *sql.CreateMaterializedTable:
		c := *s
		c.OrReplace, c.IfNotExists = true, false
		return &c
	case *sql.CreateFunction:
		c := *s
		c.OrReplace, c.IfNotExists = true, false
		return &c
	}
	return s
}

// addSystemTables puts the tables that come with a stored one into the catalog.
func (p *Pipeline) addSystemTables(ctx context.Context, t *plan.Table) error {
	return addSystemTables(ctx, p.catalog, t)
}

func addSystemTables(ctx context.Context, c *catalog.Catalog, t *plan.Table) error {
	for _, system := range catalog.SystemTables(t) {
		if _, err := c.Create(ctx, system, catalog.Replace); err != nil {
			return err
		}
	}
	return nil
}
