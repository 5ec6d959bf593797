package embedded

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect/native"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/rewrite"
	"tidemark/progress"
	"tidemark/sql/parse"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
)

// keptTables is a server's jobs without a server.
type keptTables struct {
	t       *testing.T
	dir     string
	catalog *catalog.Catalog
	log     *eventlog.Log
	store   *olap.Store
	board   *progress.Board
	jobs    *Jobs
	made    []target.Job
}

func newKeptTables(t *testing.T) *keptTables {
	k := &keptTables{t: t, dir: t.TempDir(), catalog: catalog.New(nil)}
	k.open()
	t.Cleanup(k.close)
	return k
}

func (k *keptTables) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *keptTables) open() {
	k.t.Helper()
	ctx := context.Background()
	var err error
	k.log, err = eventlog.Open(vfs.OS(), filepath.Join(k.dir, "log"), eventlog.Options{})
	k.must(err)
	k.store, err = olap.Open(ctx, vfs.OS(), filepath.Join(k.dir, "olap"), olap.Options{MemoryMax: "256MB"})
	k.must(err)
	k.board = progress.NewBoard()
	k.jobs, err = NewJobs(JobsOptions{Files: vfs.OS(), Dir: filepath.Join(k.dir, "state"), Log: k.log, Store: k.store, Board: k.board, Parallelism: 2, Logger: slog.New(slog.DiscardHandler)})
	k.must(err)
	for _, job := range k.made {
		k.must(k.jobs.Keep(ctx, job))
	}
}

func (k *keptTables) close() {
	k.jobs.Close()
	k.must(k.store.Close())
	k.must(k.log.Close())
}

// restart ends everything and goes on.
func (k *keptTables) restart() {
	k.t.Helper()
	k.close()
	k.open()
}

// define keeps the tables of some statements.
func (k *keptTables) define(text string) error {
	k.t.Helper()
	ctx := context.Background()
	statements, wrong := parse.Script("", text)
	k.must(wrong.Err())
	session := bind.Session{Zone: time.UTC, Streaming: true, Now: time.Now(), Expand: true, Changing: changes}
	for _, s := range statements {
		change, err := k.catalog.Apply(ctx, session, s)
		if err != nil {
			return err
		}
		job := target.Job{Table: change.Table, Zone: time.UTC}
		if change.Job != nil {
			job.Plan = rewrite.Configure(change.Job.Plan, change.Table.Options)
		} else {
			all, err := parse.Query("SELECT * FROM " + plan.Quote(change.Table.Name))
			k.must(err)
			stored := session
			stored.Expand = false
			bound, err := bind.Query(k.catalog, stored, all)
			k.must(err)
			job.Plan = rewrite.Configure(bound.Plan, change.Table.Options)
		}
		if err := k.jobs.Keep(ctx, job); err != nil {
			return err
		}
		k.made = append(k.made, job)
	}
	return nil
}

func (k *keptTables) feed(table, events string) {
	k.t.Helper()
	in, ok := k.jobs.Intake(table)
	if !ok {
		k.t.Fatalf("no way into %s", table)
	}
	receipt, err := in.Accept(k.t.Context(), native.Body{Text: []byte(events), Partition: -1})
	k.must(err)
	if receipt.Rejected > 0 {
		k.t.Fatalf("%v", receipt.Quarantined)
	}
}

// expect waits until the table's ids and names are these.
func (k *keptTables) expect(table string, want map[int64]string) {
	k.t.Helper()
	k.expectOf("SELECT id, name FROM "+plan.Quote(table), want)
}

// expectOf waits until a query gives these numbers and texts.
func (k *keptTables) expectOf(query string, want map[int64]string) {
	k.t.Helper()
	columns := []value.Field{{Name: "id", Type: value.BigIntType}, {Name: "name", Type: value.StringType}}
	for {
		changed := k.board.Changed()
		got := map[int64]string{}
		_, err := k.store.Query(k.t.Context(), olap.Question{SQL: query, Columns: columns}, func(_ []value.Field, b *batch.Batch) error {
			b.Each(func(i int) { got[b.Columns[0].Ints[i]] = string(b.Columns[1].Bytes(i)) })
			return nil
		})
		k.must(err)
		diff := cmp.Diff(want, got)
		if diff == "" {
			return
		}
		select {
		case <-changed:
		case <-k.t.Context().Done():
			k.t.Fatal(diff)
		}
	}
}

const lookupTables = `
CREATE TABLE customers (id BIGINT, city STRING, name STRING, PRIMARY KEY (id) NOT ENFORCED);
CREATE TABLE orders (id BIGINT, customer INT, city STRING, pt AS PROCTIME());
`

// TestStoredTablesAreLookedUp as they are when a row passes, with the last row
// of each key, by one column and by two.
func TestStoredTablesAreLookedUp(t *testing.T) {
	k := newKeptTables(t)
	k.must(k.define(lookupTables + `
CREATE MATERIALIZED TABLE named AS SELECT o.id, c.name FROM orders o LEFT JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.customer = c.id;
CREATE MATERIALIZED TABLE nearby AS SELECT o.id, c.name FROM orders o
  JOIN customers /*+ OPTIONS('lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '1') */ FOR SYSTEM_TIME AS OF o.pt AS c ON o.city = c.city AND o.customer = c.id;
`))
	k.feed("customers", `{"id": 1, "city": "Rome", "name": "Ann"}`+"\n"+`{"id": 2, "city": "Oslo", "name": "Bo"}`)
	k.expect("customers", map[int64]string{1: "Ann", 2: "Bo"})
	k.feed("orders", `{"id": 1, "customer": 1, "city": "Rome"}`+"\n"+`{"id": 2, "customer": 2, "city": "Rome"}`+"\n"+`{"id": 3}`)
	k.expect("named", map[int64]string{1: "Ann", 2: "Bo", 3: ""})
	k.expect("nearby", map[int64]string{1: "Ann"})
	k.feed("customers", `{"id": 2, "city": "Rome", "name": "Bob"}`)
	k.expect("customers", map[int64]string{1: "Ann", 2: "Bob"})
	k.feed("orders", `{"id": 4, "customer": 2, "city": "Oslo"}`+"\n"+`{"id": 5, "customer": 1, "city": "Rome"}`)
	k.expect("named", map[int64]string{1: "Ann", 2: "Bo", 3: "", 4: "Bob", 5: "Ann"})
	k.expect("nearby", map[int64]string{1: "Ann", 5: "Ann"})
}

