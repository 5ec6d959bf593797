package dialect_test

import (
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/sql/dialect"
	"tidemark/sql/parse"
)

// TestPrint prints scripts in the canonical form; each must survive reading it
// back. The files hold every clause of the grammar.
func TestPrint(t *testing.T) {
	datadriven.Walk(t, "testdata/print", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			statements, problems := parse.Script("", d.Input)
			if len(problems) > 0 {
				return problems.Error() + "\n"
			}
			checkRoundTrip(t, d.Input)
			return dialect.Script(statements)
		})
	})
}
