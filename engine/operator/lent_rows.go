package operator

import (
	"sync"

	"tidemark/base/batch"
	"tidemark/base/invariant"
)

// lending is the memory of rows that an operator has shown and nobody uses any more.
// What is shown next is written there, so that results do not touch new memory for
// every epoch. The garbage collector takes what is not used for long.
type lending struct{ back sync.Pool } // of *lentRows

// lentRows is what rows are collected in, and the columns over it.
type lentRows struct {
	heap    []byte
	columns []*batch.Column
}

// take gives memory that came back; nil when there is none.
func (l *lending) take() *lentRows {
	if l == nil {
		return nil
	}
	rows, _ := l.back.Get().(*lentRows)
	return rows
}

// lend gives columns over the memory, with a lease: when it ends, the memory is for
// other rows.
func (l *lending) lend(rows *lentRows) ([]*batch.Column, *batch.Lease) {
	if l == nil {
		return rows.columns, nil
	}
	return batch.Lent(rows.columns), batch.NewLease(func() {
		if invariant.Enabled {
			batch.Spoil(rows.columns)
		}
		l.back.Put(rows)
	})
}
