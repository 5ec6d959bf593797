// Package flink runs a bounded script on a Flink, through the REST API of its
// SQL gateway: the same text that runs in this process runs there, and answers
// and errors read the same.
//
// It is not a client for any SQL: statements come as trees, are printed by
// sql/dialect, and what Flink cannot run is refused by Check before the first
// one is submitted. It keeps no table up to date yet: it is no target.Target.
//
// Flow: Check the script → Open a session → Execute each statement (print,
// submit, fetch its pages, hand them on as rows) → Close.
//
// Invariants:
//  1. Every wait has a limit and ends with its context.
//  2. A session leaves nothing behind: each of its jobs carries the session's
//     mark in its name, and those of a statement that did not end well are
//     stopped; the session is closed even when the context has ended.
//  3. A problem that Flink reports has the place in the user's text, found by
//     reading the printed text back: both trees have the same shape.
//  4. Changes are complete and paired: every +U directly follows its -U.
//  5. Cells are texts as Flink's client shows them; their types are in the
//     schema, the columns of the batches are STRING.
package flink

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/plan"
	"tidemark/sql"
	"tidemark/sql/dialect"
)

// Limits of a session.
const (
	requestMax   = time.Minute            // one request, from the first byte to the last
	statementMax = 12 * time.Hour         // one statement
	cleanMax     = 15 * time.Second       // cancelling and closing
	pauseMin     = 10 * time.Millisecond  // before asking again for rows that are not there yet
	pauseMax     = 250 * time.Millisecond // the pause doubles up to this
	triesMax     = 4                      // of a query for which the cluster has no slots at the moment
	busyPause    = 500 * time.Millisecond // after the first try; longer after each other
	heartbeat    = time.Minute            // far below the gateway's idle limit of ten minutes
	answerMax    = 256 << 20              // bytes of one answer
)

// Options is how a script is run.
type Options struct {
	Gateway     string // URL of the SQL gateway
	Streaming   bool
	Parallelism int // 0: one
}

// properties configure a session so that answers can be compared with those of
// the embedded engine: lateness is judged row by row, and a failure is final.
func (o Options) properties(mark string) map[string]string {
	mode := "batch"
	if o.Streaming {
		mode = "streaming"
	}
	return map[string]string{
		"execution.runtime-mode":           mode,
		"parallelism.default":              strconv.Itoa(max(o.Parallelism, 1)),
		"pipeline.auto-watermark-interval": "0 ms",
		jobNameKey:                         mark,
		"restart-strategy.type":            "none",
		"table.dml-sync":                   "true",
		"table.local-time-zone":            "UTC",
	}
}

// jobNameKey is the setting that names jobs.
const jobNameKey = "pipeline.name"

// Results receives what statements answer. Start is called once per statement
// that has an answer; rows follow, as changes.
type Results struct {
	Start func(plan.Schema) error
	Rows  func(*batch.Batch) error
}

// once gives results that start once although a query is tried again, and note
// whether rows have been handed on.
func (r Results) once(begun *bool) Results {
	if r.Start == nil {
		return r
	}
	started := false
	return Results{
		Start: func(s plan.Schema) error {
			if started {
				return nil
			}
			started = true
			return r.Start(s)
		},
		Rows: func(b *batch.Batch) error {
			*begun = true
			return r.Rows(b)
		},
	}
}

// Check finds everything in a script that Flink cannot run.
func Check(statements []sql.Statement) error {
	var all problem.List
	for _, s := range statements {
		if _, err := dialect.Flink(s); err != nil {
			all = append(all, problem.All(err)...)
		}
	}
	return all.Err()
}

// Session is a session of the gateway. It is used by one goroutine.
type Session struct {
	gateway *gateway
	path    string // of the session's resource
	mark    string // part of the name of each of its jobs

	stopBeats context.CancelFunc
	beats     sync.WaitGroup
}

// Open starts a session. The caller must Close it.
func Open(ctx context.Context, options Options) (*Session, error) {
	g, err := newGateway(options.Gateway)
	if err != nil {
		return nil, err
	}
	s := &Session{gateway: g, mark: "tidemark-" + uuid.NewString()}
	var opened struct {
		Handle string `json:"sessionHandle"`
	}
	request := map[string]any{"sessionName": s.mark, "properties": options.properties(s.mark)}
	if err := g.post(ctx, "/sessions", request, &opened); err != nil {
		return nil, explained(err, nil)
	}
	s.path = "/sessions/" + opened.Handle
	beating, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopBeats = stop
	s.beats.Go(func() { s.beat(beating) })
	return s, nil
}

// beat keeps the session alive while a statement takes long.
func (s *Session) beat(ctx context.Context) {
	ticks := time.NewTicker(heartbeat)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			_ = s.gateway.post(ctx, s.path+"/heartbeat", struct{}{}, nil) // the next statement tells what is wrong
		}
	}
}

