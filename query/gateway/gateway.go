// Package gateway answers questions: SQL over stored tables.
//
// It does not run jobs, define anything, or speak a protocol: doors hand it text
// and print what it gives.
//
// Flow: Ask → parse → bind → print for DuckDB → admit → batches to the caller,
// with how far the answer is settled. What DuckDB cannot say (printing.beyond),
// the engine computes from rows of the hot store (computing). EXPLAIN, SHOW and
// DESCRIBE are answered from the catalog.
//
// Invariants:
//  1. Only queries are answered; a statement that changes something is refused
//     before it is looked at further.
//  2. An answer's FinalUntil is read before the rows are: it never claims more
//     than the rows can keep.
//  3. Every question has a deadline, a limit of rows, and an id by which it can
//     be canceled.
package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/catalog"
	"tidemark/plan/bind"
	"tidemark/progress"
	"tidemark/sql"
	"tidemark/sql/parse"
	"tidemark/store/olap"
)

// Limits of questions.
const (
	textBytesMax   = 256 << 10
	timeoutDefault = 30 * time.Second
	timeoutMax     = 10 * time.Minute
	rowsDefault    = 10_000
	rowsMax        = 10_000_000
	viewDepthMax   = 50
)

// Gateway answers questions. It is safe for concurrent use.
type Gateway struct {
	catalog *catalog.Catalog
	store   *olap.Store
	board   *progress.Board
	mu      struct {
		sync.Mutex
		running map[string]*Running
	}
}

// New makes a gateway over a catalog and the store that its tables are in.
func New(catalog *catalog.Catalog, store *olap.Store, board *progress.Board) *Gateway {
	g := &Gateway{catalog: catalog, store: store, board: board}
	g.mu.running = map[string]*Running{}
	return g
}

// Finality says which rows an answer is made of.
type Finality string

// Latest is everything that is visible; Settled leaves out the windows that can
// still change.
const (
	Latest  Finality = "latest"
	Settled Finality = "final"
)

// Question is what a user asks.
type Question struct {
	SQL      string
	Params   []value.Value // for each ? in turn
	Finality Finality      // "" is Latest
	RowsMax  int           // 0 for the default
	Timeout  time.Duration // 0 for the default
	Zone     *time.Location
}

// Piece is a part of where an answer comes from.
type Piece struct {
	Table string `json:"table"`
	Store string `json:"store"`
}

// Answer is what is known of an answer beside its rows.
type Answer struct {
	ID         string
	Columns    []value.Field
	FinalUntil int64 // ms; batch.NoMark when nothing is final
	Tracked    bool  // whether any of the tables has a FinalUntil
	Route      []Piece
	Engine     bool // the engine computed it, since DuckDB cannot say it
	Stats      olap.Stats
}

// Running is a question that is being answered.
type Running struct {
	ID     string    `json:"id"`
	SQL    string    `json:"sql"`
	Since  time.Time `json:"since"`
	cancel context.CancelFunc
}

// Rows receives an answer: start once, before the first rows, then each batch.
type Rows struct {
	Start func(*Answer) error
	Batch func(*batch.Batch) error
}

