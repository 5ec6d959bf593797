package embedded

import (
	"context"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
)

// required is a sink that refuses NULL in columns that are NOT NULL, before the
// sink behind it sees anything of the commit.
type required struct {
	connect.Sink
	table   string
	columns []connect.Column
}

// requiring puts the check before a sink of these columns, if any needs it.
func requiring(sink connect.Sink, table string, columns []connect.Column) connect.Sink {
	for _, c := range columns {
		if c.Type.NotNull {
			return required{sink, table, columns}
		}
	}
	return sink
}

// Apply checks the commit and hands it on.
func (r required) Apply(ctx context.Context, commit connect.Commit) error {
	for _, b := range commit.Batches {
		for i, c := range r.columns {
			if c.Type.NotNull && hasNull(b, i) {
				return problem.New(problem.InvalidValue, "column %s of %s is NOT NULL, but the query gives NULL for it", c.Name, r.table).
					WithHint("filter with WHERE … IS NOT NULL, or write COALESCE(…, a value)")
			}
		}
	}
	return r.Sink.Apply(ctx, commit)
}

// Resume passes on where the job stands.
func (r required) Resume(ctx context.Context, standing connect.Standing) error {
	return resume(ctx, r.Sink, standing)
}

// Mark passes on what the sink has written down.
func (r required) Mark() connect.Mark { return mark(r.Sink) }

// Warning passes on what the sink has to say.
func (r required) Warning() *problem.Problem { return warning(r.Sink) }

// resume tells a sink that wants to know where its job stands.
func resume(ctx context.Context, s connect.Sink, standing connect.Standing) error {
	if resumer, ok := s.(connect.Resumer); ok {
		return resumer.Resume(ctx, standing)
	}
	return nil
}

// mark asks a sink that writes down what it has.
func mark(s connect.Sink) (m connect.Mark) {
	if resumer, ok := s.(connect.Resumer); ok {
		return resumer.Mark()
	}
	return m
}

// warning asks a sink that has warnings.
func warning(s connect.Sink) *problem.Problem {
	if warner, ok := s.(connect.Warner); ok {
		return warner.Warning()
	}
	return nil
}

// hasNull reports whether a column has a NULL in a live row.
func hasNull(b *batch.Batch, column int) bool {
	c := b.Columns[column]
	if b.Sel == nil {
		for i := range b.Rows {
			if c.IsNull(i) {
				return true
			}
		}
		return false
	}
	for _, i := range b.Sel {
		if c.IsNull(int(i)) {
			return true
		}
	}
	return false
}
