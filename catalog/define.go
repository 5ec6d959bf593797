package catalog

import (
	"context"
	"maps"
	"slices"
	"strings"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/dialect"
)

// Change is what a definition did to the catalog.
type Change struct {
	Name    string
	What    string // "table", "view", "materialized table", "function"
	Created bool   // there is a new definition: Table, and Materialized if it is one
	Dropped bool
	Before  *plan.Table        // what a new definition has replaced; nil for nothing
	Table   *plan.Table        // new, or the one dropped
	Job     *bind.Materialized // of a new materialized table
}

// Defines reports whether Apply takes the statement.
func Defines(s sql.Statement) bool {
	switch s.(type) {
	case *sql.CreateTable, *sql.CreateView, *sql.CreateMaterializedTable, *sql.CreateFunction, *sql.Drop:
		return true
	}
	return false
}

// Apply binds a CREATE or DROP statement and changes the catalog. Nothing has
// changed when it returns an error.
func (c *Catalog) Apply(ctx context.Context, session bind.Session, statement sql.Statement) (Change, error) {
	switch s := statement.(type) {
	case *sql.CreateTable:
		if s.As != nil {
			return Change{}, unsupported(s, "CREATE TABLE … AS SELECT", "write CREATE MATERIALIZED TABLE, or CREATE TABLE and INSERT INTO")
		}
		t, err := bind.Table(c, session, s)
		if err != nil {
			return Change{}, err
		}
		return c.create(ctx, t, session, s, taken(s.IfNotExists, s.OrReplace))
	case *sql.CreateView:
		t, err := bind.View(c, session, s, dialect.Tidemark(s.Query))
		if err != nil {
			return Change{}, err
		}
		return c.create(ctx, t, session, s, taken(s.IfNotExists, s.OrReplace))
	case *sql.CreateMaterializedTable:
		return c.ApplyReading(ctx, c, session, s)
	case *sql.CreateFunction:
		s, err := bind.Embedded(session, s)
		if err != nil {
			return Change{}, err
		}
		definition := definitionOf(s)
		f, err := bind.Define(c, session, s, definition)
		if err != nil {
			return Change{}, err
		}
		created, err := c.CreateFunction(ctx, f, definition, taken(s.IfNotExists, s.OrReplace))
		return Change{Name: f.Name, What: "function", Created: created}, at(err, s)
	case *sql.Drop:
		return c.drop(ctx, s)
	}
	return Change{}, problem.New(problem.InvalidRequest, "this statement defines nothing").At(statement.Pos())
}

// ApplyReading is Apply of a materialized table whose query means what it means in
// another catalog.
func (c *Catalog) ApplyReading(ctx context.Context, from bind.Catalog, session bind.Session, s *sql.CreateMaterializedTable) (Change, error) {
	s = bind.Settled(session, s)
	m, err := bind.MaterializedTable(from, session, s, dialect.Tidemark(s.Query))
	if err != nil {
		return Change{}, err
	}
	change, err := c.create(ctx, m.Table, session, s, taken(s.IfNotExists, s.OrReplace))
	if change.Created {
		change.Job = m
	}
	return change, err
}

// Redefinition binds a CREATE OR REPLACE of a materialized table that is there,
// and changes nothing: Create puts it in the place of what there is, when it is
// built. Created tells whether it differs from what there is.
func (c *Catalog) Redefinition(session bind.Session, s *sql.CreateMaterializedTable) (Change, error) {
	s = bind.Settled(session, s)
	m, err := bind.MaterializedTable(c, session, s, dialect.Tidemark(s.Query))
	if err != nil {
		return Change{}, err
	}
	t := m.Table
	t.Definition, t.Zone = definitionOf(s), session.Config[ZoneSetting]
	before, ok := c.Table(t.Name)
	if !ok {
		return Change{}, at(Unknown(t.Name, c.Names()), s)
	}
	t.StoredAs = before.StoredAs
	changed := before.Definition != t.Definition || before.Zone != t.Zone
	return Change{Name: t.Name, What: Noun(t.Kind), Created: changed, Before: before, Table: t, Job: m}, at(checkTable(t), s)
}

