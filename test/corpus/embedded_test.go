package corpus

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/plan"
	"tidemark/sql/parse"
	"tidemark/target/embedded"
)

// setting is one way of running a query.
type setting struct {
	streaming              bool
	parallelism, batchRows int
}

func (s setting) String() string {
	mode := "batch"
	if s.streaming {
		mode = "streaming"
	}
	return fmt.Sprintf("%s, %d workers, batches of %d", mode, s.parallelism, s.batchRows)
}

// settings are those that every query is run with; the first one is what
// expectations are rewritten from.
var settings = []setting{
	{true, 1, 0}, {true, 1, 1}, {true, 2, 7}, {true, 2, 1},
	{false, 1, 0}, {false, 2, 1}, {false, 1, 7},
}

// changesSetting is what changelogs are recorded with: each row by itself.
var changesSetting = setting{true, 1, 1}

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
		return tell(w.define(t.Context(), d.Input))
	case "feed":
		text, err := w.feed(t.Context(), feed{d.CmdArgs[0].Key, d.Input})
		if err != nil {
			return printProblems(err)
		}
		return text
	case "error":
		if _, err := w.run(t.Context(), changesSetting, d.Input); err != nil {
			return printProblems(err)
		}
		return "no error\n"
	case "query":
		return w.query(t, d)
	case "changes":
		a, err := w.run(t.Context(), changesSetting, d.Input)
		if err != nil {
			w.fault(d, "%v", err)
			return d.Expected
		}
		rows, err := a.rows()
		if err != nil {
			w.fault(d, "%v in\n%s", err, a.log())
			return d.Expected
		}
		w.compare(t, d, lines(rows, false))
		return a.log()
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
		first.streaming = false
	}
	a, err := w.run(t.Context(), first, d.Input)
	if err != nil {
		w.fault(d, "%s: %v", first, err)
		return d.Expected
	}
	rows, err := a.rows()
	if err != nil {
		w.fault(d, "%s: %v in\n%s", first, err, a.log())
		return d.Expected
	}
	w.compare(t, d, lines(rows, d.HasArg("ordered")))
	header := ""
	if d.HasArg("types") {
		header = a.header()
	}
	return header + lines(rows, d.HasArg("ordered"))
}

// compare runs the query with all settings and wants the same rows from each.
func (w *world) compare(t *testing.T, d *datadriven.TestData, want string) {
	for _, s := range settings {
		if mode := modeOf(d); mode != "" && s.streaming != (mode == "streaming") {
			continue
		}
		a, err := w.run(t.Context(), s, d.Input)
		if err != nil {
			w.fault(d, "%s: %v", s, err)
			continue
		}
		rows, err := a.rows()
		if err != nil {
			w.fault(d, "%s: %v in\n%s", s, err, a.log())
			continue
		}
		if diff := cmp.Diff(want, lines(rows, d.HasArg("ordered"))); diff != "" {
			w.fault(d, "%s: other rows than at first (-want +got):\n%s", s, diff)
		}
	}
}

// run runs statements in a session of their own, over the definitions and events
// so far, and gives what they answer.
func (w *world) run(ctx context.Context, s setting, text string) (a *answer, err error) {
	session := embedded.NewSession(embedded.SessionOptions{
		Streaming: s.streaming, Parallelism: s.parallelism, BatchRows: s.batchRows, Data: dataDir, Files: w.files, Stdout: func([]byte) {},
	})
	defer func() { err = firstOf(err, session.Close()) }()
	a = &answer{zone: w.session.Zone}
	ignore := embedded.Results{Start: func(plan.Schema) error { return nil }, Rows: func(*batch.Batch) error { return nil }}
	for _, definition := range w.definitions {
		if err := execute(ctx, session, definition, ignore); err != nil {
			return nil, err
		}
	}
	return a, execute(ctx, session, text, embedded.Results{
		Start: func(schema plan.Schema) error { a.columns = schema.Fields(); return nil },
		Rows:  func(b *batch.Batch) error { a.add(b); return nil },
	})
}

func execute(ctx context.Context, session *embedded.Session, text string, results embedded.Results) error {
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		return err
	}
	for _, statement := range statements {
		if err := session.Execute(ctx, statement, results); err != nil {
			return err
		}
	}
	return nil
}

// read gives all rows of a table, as changes.
func (w *world) read(ctx context.Context, table string, rows func(*batch.Batch) error) (err error) {
	session := embedded.NewSession(embedded.SessionOptions{Streaming: true, Data: dataDir, Files: w.files})
	defer func() { err = firstOf(err, session.Close()) }()
	results := embedded.Results{Start: func(plan.Schema) error { return nil }, Rows: rows}
	for _, definition := range w.definitions {
		if err := execute(ctx, session, definition, results); err != nil {
			return err
		}
	}
	return execute(ctx, session, "SELECT * FROM `"+table+"`", results)
}
