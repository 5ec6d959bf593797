package jdbc

import (
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
)

// textOf spells row i of a column as both databases read it: dates and times in
// the usual way, instants in UTC, numbers with all their digits.
func textOf(c *batch.Column, i int) string {
	return string(c.Value(i).AppendText(nil, time.UTC))
}

// appendArguments adds the values of a row for the columns; bytes is about how
// long they are.
func (t *table) appendArguments(to []any, columns []column, from []*batch.Column, row int) (_ []any, bytes int, err error) {
	for k, c := range from {
		if c.IsNull(row) {
			to = append(to, nil)
			continue
		}
		argument, ok := t.dialect.encode(c, row)
		if !ok {
			return nil, 0, problem.New(problem.InvalidValue, "column %s of %s cannot be %s: %s has no such number", columns[k].name, t.path, textOf(c, row), t.dialect.name()).
				About(columns[k].name).WithHint("filter it out, or write NULL in its place")
		}
		switch a := argument.(type) {
		case string:
			bytes += len(a)
		case []byte:
			bytes += len(a)
		default:
			bytes += 8
		}
		to = append(to, argument)
	}
	return to, bytes, nil
}
