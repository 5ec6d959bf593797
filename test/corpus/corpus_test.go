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
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect/native"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
	"tidemark/store/eventlog"
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
		w := newWorld()
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

// world is what the blocks of a script have made so far: definitions and events.
type world struct {
	catalog     *catalog.Catalog
	session     bind.Session
	files       vfs.FS // with the event log in folder data
	definitions []string
	feeds       []feed
	faults      []string // collected, because datadriven leaves a script at its first failure
}

// fault notes that a block is not as it should be.
func (w *world) fault(d *datadriven.TestData, format string, args ...any) {
	w.faults = append(w.faults, d.Pos+": "+fmt.Sprintf(format, args...))
}

// feed is one block of events.
type feed struct {
	Table string
	Rows  string
}

const dataDir = "data"

func newWorld() *world {
	return &world{catalog: catalog.New(nil), session: newSession(), files: vfs.NewMem()}
}

func newSession() bind.Session {
	return bind.Session{Zone: time.UTC, Streaming: true, Config: map[string]string{}, Expand: true, Now: time.Now()}
}

// define runs definitions against the world's own catalog.
func (w *world) define(ctx context.Context, text string) error {
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		return err
	}
	for _, s := range statements {
		if err := apply(ctx, w.catalog, &w.session, s); err != nil {
			return err
		}
	}
	w.definitions = append(w.definitions, text)
	return nil
}

// apply runs one definition or SET.
func apply(ctx context.Context, c *catalog.Catalog, session *bind.Session, s sql.Statement) error {
	set, ok := s.(*sql.Set)
	if !ok {
		_, err := c.Apply(ctx, *session, s)
		return err
	}
	session.Config[set.Key.Text] = set.Value.Text
	if set.Key.Text == "table.local-time-zone" {
		zone, err := time.LoadLocation(set.Value.Text)
		if err != nil {
			return err
		}
		session.Zone = zone
	}
	return nil
}

// feed appends events to a native table and tells what became of them.
func (w *world) feed(ctx context.Context, f feed) (string, error) {
	w.feeds = append(w.feeds, f)
	log, err := eventlog.Open(w.files, filepath.Join(dataDir, "log"), eventlog.Options{})
	if err != nil {
		return "", err
	}
	receipt, err := accept(ctx, log, w.catalog, f)
	if err := firstOf(err, log.Close()); err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d accepted\n", receipt.Accepted)
	for _, r := range receipt.Quarantined {
		fmt.Fprintf(&out, "line %d: %s %s: %s\n", r.Line, r.Code, r.Field, r.Message)
	}
	return out.String(), nil
}

func firstOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// accept hands events to the intake of their table.
func accept(ctx context.Context, log *eventlog.Log, c *catalog.Catalog, f feed) (native.Receipt, error) {
	t, ok := c.Table(f.Table)
	if !ok || t.Kind != plan.Native {
		return native.Receipt{}, problem.New(problem.UnknownTable, "there is no native table %s to feed", f.Table)
	}
	topic, err := topicOf(log, f.Table)
	if err != nil {
		return native.Receipt{}, err
	}
	quarantine, err := topicOf(log, f.Table+catalog.QuarantineSuffix)
	if err != nil {
		return native.Receipt{}, err
	}
	var columns []value.Field
	for _, column := range t.Columns {
		if column.Computed == nil && column.Metadata == "" {
			columns = append(columns, value.Field{Name: column.Name, Type: column.Type})
		}
	}
	return native.NewIntake(topic, quarantine, columns).Accept(ctx, native.Body{Text: []byte(f.Rows), Partition: 0})
}

func topicOf(log *eventlog.Log, name string) (*eventlog.Topic, error) {
	topic, err := log.Topic(name)
	if problem.Is(err, problem.NotFound) {
		return log.CreateTopic(name, 1)
	}
	return topic, err
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
