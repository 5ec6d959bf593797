package corpus

import (
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/base/problem"
	"tidemark/test/trial"
)

// refused is the reason for not asking what the gateway refuses by name: that it
// does is checked.
const refused = "refused"

func TestOracle(t *testing.T) {
	var count tally
	var current *trial.Oracle
	walk(t, func(t *testing.T, w *world, d *datadriven.TestData) string {
		if current == nil || current.World != w.World {
			current = trial.NewOracle(t, w.World)
		}
		switch d.Cmd {
		case "define", "feed", "error":
			if d.Cmd != "error" {
				_ = runEmbedded(t, w, d)
			}
			current.ExpandTables()
			return d.Expected
		}
		reason, skip := skipped(d, "oracle")
		if skip {
			count.skip(reason)
			if reason != refused {
				return d.Expected
			}
		}
		want, err := expectedRows(d.Cmd, d.Expected)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		got, err := current.Ask(t.Context(), d.Input)
		if skip {
			if !problem.Is(err, problem.Unsupported) {
				w.fault(d, "is said to be refused as a question, but the answer is %q, %v", got, err)
			}
			return d.Expected
		}
		if err != nil {
			w.fault(d, "%v", err)
			return d.Expected
		}
		count.checked++
		if diff := cmp.Diff(trial.Lines(want, d.HasArg("ordered")), trial.Lines(got, d.HasArg("ordered"))); diff != "" {
			w.fault(d, "DuckDB answers otherwise (-want +got):\n%s", diff)
		}
		return d.Expected
	})
	count.report(t)
}
