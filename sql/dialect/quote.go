package dialect

import (
	"strconv"
	"strings"
	"unicode"

	"tidemark/base/value"
	"tidemark/sql"
)

// Quote prints a name as Tidemark and Flink write it: in backticks where it
// needs them, or had them and could be taken for a keyword.
func Quote(n sql.Name) string {
	upper := strings.ToUpper(n.Text)
	if plain(n.Text) && !sql.Reserved(upper) && !(n.Quoted && contextual[upper]) {
		return n.Text
	}
	return inBackticks(n.Text)
}

func inBackticks(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// contextual are words that are keywords only in some places.
var contextual = func() map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(`
	FINAL KEY PIVOT UNPIVOT SEMI ANTI MODEL DESCRIPTOR FIRST LAST ABSENT NULLS IGNORE RESPECT EXTENDED CATALOG DATABASE JOB EXCLUDE
	COLUMN DISTRIBUTION METADATA VIRTUAL COMMENT FRESHNESS REFRESH_MODE LIMIT PLAN TREE ROUTE LINEAGE STATEMENT TEMPORARY
	MATERIALIZED VIEW CURRENT UNBOUNDED ROUND LOCAL ZONE PLACING WRAPPER RETURNING ON IMMEDIATELY EMPTY ERROR MAP FULL MODULES
	STREAM HASH RANGE BUCKETS DISTRIBUTED PAST BEFORE AFTER CUBE SETS N U X E DESC ASC RENAME ADD MODIFY`) {
		set[w] = true
	}
	return set
}()

// plain reports whether a name consists of letters, digits, _ and $ and starts
// with a letter or _.
func plain(name string) bool {
	for i, r := range name {
		switch {
		case r == '_' || unicode.IsLetter(r):
		case i > 0 && (r == '$' || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)):
		default:
			return false
		}
	}
	return name != "" && name != "_" && !strings.ContainsRune(name, unicode.ReplacementChar)
}

// quoteText prints a text in single quotes.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// typeText prints a type as it is declared. Unlike value.Type.String it leaves
// out backticks that are not needed, and what is not said.
func typeText(t value.Type) string {
	s := bareTypeText(t)
	if t.NotNull {
		s += " NOT NULL"
	}
	return s
}

func bareTypeText(t value.Type) string {
	switch t.Kind {
	case value.Array:
		return "ARRAY<" + typeText(*t.Elem) + ">"
	case value.Map:
		return "MAP<" + typeText(*t.Key) + ", " + typeText(*t.Elem) + ">"
	case value.Row:
		fields := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			fields[i] = Quote(sql.NameOf(f.Name)) + " " + typeText(f.Type)
		}
		return "ROW<" + strings.Join(fields, ", ") + ">"
	case value.IntervalYearMonth, value.IntervalDayTime:
		return intervalTypeText(t)
	}
	return t.Optional().String()
}

func intervalTypeText(t value.Type) string {
	lead, end, _ := strings.Cut(t.Unit.String(), " TO ")
	s := "INTERVAL " + lead
	switch {
	case lead == "SECOND" && t.Scale != 6:
		return s + "(" + strconv.Itoa(t.Precision) + ", " + strconv.Itoa(t.Scale) + ")"
	case t.Precision != 0:
		s += "(" + strconv.Itoa(t.Precision) + ")"
	}
	if end != "" {
		s += " TO " + end
		if end == "SECOND" && t.Scale != 6 {
			s += "(" + strconv.Itoa(t.Scale) + ")"
		}
	}
	return s
}
