package embedded

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/base/batch"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// tablesOfChanges are what the recorded statements are about.
const tablesOfChanges = `
CREATE TABLE bids (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, at_time TIMESTAMP(3), WATERMARK FOR at_time AS at_time)
  WITH ('connector' = 'filesystem', 'path' = 'none', 'format' = 'json');
CREATE TABLE users (id BIGINT, name STRING, city STRING, PRIMARY KEY (id) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'users', 'properties.bootstrap.servers' = 'localhost:9092', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE moves (id BIGINT, city STRING)
  WITH ('connector' = 'kafka', 'topic' = 'moves', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'debezium-json', 'scan.startup.mode' = 'earliest-offset');
CREATE TABLE nowhere (a BIGINT, n BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE printed (a BIGINT, n BIGINT) WITH ('connector' = 'print');
CREATE TABLE changed (a BIGINT, n BIGINT)
  WITH ('connector' = 'kafka', 'topic' = 'changed', 'properties.bootstrap.servers' = 'localhost:9092', 'format' = 'debezium-json');
CREATE TABLE keyed (a BIGINT, n BIGINT, PRIMARY KEY (a) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'keyed', 'properties.bootstrap.servers' = 'localhost:9092', 'key.format' = 'json', 'value.format' = 'json');
CREATE TABLE keyed_both (a BIGINT, n BIGINT, PRIMARY KEY (a, n) NOT ENFORCED)
  WITH ('connector' = 'upsert-kafka', 'topic' = 'keyed', 'properties.bootstrap.servers' = 'localhost:9092', 'key.format' = 'json', 'value.format' = 'json');
`

// otherChanges are the statements whose changes are others here, and why.
var otherChanges = map[string]string{
	"INSERT INTO nowhere SELECT auction, n FROM (SELECT auction, COUNT(*) AS n FROM bids GROUP BY auction) WHERE n < 10":                                     "an update of which one row passes is an insert or a deletion",
	"INSERT INTO keyed SELECT auction, n FROM (SELECT auction, COUNT(*) AS n FROM bids GROUP BY auction) WHERE n < 10":                                       "an update of which one row passes is an insert or a deletion",
	"INSERT INTO nowhere SELECT id, CHAR_LENGTH(city) FROM users":                                                                                            "rows by key are always made complete",
	"INSERT INTO keyed SELECT id, CHAR_LENGTH(city) FROM users":                                                                                              "rows by key are always made complete",
	"INSERT INTO nowhere SELECT id, CHAR_LENGTH(city) FROM moves":                                                                                            "rows before updates that a source gives are passed on",
	"INSERT INTO nowhere SELECT b.auction, c.n FROM bids AS b JOIN (SELECT auction, COUNT(*) AS n FROM bids GROUP BY auction) AS c ON b.auction = c.auction": "a join finds what it takes back by the whole row",
}

// operatorsOfFlink are its names of what has one of its own here.
var operatorsOfFlink = map[string]string{
	"GroupAggregate": "Aggregate", "GlobalWindowAggregate": "WindowAggregate", "ChangelogNormalize": "Normalize", "Rank": "Rank", "Join": "Join", "Union": "Union",
}

// The kinds of change at every operator are those that a real Flink has told.
func TestChangesAreFlinks(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "flink_changes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := NewSession(SessionOptions{Streaming: true, Data: t.TempDir()})
	defer s.Close() //nolint:errcheck // nothing was written
	execute(t, s, tablesOfChanges)
	statements := 0
	compare := func(statement string, want []string) {
		statements++
		got := explainedChanges(t, s, statement)
		because, other := otherChanges[statement]
		switch diff := cmp.Diff(want, got); {
		case other && diff == "":
			t.Errorf("%s\nis as in Flink, and should not be: %s", statement, because)
		case !other && diff != "":
			t.Errorf("%s\n%s", statement, diff)
		}
	}
	var statement string
	var want []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "  "):
			operator, kinds, _ := strings.Cut(strings.TrimSpace(line), " [")
			if name, is := operatorsOfFlink[operator]; is {
				operator = name
			}
			want = append(want, operator+" ["+kinds)
		case strings.HasPrefix(line, "INSERT"):
			statement, want = line, nil
		case line == "" && statement != "":
			compare(statement, want)
			statement = ""
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if statement != "" {
		compare(statement, want)
	}
	if statements < 30 {
		t.Errorf("only %d statements were compared", statements)
	}
}

// explainedChanges are what EXPLAIN CHANGELOG_MODE says of the sink's rows and of
// the operators that have a name in Flink.
func explainedChanges(t *testing.T, s *Session, statement string) []string {
	t.Helper()
	var changes []string
	var operator string
	for line := range strings.Lines(execute(t, s, "EXPLAIN CHANGELOG_MODE "+statement+";")) {
		line = strings.TrimSpace(line)
		kinds, is := strings.CutPrefix(line, "| changes: ")
		if !is {
			if !strings.HasPrefix(line, "|") {
				operator, _, _ = strings.Cut(line, " ")
			}
			continue
		}
		if changes == nil {
			changes = append(changes, "sink gets "+kinds)
		}
		for _, name := range operatorsOfFlink {
			if name == operator {
				changes = append(changes, operator+" "+kinds)
			}
		}
	}
	return changes
}

