package parse_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/sql/parse"
)

// TestErrors reads wrong scripts: every problem has code, place and hint.
func TestErrors(t *testing.T) {
	datadriven.RunTest(t, "testdata/errors", func(t *testing.T, d *datadriven.TestData) string {
		statements, problems := parse.Script("", d.Input)
		var out strings.Builder
		for _, p := range problems {
			if p.Position.IsZero() {
				t.Errorf("%s: the problem has no place: %v", d.Pos, p)
			}
			fmt.Fprintf(&out, "%s %s: %s\n", p.Code, p.Position, p.Message)
			if p.Hint != "" {
				fmt.Fprintf(&out, "  %s\n", p.Hint)
			}
		}
		if len(problems) == 0 {
			t.Errorf("%s: the script is accepted", d.Pos)
		}
		if len(statements) > 0 {
			fmt.Fprintf(&out, "statements read: %d\n", len(statements))
		}
		return out.String()
	})
}
