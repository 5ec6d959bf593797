package corpus

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// answer is a changelog as text: what a runner got for a query.
type answer struct {
	zone    *time.Location
	columns []value.Field
	changes []change
}

// change is one row of an answer.
type change struct {
	kind batch.Kind
	row  string
}

// add appends the rows of a batch.
func (a *answer) add(b *batch.Batch) {
	b.Each(func(i int) {
		cells := make([]string, len(b.Columns))
		for c, v := range b.Row(i) {
			cells[c] = cell(v, a.zone)
		}
		a.changes = append(a.changes, change{b.Kind(i), strings.Join(cells, " | ")})
	})
}

// cell prints a value so that NULL, an empty text and spaces can be told apart.
func cell(v value.Value, zone *time.Location) string {
	text := string(v.AppendText(nil, zone))
	if v.Null || !v.Type.IsText() {
		return text
	}
	if text == "" || text == "NULL" || strings.TrimSpace(text) != text || strings.ContainsAny(text, "|\n\t'") {
		return "'" + strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(text) + "'"
	}
	return text
}

// rows applies the changelog: the table that is left, in the order rows came.
func (a *answer) rows() ([]string, error) {
	var table []string
	for _, c := range a.changes {
		if !c.kind.Retracts() {
			table = append(table, c.row)
			continue
		}
		at := slices.Index(table, c.row)
		if at < 0 {
			return nil, fmt.Errorf("%s %s takes back a row that is not there", c.kind, c.row)
		}
		table = slices.Delete(table, at, at+1)
	}
	return table, nil
}

// header names the columns with their types.
func (a *answer) header() string {
	names := make([]string, len(a.columns))
	for i, c := range a.columns {
		names[i] = c.Name + " " + c.Type.String()
	}
	return "-- " + strings.Join(names, ", ") + "\n"
}

// log prints the changelog.
func (a *answer) log() string {
	var out strings.Builder
	for _, c := range a.changes {
		fmt.Fprintf(&out, "%s %s\n", c.kind, c.row)
	}
	return out.String()
}

// lines prints rows, sorted unless their order counts.
func lines(rows []string, ordered bool) string {
	if !ordered {
		rows = slices.Sorted(slices.Values(rows))
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(row + "\n")
	}
	return out.String()
}

// expectedRows are the rows that a block's expectation leaves in a table.
func expectedRows(command, expected string) ([]string, error) {
	a := &answer{}
	for line := range strings.Lines(expected) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "-- ") {
			continue
		}
		if command == "query" {
			a.changes = append(a.changes, change{batch.Insert, line})
			continue
		}
		kind, row, _ := strings.Cut(line, " ")
		for k := batch.Insert; k <= batch.Delete; k++ {
			if k.String() == kind {
				a.changes = append(a.changes, change{k, row})
			}
		}
	}
	return a.rows()
}
