package embedded

import (
	"context"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/catalog"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/plan"
	"tidemark/store/olap"
)

// lateSink stores the rows that came too late for a window aggregation, in the
// one shape that every t$late has.
type lateSink struct {
	connect.Sink
	schema plan.Schema // of the rows, the input of the aggregation
	time   int         // the column that windows go by
}

// newLateSink makes the sink of t$late; nil when the plan keeps no late rows.
func (k *keeper) newLateSink() (connect.Sink, error) {
	keeps := k.keepsLate()
	if keeps == nil {
		return nil, nil
	}
	writer, err := k.jobs.options.Store.Writer(k.ctx, k.lateTable())
	if err != nil {
		return nil, err
	}
	return &lateSink{Sink: native.NewSink(writer), schema: keeps.Input.Schema(), time: keeps.Spec.Time}, nil
}

// keepsLate is the aggregation whose late rows are kept; nil when the plan keeps
// none.
func (k *keeper) keepsLate() *plan.WindowAggregate { return keepsLate(k.job.Plan) }

func keepsLate(n plan.Node) (keeps *plan.WindowAggregate) {
	plan.Inspect(n, func(n plan.Node) bool {
		if w, ok := n.(*plan.WindowAggregate); ok && w.Late.Action != plan.LateDrop && keeps == nil {
			keeps = w
		}
		return true
	})
	return keeps
}

// lateTable is t$late as the hot store keeps it.
func (k *keeper) lateTable() olap.Table {
	t := &plan.Table{Name: k.name + catalog.LateSuffix}
	for _, c := range connect.LateColumns {
		t.Columns = append(t.Columns, plan.TableColumn{Name: c.Name, Type: c.Type})
	}
	return storedTable(t, nil)
}

// Apply stores the rows as event time, watermark and JSON.
func (s *lateSink) Apply(ctx context.Context, c connect.Commit) error {
	return applyAs(ctx, s.Sink, c, s.reshape)
}

// applyAs gives a sink the rows of a commit in another shape.
func applyAs(ctx context.Context, sink connect.Sink, c connect.Commit, reshape func(*batch.Batch) (*batch.Batch, error)) error {
	reshaped := make([]*batch.Batch, len(c.Batches))
	for i, b := range c.Batches {
		var err error
		if reshaped[i], err = reshape(b); err != nil {
			return err
		}
	}
	c.Batches = reshaped
	return sink.Apply(ctx, c)
}

func (s *lateSink) reshape(b *batch.Batch) (*batch.Batch, error) {
	out := &batch.Batch{Rows: b.Live()}
	for _, f := range connect.LateColumns {
		out.Columns = append(out.Columns, batch.NewColumn(f.Type, out.Rows))
	}
	var failed error
	var text []byte
	b.Each(func(i int) {
		times := b.Columns[s.time]
		if times.IsNull(i) {
			out.Columns[0].AppendNull()
		} else {
			out.Columns[0].AppendValue(value.Value{Int: times.Ints[i]})
		}
		if mark := b.Mark(i); mark == batch.NoMark || mark == batch.Final {
			out.Columns[1].AppendNull()
		} else {
			out.Columns[1].AppendValue(value.Value{Int: mark * 1000})
		}
		var err error
		if text, err = appendRow(text[:0], s.schema, b, i); err != nil {
			failed = err
		}
		out.Columns[2].AppendValue(value.OfString(string(text)))
	})
	return out, failed
}
