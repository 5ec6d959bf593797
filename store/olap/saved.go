package olap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// Saved is tables as they were at one moment: their rows, and the epochs that
// these belong to.
type Saved struct {
	snapshot *Snapshot
	Epochs   []SavedEpoch // by table
}

// SavedEpoch is how far a table is.
type SavedEpoch struct {
	Epoch     uint64 // 0 before the first
	Watermark int64  // ms
}

// Save holds the present moment of tables. It is work of the store's own and
// does not wait for its turn among the questions. The caller closes it.
func (s *Store) Save(ctx context.Context, tables []Table) (*Saved, error) {
	epoch := []value.Field{{Name: "epoch", Type: value.BigIntType}, {Name: "watermark", Type: value.BigIntType}}
	var questions []Question
	for _, t := range tables {
		names := make([]string, len(t.Columns))
		for i, f := range t.Columns {
			names[i] = quote(f.Name)
		}
		questions = append(questions,
			Question{SQL: "SELECT epoch::BIGINT, watermark FROM tidemark_epochs WHERE table_name = $1", Args: []any{t.Name}, Columns: epoch},
			Question{SQL: "SELECT " + strings.Join(names, ", ") + " FROM " + quote(t.Name), Columns: t.Columns})
	}
	snapshot, err := s.snapshot(ctx, questions, func() {})
	if err != nil {
		return nil, fmt.Errorf("save tables: %w", err)
	}
	saved := &Saved{snapshot: snapshot}
	for i := range tables {
		rows, err := snapshot.Next(ctx, 2*i)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(fmt.Errorf("save tables: %w", err), saved.Close())
		}
		at := SavedEpoch{Watermark: batch.NoMark}
		if rows != nil && rows.Rows > 0 {
			at = SavedEpoch{Epoch: uint64(rows.Columns[0].Ints[0]), Watermark: rows.Columns[1].Ints[0]}
		}
		saved.Epochs = append(saved.Epochs, at)
	}
	return saved, nil
}

// Rows is how many rows a table has.
func (s *Store) Rows(ctx context.Context, t Table) (rows int64, err error) {
	if err := s.readers.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(t.stored())).Scan(&rows); err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", t.Name, err)
	}
	return rows, nil
}

// Next gives the next rows of table i, and io.EOF behind the last.
func (s *Saved) Next(ctx context.Context, i int) (*batch.Batch, error) {
	return s.snapshot.Next(ctx, 2*i+1)
}

// Close lets the moment go.
func (s *Saved) Close() error { return s.snapshot.Close() }

// Replace puts saved rows in the place of all rows of the table, with the epoch
// that they belong to, in one transaction. next gives batches, and io.EOF behind
// the last.
func (w *Writer) Replace(ctx context.Context, at SavedEpoch, next func() (*batch.Batch, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, err := w.noted(ctx)
	if err != nil {
		return err
	}
	defer w.store.moved(w.table.Name)
	w.mu.ceilings = nil
	now := applied{at.Epoch, at.Watermark, true}
	return w.transact(ctx, "replace the rows of "+w.table.Name, &now, func() error {
		if err := w.exec(ctx, "DELETE FROM "+quote(w.table.stored())); err != nil {
			return err
		}
		for {
			rows, err := next()
			if errors.Is(err, io.EOF) {
				return w.note(ctx, now, before.noted)
			}
			if err != nil {
				return err
			}
			if w.table.Multiset {
				err = w.count([]*batch.Batch{rows})
			} else {
				err = w.insert([]*batch.Batch{rows})
			}
			if err != nil {
				return err
			}
		}
	})
}
