package trial

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// Answer is a changelog as text: what a runner got for a query.
type Answer struct {
	Zone    *time.Location
	Columns []value.Field
	Changes []Change
}

// Change is one row of an answer.
type Change struct {
	Kind batch.Kind
	Row  string
}

// Add appends the rows of a batch.
func (a *Answer) Add(b *batch.Batch) {
	b.Each(func(i int) {
		cells := make([]string, len(b.Columns))
		for c, v := range b.Row(i) {
			cells[c] = cell(v, a.Zone)
		}
		a.Changes = append(a.Changes, Change{b.Kind(i), strings.Join(cells, " | ")})
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

// Rows applies the changelog: the table that is left, in the order rows came.
func (a *Answer) Rows() ([]string, error) {
	var table []string
	for _, c := range a.Changes {
		if !c.Kind.Retracts() {
			table = append(table, c.Row)
			continue
		}
		at := slices.Index(table, c.Row)
		if at < 0 {
			return nil, fmt.Errorf("%s %s takes back a row that is not there", c.Kind, c.Row)
		}
		table = slices.Delete(table, at, at+1)
	}
	return table, nil
}

// Header names the columns with their types.
func (a *Answer) Header() string {
	names := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		names[i] = c.Name + " " + c.Type.String()
	}
	return "-- " + strings.Join(names, ", ") + "\n"
}

// Log prints the changelog.
func (a *Answer) Log() string {
	var out strings.Builder
	for _, c := range a.Changes {
		fmt.Fprintf(&out, "%s %s\n", c.Kind, c.Row)
	}
	return out.String()
}

// Lines prints rows, sorted unless their order counts.
func Lines(rows []string, ordered bool) string {
	if !ordered {
		rows = slices.Sorted(slices.Values(rows))
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(row + "\n")
	}
	return out.String()
}
