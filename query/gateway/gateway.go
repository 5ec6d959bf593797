// Package gateway answers questions: SQL over stored tables.
//
// It does not run jobs, define anything, or speak a protocol: doors hand it text
// and print what it gives.
//
// Flow: Ask → parse → bind → print for DuckDB (all three unless the same was asked
// before: plans) → admit → batches to the caller, with how far the answer is
// settled. What DuckDB cannot say (printing.beyond), the engine computes from rows
// of the hot store (computing). The answer to what was asked before, of tables that
// have not moved since, is given again (answers). EXPLAIN, SHOW and DESCRIBE are
// answered from the catalog.
//
// Invariants:
//  1. Only queries are answered; a statement that changes something is refused
//     before it is looked at further.
//  2. An answer's FinalUntil is read before the rows are: it never claims more
//     than the rows can keep.
//  3. Every question has a deadline, a limit of rows, and an id by which it can
//     be canceled.
//  4. An answer that is given again is what computing it now would give: the
//     versions of its tables are read before their rows, and compared again before
//     it is given. What may differ from one time to the next (NOW(), UUID()) is
//     computed every time.
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

	answersBytesMax = 32 << 20 // of answers that are kept
	answerBytesMax  = 2 << 20  // of one of them
	staleLooks      = 2        // at old answers, for each new one
	plansBytesMax   = 8 << 20  // of questions that are prepared
	planBytesMax    = 64 << 10 // of one of them
)

// Gateway answers questions. It is safe for concurrent use.
type Gateway struct {
	catalog *catalog.Catalog
	store   *olap.Store
	board   *progress.Board
	plans   plans
	answers answers
	mu      struct {
		sync.Mutex
		running map[string]*Running
	}
}

// New makes a gateway over a catalog and the store that its tables are in.
func New(catalog *catalog.Catalog, store *olap.Store, board *progress.Board) *Gateway {
	g := &Gateway{catalog: catalog, store: store, board: board}
	g.answers.versions = store.Versions
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

	Recompute bool // even when nothing has moved since it was asked last
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
	Kept       bool          // it was computed for an equal question
	Age        time.Duration // since that began
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
	session := bind.Session{Zone: q.Zone, Now: time.Now()}
	p, statement, err := g.prepare(q, session)
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
	if p == nil {
		t, _, err := g.describe(statement, session)
		if err != nil {
			return answer, err
		}
		return answer, t.pass(answer, rows)
	}
	return answer, g.ask(ctx, q, p, session, answer, rows)
}

// Cache counts what became of questions whose answers can be kept.
func (g *Gateway) Cache() CacheCounts { return g.answers.counted() }

// readQuestion parses text that must be one statement that changes nothing, and
// gives the text with parameters in their places.
func readQuestion(q Question) (text string, statement sql.Statement, err error) {
	statements, wrong := parse.Script("", q.SQL)
	if err := wrong.Err(); err != nil {
		return "", nil, err
	}
	if len(statements) != 1 {
		return "", nil, problem.New(problem.InvalidRequest, "a question is one query, not %d statements", len(statements)).WithHint("ask one at a time")
	}
	switch s := statements[0].(type) {
	case *sql.Explain, *sql.Show, *sql.Describe:
		return q.SQL, s, nil
	case *sql.QueryStatement:
		if len(q.Params) == 0 {
			return q.SQL, s, nil
		}
		filled, err := withParameters(q.SQL, s.Query, q.Params)
		if err != nil {
			return "", nil, err
		}
		statement, err := parse.Statement(filled)
		return filled, statement, err
	}
	return "", nil, problem.New(problem.InvalidRequest, "only queries can be asked here").At(statements[0].Pos()).WithHint("definitions go to POST /api/v1/statements")
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

// ask answers a query, with rows from before if they are what computing it would
// give.
func (g *Gateway) ask(ctx context.Context, q Question, p *prepared, session bind.Session, answer *Answer, rows Rows) error {
	answer.Columns = p.columns
	answer.FinalUntil, answer.Tracked = g.board.FinalUntil(p.read, time.Now())
	for _, t := range p.read {
		answer.Route = append(answer.Route, Piece{Table: t, Store: "hot"})
	}
	run := &asking{gateway: g, question: q, prepared: p, session: session, answer: answer}
	key := answerKey{plan: keyOf(q), text: p.text, rowsMax: q.RowsMax}
	if p.text == "" {
		var err error
		if run.work, err = g.computing(q, p, session); err != nil {
			return err
		}
		key.text = run.work.reads()
	}
	if !p.steady || q.Recompute {
		return run.alone(ctx, rows)
	}
	waiting := time.Now()
	for {
		found, f, leads := g.answers.begin(key, p.stored)
		if leads {
			return run.lead(ctx, key, f, rows)
		}
		if f != nil {
			var again bool
			var err error
			if found, again, err = f.wait(ctx); err != nil {
				return err
			}
			if again {
				continue
			}
			if found == nil {
				return run.alone(ctx, rows)
			}
			g.answers.shared()
		}
		answer.Columns, answer.Engine = found.columns, found.engine
		answer.Stats = olap.Stats{Rows: found.stats.Rows, Truncated: found.stats.Truncated, Waited: time.Since(waiting)}
		answer.Kept, answer.Age = true, time.Since(found.at)
		return hand(ctx, answer, found.batches, rows)
	}
}
