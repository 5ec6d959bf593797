package gateway

import (
	"strings"
	"sync"

	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
	"tidemark/store/olap"
)

// prepared is a question that has been read, bound and printed. It is not
// changed any more, and may be asked by several at once.
type prepared struct {
	source    string // its text, with parameters in their places
	text      string // for DuckDB; "" when the engine computes the answer
	columns   []value.Field
	functions []olap.Function
	read      []string // tables, as they are called
	stored    []string // the same, as the hot store calls them
	steady    bool     // asked again of the same rows it has the same answer
	lasting   bool     // the text holds as long as what looked found
	looked    *looked
}

// planKey is what a prepared question depends on besides the catalog.
type planKey struct {
	sql, params, zone string
	finality          Finality
}

// keyOf is the planKey of a question.
func keyOf(q Question) planKey {
	key := planKey{sql: q.SQL, finality: q.Finality}
	if key.finality == "" {
		key.finality = Latest
	}
	if q.Zone != nil {
		key.zone = q.Zone.String()
	}
	for _, p := range q.Params {
		key.params += literalOf(p) + ","
	}
	return key
}

// plans are questions that were prepared. They are forgotten together when there
// are too many: to prepare one again takes a fraction of a millisecond.
type plans struct {
	sync.Mutex
	kept  map[planKey]*prepared
	bytes int // of keys and texts, about
}

func (p *plans) find(key planKey) *prepared {
	p.Lock()
	defer p.Unlock()
	found := p.kept[key]
	if found != nil && !found.looked.same() {
		p.bytes -= found.size(key)
		delete(p.kept, key)
		return nil
	}
	return found
}

func (p *plans) keep(key planKey, q *prepared) {
	size := q.size(key)
	if !q.lasting || !q.steady || size > planBytesMax {
		return
	}
	p.Lock()
	defer p.Unlock()
	if before := p.kept[key]; before != nil {
		p.bytes -= before.size(key)
	} else if p.bytes+size > plansBytesMax || p.kept == nil {
		p.kept, p.bytes = map[planKey]*prepared{}, 0
	}
	p.kept[key] = q
	p.bytes += size
}

// size is about what a prepared question takes.
func (q *prepared) size(key planKey) int {
	const beside = 2 << 10 // what stands beside texts
	return beside + len(key.sql) + len(key.params) + len(q.source) + len(q.text)
}

// prepare reads, binds and prints a query, unless it has been done.
func (g *Gateway) prepare(q Question, session bind.Session) (*prepared, sql.Statement, error) {
	if len(q.SQL) > textBytesMax {
		return nil, nil, problem.New(problem.TooLarge, "the question has %d bytes, more than %d", len(q.SQL), textBytesMax)
	}
	key := keyOf(q)
	if found := g.plans.find(key); found != nil {
		return found, nil, nil
	}
	source, statement, err := readQuestion(q)
	if err != nil {
		return nil, nil, err
	}
	query, asks := statement.(*sql.QueryStatement)
	if !asks {
		return nil, statement, nil
	}
	p := &printing{gateway: g, looked: look(g.catalog), finality: q.Finality, session: session}
	text, bound, err := p.query(query.Query, 0)
	made := &prepared{source: source, text: text, functions: p.functions, looked: p.looked}
	switch {
	case err == nil:
		made.columns = bound.Plan.Schema().Fields()
	case p.beyond != nil:
		work, err := p.computing(query.Query)
		if err != nil {
			return nil, nil, err
		}
		made.columns = work.plan.Schema().Fields()
	default:
		return nil, nil, err
	}
	made.read, made.stored, made.steady, made.lasting = p.read, p.stored, !p.volatile, !p.momentary
	g.plans.keep(key, made)
	return made, nil, nil
}

// computing plans a prepared query for the engine.
func (g *Gateway) computing(q Question, p *prepared, session bind.Session) (*computing, error) {
	statement, err := parse.Statement(p.source)
	if err != nil {
		return nil, err
	}
	query := statement.(*sql.QueryStatement) // it was when it was prepared
	printing := &printing{gateway: g, looked: look(g.catalog), finality: q.Finality, session: session}
	return printing.computing(query.Query)
}

// reads is the text of all that a computation reads.
func (c *computing) reads() string {
	var all strings.Builder
	for _, r := range c.reading {
		all.WriteString(r.SQL + "\n")
	}
	return all.String()
}