// TestOrdersWaitForTheirCustomers, over a restart, and while nothing else comes.
func TestOrdersWaitForTheirCustomers(t *testing.T) {
	k := newKeptTables(t)
	k.must(k.define(lookupTables + `
CREATE MATERIALIZED TABLE named AS SELECT /*+ LOOKUP('table' = 'c', 'retry-predicate' = 'lookup_miss', 'retry-strategy' = 'exponential_delay',
    'initial-delay' = '20 ms', 'max-delay' = '100 ms', 'max-attempts' = '1000000', 'output-mode' = 'allow_unordered') */ o.id, c.name
  FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.customer = c.id;
`))
	k.feed("customers", `{"id": 1, "city": "Rome", "name": "Ann"}`)
	k.expect("customers", map[int64]string{1: "Ann"})
	k.feed("orders", `{"id": 1, "customer": 2}`+"\n"+`{"id": 2, "customer": 1}`)
	k.expect("named", map[int64]string{2: "Ann"})
	k.restart()
	k.expect("named", map[int64]string{2: "Ann"})
	k.feed("customers", `{"id": 2, "city": "Oslo", "name": "Bo"}`)
	k.expect("named", map[int64]string{1: "Bo", 2: "Ann"})
}

// TestOrdersAreGivenUp in time, once, also when the server stops meanwhile. The
// table that takes them is one like any other.
func TestOrdersAreGivenUp(t *testing.T) {
	k := newKeptTables(t)
	k.must(k.define(lookupTables + `
CREATE TABLE lost (looked_up STRING, came_at TIMESTAMP_LTZ(3), expired_at TIMESTAMP_LTZ(3), ` + "`row`" + ` STRING);
CREATE MATERIALIZED TABLE named AS SELECT /*+ LOOKUP('table' = 'c', 'retry-predicate' = 'lookup_miss', 'retry-strategy' = 'exponential_delay',
    'initial-delay' = '20 ms', 'max-delay' = '100 ms', 'max-attempts' = '1000000', 'expire-after' = '500 ms', 'expired-table' = 'lost', 'output-mode' = 'allow_unordered') */ o.id, c.name
  FROM orders o JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.customer = c.id;
`))
	k.feed("customers", `{"id": 1, "city": "Rome", "name": "Ann"}`)
	k.expect("customers", map[int64]string{1: "Ann"})
	k.feed("orders", `{"id": 1, "customer": 2}`+"\n"+`{"id": 2, "customer": 1}`)
	k.expect("named", map[int64]string{2: "Ann"})
	k.restart()
	lost := `SELECT COUNT(*) AS id, MIN(looked_up || ' ' || "row" || ' ' || (expired_at - came_at >= INTERVAL 500 MILLISECOND)) AS name FROM lost`
	k.expectOf(lost, map[int64]string{1: `customers {"id":1,"customer":2} true`})
	k.restart()
	k.feed("orders", `{"id": 3, "customer": 1}`)
	k.expect("named", map[int64]string{2: "Ann", 3: "Ann"})
	k.expectOf(lost, map[int64]string{1: `customers {"id":1,"customer":2} true`})
}

// TestLookupsThatKeptJobsCannotDo are refused when they are defined.
func TestLookupsThatKeptJobsCannotDo(t *testing.T) {
	k := newKeptTables(t)
	k.must(k.define(lookupTables + "CREATE TABLE streamed (id BIGINT, name STRING) WITH ('stored' = 'false'); CREATE TABLE priced (price DECIMAL(10, 2), name STRING);"))
	for name, query := range map[string]string{
		"rows that are taken back": "SELECT g.customer AS id, c.name FROM (SELECT customer, COUNT(*) AS n, PROCTIME() AS pt FROM orders GROUP BY customer) g JOIN customers FOR SYSTEM_TIME AS OF g.pt AS c ON g.customer = c.id",
		"no stored rows":           "SELECT o.id, c.name FROM orders o JOIN streamed FOR SYSTEM_TIME AS OF o.pt AS c ON o.customer = c.id",
		"a key of another type":    "SELECT o.id, c.name FROM orders o JOIN priced FOR SYSTEM_TIME AS OF o.pt AS c ON c.price = CAST(o.customer AS DECIMAL(10, 2))",
		"a whole stored table":     "SELECT o.id, c.name FROM orders o JOIN customers /*+ OPTIONS('lookup.cache' = 'FULL') */ FOR SYSTEM_TIME AS OF o.pt AS c ON o.customer = c.id",
	} {
		if err := k.define("CREATE MATERIALIZED TABLE refused AS " + query); !problem.Is(err, problem.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
		k.must(k.undefine())
	}
}

// undefine drops the definition that no job was made for.
func (k *keptTables) undefine() error {
	_, err := k.catalog.Drop(k.t.Context(), "refused", plan.Materialized, true)
	return err
}
