package flink

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/problem"
	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/sql/parse"
)

func TestFaultsAreExplained(t *testing.T) {
	datadriven.RunTest(t, "testdata/faults", func(t *testing.T, d *datadriven.TestData) string {
		text, report, _ := strings.Cut(d.Input, "\n\n")
		statement, err := parse.Statement(text)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		sent, err := dialect.Flink(statement)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		p := problem.Of(explained(&serverFault{texts: []string{report}}, placesOf(statement, sent)))
		return string(p.Code) + " " + p.Error() + "\n"
	})
}

// TestEveryNodeIsFoundAgain prints the conformance cases for Flink: each node of
// the printed text must lead back to a node of the user's text, and the place
// where it starts to what starts there.
func TestEveryNodeIsFoundAgain(t *testing.T) {
	files, err := filepath.Glob("../../test/conformance/cases/*/*/case.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no conformance cases", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, _ := parse.Script("", string(source))
		for _, s := range statements {
			sent, err := dialect.Flink(s)
			if err != nil {
				continue
			}
			p := placesOf(s, sent)
			nodes := 0
			sql.Inspect(s, func(sql.Node) bool { nodes++; return true })
			if nodes != len(p.nodes) {
				t.Errorf("%s: %d nodes, %d of them found again in\n%s", file, nodes, len(p.nodes), sent)
			}
			again, err := parse.Statement(sent)
			if err != nil {
				t.Fatal(err)
			}
			checkStarts(t, p, again)
		}
	}
}

func checkStarts(t *testing.T, p *places, again sql.Node) {
	t.Helper()
	starts := map[int]map[problem.Position]bool{}
	for _, n := range p.nodes {
		if starts[n.start] == nil {
			starts[n.start] = map[problem.Position]bool{}
		}
		starts[n.start][n.users] = true
	}
	sql.Inspect(again, func(n sql.Node) bool {
		start, end := n.Extent()
		if at := n.Pos(); start < end && !starts[start][p.at(at.Line, at.Column)] {
			t.Errorf("%v in\n%s\nleads to %v, where nothing starts", at, p.sent, p.at(at.Line, at.Column))
		}
		return true
	})
}

func TestTypesOfTheGateway(t *testing.T) {
	datadriven.RunTest(t, "testdata/types", func(t *testing.T, d *datadriven.TestData) string {
		var made logicalType
		if err := json.Unmarshal([]byte(d.Input), &made); err != nil {
			d.Fatalf(t, "%v", err)
		}
		schema, err := schemaOf([]column{{Name: "c", Type: made}})
		if err != nil {
			return problem.Of(err).Error() + "\n"
		}
		return schema[0].Type.String() + "\n"
	})
}
