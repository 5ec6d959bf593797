package embedded

import (
	"sort"
	"strings"

	"tidemark/base/problem"
	"tidemark/sql"
)

// The catalog and database that are there from the start. Tables in them go by
// their bare names.
const (
	defaultCatalog  = "default_catalog"
	defaultDatabase = "default_database"
)

// places are the catalogs and databases of a script. They do nothing but tell
// names apart: before a statement is bound, settle writes out the names in it,
// so that what is kept of it, as the query of a view, means the same from
// anywhere.
type places struct {
	catalog, database string                     // where names are looked for
	databases         map[string]map[string]bool // of each catalog
	first             map[string]string          // the database that USE CATALOG goes to
}

func newPlaces() *places {
	return &places{
		catalog: defaultCatalog, database: defaultDatabase,
		databases: map[string]map[string]bool{defaultCatalog: {defaultDatabase: true}},
		first:     map[string]string{defaultCatalog: defaultDatabase},
	}
}

// full is a table's path with catalog and database.
func (p *places) full(path sql.Path) sql.Path {
	switch len(path) {
	case 1:
		return sql.Path{named(p.catalog, path), named(p.database, path), path[0]}
	case 2:
		return sql.Path{named(p.catalog, path), path[0], path[1]}
	}
	return path
}

// named is a name that stands where the path does.
func named(text string, path sql.Path) sql.Name {
	return sql.Name{Span: path[0].Span, Text: text}
}

// short is a full path without what is the same for all tables of the first
// catalog or database: the name by which the catalog keeps it.
func short(path sql.Path) sql.Path {
	if len(path) == 3 && path[0].Text == defaultCatalog {
		path = path[1:]
		if path[0].Text == defaultDatabase {
			path = path[1:]
		}
	}
	return path
}

// settle writes out the names of tables in a statement.
func (p *places) settle(statement sql.Statement) error {
	ctes := map[string]bool{}
	sql.Inspect(statement, func(n sql.Node) bool {
		if c, ok := n.(*sql.CTE); ok {
			ctes[c.Name.Text] = true
		}
		return true
	})
	// Column names may be qualified by what the user wrote, so that a name that
	// is found as it stands is left alone.
	abroad := p.catalog != defaultCatalog || p.database != defaultDatabase
	read := func(path *sql.Path) {
		if abroad && len(*path) > 0 && !(len(*path) == 1 && ctes[(*path)[0].Text]) {
			*path = p.full(*path)
		}
	}
	sql.Inspect(statement, func(n sql.Node) bool {
		switch n := n.(type) {
		case *sql.TableRef:
			read(&n.Path)
		case *sql.TableArgument:
			read(&n.Table)
		case *sql.TableBody:
			read(&n.Table)
		}
		return true
	})
	var defined *sql.Path
	switch s := statement.(type) {
	case *sql.CreateTable:
		if s.Like != nil {
			read(&s.Like.Table)
		}
		defined = &s.Name
	case *sql.CreateView:
		defined = &s.Name
	case *sql.CreateMaterializedTable:
		defined = &s.Name
	case *sql.Insert:
		read(&s.Table)
	case *sql.Describe:
		read(&s.Path)
	case *sql.Drop:
		if s.Kind == sql.DropTable || s.Kind == sql.DropView || s.Kind == sql.DropMaterialized {
			s.Name = short(p.full(s.Name))
		}
	}
	if defined == nil {
		return nil
	}
	full := p.full(*defined)
	if len(full) == 3 && !p.databases[full[0].Text][full[1].Text] {
		return p.unknown(full[:2], p.names()).WithHint("create it first with CREATE DATABASE, or leave it out")
	}
	*defined = short(full)
	return nil
}

// names are all databases, with their catalogs.
func (p *places) names() []string {
	var all []string
	for catalog, databases := range p.databases {
		for database := range databases {
			all = append(all, catalog+"."+database)
		}
	}
	return all
}

func (p *places) unknown(path sql.Path, names []string) *problem.Problem {
	what := "database"
	if len(path) == 1 {
		what = "catalog"
	}
	u := problem.New(problem.NotFound, "there is no %s %s", what, path).At(path.Pos())
	if near := problem.Nearest(path.String(), names); near != "" {
		return u.WithHint("did you mean %s?", near)
	}
	return u
}

// databaseOf finds the catalog and database of a path of one or two names.
func (p *places) databaseOf(path sql.Path) (catalog, database string) {
	if len(path) == 1 {
		return p.catalog, path[0].Text
	}
	return path[0].Text, path[1].Text
}

// use makes another place the one where names are looked for.
func (p *places) use(s *sql.Use) error {
	if s.Catalog {
		name := s.Path.Last().Text
		if p.databases[name] == nil {
			return p.unknown(s.Path[len(s.Path)-1:], sortedKeys(p.databases))
		}
		p.catalog, p.database = name, p.first[name]
		return nil
	}
	catalog, database := p.databaseOf(s.Path)
	if !p.databases[catalog][database] {
		return p.unknown(sql.Path{named(catalog, s.Path), s.Path.Last()}, p.names())
	}
	p.catalog, p.database = catalog, database
	return nil
}

