package catalog

import (
	"slices"
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

// StoredSetting is the setting that says under which name the rows of a definition
// that is kept are stored. It is no setting of a session.
const StoredSetting = "tidemark.stored-as"

// kept is how a Keeper stores a definition: the settings that go with it, and the
// statement.
func kept(t *plan.Table) string {
	body := t.Definition
	if t.StoredAs != "" {
		body = setting(StoredSetting, t.StoredAs) + body
	}
	if t.Zone != "" {
		body = setting(ZoneSetting, t.Zone) + body
	}
	return body
}

func setting(key, text string) string {
	return "SET '" + key + "' = '" + strings.ReplaceAll(text, "'", "''") + "';\n"
}

// Kept reads what a Keeper stored: the statement, and the settings that it was kept
// with, ZoneSetting and StoredSetting.
func Kept(body string) (statement sql.Statement, settings map[string]string, err error) {
	statements, wrong := parse.Script("", body)
	if err := wrong.Err(); err != nil {
		return nil, nil, err
	}
	settings = map[string]string{}
	for len(statements) > 1 {
		set, ok := statements[0].(*sql.Set)
		if !ok || set.Key == nil || !slices.Contains([]string{ZoneSetting, StoredSetting, reasonSetting}, set.Key.Text) {
			break
		}
		settings[set.Key.Text], statements = set.Value.Text, statements[1:]
	}
	if len(statements) != 1 {
		return nil, nil, problem.New(problem.Corrupt, "a definition is one statement, not %d", len(statements))
	}
	return statements[0], settings, nil
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
	m.Table.Definition, m.Table.Zone, m.Table.StoredAs = t.Definition, t.Zone, t.StoredAs
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