// With is a copy of the catalog in which t is in the place of what has its name.
// Nobody keeps what changes in it.
func (c *Catalog) With(t *plan.Table) *Catalog {
	with := c.Copy()
	with.mu.tables[t.Name] = t
	return with
}

// Copy is a copy of the catalog. Nobody keeps what changes in it.
func (c *Catalog) Copy() *Catalog {
	c.mu.RLock()
	defer c.mu.RUnlock()
	other := New(nil)
	maps.Copy(other.mu.tables, c.mu.tables)
	maps.Copy(other.mu.functions, c.mu.functions)
	other.mu.order = slices.Clone(c.mu.order)
	return other
}

func taken(keep, replace bool) Conflict {
	switch {
	case keep:
		return Keep
	case replace:
		return Replace
	}
	return Refuse
}

func (c *Catalog) create(ctx context.Context, t *plan.Table, session bind.Session, s sql.Statement, conflict Conflict) (Change, error) {
	t.Definition, t.Zone = definitionOf(s), session.Config[ZoneSetting]
	before, _ := c.Table(t.Name)
	if t.StoredAs = session.Config[StoredSetting]; before != nil {
		t.StoredAs = before.StoredAs
	}
	created, err := c.Create(ctx, t, conflict)
	if err != nil {
		return Change{}, at(err, s)
	}
	return Change{Name: t.Name, What: Noun(t.Kind), Created: created, Before: before, Table: t}, nil
}

// definitionOf is the text that a definition is kept as.
func definitionOf(s sql.Statement) string { return dialect.Tidemark(plain(s)) }

// plain is a definition without what it says about a name that is taken: that is
// about the moment, not about the table.
func plain(s sql.Statement) sql.Statement {
	switch s := s.(type) {
	case *sql.CreateTable:
		p := *s
		p.OrReplace, p.IfNotExists = false, false
		return &p
	case *sql.CreateView:
		p := *s
		p.OrReplace, p.IfNotExists = false, false
		return &p
	case *sql.CreateMaterializedTable:
		p := *s
		p.OrReplace, p.IfNotExists = false, false
		return &p
	case *sql.CreateFunction:
		p := *s
		p.OrReplace, p.IfNotExists = false, false
		return &p
	}
	return s
}

// Undo takes back the change of a CREATE whose table cannot be kept. System
// tables are the caller's.
func (c *Catalog) Undo(ctx context.Context, change Change) error {
	if change.Before != nil {
		_, err := c.Create(ctx, change.Before, Replace)
		return err
	}
	_, err := c.Drop(ctx, change.Name, change.Table.Kind, true)
	return err
}

// dropped maps what DROP names to the kind of table.
var dropped = map[sql.DropKind]plan.TableKind{
	sql.DropTable: plan.Native, sql.DropView: plan.View, sql.DropMaterialized: plan.Materialized,
}

func (c *Catalog) drop(ctx context.Context, s *sql.Drop) (Change, error) {
	name := s.Name.String()
	if s.Kind == sql.DropFunction {
		name = strings.ToUpper(name)
		gone, err := c.DropFunction(ctx, name, s.IfExists)
		return Change{Name: name, What: "function", Dropped: gone}, at(err, s)
	}
	kind, ok := dropped[s.Kind]
	if !ok {
		return Change{}, unsupported(s, "DROP "+string(s.Kind), "scripts have catalogs and databases; a server has one of each")
	}
	t, err := c.Drop(ctx, name, kind, s.IfExists)
	if err != nil {
		return Change{}, at(err, s)
	}
	return Change{Name: name, What: Noun(kind), Dropped: t != nil, Table: t}, nil
}

// at places a problem that has no position at the statement.
func at(err error, s sql.Statement) error {
	if p := problem.Of(err); p != nil && p.Position.IsZero() && p.Code != problem.Internal {
		placed := *p
		return placed.At(s.Pos())
	}
	return err
}

func unsupported(s sql.Statement, what, hint string) error {
	return problem.New(problem.Unsupported, "%s is not built yet", what).At(s.Pos()).WithHint("%s", hint)
}
