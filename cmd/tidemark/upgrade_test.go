package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// upgradeRounds is how many random upgrades TestUpgrades does.
var upgradeRounds = flag.Int("upgrades", 5, "random upgrades under load; acceptance wants 50")

// upgradedQuery is a random query over t with a mark of its own in column v.
func upgradedQuery(r *rand.Rand, mark int) string {
	measure := []string{"", ", SUM(id) AS total", ", MAX(id) AS largest", ", SUM(id) AS total, MIN(id) AS least"}[r.IntN(4)]
	from := []string{"t", "t JOIN n ON t.name = n.name"}[r.IntN(2)]
	filter := []string{"", " WHERE MOD(id, 3) <> 0", " WHERE id > 40", " WHERE t.name <> 'b'"}[r.IntN(4)]
	return fmt.Sprintf("SELECT t.name, COUNT(*) AS n, MAX(%d) AS v%s FROM %s%s GROUP BY t.name", mark, strings.ReplaceAll(measure, "id", "t.id"), from, strings.ReplaceAll(filter, "id", "t.id"))
}

// TestUpgrades changes a table again and again while events come and questions are
// asked; now and then the server is killed in the middle. No question ever sees rows
// of two versions, or none, and at the end the table is what a table made from scratch is.
func TestUpgrades(t *testing.T) { changeAgain(t, upgradedQuery) }

// TestUpgradesAbove is TestUpgrades of what stands above an aggregation or a Top-N
// that often stays, so that its state is taken over.
func TestUpgradesAbove(t *testing.T) { changeAgain(t, queryAbove) }

// queryAbove is a random query over one of few that keep state.
func queryAbove(r *rand.Rand, mark int) string {
	const grouped = "SELECT name, COUNT(*) AS n, SUM(id) AS total FROM t GROUP BY name"
	part := []string{grouped, grouped, grouped, "SELECT name, id AS n, id + 1 AS total FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY name ORDER BY id DESC) AS place FROM t) WHERE place <= 2"}[r.IntN(4)]
	above := []string{
		"SELECT name, n, total, %d AS v FROM (%s)",
		"SELECT name, n, total, %d AS v FROM (%s) WHERE n > 5 OR total > 40",
		"SELECT name, n, total / n AS mean, %d AS v FROM (%s)",
		"SELECT p.name, p.n, p.total, n.name AS known, %d AS v FROM (%s) p LEFT JOIN n ON p.name = n.name",
		"SELECT p.name, p.n, p.total, %d AS v FROM (%s) p JOIN n ON p.name = n.name",
		"SELECT name, MAX(n) AS n, SUM(total) AS total, %d AS v FROM (%s) GROUP BY name",
		"SELECT name, n, total, %d AS v FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY n DESC, total DESC, name) AS place FROM (%s)) WHERE place < 3",
	}[r.IntN(7)]
	return fmt.Sprintf(above, mark, part)
}

// changeAgain makes a table what random queries say, each with its number in column v.
func changeAgain(t *testing.T, query func(r *rand.Rand, mark int) string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	data := t.TempDir()
	c := start(t, data)
	c.define(`CREATE TABLE t (id BIGINT, name STRING);
CREATE TABLE n (name STRING, PRIMARY KEY (name) NOT ENFORCED);
CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT name, COUNT(*) AS n, MAX(0) AS v FROM t GROUP BY name`)
	c.call(200, "POST", "/api/v1/events/n?wait=applied", "{\"name\":\"a\"}\n{\"name\":\"b\"}\n")
	next := atomic.Int64{}
	send := func() error {
		var b strings.Builder
		for range 50 {
			id := next.Add(1)
			fmt.Fprintf(&b, "{\"id\":%d,\"name\":%q}\n", id, string(rune('a'+id%3)))
		}
		_, _, err := c.try(200, "POST", "/api/v1/events/t", b.String())
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	c.settles("SELECT COUNT(*) FROM m", [][]string{{"3"}})

	resumed := 0
	defer func() { t.Logf("%d upgrades were done by the start after the kill", resumed) }()
	for round := 1; round <= *upgradeRounds; round++ {
		query := query(r, round)
		stop, running := make(chan struct{}), c
		var load sync.WaitGroup
		kill := r.IntN(3) == 0
		watch := func(once func() error) {
			load.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if err := once(); err != nil && !kill { // one that is killed breaks off what is under way
						t.Errorf("round %d: %v", round, err)
						return
					}
				}
			})
		}
		watch(send)
		watch(func() error { return unmixed(running) })
		if kill {
			go running.try(200, "POST", "/api/v1/statements", asked("ALTER MATERIALIZED TABLE m AS "+query)) //nolint:errcheck // it is killed
			time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
			running.kill()
		} else {
			running.define("ALTER MATERIALIZED TABLE m AS " + query)
		}
		close(stop)
		load.Wait()
		if kill {
			c = start(t, data)
			if err := unmixed(c); err != nil {
				t.Errorf("round %d, after the kill: %v", round, err)
			}
			// What had begun goes on by itself; what had not is asked for again.
			if _, body := c.call(200, "GET", "/api/v1/tables/m", ""); strings.Contains(string(body), fmt.Sprintf("%d AS v", round)) || strings.Contains(string(body), fmt.Sprintf("MAX(%d)", round)) || upgrading(c, "m") {
				resumed++
			} else {
				c.define("ALTER MATERIALIZED TABLE m AS " + query)
			}
		}
		c.settles("SELECT COUNT(DISTINCT v), MAX(v) FROM m", [][]string{{"1", fmt.Sprint(round)}})
		c.define("CREATE MATERIALIZED TABLE scratch FRESHNESS = INTERVAL '1' SECOND AS " + query)
		c.call(200, "POST", "/api/v1/events/n?wait=applied", "{\"name\":\"a\"}\n")
		want := ""
		for deadline := time.Now().Add(settleMax); time.Now().Before(deadline); time.Sleep(askInterval) {
			has, scratch := c.rows("SELECT * FROM m ORDER BY name, n"), c.rows("SELECT * FROM scratch ORDER BY name, n")
			if want = cmp.Diff(scratch, has); want == "" && caughtUp(c) {
				break
			}
		}
		if want != "" {
			t.Fatalf("round %d: %s differs from scratch:\n%s", round, query, want)
		}
		c.define("DROP MATERIALIZED TABLE scratch")
	}
}