// Ask answers a question.
func (g *Gateway) Ask(ctx context.Context, q Question, rows Rows) (*Answer, error) {
	statement, err := readQuestion(q)
	if err != nil {
		return nil, err
	}
	timeout := q.Timeout
	switch {
	case timeout <= 0:
		timeout = timeoutDefault
	case timeout > timeoutMax:
		timeout = timeoutMax
	}
	if q.RowsMax < 0 || q.RowsMax > rowsMax {
		return nil, problem.New(problem.InvalidRequest, "max_rows is 1 to %d", rowsMax).About("max_rows")
	}
	if q.RowsMax == 0 {
		q.RowsMax = rowsDefault
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer := &Answer{ID: uuid.NewString()}
	g.begin(&Running{ID: answer.ID, SQL: q.SQL, Since: time.Now(), cancel: cancel})
	defer g.end(answer.ID)
	return answer, g.answer(ctx, q, statement, answer, rows)
}

// readQuestion parses text that must be one statement that changes nothing.
func readQuestion(q Question) (sql.Statement, error) {
	if len(q.SQL) > textBytesMax {
		return nil, problem.New(problem.TooLarge, "the question has %d bytes, more than %d", len(q.SQL), textBytesMax)
	}
	statements, wrong := parse.Script("", q.SQL)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if len(statements) != 1 {
		return nil, problem.New(problem.InvalidRequest, "a question is one query, not %d statements", len(statements)).WithHint("ask one at a time")
	}
	switch s := statements[0].(type) {
	case *sql.Explain, *sql.Show, *sql.Describe:
		return s, nil
	case *sql.QueryStatement:
		if len(q.Params) == 0 {
			return s, nil
		}
		filled, err := withParameters(q.SQL, s.Query, q.Params)
		if err != nil {
			return nil, err
		}
		return parse.Statement(filled)
	}
	return nil, problem.New(problem.InvalidRequest, "only queries can be asked here").At(statements[0].Pos()).WithHint("definitions go to POST /api/v1/statements")
}

func (g *Gateway) begin(r *Running) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.running[r.ID] = r
}

func (g *Gateway) end(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.mu.running, id)
}

// Cancel ends a running question.
func (g *Gateway) Cancel(id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, ok := g.mu.running[id]
	if !ok {
		return problem.New(problem.NotFound, "no question %s is running", id).WithHint("it may have ended")
	}
	r.cancel()
	return nil
}

// Running lists the questions that are being answered.
func (g *Gateway) Running() []Running {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]Running, 0, len(g.mu.running))
	for _, r := range g.mu.running {
		all = append(all, Running{ID: r.ID, SQL: r.SQL, Since: r.Since})
	}
	return all
}

func (g *Gateway) answer(ctx context.Context, q Question, statement sql.Statement, answer *Answer, rows Rows) error {
	session := bind.Session{Zone: q.Zone, Now: time.Now()}
	query, asks := statement.(*sql.QueryStatement)
	if !asks {
		t, _, err := g.describe(statement, session)
		if err != nil {
			return err
		}
		return t.pass(answer, rows)
	}
	return g.ask(ctx, q, query.Query, session, answer, rows)
}

// ask has DuckDB answer a query, or the engine what DuckDB cannot say.
func (g *Gateway) ask(ctx context.Context, q Question, query *sql.Query, session bind.Session, answer *Answer, rows Rows) error {
	p := &printing{gateway: g, finality: q.Finality, session: session}
	text, bound, err := p.query(query, 0)
	var work *computing
	switch {
	case err == nil:
		answer.Columns = bound.Plan.Schema().Fields()
	case p.beyond != nil:
		if work, err = p.computing(query); err != nil {
			return err
		}
		answer.Columns = work.plan.Schema().Fields()
	default:
		return err
	}
	answer.FinalUntil, answer.Tracked = g.board.FinalUntil(p.read, time.Now())
	for _, t := range p.read {
		answer.Route = append(answer.Route, Piece{Table: t, Store: "hot"})
	}
	if err := rows.Start(answer); err != nil {
		return err
	}
	if work == nil {
		answer.Stats, err = g.store.Query(ctx, olap.Question{SQL: text, Columns: answer.Columns, RowsMax: q.RowsMax, Functions: p.functions}, func(_ []value.Field, b *batch.Batch) error {
			if b.Rows == 0 {
				return nil
			}
			return rows.Batch(b)
		})
		if !problem.Is(err, problem.Unsupported) || answer.Stats.Rows > 0 {
			return err
		}
		// DuckDB tells only now that there is a form of the query it does not do.
		if work, err = p.computing(query); err != nil {
			return err
		}
	}
	answer.Engine = true
	answer.Stats, err = work.run(ctx, g.store, q.RowsMax, rows)
	return err
}
