package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"go.uber.org/goleak"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/progress"
	"tidemark/sql/parse"
	"tidemark/store/olap"
)

// noon is where the rows of the tests are: minute m is noon plus m minutes.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// world is a gateway over two stored tables: minutes (windows of a minute, rows
// for minutes 0 to 4) and events (a native table), and a view.
func world(t *testing.T) *Gateway {
	t.Helper()
	c := catalog.New(nil)
	session := bind.Session{Streaming: true, Expand: true, Now: noon}
	statements, wrong := parse.Script("", `
		CREATE TABLE events (id BIGINT, city STRING, price DECIMAL(10, 2), ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts);
		CREATE TABLE logged (id BIGINT) WITH ('stored' = 'false');
		CREATE TABLE files (id BIGINT) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'csv');
		CREATE MATERIALIZED TABLE minutes FRESHNESS = INTERVAL '1' SECOND AS
			SELECT window_start, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end;
		CREATE VIEW big (m, n) AS SELECT window_start, n FROM minutes WHERE n > 2;
		CREATE VIEW versions AS SELECT city, id AS n, ts FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY city ORDER BY ts DESC) AS r FROM events) WHERE r = 1;
		CREATE TABLE accounts (city STRING, owner STRING, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts, PRIMARY KEY (city) NOT ENFORCED)`)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	store, err := olap.Open(t.Context(), vfs.OS(), t.TempDir(), olap.Options{MemoryMax: "256MB", Running: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, s := range statements {
		change, err := c.Apply(t.Context(), session, s)
		if err != nil {
			t.Fatal(err)
		}
		if change.Table == nil || !catalog.Stored(change.Table) {
			continue
		}
		for _, system := range catalog.SystemTables(change.Table) {
			if _, err := c.Create(t.Context(), system, catalog.Replace); err != nil {
				t.Fatal(err)
			}
		}
		fill(t, store, change.Table)
	}
	return New(c, store, progress.NewBoard())
}

// fill stores five rows, one a minute.
func fill(t *testing.T, store *olap.Store, table *plan.Table) {
	t.Helper()
	stored := olap.Table{Name: table.Name}
	b := &batch.Batch{Rows: 5}
	for _, col := range table.Columns {
		stored.Columns = append(stored.Columns, value.Field{Name: col.Name, Type: col.Type})
		column := batch.NewColumn(col.Type, 5)
		for i := range 5 {
			at := noon.Add(time.Duration(i) * time.Minute)
			switch col.Type.Class() {
			case value.Ints:
				v := value.Value{Int: int64(i)}
				if col.Type.IsTimestamp() {
					v.Int = at.UnixMicro()
				}
				column.AppendValue(v)
			case value.Wides:
				column.AppendValue(value.Value{Wide: value.Int128{Lo: uint64(i * 150)}})
			default:
				column.AppendValue(value.OfString(fmt.Sprintf("city %d", i%2)))
			}
		}
		b.Columns = append(b.Columns, column)
	}
	if err := store.CreateTable(t.Context(), stored); err != nil {
		t.Fatal(err)
	}
	w, err := store.Writer(t.Context(), stored)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(t.Context(), 1, 0, []*batch.Batch{b}); err != nil {
		t.Fatal(err)
	}
}

// TestAsk runs testdata/ask: "settled N" moves the line to N seconds after noon;
// "define" applies a definition; "ask" prints the answer, with finality=, params=,
// rows= and zone= as arguments.
func TestAsk(t *testing.T) {
	g := world(t)
	datadriven.RunTest(t, "testdata/ask", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "settled":
			var seconds int64
			if _, err := fmt.Sscan(d.CmdArgs[0].Key, &seconds); err != nil {
				t.Fatal(err)
			}
			applied := noon.UnixMilli() + seconds*1000 - 1
			newest := noon.Add(5 * time.Minute).UnixMilli()
			g.board.Report(progress.Evidence{Table: "events", Applied: applied, Newest: newest, JobState: progress.Running})
			g.board.Report(progress.Evidence{Table: "minutes", Upstream: []string{"events"}, Applied: applied, Newest: newest, JobState: progress.Running, Window: progress.Windowing{Size: 60_000, Slide: 60_000}})
			return ""
		case "define":
			return define(t, g, d.Input)
		case "ask":
			q := Question{SQL: d.Input, Zone: time.UTC}
			for _, a := range d.CmdArgs {
				var err error
				switch a.Key {
				case "zone":
					if q.Zone, err = time.LoadLocation(a.Vals[0]); err != nil {
						t.Fatal(err)
					}
				case "rows":
					if _, err := fmt.Sscan(a.Vals[0], &q.RowsMax); err != nil {
						t.Fatal(err)
					}
				case "finality":
					q.Finality = Finality(a.Vals[0])
				case "params":
					for _, p := range a.Vals {
						q.Params = append(q.Params, value.OfString(p))
					}
				}
			}
			return ask(t, g, q)
		}
		t.Fatalf("unknown command %s", d.Cmd)
		return ""
	})
}

