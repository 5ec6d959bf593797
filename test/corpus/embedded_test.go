package corpus

import (
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/test/trial"
)

// settings are those that every query is run with; the first one is what
// expectations are rewritten from.
var settings = []trial.Setting{
	{Streaming: true, Parallelism: 1},
	{Streaming: true, Parallelism: 1, BatchRows: 1},
	{Streaming: true, Parallelism: 2, BatchRows: 7},
	{Streaming: true, Parallelism: 2, BatchRows: 1},
	{Parallelism: 1},
	{Parallelism: 2, BatchRows: 1},
	{Parallelism: 1, BatchRows: 7},
	{Streaming: true, Parallelism: 2, BatchRows: 7, SpillBatches: 1},
	{Parallelism: 1, BatchRows: 1, SpillBatches: 3},
}

// changesSetting is what changelogs are recorded with: each row by itself.
var changesSetting = trial.Setting{Streaming: true, Parallelism: 1, BatchRows: 1}

func TestEmbedded(t *testing.T) {
	var count tally
	walk(t, func(t *testing.T, w *world, d *datadriven.TestData) string {
		if reason, skip := skipped(d, "embedded"); skip {
			count.skip(reason)
			return d.Expected
		}
		if isCase(d.Cmd) {
			count.checked++
		}
		return runEmbedded(t, w, d)
	})
	count.report(t)
}

func runEmbedded(t *testing.T, w *world, d *datadriven.TestData) string {
	switch d.Cmd {
	case "define":
		return tell(w.Define(t.Context(), d.Input))
	case "feed":
		text, err := w.Feed(t.Context(), trial.Feed{Table: d.CmdArgs[0].Key, Rows: d.Input})
		if err != nil {
			return printProblems(err)
		}
		return text
	case "error":
		if _, err := w.Run(t.Context(), changesSetting, d.Input); err != nil {
			return printProblems(err)
		}
		return "no error\n"
	case "query":
		return w.query(t, d)
	case "changes":
		a, err := w.Run(t.Context(), changesSetting, d.Input)
		if err != nil {
			w.fault(d, "%v", err)
			return d.Expected
		}
		rows, err := a.Rows()
		if err != nil {
			w.fault(d, "%v in\n%s", err, a.Log())
			return d.Expected
		}
		w.compare(t, d, trial.Lines(rows, false))
		return a.Log()
	}
	d.Fatalf(t, "there is no command %s", d.Cmd)
	return ""
}

func tell(err error) string {
	if err != nil {
		return printProblems(err)
	}
	return ""
}

// query runs a block's query with all settings. What the first one answers is
// the block's output; the others must agree with it.
func (w *world) query(t *testing.T, d *datadriven.TestData) string {
	first := settings[0]
	if modeOf(d) == "batch" {
		first.Streaming = false
	}
	a, err := w.Run(t.Context(), first, d.Input)
	if err != nil {
		w.fault(d, "%s: %v", first, err)
		return d.Expected
	}
	rows, err := a.Rows()
	if err != nil {
		w.fault(d, "%s: %v in\n%s", first, err, a.Log())
		return d.Expected
	}
	w.compare(t, d, trial.Lines(rows, d.HasArg("ordered")))
	header := ""
	if d.HasArg("types") {
		header = a.Header()
	}
	return header + trial.Lines(rows, d.HasArg("ordered"))
}

// compare runs the query with all settings and wants the same rows from each.
func (w *world) compare(t *testing.T, d *datadriven.TestData, want string) {
	for _, s := range settings {
		if mode := modeOf(d); mode != "" && s.Streaming != (mode == "streaming") {
			continue
		}
		a, err := w.Run(t.Context(), s, d.Input)
		if err != nil {
			w.fault(d, "%s: %v", s, err)
			continue
		}
		rows, err := a.Rows()
		if err != nil {
			w.fault(d, "%s: %v in\n%s", s, err, a.Log())
			continue
		}
		if diff := cmp.Diff(want, trial.Lines(rows, d.HasArg("ordered"))); diff != "" {
			w.fault(d, "%s: other rows than at first (-want +got):\n%s", s, diff)
		}
	}
}
