package catalog

import (
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/sql/parse"
)

// ZoneSetting is the setting that a definition is kept with: the times in it mean
// what they meant when it was made.
const ZoneSetting = "table.local-time-zone"

// kept is how a Keeper stores a definition: the setting, if the session that
// made it said one, and the statement.
func kept(t *plan.Table) string {
	if t.Zone == "" {
		return t.Definition
	}
	return "SET '" + ZoneSetting + "' = '" + strings.ReplaceAll(t.Zone, "'", "''") + "';\n" + t.Definition
}

// Kept reads what a Keeper stored: the statement, and the zone it was made
// under, "" when none was said.
func Kept(body string) (statement sql.Statement, zone string, err error) {
	statements, wrong := parse.Script("", body)
	if err := wrong.Err(); err != nil {
		return nil, "", err
	}
	if len(statements) == 2 {
		if set, ok := statements[0].(*sql.Set); ok && set.Key != nil && set.Key.Text == ZoneSetting {
			return statements[1], set.Value.Text, nil
		}
	}
	if len(statements) != 1 {
		return nil, "", problem.New(problem.Corrupt, "a definition is one statement, not %d", len(statements))
	}
	return statements[0], "", nil
}

// InZone is the session in the zone that a definition was made under; itself
// when none was said.
func InZone(session bind.Session, zone string) (bind.Session, error) {
	if zone == "" {
		return session, nil
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return session, problem.New(problem.InvalidOption, "there is no time zone %q", zone).WithHint("use a name such as Asia/Shanghai")
	}
	config := map[string]string{ZoneSetting: zone}
	for key, text := range session.Config {
		if key != ZoneSetting {
			config[key] = text
		}
	}
	session.Zone, session.Config = location, config
	return session, nil
}

// Rebind binds the query of a materialized table again, as what it reads may have
// changed. Nothing changes in the catalog.
func (c *Catalog) Rebind(session bind.Session, t *plan.Table) (*bind.Materialized, error) {
	statement, err := parse.Statement(t.Definition)
	if err != nil {
		return nil, err
	}
	create, ok := statement.(*sql.CreateMaterializedTable)
	if !ok {
		return nil, problem.New(problem.Corrupt, "the definition of %s is no materialized table", t.Name)
	}
	m, err := bind.MaterializedTable(c, session, create, dialect.Tidemark(create.Query))
	if err != nil {
		return nil, err
	}
	m.Table.Definition, m.Table.Zone = t.Definition, t.Zone
	return m, nil
}

// Rebound puts a table that Rebind gave in the place of what it was. The
// definition is the same, so that the Keeper is not asked.
func (c *Catalog) Rebound(t *plan.Table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, exists := c.mu.tables[t.Name]; exists {
		c.mu.tables[t.Name] = t
	}
}
