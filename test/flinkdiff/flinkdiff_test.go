package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/sql/parse"
	"tidemark/target/flink"
)

// TestStatementsAreFlinks demands that every statement parses and has nothing
// that Flink is known to lack, and that a number always makes the same one.
func TestStatementsAreFlinks(t *testing.T) {
	kinds := map[string]bool{}
	for n := range 1500 {
		s := generate(7, n)
		kinds[s.kind] = true
		statements, wrong := parse.Script("", s.script())
		if err := wrong.Err(); err != nil {
			t.Fatalf("%v\n%s", err, s.script())
		}
		if err := flink.Check(statements); err != nil {
			t.Errorf("%v\n%s", err, s.script())
		}
		again := generate(7, n)
		if s.script() != again.script() || s.tables[0].content() != again.tables[0].content() {
			t.Fatalf("number %d makes different statements", n)
		}
	}
	if len(kinds) != len(makers) {
		t.Errorf("only these kinds were made: %v", kinds)
	}
}

func TestAnswersAreJudged(t *testing.T) {
	const head = `{"columns":[["a","INT NOT NULL"]]}` + "\n"
	for _, c := range []struct {
		name, ours, theirs string
		want               verdict
	}{
		{"the same rows in another order", head + `["+I","1"]` + "\n" + `["+I",null]`, head + `["+I",null]` + "\n" + `["+I","1"]`, equal},
		{"the same rows after changes", head + `["+I","2"]`, head + `["+I","1"]` + "\n" + `["-U","1"]` + "\n" + `["+U","2"]`, equal},
		{"NULL is not the text", head + `["+I",null]`, head + `["+I","NULL"]`, differs},
		{"a row more often", head + `["+I","1"]` + "\n" + `["+I","1"]`, head + `["+I","1"]`, differs},
		{"NOT NULL may differ", `{"columns":[["a","INT"]]}`, head, equal},
		{"another type", `{"columns":[["a","BIGINT"]]}`, head, differs},
		{"what was never there is taken back", head + `["-D","1"]`, head, differs},
		{"only we fail", "case.sql:1:2: bad [type_mismatch]", head, differs},
		{"only Flink fails", head, "case.sql:1:2: bad [type_mismatch]", notTheirs},
		{"both fail", "1:2: bad [syntax]", "case.sql:1:2: bad [type_mismatch]", neither},
		{"no slots", head, "case.sql:1:2: none [too_busy]", lost},
	} {
		if got := judge(parsed(c.ours), parsed(c.theirs)); got.verdict != c.want {
			t.Errorf("%s: verdict %d, want %d", c.name, got.verdict, c.want)
		}
	}
}

// parsed reads an answer, or the problem in its place.
func parsed(text string) answer {
	if strings.HasPrefix(text, "{") {
		return read([]byte(text))
	}
	return failure(text)
}

func TestRowsAreLeftOut(t *testing.T) {
	s := &statement{tables: []*table{{lines: []string{"a", "b", "c", "d"}}, {lines: []string{"x"}}}}
	smaller := without(s, 0, 1, 2)
	if diff := cmp.Diff([]string{"a", "d"}, smaller.tables[0].lines); diff != "" {
		t.Error(diff)
	}
	if len(s.tables[0].lines) != 4 || len(smaller.tables[1].lines) != 1 {
		t.Error("leaving out rows has changed something else")
	}
}

func TestKnownFaultsLookAtTheAnswers(t *testing.T) {
	rows := func(texts ...string) answer {
		a := answer{rows: map[string]int{}}
		for _, text := range texts {
			a.rows[text]++
		}
		return a
	}
	temporal := &statement{kind: "temporal join", query: "SELECT … ON e.k = v.k"}
	hop := &statement{kind: "legacy window", query: "SELECT … GROUP BY k, HOP(ts)"}
	total := &statement{kind: "group", query: "SELECT COUNT(*) FROM e"}
	for _, c := range []struct {
		name         string
		s            *statement
		mode         string
		ours, theirs answer
		known        bool
	}{
		{"NULL keys match", temporal, streaming, rows(`["1",null,null]`), rows(`["1",null,"2"]`), true},
		{"another key differs", temporal, streaming, rows(`["1","a",null]`), rows(`["1","a","2"]`), false},
		{"windows are lost", hop, batch, rows("[1]", "[2]"), rows("[1]"), true},
		{"windows are lost in streaming mode", hop, streaming, rows("[1]", "[2]"), rows("[1]"), false},
		{"a window is other", hop, batch, rows("[1]", "[2]"), rows("[3]"), false},
		{"an aggregate over nothing", total, streaming, rows("[0]"), rows(), true},
		{"an aggregate that is other", total, streaming, rows("[0]"), rows("[1]"), false},
	} {
		if known(c.s, c.mode, nil) != "" {
			t.Errorf("%s: not compared at all", c.name)
		}
		if reason := known(c.s, c.mode, &[2]answer{c.ours, c.theirs}); (reason != "") != c.known {
			t.Errorf("%s: reason %q", c.name, reason)
		}
	}
}
