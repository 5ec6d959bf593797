package corpus

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/plan"
	"tidemark/progress"
	"tidemark/query/gateway"
	"tidemark/store/olap"
)

// oracle is DuckDB with the events of a script.
type oracle struct {
	world   *world
	store   *olap.Store
	gateway *gateway.Gateway
	filled  int // feeds that the stored tables hold
}

// refused is the reason for not asking what the gateway refuses by name: that it
// does is checked.
const refused = "refused"

func TestOracle(t *testing.T) {
	var count tally
	var current *oracle
	walk(t, func(t *testing.T, w *world, d *datadriven.TestData) string {
		if current == nil || current.world != w {
			current = newOracle(t, w)
		}
		switch d.Cmd {
		case "define", "feed", "error":
			if d.Cmd != "error" {
				_ = runEmbedded(t, w, d)
			}
			current.expandTables()
			return d.Expected
		}
		reason, skip := skipped(d, "oracle")
		if skip {
			count.skip(reason)
			if reason != refused {
				return d.Expected
			}
		}
		want, err := expectedRows(d.Cmd, d.Expected)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		got, err := current.ask(t.Context(), d.Input)
		if skip {
			if !problem.Is(err, problem.Unsupported) {
				w.fault(d, "is said to be refused as a question, but the answer is %q, %v", got, err)
			}
			return d.Expected
		}
		if err != nil {
			w.fault(d, "%v", err)
			return d.Expected
		}
		count.checked++
		if diff := cmp.Diff(lines(want, d.HasArg("ordered")), lines(got, d.HasArg("ordered"))); diff != "" {
			w.fault(d, "DuckDB answers otherwise (-want +got):\n%s", diff)
		}
		return d.Expected
	})
	count.report(t)
}

func newOracle(t *testing.T, w *world) *oracle {
	store, err := olap.Open(t.Context(), vfs.OS(), t.TempDir(), olap.Options{MemoryMax: "256MB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &oracle{world: w, store: store, gateway: gateway.New(w.catalog, store, progress.NewBoard()), filled: -1}
}

// expandTables makes views of materialized tables: nothing stores them here.
func (o *oracle) expandTables() {
	for _, t := range o.world.catalog.Tables() {
		if t.Kind == plan.Materialized {
			t.Kind = plan.View
		}
	}
}

// ask asks a question as a client of the server would.
func (o *oracle) ask(ctx context.Context, text string) ([]string, error) {
	if o.filled != len(o.world.feeds) {
		if err := o.fill(ctx); err != nil {
			return nil, err
		}
		o.filled = len(o.world.feeds)
	}
	a := &answer{zone: o.world.session.Zone}
	_, err := o.gateway.Ask(ctx, gateway.Question{SQL: text, Zone: o.world.session.Zone}, gateway.Rows{
		Start: func(*gateway.Answer) error { return nil },
		Batch: func(b *batch.Batch) error { a.add(b); return nil },
	})
	if err != nil {
		return nil, err
	}
	return a.rows()
}

// fill stores what each native table holds now.
func (o *oracle) fill(ctx context.Context) error {
	for _, t := range o.world.catalog.Tables() {
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
		if err := o.world.read(ctx, t.Name, func(b *batch.Batch) error { batches = append(batches, b); return nil }); err != nil {
			return fmt.Errorf("read %s: %w", t.Name, err)
		}
		if err := writer.Apply(ctx, 1, batch.NoMark, batches); err != nil {
			return err
		}
	}
	return nil
}