// execute runs statements and gives the texts that they answer.
func execute(t *testing.T, s *Session, script string) string {
	t.Helper()
	statements, wrong := parse.Script("", script)
	if err := wrong.Err(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, statement := range statements {
		err := s.Execute(context.Background(), statement, Results{
			Start: func(plan.Schema) error { return nil },
			Rows: func(b *batch.Batch) error {
				b.Each(func(i int) { text.WriteString(b.Row(i)[0].Text + "\n") })
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

// upsertQueries make updates, each in another operator.
var upsertQueries = []string{
	"SELECT k, COUNT(*), SUM(v) FROM events GROUP BY k",
	"SELECT n, COUNT(*) FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) GROUP BY n",
	"SELECT COUNT(*), MAX(v) FROM events",
	"SELECT k, v, place FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS place FROM events) WHERE place <= 3",
	"SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS place FROM events) WHERE place <= 3",
	"SELECT k, v FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v) AS place FROM events) WHERE place = 1",
	"SELECT k, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY n DESC) AS place FROM (SELECT k, v, COUNT(*) AS n FROM events GROUP BY k, v)) WHERE place = 1",
	"SELECT k, v, SUM(v) OVER (PARTITION BY k ORDER BY v) FROM events",
	"SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) WHERE k < 3",
	"SELECT k, n FROM (SELECT k, COUNT(*) AS n FROM events GROUP BY k) WHERE n < 3",
	"SELECT k, COUNT(*) FROM events GROUP BY k UNION ALL SELECT v, COUNT(*) FROM events GROUP BY v",
	"SELECT e.k, c.n FROM events AS e JOIN (SELECT k, COUNT(*) AS n FROM events GROUP BY k) AS c ON e.v = c.n",
	"SELECT k, window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(happened), INTERVAL '4' SECOND)) GROUP BY k, window_start, window_end",
	"SELECT k, v FROM replaced",
	"SELECT k, v FROM replaced WHERE k > 2",
	"SELECT v, COUNT(*) FROM replaced GROUP BY v",
}

// With a sink that needs no row before an update, the changes are the others, in
// their order, unless somebody on the way needs those rows.
func TestUpdatesWithoutRowsBefore(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	var events, changes strings.Builder
	for range 300 {
		k, v := random.IntN(6), random.IntN(8)
		fmt.Fprintf(&events, "{\"k\":%d,\"v\":%d}\n", k, v)
		op := [...]string{"c", "c", "d"}[random.IntN(3)]
		side := map[string]string{"c": "after", "d": "before"}[op]
		fmt.Fprintf(&changes, "{\"%s\":{\"k\":%d,\"v\":%d},\"op\":\"%s\"}\n", side, k, v, op)
	}
	for name, text := range map[string]string{"events.json": events.String(), "changes.json": changes.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := NewSession(SessionOptions{Streaming: true, Data: t.TempDir(), BatchRows: 7})
	defer s.Close() //nolint:errcheck // nothing was written
	execute(t, s, "SET 'table.exec.source.cdc-events-duplicate' = 'true';\n"+
		"CREATE TABLE events (k BIGINT, v BIGINT, happened AS TO_TIMESTAMP_LTZ(v * 1000, 3), WATERMARK FOR happened AS happened - INTERVAL '8' SECOND) WITH ('connector' = 'filesystem', 'path' = '"+filepath.Join(dir, "events.json")+"', 'format' = 'json');\n"+
		"CREATE TABLE replaced (k BIGINT, v BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '"+filepath.Join(dir, "changes.json")+"', 'format' = 'debezium-json');\n")
	shorter := 0
	for _, query := range upsertQueries {
		whole, n := changesOfQuery(t, s, query, false)
		got, _ := changesOfQuery(t, s, query, true)
		want := whole
		if plan.NewChangelog(n, true, changesOf).Kinds(n)&plan.UpdatesBefore == 0 {
			want = slices.DeleteFunc(slices.Clone(whole), func(change string) bool { return strings.HasPrefix(change, batch.UpdateBefore.String()) })
		}
		if len(want) < len(whole) {
			shorter++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", query, diff)
		}
	}
	if shorter < 10 {
		t.Errorf("only %d queries gave updates without rows before", shorter)
	}
}

// changesOfQuery runs a query for a reader who needs rows before updates, or not.
func changesOfQuery(t *testing.T, s *Session, query string, upserts bool) (changes []string, n plan.Node) {
	t.Helper()
	statements, wrong := parse.Script("", query)
	if err := wrong.Err(); err != nil {
		t.Fatal(err)
	}
	bound, err := bind.Query(s.catalog, s.binding(), statements[0].(*sql.QueryStatement).Query)
	if err != nil {
		t.Fatal(err)
	}
	n, _, err = s.optimized(bound.Plan)
	if err != nil {
		t.Fatal(err)
	}
	plan.Inspect(n, func(n plan.Node) bool {
		if windows, ok := n.(*plan.WindowAggregate); ok {
			windows.Emit = plan.EmitEarly
		}
		return true
	})
	err = s.run(context.Background(), n, &answer{rows: func(b *batch.Batch) error {
		b.Each(func(i int) { changes = append(changes, fmt.Sprint(b.Kind(i), b.Row(i))) })
		return nil
	}}, upserts)
	if err != nil {
		t.Fatal(err)
	}
	return changes, n
}