// TestUpgradeGoesOn kills the server while a table and one that reads it are changed:
// the next start goes on with it by itself, and questions see the old rows until
// then.
func TestUpgradeGoesOn(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	c.define(`CREATE TABLE t (id BIGINT, name STRING);
CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT name, COUNT(*) AS n FROM t GROUP BY name;
CREATE MATERIALIZED TABLE top FRESHNESS = INTERVAL '1' SECOND AS SELECT MAX(n) AS most FROM m`)
	var body strings.Builder
	const events = 100_000
	for id := range events {
		fmt.Fprintf(&body, "{\"id\":%d,\"name\":\"%d\"}\n", id, id%1000)
	}
	for range 3 {
		c.call(200, "POST", "/api/v1/events/t?wait=applied", body.String())
	}
	c.settles("SELECT most FROM top", [][]string{{"300"}})
	for _, watched := range []string{"m", "top"} {
		factor := map[string]int{"m": 10, "top": 20}[watched]
		c.interrupt()
		c = start(t, data)
		running := c
		go running.try(200, "POST", "/api/v1/statements", asked(fmt.Sprintf("ALTER MATERIALIZED TABLE m AS SELECT name, SUM(CAST(%d AS BIGINT)) AS n FROM t GROUP BY name", factor))) //nolint:errcheck // it is killed
		for deadline := time.Now().Add(settleMax); !upgrading(c, watched) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		c.kill()
		c = start(t, data)
		most := c.rows("SELECT most FROM top")
		if diff := cmp.Diff([][]string{{fmt.Sprint(300 * max(1, factor-10))}}, most); diff != "" && cmp.Diff([][]string{{fmt.Sprint(300 * factor)}}, most) != "" {
			t.Errorf("at the start after %s was interrupted: %s", watched, diff)
		}
		c.settles("SELECT most FROM top", [][]string{{fmt.Sprint(300 * factor)}})
		c.settles("SELECT COUNT(*), MIN(n), MAX(n) FROM m", [][]string{{"1000", fmt.Sprint(300 * factor), fmt.Sprint(300 * factor)}})
	}
	// What the table was is known to the process that did not make the change.
	c.call(200, "POST", "/api/v1/jobs/m/actions", `{"action":"rollback"}`)
	c.settles("SELECT most FROM top", [][]string{{"3000"}})
	// The version before holds what it would have to read.
	holds := func() string {
		_, body := c.call(200, "GET", "/api/v1/tables/t", "")
		return string(body)
	}
	c.says(holds(), `"events":300000,"gone":0`, `{"by":"job m$2","partition":0,`, `{"by":"job m$3","partition":0,`)
	c.call(200, "POST", "/api/v1/jobs/m/actions", `{"action":"drop-previous"}`)
	if text := holds(); strings.Contains(text, "job m$3") {
		t.Errorf("a version that was dropped holds events: %s", text)
	}
	c.call(404, "POST", "/api/v1/jobs/m/actions", `{"action":"rollback"}`)
	c.kill()
	c = start(t, data)
	c.call(404, "POST", "/api/v1/jobs/m/actions", `{"action":"rollback"}`)
	c.settles("SELECT most FROM top", [][]string{{"3000"}})
}

