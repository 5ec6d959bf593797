package olap

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
)

// Snapshot is the answers to several questions from one state of the database.
// It holds a place among the running questions until it is closed, so that what
// is computed from it counts as one of them. Different answers may be read by
// different goroutines.
type Snapshot struct {
	store   *Store
	conn    *sql.Conn
	cursors []*cursor
	release func()
	Waited  time.Duration // for admission
}

// Snapshot asks all questions at once. It waits for its turn first. The answers
// are kept by DuckDB, within its limit of memory.
func (s *Store) Snapshot(ctx context.Context, questions []Question) (*Snapshot, error) {
	begin := time.Now()
	text := ""
	for _, q := range questions {
		text += q.SQL + "\n"
	}
	place, err := s.admission.admit(ctx, text)
	if err != nil {
		return nil, err
	}
	waited := time.Since(begin)
	snapshot, err := s.snapshot(ctx, questions, place.release)
	if err == nil {
		snapshot.Waited = waited
	}
	return snapshot, err
}

// snapshot asks all questions at once, and gives release back with the answers.
func (s *Store) snapshot(ctx context.Context, questions []Question, release func()) (snapshot *Snapshot, err error) {
	snapshot = &Snapshot{store: s, release: release}
	if snapshot.conn, err = s.readers.Conn(ctx); err != nil {
		release()
		return nil, s.explain(ctx, err)
	}
	if err := snapshot.conn.Raw(func(c any) error { return snapshot.ask(ctx, c, questions) }); err != nil {
		return nil, errors.Join(s.explain(ctx, err), snapshot.Close())
	}
	return snapshot, nil
}

// ask gets all answers in one transaction. They outlive it.
func (s *Snapshot) ask(ctx context.Context, c any, questions []Question) (err error) {
	execute := func(ctx context.Context, text string) error {
		_, err := c.(driver.ExecerContext).ExecContext(ctx, text, nil)
		return err
	}
	if err := execute(ctx, "BEGIN TRANSACTION READ ONLY"); err != nil {
		return err
	}
	// The connection goes back to the pool, so its transaction ends even when
	// ctx has.
	defer func() { err = errors.Join(err, execute(context.WithoutCancel(ctx), "ROLLBACK")) }()
	for _, q := range questions {
		rows, err := c.(driver.QueryerContext).QueryContext(ctx, q.SQL, arguments(q.Args))
		if err != nil {
			return err
		}
		next, err := newCursor(q, rows)
		if err != nil {
			return errors.Join(err, rows.Close())
		}
		s.cursors = append(s.cursors, next)
	}
	return nil
}

// Next gives the next rows of answer i, and io.EOF behind the last. More rows
// than the question's RowsMax are a problem: the answer would be wrong without
// them.
func (s *Snapshot) Next(ctx context.Context, i int) (*batch.Batch, error) {
	c := s.cursors[i]
	b, err := c.next()
	switch {
	case ctx.Err() != nil:
		return nil, Ended(ctx)
	case c.truncated:
		return nil, problem.New(problem.TooLarge, "the question reads more than %d rows of one table", c.rowsMax).
			WithHint("filter in a subquery, or keep the result in a materialized table")
	case errors.Is(err, io.EOF) && b.Rows > 0:
		return b, nil // the end is told the next time
	case err != nil && !errors.Is(err, io.EOF):
		return nil, s.store.explain(ctx, err)
	}
	return b, err
}

// Close gives answers, connection and place back.
func (s *Snapshot) Close() error {
	defer s.release()
	var all []error
	for _, c := range s.cursors {
		all = append(all, c.rows.Close())
	}
	return errors.Join(append(all, s.conn.Close())...)
}
