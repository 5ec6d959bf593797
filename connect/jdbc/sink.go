package jdbc

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
)

// sink writes epochs, each in one transaction.
//
// With a primary key an epoch can be written again without harm: a row replaces the
// one of its key. Without one it is added again, when the connection is lost in the
// moment of a commit, and after a restart in front of an epoch's end: at least once.
type sink struct {
	settings settings
	table    table
	key      []int
	upserts  bool
	database *database
	open     context.Context // ends with Close
	cancel   context.CancelCauseFunc
	mu       struct { // held by Apply
		sync.Mutex
		epoch     connect.Epoch
		described bool
	}
}

func newSink(r connect.Request) (connect.Sink, error) {
	settings, err := settingsOf(r.Options)
	if err != nil {
		return nil, err
	}
	s := &sink{settings: settings, key: r.PrimaryKey, upserts: r.Upserts}
	if s.table, err = newTable(settings, r.Table, r.Columns); err != nil {
		return nil, err
	}
	if len(s.key) < len(r.Keys) {
		return nil, problem.New(problem.InvalidQuery, "not all columns of the primary key of %s are written", r.Table).WithHint("write all of %v", r.Keys)
	}
	if s.database, err = openDatabase(settings, settings.writeRetries, 1); err != nil {
		return nil, err
	}
	s.open, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// Committed is the last epoch of this run: the database does not keep it.
func (s *sink) Committed(context.Context) (connect.Epoch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.epoch, nil
}

// Apply writes an epoch: what is gone first, so that a unique value can go from one
// row to another.
func (s *sink) Apply(ctx context.Context, commit connect.Commit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.open, func() { cancel(context.Cause(s.open)) })()
	there, gone, err := s.changes(commit.Batches)
	if err != nil {
		return err
	}
	if len(there)+len(gone) > 0 {
		if !s.mu.described {
			if err := s.table.describe(ctx, s.database); err != nil {
				return err
			}
			s.mu.described = true
		}
		if err := s.database.try(ctx, func() error { return s.write(ctx, there, gone) }); err != nil {
			return fmt.Errorf("write to table %s: %w", s.table.name, err)
		}
	}
	s.mu.epoch = commit.Epoch
	return nil
}

// changes are the rows to put and to remove.
func (s *sink) changes(batches []*batch.Batch) (there, gone []change, err error) {
	if len(s.key) > 0 {
		there, gone = settled(batches, s.key, s.upserts)
		return there, gone, nil
	}
	for _, b := range batches {
		b.Each(func(row int) {
			if kind := b.Kind(row); kind != batch.Insert && err == nil {
				err = problem.New(problem.InvalidQuery, "the query takes rows back (%s), and %s has no primary key to find them by", kind, s.table.name).
					WithHint("declare PRIMARY KEY (…) NOT ENFORCED with the key that the table has in the database")
			}
			there = append(there, change{b, row})
		})
	}
	return there, nil, err
}

// write puts all changes into one transaction.
func (s *sink) write(ctx context.Context, there, gone []change) (err error) {
	transaction, err := s.database.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = transaction.Rollback() // it has failed already
		}
	}()
	remove := statements{table: &s.table, columns: s.key, text: func(rows int) string { return s.table.remove(s.key, rows) }}
	if err := remove.run(ctx, transaction, gone, s.settings.writeRows); err != nil {
		return err
	}
	all := make([]int, len(s.table.columns))
	for i := range all {
		all[i] = i
	}
	insert := statements{table: &s.table, columns: all, text: func(rows int) string { return s.table.insert(s.key, rows) }}
	if err := insert.run(ctx, transaction, there, s.settings.writeRows); err != nil {
		return err
	}
	return transaction.Commit()
}

// Close ends the writing and closes the connection.
func (s *sink) Close() error {
	s.cancel(sql.ErrConnDone)
	return s.database.Close()
}

// statements writes many rows, many with each statement.
type statements struct {
	table   *table
	columns []int                 // whose values are the arguments of a row
	text    func(rows int) string // for so many rows
}

// run cuts the rows so that no statement has too many of them, too many arguments
// or too many bytes. Statements of full length share a text, which is prepared.
func (s statements) run(ctx context.Context, transaction *sql.Tx, rows []change, rowsMax int) error {
	columns := s.table.at(s.columns)
	rowsMax = min(rowsMax, argumentsMax/max(len(columns), 1))
	full := ""
	var values []*batch.Column
	var of *batch.Batch
	for len(rows) > 0 {
		var arguments []any
		count, bytes := 0, 0
		for count < min(rowsMax, len(rows)) && bytes < statementBytesMax {
			if c := rows[count]; c.b != of {
				of, values = c.b, values[:0]
				for _, k := range s.columns {
					values = append(values, c.b.Columns[k])
				}
			}
			var length int
			var err error
			if arguments, length, err = s.table.appendArguments(arguments, columns, values, rows[count].row); err != nil {
				return err
			}
			count, bytes = count+1, bytes+length
		}
		text := full
		if count < rowsMax || full == "" {
			text = s.text(count)
		}
		if count == rowsMax {
			full = text
		}
		if _, err := transaction.ExecContext(ctx, text, arguments...); err != nil {
			return err
		}
		rows = rows[count:]
	}
	return nil
}
