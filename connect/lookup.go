package connect

import (
	"context"

	"tidemark/base/batch"
)

// Lookuper finds rows of a table by key, for joins that ask while rows pass. It
// is used by several goroutines at a time.
type Lookuper interface {
	// Lookup finds the table's rows for each of the given number of keys: those
	// whose key columns equal the key. A NULL equals nothing. It waits until ctx
	// ends; an error that may be gone the next time is a retryable problem. The
	// caller keeps the columns of keys.
	Lookup(ctx context.Context, keys []*batch.Column, rows int) (Found, error)
	// Settled reports whether an answer stays what it is as long as the Lookuper
	// lives: who found nothing need not ask again.
	Settled() bool
	// Close releases what the Lookuper holds. Nobody asks any more.
	Close() error
}

// Found is the answer of a Lookup: pairs of a key and a row that belongs to it,
// in the order of the keys.
type Found struct {
	Columns []*batch.Column // rows of the table, more than were found perhaps; not to be changed
	Keys    []uint32        // of each pair, number of the key
	Rows    []uint32        // of each pair, row in Columns
}