// Close ends the session at the gateway.
func (s *Session) Close() error {
	s.stopBeats()
	s.beats.Wait()
	defer s.gateway.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), cleanMax)
	defer cancel()
	return explained(s.gateway.delete(ctx, s.path), nil)
}

// Execute runs one statement to its end.
func (s *Session) Execute(ctx context.Context, statement sql.Statement, results Results) error {
	text, err := dialect.Flink(s.marked(statement))
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, statementMax)
	defer cancel()
	repeatable := answers(statement)
	if !repeatable {
		results = Results{}
	}
	begun := false
	results = results.once(&begun)
	for try := 1; ; try++ {
		if err = s.run(limited, text, results); err == nil {
			return nil
		}
		s.stopJobs(ctx)
		busy := problem.Is(explained(err, nil), problem.TooBusy)
		if !busy || !repeatable || begun || try == triesMax || wait(limited, time.Duration(try)*busyPause) != nil {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return problem.New(problem.Canceled, "the statement was stopped, and its job on Flink with it").At(statement.Pos())
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return problem.New(problem.Timeout, "the statement did not end within %v on Flink", statementMax).At(statement.Pos()).WithHint("scripts are for bounded input; check the sources' options")
	}
	return explained(err, placesOf(statement, text))
}

// marked keeps the session's mark in the name of its jobs when a script names
// them.
func (s *Session) marked(statement sql.Statement) sql.Statement {
	set, ok := statement.(*sql.Set)
	if !ok || set.Key == nil || set.Key.Text != jobNameKey {
		return statement
	}
	named := *set
	named.Value = &sql.StringValue{Span: set.Value.Span, Text: set.Value.Text + " " + s.mark}
	return &named
}

// answers reports whether a statement has an answer for the user. The answers
// of others ("OK", a job's number) are Flink's own.
func answers(statement sql.Statement) bool {
	switch st := statement.(type) {
	case *sql.QueryStatement, *sql.Explain, *sql.Show, *sql.Describe:
		return true
	case *sql.Set:
		return st.Key == nil
	}
	return false
}

// run submits a text and fetches its answer to the end.
func (s *Session) run(ctx context.Context, text string, results Results) error {
	var submitted struct {
		Handle string `json:"operationHandle"`
	}
	if err := s.gateway.post(ctx, s.path+"/statements", map[string]string{"statement": text}, &submitted); err != nil {
		return err
	}
	operation := s.path + "/operations/" + submitted.Handle
	err := s.fetchAll(ctx, operation, results)
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanMax)
	defer cancel()
	if err != nil {
		_ = s.gateway.post(clean, operation+"/cancel", struct{}{}, nil) // it may have ended by itself
	}
	_ = s.gateway.delete(clean, operation+"/close") // the session's end closes it too
	return err
}

// fetchAll hands on the pages of an answer until there are no more.
func (s *Session) fetchAll(ctx context.Context, operation string, results Results) error {
	token, pause := "0", pauseMin
	sink := answerSink{results: results}
	for {
		p, err := s.gateway.page(ctx, operation, token, results.Rows != nil)
		if err != nil {
			return err
		}
		if err := sink.take(p); err != nil {
			return err
		}
		if p.last {
			return nil
		}
		if p.next != "" {
			token = p.next
		}
		if len(p.rows) > 0 {
			pause = pauseMin
			continue
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, pauseMax)
	}
}

// answerSink hands the pages of one answer to who wants it, if anybody does.
type answerSink struct {
	results Results
	width   int // columns; 0 before the answer begins
	pairs   pairing
}

func (a *answerSink) take(p *page) error {
	if a.results.Start == nil {
		return nil
	}
	if a.width == 0 && len(p.columns) > 0 {
		schema, err := schemaOf(p.columns)
		if err != nil {
			return err
		}
		a.width = len(schema)
		if err := a.results.Start(schema); err != nil {
			return err
		}
	}
	for b := range batchesOf(a.width, a.pairs.settle(p.rows, p.last)) {
		if err := a.results.Rows(b); err != nil {
			return err
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// stopJobs stops what still runs of the session's jobs: cancelling an
// operation leaves the job of an INSERT behind.
func (s *Session) stopJobs(ctx context.Context) {
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanMax)
	defer cancel()
	var running []string
	err := s.run(clean, "SHOW JOBS", Results{
		Start: func(plan.Schema) error { return nil },
		Rows: func(b *batch.Batch) error {
			b.Each(func(i int) {
				job, name, state := b.Columns[0].Value(i).Text, b.Columns[1].Value(i).Text, b.Columns[2].Value(i).Text
				if strings.Contains(name, s.mark) && !ended[state] {
					running = append(running, job)
				}
			})
			return nil
		},
	})
	if err != nil {
		return // the gateway is gone, and with it the way to its jobs
	}
	for _, job := range running {
		_ = s.run(clean, "STOP JOB '"+job+"'", Results{}) // it may have ended meanwhile
	}
}

// ended are the states of jobs that need no stopping.
var ended = map[string]bool{"FINISHED": true, "FAILED": true, "CANCELED": true, "CANCELLING": true}
