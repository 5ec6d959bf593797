package trial

import (
	"context"
	"fmt"
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/plan"
	"tidemark/progress"
	"tidemark/query/gateway"
	"tidemark/store/olap"
)

// Oracle is DuckDB with the events of a world.
type Oracle struct {
	World   *World
	store   *olap.Store
	gateway *gateway.Gateway
	filled  int // feeds that the stored tables hold
}

// NewOracle is a DuckDB in memory and files that go when the test ends.
func NewOracle(t testing.TB, w *World) *Oracle {
	store, err := olap.Open(t.Context(), vfs.OS(), t.TempDir(), olap.Options{MemoryMax: "256MB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	o := &Oracle{store: store}
	o.Turn(w)
	return o
}

// Turn makes this the oracle of another world, with tables of the same names.
func (o *Oracle) Turn(w *World) {
	o.World, o.gateway, o.filled = w, gateway.New(w.Catalog, o.store, progress.NewBoard()), -1
}

// ExpandTables makes views of materialized tables: nothing stores them here.
func (o *Oracle) ExpandTables() {
	for _, t := range o.World.Catalog.Tables() {
		if t.Kind == plan.Materialized {
			t.Kind = plan.View
		}
	}
}

// Ask asks a question as a client of the server would.
func (o *Oracle) Ask(ctx context.Context, text string) ([]string, error) {
	if o.filled != len(o.World.Feeds) {
		if err := o.fill(ctx); err != nil {
			return nil, err
		}
		o.filled = len(o.World.Feeds)
	}
	a := &Answer{Zone: o.World.Session.Zone}
	_, err := o.gateway.Ask(ctx, gateway.Question{SQL: text, Zone: o.World.Session.Zone}, gateway.Rows{
		Start: func(*gateway.Answer) error { return nil },
		Batch: func(b *batch.Batch) error { a.Add(b); return nil },
	})
	if err != nil {
		return nil, err
	}
	return a.Rows()
}

// fill stores what each native table holds now.
func (o *Oracle) fill(ctx context.Context) error {
	for _, t := range o.World.Catalog.Tables() {
		if t.Kind != plan.Native {
			continue
		}
		stored := olap.Table{Name: t.Name, Key: t.PrimaryKey}
		for _, c := range t.Columns {
			stored.Columns = append(stored.Columns, value.Field{Name: c.Name, Type: c.Type})
		}
		if err := o.store.DropTable(ctx, t.Name); err != nil {
			return err
		}
		if err := o.store.CreateTable(ctx, stored); err != nil {
			return err
		}
		writer, err := o.store.Writer(ctx, stored)
		if err != nil {
			return err
		}
		var batches []*batch.Batch
		if err := o.World.read(ctx, t.Name, func(b *batch.Batch) error { batches = append(batches, b); return nil }); err != nil {
			return fmt.Errorf("read %s: %w", t.Name, err)
		}
		if err := writer.Apply(ctx, 1, batch.NoMark, batches); err != nil {
			return err
		}
	}
	return nil
}
