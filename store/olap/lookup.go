package olap

import (
	"fmt"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// CanAskBy reports whether AskByKey takes keys of the type.
func CanAskBy(t value.Type) bool {
	return t.IsInteger() || t.Kind == value.Char || t.Kind == value.Varchar || t.Kind == value.Boolean
}

// AskByKey is the question for the rows of a table whose key columns each have
// one of the values of a column of keys, which are rows without NULL. Where keys
// have several columns it may find more than the keys.
func AskByKey(table string, columns []value.Field, keyColumns []int, keys []*batch.Column, rows int) Question {
	q := Question{Columns: columns}
	names := make([]string, len(columns))
	for i, f := range columns {
		names[i] = quote(f.Name)
	}
	conditions := make([]string, len(keys))
	for i, column := range keys {
		seen := map[any]bool{}
		var places []string
		for row := range rows {
			arg := argument(column, row)
			if seen[arg] {
				continue
			}
			seen[arg] = true
			q.Args = append(q.Args, arg)
			places = append(places, fmt.Sprintf("$%d", len(q.Args)))
		}
		conditions[i] = quote(columns[keyColumns[i]].Name) + " IN (" + strings.Join(places, ", ") + ")"
	}
	q.SQL = "SELECT " + strings.Join(names, ", ") + " FROM " + quote(table) + " WHERE " + strings.Join(conditions, " AND ")
	return q
}

// argument is a value of a key as an argument of a question.
func argument(c *batch.Column, row int) any {
	switch c.Type.Class() {
	case value.Bools:
		return c.Bools[row]
	case value.Strings:
		return string(c.Bytes(row))
	}
	return c.Ints[row]
}
