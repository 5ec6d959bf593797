package gateway

import (
	"slices"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/progress"
	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/sql/parse"
	"tidemark/store/olap"
)

// printing turns one question into DuckDB text. It is the Info that the printer
// asks.
type printing struct {
	gateway  *Gateway
	looked   *looked
	finality Finality
	session  bind.Session

	bound *bind.Bound // of the query being printed
	depth int         // of views within each other
	read  []string    // stored tables, each once
	fault error       // why the last table could not be printed

	stored    []string // what read is called in the hot store
	volatile  bool     // two times the same may have two answers: NOW(), UUID()
	momentary bool     // the text says what the progress board said

	beyond *problem.Problem // the first thing that DuckDB cannot say; nil when it can say all

	functions []olap.Function // of ours that the text calls, by number
	kernels   []kernel        // which each of them is
}

// query binds and prints a query.
func (p *printing) query(q *sql.Query, depth int) (string, *bind.Bound, error) {
	if depth > viewDepthMax {
		return "", nil, problem.New(problem.TooLarge, "more than %d views are within each other", viewDepthMax)
	}
	bound, err := bind.Query(p.looked, p.session, q)
	if err != nil {
		return "", nil, err
	}
	for _, f := range bound.Calls {
		p.volatile = p.volatile || f.Volatile
	}
	outer, outerDepth := p.bound, p.depth
	p.bound, p.depth = bound, depth
	defer func() { p.bound, p.depth = outer, outerDepth }()
	text, err := dialect.DuckDB(q, p)
	if p.fault != nil {
		return "", nil, p.fault
	}
	if wrong := problem.Of(err); wrong != nil && wrong.Code == problem.Unsupported {
		p.beyond = wrong
	}
	return text, bound, err
}

// TypeOf is what the binder found.
func (p *printing) TypeOf(e sql.Expr) (value.Type, bool) {
	t, ok := p.bound.Types[e]
	return t, ok
}

// Shown is the order that USING and NATURAL have here: the common columns stand
// first.
func (p *printing) Shown(star *sql.Star) []sql.Path { return p.bound.Stars[star] }

// Table prints a stored table's name, a view's query, or what the progress board
// says.
func (p *printing) Table(path sql.Path) (string, bool) {
	name := path.String()
	t, ok := p.looked.Table(name)
	if !ok {
		return "", false
	}
	if t.Kind == plan.View {
		return p.view(t)
	}
	text, err := p.storedTable(t)
	if err != nil {
		p.fault = problem.Of(err).At(path.Pos())
		return "", false
	}
	return text, true
}

// storedTable is the text of a table that is not a view. The problem has no place.
func (p *printing) storedTable(t *plan.Table) (string, error) {
	switch {
	case strings.HasSuffix(t.Name, catalog.ProgressSuffix):
		return p.progress(strings.TrimSuffix(t.Name, catalog.ProgressSuffix)), nil
	case t.Kind == plan.Native && !catalog.Stored(t):
		return "", problem.New(problem.Unsupported, "table %s keeps its events in the log only ('stored' = 'false')", t.Name).
			WithHint("ask a materialized table that is made from it")
	case !catalog.Stored(t):
		return "", problem.New(problem.Unsupported, "table %s is not stored here, so questions cannot be asked about it", t.Name).
			WithHint("make a materialized table of it, or run a script with tidemark exec")
	}
	if !slices.Contains(p.read, t.Name) {
		p.read, p.stored = append(p.read, t.Name), append(p.stored, t.StoredName())
	}
	if p.finality == Settled {
		return p.settled(t), nil
	}
	return quote(t.StoredName()), nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (p *printing) view(t *plan.Table) (string, bool) {
	q, err := parse.Query(t.Query)
	if err != nil {
		p.fault = err
		return "", false
	}
	text, _, err := p.query(q, p.depth+1)
	if err != nil {
		p.fault = err
		return "", false
	}
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = quote(c.Name)
	}
	return "(SELECT * FROM (" + text + ") AS v(" + strings.Join(columns, ", ") + "))", true
}

// settled is a table without the rows that can still change: those of windows
// that are not final, or, of a table without windows, those behind its watermark.
func (p *printing) settled(t *plan.Table) string {
	p.momentary = true
	until, tracked := p.gateway.board.FinalUntil([]string{t.Name}, p.session.Now)
	if !tracked || until == batch.Final {
		return quote(t.StoredName())
	}
	column, last := p.timeColumn(t, until)
	switch {
	case column == "":
		return quote(t.StoredName())
	case until == batch.NoMark:
		return "(SELECT * FROM " + quote(t.StoredName()) + " WHERE FALSE)"
	}
	return "(SELECT * FROM " + quote(t.StoredName()) + " WHERE " + quote(column) + " <= " + moment(last, value.TimestampOf(3)) + ")"
}

// timeColumn is the column that tells whether a row is settled, and the greatest
// value it has in settled rows: of a window's end the line itself, of its start
// one window before, of an event's time just before.
func (p *printing) timeColumn(t *plan.Table, until int64) (name string, last int64) {
	if i := t.Column("window_end"); i >= 0 {
		return t.Columns[i].Name, until
	}
	if i := t.Column("window_start"); i >= 0 {
		if size := p.gateway.board.Window(t.Name).Size; size > 0 {
			return t.Columns[i].Name, until - size
		}
	}
	if t.Watermark != nil {
		return t.Columns[t.Watermark.Column].Name, until - 1
	}
	return "", 0
}

// progress is the board's answer about a table, as rows.
func (p *printing) progress(table string) string {
	p.momentary = true
	now := p.session.Now
	answer, ok := p.gateway.board.Of(table, 0, now.UnixMilli()+1, now)
	var rows []string
	if ok {
		for _, w := range answer.Windows {
			rows = append(rows, "("+strings.Join([]string{
				moment(w.Start, value.TimestampLTZOf(3)), moment(w.End, value.TimestampLTZOf(3)), text(string(w.State)), text(w.BlockedBy),
				"CAST(" + number(w.Revision) + " AS BIGINT)", moment(answer.FinalUntil, value.TimestampLTZOf(3)),
			}, ", ")+")")
		}
		if len(rows) == 0 {
			rows = []string{"(" + strings.Join([]string{nullTime, nullTime, text(string(stateOf(answer))), text(answer.BlockedBy), "CAST(0 AS BIGINT)", moment(answer.FinalUntil, value.TimestampLTZOf(3))}, ", ") + ")"}
		}
	}
	where := ""
	if len(rows) == 0 {
		rows, where = []string{"(" + strings.Join([]string{nullTime, nullTime, "''", "''", "CAST(0 AS BIGINT)", nullTime}, ", ") + ")"}, " WHERE FALSE"
	}
	return "(SELECT * FROM (VALUES " + strings.Join(rows, ", ") + ") AS p(window_start, window_end, state, blocked_by, revision, final_until)" + where + ")"
}

const nullTime = "CAST(NULL AS TIMESTAMPTZ)"

// stateOf is the state of a table without windows.
func stateOf(p progress.Progress) progress.State {
	switch {
	case p.BlockedBy != "":
		return progress.Blocked
	case p.FinalUntil == batch.Final:
		return progress.Final
	}
	return progress.Open
}
