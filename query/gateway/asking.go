package gateway

import (
	"context"
	"errors"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/plan/bind"
	"tidemark/store/olap"
)

// asking is the way of one question to its answer.
type asking struct {
	gateway  *Gateway
	question Question
	prepared *prepared
	session  bind.Session
	work     *computing // of the engine; nil while DuckDB is to answer
	answer   *Answer
}

// alone computes an answer for nobody else.
func (a *asking) alone(ctx context.Context, rows Rows) error {
	if err := rows.Start(a.answer); err != nil {
		return err
	}
	return a.compute(ctx, rows.Batch, rows.Batch)
}

// lead computes an answer for all who ask the same at this moment, and keeps it.
func (a *asking) lead(ctx context.Context, key answerKey, f *flight, rows Rows) error {
	ended := false
	end := func() {
		if !ended {
			ended = true
			a.gateway.answers.end(key, f)
		}
	}
	f.err = errors.New("answering an equal question ended in a fault") // unless it is replaced
	defer end()
	g := &gathering{ctx: ctx, rows: rows, answer: a.answer, large: func() { f.large = true; end() }}
	at := time.Now()
	err := a.compute(ctx, g.batch, g.lent)
	switch {
	case g.isLarge:
		return err
	case err != nil:
		f.err = err
		return err
	}
	f.answer = &keptAnswer{
		key: key, tables: a.prepared.stored, versions: f.versions, at: at,
		columns: a.answer.Columns, batches: g.batches, bytes: g.bytes, stats: a.answer.Stats, engine: a.answer.Engine,
	}
	end()
	return hand(ctx, a.answer, g.batches, rows)
}

// compute has DuckDB compute the answer, or the engine what DuckDB cannot say.
// Batches from the engine are only lent.
func (a *asking) compute(ctx context.Context, owned, lent func(*batch.Batch) error) (err error) {
	store, rowsMax := a.gateway.store, a.question.RowsMax
	if a.work == nil {
		q := olap.Question{SQL: a.prepared.text, Columns: a.answer.Columns, RowsMax: rowsMax, Functions: a.prepared.functions}
		a.answer.Stats, err = store.Query(ctx, q, func(_ []value.Field, b *batch.Batch) error {
			if b.Rows == 0 {
				return nil
			}
			return owned(b)
		})
		if !problem.Is(err, problem.Unsupported) || a.answer.Stats.Rows > 0 {
			return err
		}
		// DuckDB tells only now that there is a form of the query it does not do.
		if a.work, err = a.gateway.computing(a.question, a.prepared, a.session); err != nil {
			return err
		}
	}
	a.answer.Engine = true
	a.answer.Stats, err = a.work.run(ctx, store, rowsMax, lent)
	return err
}

// gathering takes the rows of an answer while they are few enough to be kept, so
// that they are handed on, and others may have them, when all are there. More
// than that are handed on as they come.
type gathering struct {
	ctx     context.Context // of the question
	rows    Rows
	answer  *Answer
	batches []*batch.Batch
	bytes   int64
	large   func() // called once there are too many to be kept
	isLarge bool
}

// batch takes rows that belong to the answer from now on.
func (g *gathering) batch(b *batch.Batch) error {
	if g.isLarge {
		return g.rows.Batch(b)
	}
	g.batches = append(g.batches, b)
	if g.bytes += bytesOf(b.Columns); g.bytes <= answerBytesMax {
		return nil
	}
	g.isLarge = true
	g.large()
	return hand(g.ctx, g.answer, g.batches, g.rows)
}

// lent takes rows that are only lent.
func (g *gathering) lent(b *batch.Batch) error {
	if g.isLarge {
		return g.rows.Batch(b)
	}
	types := make([]value.Type, len(b.Columns))
	for i, c := range b.Columns {
		types[i] = c.Type
	}
	own, err := batch.Decode(batch.Encode(nil, b), types)
	if err != nil {
		return err
	}
	return g.batch(own)
}

// hand gives the rows of an answer to whoever asked and has not gone.
func hand(ctx context.Context, answer *Answer, batches []*batch.Batch, rows Rows) error {
	if err := rows.Start(answer); err != nil {
		return err
	}
	for _, b := range batches {
		if ctx.Err() != nil {
			return olap.Ended(ctx)
		}
		if err := rows.Batch(b); err != nil {
			return err
		}
	}
	return nil
}

// bytesOf is about what columns take.
func bytesOf(columns []*batch.Column) (bytes int64) {
	for _, c := range columns {
		bytes += int64(len(c.Bools) + 8*len(c.Ints) + 8*len(c.Floats) + 16*len(c.Wides) + 8*len(c.Views) + 8*len(c.Spans) + len(c.Heap))
		bytes += bytesOf(c.Children)
	}
	return bytes
}
