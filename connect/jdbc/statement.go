package jdbc

import (
	"fmt"
	"strconv"
	"strings"

	"tidemark/base/value"
)

// statement is an SQL text that grows, with the number of its arguments. The
// arguments themselves are kept by whoever has them.
type statement struct {
	strings.Builder
	dialect   dialect
	arguments int
}

// argument adds the place of an argument that is compared with, or stored as, a
// value of the type.
func (s *statement) argument(t value.Type) {
	s.arguments++
	s.WriteString(s.dialect.argument(s.arguments, t))
}

// tuple adds the places of one argument for each column.
func (s *statement) tuple(columns []column) {
	if len(columns) == 1 {
		s.argument(columns[0].of)
		return
	}
	s.WriteByte('(')
	for i, c := range columns {
		if i > 0 {
			s.WriteString(", ")
		}
		s.argument(c.of)
	}
	s.WriteByte(')')
}

// in adds that the columns are one of so many keys.
func (s *statement) in(columns []column, keys int) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.quoted
	}
	if len(names) == 1 {
		s.WriteString(names[0])
	} else {
		s.WriteString("(" + strings.Join(names, ", ") + ")")
	}
	s.WriteString(" IN (")
	for i := range keys {
		if i > 0 {
			s.WriteString(", ")
		}
		s.tuple(columns)
	}
	s.WriteByte(')')
}

// behind adds that the columns come after a key in their order.
func (s *statement) behind(columns []column) {
	s.WriteByte('(')
	for i := range columns {
		if i > 0 {
			s.WriteString(" OR ")
		}
		for _, c := range columns[:i] {
			s.WriteString(c.quoted + " = ")
			s.argument(c.of)
			s.WriteString(" AND ")
		}
		s.WriteString(columns[i].quoted + " > ")
		s.argument(columns[i].of)
	}
	s.WriteByte(')')
}

// newSelect begins a query of columns.
func (t *table) newSelect(columns []string) *statement {
	if len(columns) == 0 {
		columns = []string{"1"} // rows are counted
	}
	s := &statement{dialect: t.dialect}
	s.WriteString("SELECT " + strings.Join(columns, ", ") + " FROM " + t.path)
	return s
}

// lookup is the query for the rows of so many keys.
func (t *table) lookup(keyColumns []int, keys int) string {
	s := t.newSelect(t.names())
	s.WriteString(" WHERE ")
	s.in(t.at(keyColumns), keys)
	return s.String()
}

// remove is the statement that deletes the rows of so many keys.
func (t *table) remove(keyColumns []int, keys int) string {
	s := &statement{dialect: t.dialect}
	s.WriteString("DELETE FROM " + t.path + " WHERE ")
	s.in(t.at(keyColumns), keys)
	return s.String()
}

// insert is the statement that adds so many rows, or with a key puts them in place
// of those that are there.
func (t *table) insert(keyColumns []int, rows int) string {
	s := &statement{dialect: t.dialect}
	s.WriteString("INSERT INTO " + t.path + " (" + strings.Join(t.names(), ", ") + ") VALUES ")
	for i := range rows {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteByte('(')
		for c := range t.columns {
			if c > 0 {
				s.WriteString(", ")
			}
			s.argument(value.StringType) // what is stored needs no cast
		}
		s.WriteByte(')')
	}
	if len(keyColumns) > 0 {
		isKey := map[int]bool{}
		for _, k := range keyColumns {
			isKey[k] = true
		}
		var keys, others []string
		for i, c := range t.columns {
			if isKey[i] {
				keys = append(keys, c.quoted)
			} else {
				others = append(others, c.quoted)
			}
		}
		s.WriteString(t.dialect.upsert(others, keys))
	}
	return s.String()
}

// part is the condition of a split of a partitioned scan. Its numbers are written
// out: they come from options that were read as numbers. Together the splits have
// every row, also those outside the bounds and those without a number.
func (p *partitioning) part(split int64, name string) string {
	if p.count == 1 {
		return ""
	}
	low, high := strconv.FormatInt(p.from(split), 10), strconv.FormatInt(p.from(split+1), 10)
	switch split {
	case 0:
		return fmt.Sprintf("(%s < %s OR %s IS NULL)", name, high, name)
	case p.count - 1:
		return fmt.Sprintf("%s >= %s", name, low)
	}
	return fmt.Sprintf("%s >= %s AND %s < %s", name, low, name, high)
}
