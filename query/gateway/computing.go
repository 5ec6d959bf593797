package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/connect"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/store/olap"
)

// tableRowsMax is how many rows of one table a question may read that the engine
// computes: DuckDB keeps them in memory until the engine has taken them.
const tableRowsMax = 20_000_000

// computing answers a question that DuckDB cannot say: the engine runs its plan
// over rows of the hot store, all tables as they were at one moment.
type computing struct {
	plan    plan.Node
	scans   []*plan.Scan    // each once
	reading []olap.Question // of each scan
	context plan.Context
}

// computing plans a query for the engine.
func (p *printing) computing(q *sql.Query) (*computing, error) {
	bound, err := bind.Query(p.looked, p.session, q)
	if err != nil {
		return nil, err
	}
	optimized, _ := rewrite.Optimize(bound.Plan)
	c := &computing{plan: optimized, context: plan.Context{Zone: p.session.Zone, Now: p.session.Now, Start: p.session.Now}}
	plan.Inspect(optimized, func(n plan.Node) bool {
		switch n := n.(type) {
		case *plan.Scan:
			if err == nil && !slices.Contains(c.scans, n) {
				err = c.scan(p, n)
			}
		case *plan.TemporalJoin:
			if err == nil {
				err = forgotten(n, q.Pos())
			}
		}
		return err == nil
	})
	return c, err
}

// scan adds the question that reads the columns of a table that the plan needs.
func (c *computing) scan(p *printing, scan *plan.Scan) error {
	text, err := p.storedTable(scan.Table)
	if err != nil {
		return err
	}
	columns := []string{}
	reading := olap.Question{Columns: []value.Field{}, RowsMax: tableRowsMax}
	for _, at := range scan.Columns {
		column := scan.Table.Columns[at]
		columns = append(columns, quote(column.Name))
		reading.Columns = append(reading.Columns, value.Field{Name: column.Name, Type: column.Type})
	}
	if len(columns) == 0 { // rows are counted
		columns = []string{"1"}
		reading.Columns = []value.Field{{Name: "1", Type: value.IntType}}
	}
	reading.SQL = "SELECT " + strings.Join(columns, ", ") + " FROM " + text + " LIMIT " + number(tableRowsMax+1)
	c.scans, c.reading = append(c.scans, scan), append(c.reading, reading)
	return nil
}

// forgotten refuses a temporal join with a table of which only the newest
// version of each key is stored: rows from before it would find nothing.
func forgotten(join *plan.TemporalJoin, at problem.Position) (wrong error) {
	plan.Inspect(join.Right, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok && len(scan.Table.PrimaryKey) > 0 {
			wrong = problem.New(problem.Unsupported, "of table %s only the newest version of each key is stored, so FOR SYSTEM_TIME AS OF has no earlier ones to look at", scan.Table.Name).At(at).
				WithHint("join in a materialized table, whose job reads every version from the log")
		}
		return wrong == nil
	})
	return wrong
}

// run computes the answer; its batches are only lent to rows.
func (c *computing) run(ctx context.Context, store *olap.Store, rowsMax int, rows func(*batch.Batch) error) (stats olap.Stats, err error) {
	snapshot, err := store.Snapshot(ctx, c.reading)
	if err != nil {
		return stats, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	begin := time.Now()
	sink := &limited{rows: rows, rowsMax: rowsMax}
	spec := job.Spec{Name: "question", Plan: c.plan, Sources: map[*plan.Scan]connect.Source{}, Sink: sink, Context: c.context}
	for i, scan := range c.scans {
		spec.Sources[scan] = &snapshotSource{snapshot: snapshot, answer: i, columns: len(scan.Columns)}
	}
	j, err := job.New(spec)
	if err != nil {
		return stats, err
	}
	err = j.Run(ctx)
	if errors.Is(err, errEnough) {
		err = nil
	}
	if ctx.Err() != nil {
		err = olap.Ended(ctx)
	}
	return olap.Stats{Rows: sink.passed, Truncated: sink.truncated, Waited: snapshot.Waited, Ran: time.Since(begin)}, err
}

// snapshotSource is one answer of a snapshot, as the source of a scan.
type snapshotSource struct {
	snapshot *olap.Snapshot
	answer   int
	columns  int // that the scan wants; 0 when it only counts rows
}

// Splits is one: the answer.
func (s *snapshotSource) Splits(context.Context) ([]connect.SplitID, error) {
	return []connect.SplitID{"answer"}, nil
}

// Open reads from the beginning; a question is never taken up again.
func (s *snapshotSource) Open(context.Context, connect.SplitID, connect.Offset) (connect.Reader, error) {
	return s, nil
}

// Bounded is true: an answer ends.
func (s *snapshotSource) Bounded() bool { return true }

// Read gives the next rows.
func (s *snapshotSource) Read(ctx context.Context) (*batch.Batch, error) {
	b, err := s.snapshot.Next(ctx, s.answer)
	if err != nil {
		return nil, err
	}
	b.Columns = b.Columns[:s.columns]
	return b, nil
}

// Offset says nothing, as nobody goes on from it.
func (s *snapshotSource) Offset() connect.Offset { return nil }

// Watermark is unknown: batch mode needs none.
func (s *snapshotSource) Watermark() int64 { return batch.NoMark }

// Close leaves the snapshot to whoever took it.
func (s *snapshotSource) Close() error { return nil }

// errEnough ends a job whose answer is as long as it may be.
var errEnough = errors.New("the answer has as many rows as it may have")

// limited is the sink of a question: it hands rows over, up to a number.
type limited struct {
	rows      func(*batch.Batch) error
	rowsMax   int
	epoch     connect.Epoch
	passed    int
	truncated bool
}

// Committed is the last epoch handed over.
func (l *limited) Committed(context.Context) (connect.Epoch, error) { return l.epoch, nil }

// Apply hands rows over.
func (l *limited) Apply(_ context.Context, c connect.Commit) error {
	l.epoch = c.Epoch
	for _, b := range c.Batches {
		b = b.Compact()
		if left := l.rowsMax - l.passed; b.Rows > left {
			l.truncated = true
			b.Rows = left
			for _, column := range b.Columns {
				column.Resize(left)
			}
		}
		l.passed += b.Rows
		if b.Rows > 0 {
			if err := l.rows(b); err != nil {
				return err
			}
		}
		if l.truncated {
			return errEnough
		}
	}
	return nil
}

// Close has nothing to close.
func (l *limited) Close() error { return nil }
