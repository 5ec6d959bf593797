package jdbc

import (
	"context"
	"strings"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
)

// table is a table of a database with some columns, as statements name it.
type table struct {
	dialect dialect
	name    string // declared, for messages
	path    string // quoted
	columns []column
	// nullsZeroDates says that 0000-00-00 is read as NULL.
	nullsZeroDates bool
}

// column is a column that was declared and, once described, is there.
type column struct {
	name   string     // declared
	of     value.Type // declared
	quoted string     // as the database has it
	family family     // of its type there
}

// newTable checks the declared columns against what the database has at all.
func newTable(s settings, declared string, columns []connect.Column) (table, error) {
	t := table{dialect: s.server.dialect, name: declared, nullsZeroDates: s.server.nullsZeroDates()}
	parts, ok := identifiers(s.table)
	if !ok {
		return t, problem.New(problem.InvalidOption, "option %q cannot be %q", optionTable, s.table).About(optionTable).
			WithHint("write a name, or schema.name; quote parts that have dots")
	}
	t.path = t.dialect.path(parts)
	for _, c := range columns {
		if c.Metadata != "" {
			return t, problem.New(problem.Unsupported, "column %s of %s is metadata, and there is none", c.Name, declared).About(c.Name)
		}
		if why := t.dialect.refusal(c.Type); why != "" {
			return t, problem.New(problem.Unsupported, "column %s of %s cannot be %s: %s", c.Name, declared, c.Type.Optional(), why).About(c.Name).
				WithHint("declare another type, or leave the column out")
		}
		t.columns = append(t.columns, column{name: c.Name, of: c.Type, quoted: t.dialect.quote(c.Name)})
	}
	return t, nil
}

// describe asks which columns there are, and matches them with the declared ones:
// by name, by name without regard to case where only one fits.
func (t *table) describe(ctx context.Context, d *database) error {
	var names, types []string
	err := d.try(ctx, func() error {
		names, types = nil, nil
		rows, err := d.QueryContext(ctx, "SELECT * FROM "+t.path+" WHERE 1 = 0")
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // it has no rows
		described, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		for _, c := range described {
			names, types = append(names, c.Name()), append(types, c.DatabaseTypeName())
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for i := range t.columns {
		c := &t.columns[i]
		at := columnAt(names, c.name)
		if at < 0 {
			p := problem.New(problem.UnknownColumn, "%s has no column %s", t.path, c.name).About(c.name)
			if near := problem.Nearest(c.name, names); near != "" {
				p.WithHint("did you mean %q?", near)
			}
			return p
		}
		f := t.dialect.familyOf(types[at])
		if !f.canRead(c.of) {
			return problem.New(problem.TypeMismatch, "column %s of %s is %s there, which is no %s", c.name, t.path, types[at], c.of.Optional()).About(c.name).
				WithHint("declare the type that belongs to it, or STRING for its text")
		}
		c.quoted, c.family = t.dialect.quote(names[at]), f
	}
	return nil
}

func columnAt(names []string, name string) int {
	found := -1
	for i, n := range names {
		if n == name {
			return i
		}
		if strings.EqualFold(n, name) {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// names are the columns as statements name them.
func (t *table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.quoted
	}
	return names
}

// nameOf is a column as statements name it, by its declared name; of one that was
// not declared, that name.
func (t *table) nameOf(name string) string {
	for _, c := range t.columns {
		if c.name == name {
			return c.quoted
		}
	}
	return t.dialect.quote(name)
}

// at are some of the columns.
func (t *table) at(places []int) []column {
	columns := make([]column, len(places))
	for i, place := range places {
		columns[i] = t.columns[place]
	}
	return columns
}