// define applies a definition; files are those of the test data of plan/wasm.
func define(t *testing.T, g *Gateway, text string) string {
	t.Helper()
	statement, err := parse.Statement(text)
	if err != nil {
		t.Fatal(err)
	}
	session := bind.Session{Now: noon, ReadFile: func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join("../../plan/wasm/testdata", name))
	}}
	if _, err := g.catalog.Apply(t.Context(), session, statement); err != nil {
		t.Fatal(err)
	}
	return ""
}

func ask(t *testing.T, g *Gateway, q Question) string {
	t.Helper()
	var out strings.Builder
	answer, err := g.Ask(t.Context(), q, Rows{
		Start: func(a *Answer) error {
			for i, c := range a.Columns {
				if i > 0 {
					out.WriteString(", ")
				}
				fmt.Fprintf(&out, "%s %s", c.Name, c.Type)
			}
			out.WriteString("\n")
			return nil
		},
		Batch: func(b *batch.Batch) error {
			b.Each(func(i int) {
				var cells []string
				for _, v := range b.Row(i) {
					cells = append(cells, v.String())
				}
				out.WriteString(strings.Join(cells, " | ") + "\n")
			})
			return nil
		},
	})
	if err != nil {
		var all strings.Builder
		for _, p := range problem.All(err) {
			fmt.Fprintf(&all, "%s: %s\n", p.Code, p)
		}
		return all.String()
	}
	if answer.Stats.Truncated {
		out.WriteString("and more\n")
	}
	if answer.Tracked {
		fmt.Fprintf(&out, "final until noon + %d s\n", (answer.FinalUntil-noon.UnixMilli())/1000)
	}
	return out.String()
}

// TestCancelComputing cancels a question that the engine computes, as its first
// rows come: whatever is under way ends, and the store takes the next.
func TestCancelComputing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after the store is closed
	g := world(t)
	const endless = "SELECT a.id FROM events AS a, events AS b, events AS c, events AS d, events AS e, events AS f, events AS g, events AS h, events AS i WHERE a.city SIMILAR TO 'city [0-9]'"
	for range 3 {
		_, err := g.Ask(t.Context(), Question{SQL: endless, RowsMax: rowsMax}, Rows{
			Start: func(a *Answer) error { return g.Cancel(a.ID) },
			Batch: func(*batch.Batch) error { return nil },
		})
		if !problem.Is(err, problem.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	stopped := errors.New("the client is gone")
	_, err := g.Ask(t.Context(), Question{SQL: "SELECT id FROM events WHERE city SIMILAR TO 'city [0-9]'"}, Rows{
		Start: func(*Answer) error { return nil },
		Batch: func(*batch.Batch) error { return stopped },
	})
	if !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

func TestCancelUnknown(t *testing.T) {
	g := world(t)
	if err := g.Cancel("nothing"); !problem.Is(err, problem.NotFound) {
		t.Errorf("got %v", err)
	}
	if len(g.Running()) != 0 {
		t.Error("a question is running")
	}
}
