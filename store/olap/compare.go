package olap

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Comparison counts the rows of two tables. Without a key rows do not differ, they
// are in one of the tables only.
type Comparison struct {
	Equal, Differing, OnlyFirst, OnlySecond int64
}

// Compare compares two tables row by row, by the columns of the same name and type
// that both have. Rows belong together when the key that both tables have in
// common is the same.
func (s *Store) Compare(ctx context.Context, first, second Table) (c Comparison, err error) {
	var columns []string
	for _, f := range first.Columns {
		for _, g := range second.Columns {
			if f.Name == g.Name && f.Type.Equal(g.Type) {
				columns = append(columns, quote(f.Name))
			}
		}
	}
	key := keyNames(first)
	if len(columns) == 0 {
		return c, nil
	}
	if key == nil || !slices.Equal(key, keyNames(second)) || !containsAll(columns, key) {
		return s.compareBags(ctx, first, second, columns)
	}
	text := "SELECT count(*) FILTER (WHERE a AND b AND %[1]s), count(*) FILTER (WHERE a AND b AND NOT (%[1]s)), count(*) FILTER (WHERE b IS NULL), count(*) FILTER (WHERE a IS NULL) " +
		"FROM (SELECT *, TRUE AS a FROM %[2]s) AS f FULL JOIN (SELECT *, TRUE AS b FROM %[3]s) AS s ON %[4]s"
	same := func(names []string) string {
		all := []string{"TRUE"}
		for _, n := range names {
			all = append(all, "f."+n+" IS NOT DISTINCT FROM s."+n)
		}
		return strings.Join(all, " AND ")
	}
	row := s.readers.QueryRowContext(ctx, fmt.Sprintf(text, same(columns), quote(first.Name), quote(second.Name), same(key)))
	if err := row.Scan(&c.Equal, &c.Differing, &c.OnlyFirst, &c.OnlySecond); err != nil {
		return c, fmt.Errorf("compare %s with %s: %w", first.Name, second.Name, err)
	}
	return c, nil
}

// keyNames are the columns of a table's key, sorted; nil when it has none.
func keyNames(t Table) []string {
	if len(t.Key) == 0 {
		return nil
	}
	names := make([]string, len(t.Key))
	for i, k := range t.Key {
		names[i] = quote(t.Columns[k].Name)
	}
	slices.Sort(names)
	return names
}

func containsAll(all, some []string) bool {
	return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(all, one) })
}

// compareBags counts how many copies of a row both tables have.
func (s *Store) compareBags(ctx context.Context, first, second Table, columns []string) (c Comparison, err error) {
	names := strings.Join(columns, ", ")
	of := func(t Table) string { return "SELECT " + names + " FROM " + quote(t.Name) }
	count := func(text string) string { return "(SELECT count(*) FROM (" + text + "))" }
	row := s.readers.QueryRowContext(ctx, "SELECT "+count(of(first))+", "+count(of(first)+" EXCEPT ALL "+of(second))+", "+count(of(second)+" EXCEPT ALL "+of(first)))
	var all int64
	if err := row.Scan(&all, &c.OnlyFirst, &c.OnlySecond); err != nil {
		return c, fmt.Errorf("compare %s with %s: %w", first.Name, second.Name, err)
	}
	c.Equal = all - c.OnlyFirst
	return c, nil
}
