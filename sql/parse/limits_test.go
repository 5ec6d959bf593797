package parse_test

import (
	"strings"
	"testing"

	"tidemark/base/problem"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// Texts beyond the limits are refused with a place, and do not exhaust the stack.
func TestLimits(t *testing.T) {
	deep := 20_000
	tests := map[string]string{
		"parentheses":  "SELECT " + strings.Repeat("(", deep) + "1" + strings.Repeat(")", deep),
		"unclosed":     "SELECT " + strings.Repeat("(", deep),
		"not":          "SELECT " + strings.Repeat("NOT ", deep) + "TRUE",
		"minus":        "SELECT " + strings.Repeat("- ", deep) + "1",
		"case":         "SELECT " + strings.Repeat("CASE WHEN ", deep),
		"functions":    "SELECT " + strings.Repeat("f(", deep),
		"subqueries":   strings.Repeat("SELECT * FROM (", 20_000),
		"joins":        "SELECT * FROM " + strings.Repeat("(", deep) + "a",
		"types":        "SELECT CAST(a AS " + strings.Repeat("ARRAY<", deep),
		"patterns":     "SELECT * FROM t MATCH_RECOGNIZE (PATTERN (" + strings.Repeat("(", deep) + "A",
		"group sets":   "SELECT 1 FROM t GROUP BY " + strings.Repeat("GROUPING SETS (", 20_000),
		"explain":      strings.Repeat("EXPLAIN ", deep/2),
		"arguments":    "SELECT " + strings.Repeat("f(x => ", deep/2),
		"chain":        "SELECT 1" + strings.Repeat(" + 1", deep),
		"unions":       "SELECT 1" + strings.Repeat(" UNION SELECT 1", 20_000),
		"indexes":      "SELECT a" + strings.Repeat("[1]", deep),
		"array type":   "SELECT CAST(a AS INT" + strings.Repeat(" ARRAY", deep/2),
		"bytes":        "SELECT '" + strings.Repeat("x", 2<<20) + "'",
		"nested lists": "SELECT " + strings.Repeat("ARRAY[", deep/2),
	}
	for name, text := range tests {
		_, err := parse.Statement(text)
		if p := problem.Of(err); err == nil || p.Position.IsZero() || p.Code != problem.TooLarge && p.Code != problem.Syntax {
			t.Errorf("%s: got %.200v", name, err)
		}
		parse.Script("", text)
	}
}

// Depths and lengths within the limits are accepted.
func TestWithinLimits(t *testing.T) {
	for name, text := range map[string]string{
		"parentheses": "SELECT " + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200),
		"chain":       "SELECT a FROM t WHERE a = 1" + strings.Repeat(" OR a = 2", 9000),
		"list":        "SELECT a IN (1" + strings.Repeat(", 2", 300_000) + ")",
	} {
		if _, err := parse.Statement(text); err != nil {
			t.Errorf("%s: %.200v", name, err)
		}
	}
}

// A node's extent quotes its own words, and its position is its first character.
func TestExtents(t *testing.T) {
	source := "SELECT 'é', a + b AS c, f(x) FROM t AS u WHERE a IN (1, 2)"
	s, err := parse.Statement(source)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	sql.Inspect(s, func(n sql.Node) bool {
		switch n.(type) {
		case *sql.SelectItem, *sql.Binary, *sql.Call, *sql.TableRef, *sql.In:
			text := sql.Text(source, n)
			got = append(got, text)
			column := len([]rune(source[:strings.Index(source, text)])) + 1
			if n.Pos().Column != column {
				t.Errorf("%q is at %v, expected column %d", text, n.Pos(), column)
			}
		}
		return true
	})
	want := "'é'|a + b AS c|a + b|f(x)|f(x)|t AS u|a IN (1, 2)"
	if strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
}