// upgrading reports whether a table's next version is being built, or was, by this
// process.
func upgrading(c *child, table string) bool {
	_, body := c.call(200, "GET", "/api/v1/jobs/"+table, "")
	var job struct{ Upgrade *struct{ Phase string } }
	decode(c.t, body, &job)
	return job.Upgrade != nil
}

// TestRollBack changes a table, sends events, and goes back: what was there before
// has what came meanwhile. A replay gives the same as well, and both are followed
// by a table that reads this one.
func TestRollBack(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	c.define(`CREATE TABLE t (id BIGINT, name STRING);
CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT name, COUNT(*) AS n FROM t GROUP BY name;
CREATE MATERIALIZED TABLE top FRESHNESS = INTERVAL '1' SECOND AS SELECT MAX(n) AS most FROM m`)
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	ones := [][]string{{"a", "1"}, {"c", "1"}}
	c.settles("SELECT name, n FROM m ORDER BY name", ones)
	act := func(status int, action string) string {
		t.Helper()
		_, body := c.call(status, "POST", "/api/v1/jobs/m/actions", `{"action":"`+action+`"}`)
		return string(body)
	}
	act(404, "rollback")
	c.define("ALTER MATERIALIZED TABLE m AS SELECT name, COUNT(*) * 10 AS n, 'x' AS extra FROM t GROUP BY name")
	c.settles("SELECT name, n, extra FROM m ORDER BY name", [][]string{{"a", "10", "x"}, {"c", "10", "x"}})
	c.settles("SELECT most FROM top", [][]string{{"10"}})
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	c.settles("SELECT most FROM top", [][]string{{"20"}})
	// What cannot be read any more is refused at once.
	c.call(409, "POST", "/api/v1/statements", asked("ALTER MATERIALIZED TABLE m AS SELECT name FROM t"))

	twos := [][]string{{"a", "2"}, {"c", "2"}}
	if text := act(200, "rollback"); !strings.Contains(text, `"phase":"swapped"`) || !strings.Contains(text, `"compared":{"equal":0,"differing":2,"only_old":0,"only_new":0}`) {
		t.Errorf("after going back the job is %s", text)
	}
	c.settles("SELECT * FROM m ORDER BY name", twos)
	c.settles("SELECT most FROM top", [][]string{{"2"}})
	if text := act(200, "replay"); !strings.Contains(text, `"compared":{"equal":2,"differing":0,"only_old":0,"only_new":0}`) {
		t.Errorf("after the replay the job is %s", text)
	}
	c.settles("SELECT * FROM m ORDER BY name", twos)
	c.kill()
	c = start(t, data)
	c.settles("SELECT * FROM m ORDER BY name", twos)
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	c.settles("SELECT most FROM top", [][]string{{"3"}})
	c.define("DROP MATERIALIZED TABLE top; DROP MATERIALIZED TABLE m")
	c.define("CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT COUNT(*) AS n FROM t")
	c.settles("SELECT n FROM m", [][]string{{"6"}})
}

