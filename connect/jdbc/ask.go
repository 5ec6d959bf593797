package jdbc

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"sync"

	"tidemark/base/batch"
	"tidemark/connect"
)

// asker asks a table for the rows of keys, many keys in one query. It fulfils
// connect.Asker.
type asker struct {
	table    table
	keys     []int
	database *database
	mu       struct { // held while the table is described: whoever else asks needs that as well
		sync.Mutex
		described bool
	}
}

func newAsker(r connect.Request, keys []int) (connect.Asker, error) {
	s, err := settingsOf(r.Options)
	if err != nil {
		return nil, err
	}
	a := &asker{keys: keys}
	if a.table, err = newTable(s, r.Table, r.Columns); err != nil {
		return nil, err
	}
	a.database, err = openDatabase(s, s.askRetries, connectionsMax)
	return a, err
}

// Close closes the connections.
func (a *asker) Close() error { return a.database.Close() }

// Ask asks for some hundred keys at a time. Rows are handed on when all of a query
// have come, so that a query that fails can be made again.
func (a *asker) Ask(ctx context.Context, keys []*batch.Column, rows int, each func(*batch.Batch) error) error {
	if err := a.describe(ctx); err != nil {
		return err
	}
	for from := 0; from < rows; from += keysMax {
		found, err := a.part(ctx, keys, from, min(from+keysMax, rows))
		if err != nil {
			return err
		}
		for _, b := range found {
			if err := each(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *asker) describe(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.described {
		return nil
	}
	err := a.table.describe(ctx, a.database)
	a.mu.described = err == nil
	return err
}

// part asks for some of the keys. Their number is rounded up to a power of two by
// asking for the last one again, so that the database meets few different texts.
func (a *asker) part(ctx context.Context, keys []*batch.Column, from, to int) ([]*batch.Batch, error) {
	var arguments []any
	var err error
	columns := a.table.at(a.keys)
	for row := from; row < to; row++ {
		if arguments, _, err = a.table.appendArguments(arguments, columns, keys, row); err != nil {
			return nil, err
		}
	}
	count := 1 << bits.Len(uint(to-from-1))
	last := slices.Clone(arguments[len(arguments)-len(columns):])
	for range count - (to - from) {
		arguments = append(arguments, last...)
	}
	query := a.table.lookup(a.keys, count)
	var found []*batch.Batch
	err = a.database.try(ctx, func() (err error) {
		found, err = a.query(ctx, query, arguments)
		return err
	})
	return found, err
}

// query collects the rows of a query.
func (a *asker) query(ctx context.Context, query string, arguments []any) (found []*batch.Batch, err error) {
	rows, err := a.database.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	cells := newCells(&a.table, a.table.columns)
	targets := cells.targets()
	var b *batch.Batch
	for rows.Next() {
		if b == nil || b.Rows == batch.MaxRows {
			b = &batch.Batch{Columns: cells.begin()}
			found = append(found, b)
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		b.Rows++
	}
	return found, rows.Err()
}
