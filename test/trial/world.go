// Package trial runs SQL in tests, as the program does: over definitions and
// events that a test has made, in the embedded engine (World) and in DuckDB,
// through the gateway (Oracle).
//
// It has no test cases of its own, and no product code uses it.
//
// Flow: New → Define, Feed → Run gives an Answer, whose Rows are the table that
// its changelog leaves; NewOracle → Ask gives rows printed in the same way.
package trial

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"tidemark/base/batch"
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
	"tidemark/target/embedded"
)

// World is what a test has made so far: definitions and events.
type World struct {
	Catalog     *catalog.Catalog
	Session     bind.Session
	Files       vfs.FS // with the event log in folder data
	Definitions []string
	Feeds       []Feed
}

// Feed is events for a native table, one JSON object a line.
type Feed struct {
	Table string
	Rows  string
}

// Setting is one way of running a query.
type Setting struct {
	Streaming              bool
	Parallelism, BatchRows int
	FlushBatches           int // changes are shown after so many batches; 0: as a script does
	SpillBatches           int // state goes to files after so many batches; 0: when memory is full
}

func (s Setting) String() string {
	mode := "batch"
	if s.Streaming {
		mode = "streaming"
	}
	text := fmt.Sprintf("%s, %d workers, batches of %d", mode, s.Parallelism, s.BatchRows)
	if s.FlushBatches > 0 {
		text += fmt.Sprintf(", changes after %d of them", s.FlushBatches)
	}
	if s.SpillBatches > 0 {
		text += fmt.Sprintf(", state in files after %d", s.SpillBatches)
	}
	return text
}

const dataDir = "data"

// New is a world with nothing in it. Its files are in memory.
func New() *World {
	return &World{Catalog: catalog.New(nil), Session: NewSession(), Files: vfs.NewMem()}
}

// NewSession is what the binder is told of a script that has set nothing.
func NewSession() bind.Session {
	return bind.Session{Zone: time.UTC, Streaming: true, Config: map[string]string{}, Expand: true, Now: time.Now()}
}

// Define runs definitions against the world's own catalog.
func (w *World) Define(ctx context.Context, text string) error {
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		return err
	}
	for _, s := range statements {
		if err := Apply(ctx, w.Catalog, &w.Session, s); err != nil {
			return err
		}
	}
	w.Definitions = append(w.Definitions, text)
	return nil
}

// Apply runs one definition or SET.
func Apply(ctx context.Context, c *catalog.Catalog, session *bind.Session, s sql.Statement) error {
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

// Feed appends events to a native table and tells what became of them.
func (w *World) Feed(ctx context.Context, f Feed) (text string, err error) {
	w.Feeds = append(w.Feeds, f)
	log, err := eventlog.Open(w.Files, filepath.Join(dataDir, "log"), eventlog.Options{})
	if err != nil {
		return "", err
	}
	receipt, err := Accept(ctx, log, w.Catalog, f)
	if err := errors.Join(err, log.Close()); err != nil {
		return "", err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d accepted\n", receipt.Accepted)
	for _, r := range receipt.Quarantined {
		fmt.Fprintf(&out, "line %d: %s %s: %s\n", r.Line, r.Code, r.Field, r.Message)
	}
	return out.String(), nil
}

// Accept hands events to the intake of their table.
func Accept(ctx context.Context, log *eventlog.Log, c *catalog.Catalog, f Feed) (native.Receipt, error) {
	t, ok := c.Table(f.Table)
	if !ok || t.Kind != plan.Native {
		return native.Receipt{}, problem.New(problem.UnknownTable, "there is no native table %s to feed", f.Table)
	}
	topic, err := TopicOf(log, f.Table)
	if err != nil {
		return native.Receipt{}, err
	}
	quarantine, err := TopicOf(log, f.Table+catalog.QuarantineSuffix)
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

// TopicOf is the topic of a table, made when there is none.
func TopicOf(log *eventlog.Log, name string) (*eventlog.Topic, error) {
	topic, err := log.Topic(name)
	if problem.Is(err, problem.NotFound) {
		return log.CreateTopic(name, 1)
	}
	return topic, err
}

// Run runs statements in a session of their own, over the definitions and events
// so far, and gives what they answer.
func (w *World) Run(ctx context.Context, s Setting, text string) (a *Answer, err error) {
	session := embedded.NewSession(embedded.SessionOptions{
		Streaming: s.Streaming, Parallelism: s.Parallelism, BatchRows: s.BatchRows, FlushBatches: s.FlushBatches, SpillBatches: s.SpillBatches,
		Data: dataDir, Files: w.Files, Stdout: func([]byte) {},
	})
	defer func() { err = errors.Join(err, session.Close()) }()
	a = &Answer{Zone: w.Session.Zone}
	if err := w.redefine(ctx, session); err != nil {
		return nil, err
	}
	return a, execute(ctx, session, text, embedded.Results{
		Start: func(schema plan.Schema) error { a.Columns = schema.Fields(); return nil },
		Rows:  func(b *batch.Batch) error { a.Add(b); return nil },
	})
}

// redefine runs the definitions so far in a session.
func (w *World) redefine(ctx context.Context, session *embedded.Session) error {
	ignore := embedded.Results{Start: func(plan.Schema) error { return nil }, Rows: func(*batch.Batch) error { return nil }}
	for _, definition := range w.Definitions {
		if err := execute(ctx, session, definition, ignore); err != nil {
			return err
		}
	}
	return nil
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
func (w *World) read(ctx context.Context, table string, rows func(*batch.Batch) error) (err error) {
	session := embedded.NewSession(embedded.SessionOptions{Streaming: true, Data: dataDir, Files: w.Files})
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := w.redefine(ctx, session); err != nil {
		return err
	}
	return execute(ctx, session, "SELECT * FROM `"+table+"`", embedded.Results{Start: func(plan.Schema) error { return nil }, Rows: rows})
}