// TestReplayFrom builds the windows of the last minutes again, with events that are late
// and out of order, and reads only those minutes for it.
func TestReplayFrom(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	c.define(`CREATE TABLE t (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '30' SECOND);
CREATE MATERIALIZED TABLE tumbled FRESHNESS = INTERVAL '1' SECOND AS
SELECT window_start, window_end, MOD(id, 2) AS odd, COUNT(*) AS n, SUM(id) AS total FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, MOD(id, 2);
CREATE MATERIALIZED TABLE hopped WITH ('emit' = 'final') FRESHNESS = INTERVAL '1' SECOND AS
SELECT window_start, window_end, COUNT(*) AS n, SUM(id) AS total FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '3' MINUTE)) GROUP BY window_start, window_end;
CREATE MATERIALIZED TABLE grouped FRESHNESS = INTERVAL '1' SECOND AS SELECT MOD(id, 2) AS odd, COUNT(*) AS n FROM t GROUP BY MOD(id, 2)`)
	id := 0
	minute := func(m int, second func(i int) int) {
		var b strings.Builder
		for i := range 3000 {
			at := time.Date(2026, 5, 1, 12, m, 0, 0, time.UTC).Add(time.Duration(second(i)) * time.Second)
			fmt.Fprintf(&b, "{\"id\":%d,\"ts\":%q}\n", id, at.Format("2006-01-02T15:04:05"))
			id++
		}
		c.call(200, "POST", "/api/v1/events/t?wait=applied", b.String())
	}
	for m := range 10 {
		minute(m, func(i int) int { return []int{i % 60, i%60 - 20, i%60 - 200}[min(i%10, 2)*(i%2)] })
	}
	minutes := func(table string) [][]string { return c.rows("SELECT * FROM " + table + " ORDER BY 1, 2, 3") }
	c.settles("SELECT SUM(n) FROM grouped", [][]string{{"30000"}})
	before := map[string][][]string{}
	for _, table := range []string{"tumbled", "hopped"} {
		for deadline := time.Now().Add(settleMax); !caughtUp(c) && time.Now().Before(deadline); {
			time.Sleep(askInterval)
		}
		before[table] = minutes(table)
		header, body := c.call(200, "POST", "/api/v1/jobs/"+table+"/actions", `{"action":"replay","from":"2026-05-01T12:06:30Z"}`)
		if want := map[string]string{"tumbled": "2026-05-01T12:06:00Z", "hopped": "2026-05-01T12:04:00Z"}[table]; header.Get(replayedFrom) != want {
			t.Errorf("%s is replayed from %s, want %s", table, header.Get(replayedFrom), want)
		}
		c.says(string(body), `"phase":"swapped"`, `"differing":0,"only_old":0,"only_new":0`)
		var job struct {
			RowsIn int64 `json:"rows_in"`
		}
		decode(t, body, &job)
		if job.RowsIn == 0 || job.RowsIn > 24_000 {
			t.Errorf("%s was made from %d events", table, job.RowsIn)
		}
		if diff := cmp.Diff(before[table], minutes(table)); diff != "" || len(before[table]) < 8 {
			t.Errorf("%s differs after the replay: %s", table, diff)
		}
	}
	// By the log: what came since the beginning is everything.
	header, _ := c.call(200, "POST", "/api/v1/jobs/tumbled/actions", `{"action":"replay","from":"2026-01-01T00:00:00Z","by_log":true}`)
	if got := header.Get(replayedFrom); got != "2026-05-01T11:56:00Z" { // of the oldest, which was late
		t.Errorf("by the log it is replayed from %s", got)
	}
	if diff := cmp.Diff(before["tumbled"], minutes("tumbled")); diff != "" {
		t.Errorf("it differs after the replay of everything: %s", diff)
	}
	// It goes on from there, also over a crash, as if nothing had been.
	c.kill()
	c = start(t, data)
	minute(10, func(i int) int { return i % 60 })
	c.define(`CREATE MATERIALIZED TABLE scratch FRESHNESS = INTERVAL '1' SECOND AS
SELECT window_start, window_end, MOD(id, 2) AS odd, COUNT(*) AS n, SUM(id) AS total FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, MOD(id, 2)`)
	c.settles("SELECT SUM(n) FROM grouped", [][]string{{"33000"}})
	diff := ""
	for deadline := time.Now().Add(settleMax); time.Now().Before(deadline); time.Sleep(askInterval) {
		if diff = cmp.Diff(minutes("scratch"), minutes("tumbled")); diff == "" && caughtUp(c) {
			break
		}
	}
	if diff != "" {
		t.Errorf("a table from scratch differs: %s", diff)
	}
	for _, refused := range []struct {
		status               int
		table, request, says string
	}{
		{422, "grouped", `{"action":"replay","from":"2026-05-01T12:06:30Z"}`, "do not stand for windows of time"},
		{409, "tumbled", `{"action":"replay","from":"2026-05-01T12:30:00Z"}`, "not final yet"},
		{404, "tumbled", `{"action":"replay","from":"2999-05-01T12:30:00Z","by_log":true}`, "no event came"},
		{400, "tumbled", `{"action":"rollback","from":"2026-05-01T12:06:30Z"}`, "are for replay"},
	} {
		_, body := c.call(refused.status, "POST", "/api/v1/jobs/"+refused.table+"/actions", refused.request)
		c.says(string(body), refused.says)
	}
}

const replayedFrom = "X-Tidemark-Replayed-From"

// unmixed demands that a question sees rows of one version.
func unmixed(c *child) error {
	_, body, err := c.try(200, "POST", "/api/v1/query", asked("SELECT COUNT(DISTINCT v), COUNT(*) FROM m"))
	if err != nil {
		return err
	}
	var answer struct{ Rows [][]any }
	if err := json.Unmarshal(body, &answer); err != nil {
		return err
	}
	if got := fmt.Sprint(answer.Rows[0][0]); got != "1" {
		return fmt.Errorf("a question sees %s versions in %v rows", got, answer.Rows[0][1])
	}
	return nil
}

// caughtUp reports whether no job has anything to read.
func caughtUp(c *child) bool {
	_, body := c.call(200, "GET", "/api/v1/jobs", "")
	var list struct {
		Jobs []struct {
			Restart struct {
				Replay *int64 `json:"replay_events"`
			}
		}
	}
	decode(c.t, body, &list)
	for _, j := range list.Jobs {
		if j.Restart.Replay == nil || *j.Restart.Replay != 0 {
			return false
		}
	}
	return true
}