// createCatalog adds a catalog in memory, the only kind there is.
func (p *places) createCatalog(s *sql.CreateCatalog) error {
	if p.databases[s.Name.Text] != nil {
		if s.IfNotExists {
			return nil
		}
		return problem.New(problem.AlreadyExists, "catalog %s exists already", s.Name.Text).At(s.Name.Pos()).WithHint("use another name, or write IF NOT EXISTS")
	}
	first := "default"
	for _, o := range s.With {
		switch o.Key.Text {
		case "type":
			if o.Value.Text != "generic_in_memory" {
				return problem.New(problem.Unsupported, "catalogs of type %s are not built", o.Value.Text).At(o.Value.Pos()).WithHint("a 'generic_in_memory' catalog tells names apart, as a database does")
			}
		case "default-database":
			first = o.Value.Text
		default:
			return problem.New(problem.UnknownOption, "a catalog has no option '%s'", o.Key.Text).At(o.Key.Pos()).WithHint("there are 'type' and 'default-database'")
		}
	}
	p.databases[s.Name.Text], p.first[s.Name.Text] = map[string]bool{first: true}, first
	return nil
}

func (p *places) createDatabase(s *sql.CreateDatabase) error {
	catalog, database := p.databaseOf(s.Name)
	switch {
	case p.databases[catalog] == nil:
		return p.unknown(s.Name[:1], sortedKeys(p.databases))
	case p.databases[catalog][database] && !s.IfNotExists:
		return problem.New(problem.AlreadyExists, "database %s exists already", s.Name).At(s.Name.Pos()).WithHint("use another name, or write IF NOT EXISTS")
	}
	p.databases[catalog][database] = true
	return nil
}

// dropPlace removes a catalog or database that has no tables and is not in use.
func (s *Session) dropPlace(d *sql.Drop) error {
	p := s.places
	var gone [][2]string
	catalog, database := p.databaseOf(d.Name)
	if d.Kind == sql.DropCatalog {
		catalog = d.Name.Last().Text
		for database := range p.databases[catalog] {
			gone = append(gone, [2]string{catalog, database})
		}
	} else if p.databases[catalog][database] {
		gone = append(gone, [2]string{catalog, database})
	}
	if len(gone) == 0 {
		if d.IfExists {
			return nil
		}
		return problem.New(problem.NotFound, "there is no %s %s", strings.ToLower(string(d.Kind)), d.Name).At(d.Name.Pos())
	}
	for _, g := range gone {
		if g[0] == p.catalog && (g[1] == p.database || d.Kind == sql.DropCatalog) || g == [2]string{defaultCatalog, defaultDatabase} {
			return problem.New(problem.Conflict, "%s is in use", d.Name).At(d.Name.Pos()).WithHint("USE another one first")
		}
		if tables := s.tablesIn(g[0], g[1]); len(tables) > 0 {
			return problem.New(problem.Conflict, "%s still has the table %s", d.Name, tables[0]).At(d.Name.Pos()).WithHint("drop its tables first")
		}
	}
	for _, g := range gone {
		delete(p.databases[g[0]], g[1])
	}
	if d.Kind == sql.DropCatalog {
		delete(p.databases, catalog)
		delete(p.first, catalog)
	}
	return nil
}

// tablesIn lists the tables of a database by their bare names.
func (s *Session) tablesIn(catalog, database string) []string {
	prefix := ""
	if at := short(sql.PathOf(catalog, database, "")); len(at) > 1 {
		prefix = at.String()
	}
	var tables []string
	for _, name := range s.catalog.Names() {
		if prefix == "" && !s.isElsewhere(name) || prefix != "" && strings.HasPrefix(name, prefix) {
			tables = append(tables, name[len(prefix):])
		}
	}
	return tables
}

// isElsewhere reports whether the name of a table begins with a database.
func (s *Session) isElsewhere(name string) bool {
	for catalog, databases := range s.places.databases {
		for database := range databases {
			if at := short(sql.PathOf(catalog, database, "")); len(at) > 1 && strings.HasPrefix(name, at.String()) {
				return true
			}
		}
	}
	return false
}

// placing runs the statements about catalogs and databases; is tells whether it
// is one.
func (s *Session) placing(statement sql.Statement) (is bool, err error) {
	switch st := statement.(type) {
	case *sql.Use:
		return true, s.places.use(st)
	case *sql.CreateCatalog:
		return true, s.places.createCatalog(st)
	case *sql.CreateDatabase:
		return true, s.places.createDatabase(st)
	case *sql.Drop:
		if st.Kind == sql.DropCatalog || st.Kind == sql.DropDatabase {
			return true, s.dropPlace(st)
		}
	}
	return false, nil
}

func sortedKeys[T any](of map[string]T) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
