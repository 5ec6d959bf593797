// Package corpus holds the script corpus: what SQL means in Tidemark, as .tide
// scripts that three runners must agree on.
//
// It does not test one package and has no product code. A script is datadriven
// text (testdata/*.tide) with these commands:
//
//	define         statements that define tables, views and functions, or SET
//	feed TABLE     events for a native table, one JSON object a line
//	query          a query; expected are its final rows, sorted
//	changes        a query; expected is its changelog, row by row
//	error          a wrong statement; expected are code, line:column and message
//
// A query or changes block may say "ordered" (the order of rows counts),
// "types" (the first line names the columns), "mode=batch" or "mode=streaming"
// (it has no other), and "skip=(RUNNER, REASON)";
// with the reason "refused" the oracle is checked to refuse the query by name.
//
// Runners: TestEmbedded runs every block as tidemark exec does, in streaming and
// in batch mode, with several numbers of workers and sizes of batches.
// TestRestored makes every query a stored table and kills the process that keeps
// it between the feeds. TestOracle asks DuckDB, through the gateway.
//
// Invariants:
//  1. All runners are held to one expectation; only TestEmbedded can rewrite it.
//  2. What a runner does not check is counted and printed with its reason.
package corpus

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/problem"
	"tidemark/test/trial"
)

// casesMin is how many cases each runner must check.
const casesMin = 150

func TestMain(m *testing.M) {
	if order := os.Getenv(orderVariable); order != "" {
		if err := keepTables(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// isCase reports whether a block has an expectation of its own about SQL.
func isCase(command string) bool {
	return command == "query" || command == "changes" || command == "error"
}

// tally counts what a runner did, for the report.
type tally struct {
	checked int
	skipped map[string]int // by reason
}

func (c *tally) skip(reason string) {
	if c.skipped == nil {
		c.skipped = map[string]int{}
	}
	c.skipped[reason]++
}

// report prints the counts, and fails when a whole run checked too little.
func (c *tally) report(t *testing.T) {
	reasons := make([]string, 0, len(c.skipped))
	total := 0
	for reason, n := range c.skipped {
		reasons = append(reasons, fmt.Sprintf("%d: %s", n, reason))
		total += n
	}
	slices.Sort(reasons)
	fmt.Printf("%s: %d cases checked, %d not\n", t.Name(), c.checked, total)
	for _, reason := range reasons {
		fmt.Println("    " + reason)
	}
	selected := flag.Lookup("test.run").Value.String()
	if c.checked < casesMin && !strings.Contains(selected, "/") {
		t.Errorf("%d cases were checked, fewer than %d", c.checked, casesMin)
	}
}

// walk runs f over each block of each script.
func walk(t *testing.T, f func(t *testing.T, w *world, d *datadriven.TestData) string) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := &world{World: trial.New()}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return f(t, w, d) })
		for _, fault := range w.faults {
			t.Error(fault)
		}
	})
}

// skipped gives the reason why a block is not for a runner.
func skipped(d *datadriven.TestData, runner string) (reason string, ok bool) {
	for _, arg := range d.CmdArgs {
		if arg.Key == "skip" && len(arg.Vals) == 2 && arg.Vals[0] == runner {
			return arg.Vals[1], true
		}
	}
	return "", false
}

// modeOf is the mode a block is limited to, "" for none.
func modeOf(d *datadriven.TestData) string {
	if arg, ok := d.Arg("mode"); ok && len(arg.Vals) == 1 {
		return arg.Vals[0]
	}
	return ""
}

// world is what the blocks of a script have made so far.
type world struct {
	*trial.World
	faults []string // collected, because datadriven leaves a script at its first failure
}

// fault notes that a block is not as it should be.
func (w *world) fault(d *datadriven.TestData, format string, args ...any) {
	w.faults = append(w.faults, d.Pos+": "+fmt.Sprintf(format, args...))
}

// printProblems prints what a user is told of a wrong statement, without hints.
func printProblems(err error) string {
	var out strings.Builder
	for _, p := range problem.All(err) {
		place := ""
		if !p.Position.IsZero() {
			place = " " + p.Position.String()
		}
		fmt.Fprintf(&out, "%s%s %s\n", p.Code, place, p.Message)
	}
	return out.String()
}
