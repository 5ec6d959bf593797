package embedded

import (
	"context"

	"tidemark/base/batch"
	"tidemark/connect"
)

// cutting is a source whose batches are cut into smaller ones: answers must not
// depend on batch borders, and tests run scripts with many of them.
type cutting struct {
	connect.Source
	rows int
}

// Open opens a reader that cuts.
func (c cutting) Open(ctx context.Context, split connect.SplitID, from connect.Offset) (connect.Reader, error) {
	r, err := c.Source.Open(ctx, split, from)
	if err != nil {
		return nil, err
	}
	return &cut{Reader: r, rows: c.rows}, nil
}

// cut gives parts of what its reader read. Its offset is only right between
// whole batches, so it is for runs without a store.
type cut struct {
	connect.Reader
	rows int
	rest *batch.Batch
}

// Read gives the next part.
func (c *cut) Read(ctx context.Context) (*batch.Batch, error) {
	if c.rest == nil {
		b, err := c.Reader.Read(ctx)
		if err != nil || b.Live() <= c.rows {
			return b, err
		}
		c.rest = b.Compact()
	}
	n := min(c.rows, c.rest.Rows)
	part := slice(c.rest, 0, n)
	if n == c.rest.Rows {
		c.rest = nil
	} else {
		c.rest = slice(c.rest, n, c.rest.Rows)
	}
	return part, nil
}

func slice(b *batch.Batch, from, to int) *batch.Batch {
	rows := make([]uint16, 0, to-from)
	for i := from; i < to; i++ {
		rows = append(rows, uint16(i))
	}
	part := *b
	part.Sel = rows
	return part.Compact()
}
