package gateway

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/sql"
)

// text is a string literal, NULL for "".
func text(s string) string {
	if s == "" {
		return "CAST(NULL AS VARCHAR)"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// moment is a timestamp literal of an event time in ms; NULL where there is none.
func moment(ms int64, t value.Type) string {
	kind := "TIMESTAMP"
	if t.Kind == value.TimestampLTZ {
		kind = "TIMESTAMPTZ"
	}
	switch ms {
	case batch.NoMark:
		return "CAST(NULL AS " + kind + ")"
	case batch.Final:
		return kind + " 'infinity'"
	}
	return kind + " '" + time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000") + map[string]string{"TIMESTAMP": "", "TIMESTAMPTZ": "+00"}[kind] + "'"
}

// withParameters puts values in the place of each ? of a question's text.
func withParameters(source string, q *sql.Query, values []value.Value) (string, error) {
	var places []*sql.Param
	sql.Inspect(q, func(n sql.Node) bool {
		if p, ok := n.(*sql.Param); ok {
			places = append(places, p)
		}
		return true
	})
	if len(places) != len(values) {
		p := problem.New(problem.InvalidRequest, "the question has %d ? and %d params", len(places), len(values)).WithHint("give a value in params for each ?")
		if len(places) > 0 {
			p.At(places[0].Pos())
		}
		return "", p
	}
	sort.Slice(places, func(i, j int) bool { return places[i].Start < places[j].Start })
	var out strings.Builder
	from := 0
	for i, p := range places {
		out.WriteString(source[from:p.Start])
		out.WriteString(literalOf(values[i]))
		from = p.End
	}
	return out.String() + source[from:], nil
}

// literalOf writes a value as a literal of Tidemark SQL.
func literalOf(v value.Value) string {
	switch {
	case v.Null:
		return "CAST(NULL AS STRING)"
	case v.Type.Kind == value.Boolean:
		return strconv.FormatBool(v.Bool)
	case v.Type.Class() == value.Ints && v.Type.IsInteger():
		return "(" + strconv.FormatInt(v.Int, 10) + ")" // so that - - does not become a comment
	case v.Type.IsApproximate():
		return "CAST(" + text(strconv.FormatFloat(v.Float, 'g', -1, 64)) + " AS DOUBLE)"
	case v.Type.IsText():
		return "'" + strings.ReplaceAll(v.Text, "'", "''") + "'"
	}
	return "CAST(" + text(v.String()) + " AS " + v.Type.Optional().String() + ")"
}
