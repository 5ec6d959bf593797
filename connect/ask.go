package connect

import (
	"context"

	"tidemark/base/batch"
	"tidemark/base/value"
)

// Asker answers by key for a connector whose system can find rows by it. It is
// used by several goroutines at a time; who caches answers stands in front of it.
type Asker interface {
	// Ask gives each at least the rows of the table whose key columns equal one of
	// the keys, as columns of the request's Columns. The keys have no NULLs. Batches
	// are valid during the call of each. An error that may be gone the next time is
	// a retryable problem.
	Ask(ctx context.Context, keys []*batch.Column, rows int, each func(*batch.Batch) error) error
	// Close releases the connections. Nobody asks any more.
	Close() error
}

// Comparison is how a Condition compares.
type Comparison string

// The comparisons.
const (
	Equals         Comparison = "="
	Less           Comparison = "<"
	LessOrEqual    Comparison = "<="
	Greater        Comparison = ">"
	GreaterOrEqual Comparison = ">="
	IsNotNull      Comparison = "IS NOT NULL"
	In             Comparison = "IN" // of a Selection only
)

// Condition is what every row that counts meets: a column of the request compared
// with a value. Rows that do not meet it may be left out, and need not be.
type Condition struct {
	Column     int // position in Columns
	Comparison Comparison
	Value      value.Value   // of the column's type, not NULL; nothing for IsNotNull and In
	Values     []value.Value // of In, as Value
}
