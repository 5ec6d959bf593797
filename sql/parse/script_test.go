package parse_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tidemark/sql/parse"
)

// caseFiles finds the conformance scripts.
func caseFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../test/conformance/cases/*/*/case.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no conformance cases: %v", err)
	}
	return files
}

// Every script that Flink has answered is read, except those that Flink
// refuses for their syntax.
func TestConformanceCases(t *testing.T) {
	for _, file := range caseFiles(t) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		statements, problems := parse.Script("case.sql", string(source))
		name := filepath.Base(filepath.Dir(file))
		if refusedForSyntax[name] {
			if len(problems) == 0 {
				t.Errorf("%s: accepted %d statements, expected a syntax error", name, len(statements))
			}
			continue
		}
		if len(problems) > 0 {
			t.Errorf("%s/%s:\n%s", filepath.Base(filepath.Dir(filepath.Dir(file))), name, problems.Error())
		}
		if len(statements) == 0 && len(problems) == 0 && strings.Contains(string(source), ";") {
			t.Errorf("%s: no statements", name)
		}
	}
}

// refusedForSyntax are the cases that a parser must refuse.
var refusedForSyntax = map[string]bool{
	"001-syntax-misspelled-from":     true,
	"003-syntax-unterminated-string": true,
	"004-syntax-case-without-end":    true,
	"006-syntax-missing-semicolon":   true,
	"010-unknown-type-ddl":           true,
	"037-literal-unicode-escape":     true,
	"039-decimal-scale":              true,
}
