package jdbc

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// disturb runs a script, and does something again and again for as long as it
// runs. It gives what the script printed, and how often something was done to it.
func disturb(t *testing.T, c *exec.Cmd, harm func() int) (rows []string, harmed int) {
	t.Helper()
	var out, wrong bytes.Buffer
	c.Stdout, c.Stderr = &out, &wrong
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v after %d\n%s", err, harmed, wrong.String())
			}
			return rowsOf(out.String()), harmed
		default:
			harmed += harm()
			pause()
		}
	}
}

// few ends connections, but not so often that nothing is ever done.
func (p *peer) few(t *testing.T, most int) func() int {
	ended := 0
	return func() int {
		if ended >= most {
			return 0
		}
		n := p.disconnect(t.Context())
		ended += n
		return n
	}
}

// runsMax is how often a script is run until a connection of it was caught.
const runsMax = 20

// TestConnectionsAreEnded under a scan, lookups and writing: nothing is lost, and
// nothing comes twice.
func TestConnectionsAreEnded(t *testing.T) {
	const rows = 60_000
	each(t, func(t *testing.T, p *peer) {
		p.customers(t, rows)
		p.do(t, "DROP TABLE IF EXISTS counted")
		p.do(t, "CREATE TABLE counted (id BIGINT PRIMARY KEY, name VARCHAR(20))")
		for name, c := range map[string]struct{ script, want string }{
			"a scan": {customersDeclared + p.with("customers") + "SELECT COUNT(*), COUNT(DISTINCT id), SUM(id) FROM customers;", fmt.Sprintf(`["+I","%d","%d","%d"]`, rows, rows, rows*(rows+1))},
			"lookups": {orders(2*rows) + customersDeclared + p.with("customers", "'lookup.max-retries' = '20'") +
				"SELECT COUNT(*), COUNT(c.id), SUM(c.id) FROM orders o LEFT JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n = c.id;", fmt.Sprintf(`["+I","%d","%d","%d"]`, 2*rows, rows, rows*(rows+1))},
			"writing": {orders(rows) + "CREATE TABLE counted (id BIGINT, name STRING, PRIMARY KEY (id) NOT ENFORCED)" + p.with("counted", "'sink.max-retries' = '20'") +
				"INSERT INTO counted SELECT n, 'n' || CAST(n AS STRING) FROM orders;\nSELECT COUNT(*), COUNT(DISTINCT name), SUM(id) FROM counted;", fmt.Sprintf(`["+I","%d","%d","%d"]`, rows, rows, rows*(rows+1)/2)},
		} {
			ended := 0
			for run := 0; ended == 0 && run < runsMax; run++ {
				var got []string
				got, ended = disturb(t, program(t, c.script, "--mode", "batch"), p.few(t, 3))
				if diff := cmp.Diff([]string{c.want}, got); diff != "" {
					t.Errorf("%s: %s", name, diff)
				}
			}
			if ended == 0 {
				t.Errorf("%s: no connection was there to be ended in %d runs", name, runsMax)
			}
		}
	})
}

// TestTheServerIsKilled in the middle, and started again.
func TestTheServerIsKilled(t *testing.T) {
	const rows = 60_000
	each(t, func(t *testing.T, p *peer) {
		p.customers(t, rows)
		script := orders(2*rows) + customersDeclared + p.with("customers", "'lookup.max-retries' = '60'") +
			"SELECT COUNT(*), COUNT(c.id), SUM(c.id) FROM orders o LEFT JOIN customers FOR SYSTEM_TIME AS OF o.pt AS c ON o.n = c.id;"
		killed := false
		got, _ := disturb(t, program(t, script, "--mode", "batch"), func() int {
			if killed || !p.isAsked(t) {
				return 0
			}
			killed = true
			p.stop(syscall.SIGKILL)
			if err := p.start(); err != nil {
				t.Fatal(err)
			}
			return 1
		})
		if diff := cmp.Diff([]string{fmt.Sprintf(`["+I","%d","%d","%d"]`, 2*rows, rows, rows*(rows+1))}, got); diff != "" {
			t.Error(diff)
		}
		if !killed {
			t.Error("nobody was asked before the end")
		}
	})
}

// isAsked reports whether the program is connected.
func (p *peer) isAsked(t *testing.T) bool {
	t.Helper()
	var count int
	row := p.admin.QueryRowContext(t.Context(), map[string]string{
		"MariaDB":    "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND command <> 'Daemon'",
		"PostgreSQL": "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'tidemark'",
	}[p.name])
	if err := row.Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count > 0
}

// changelog is a file of changes: keys come, change and go. It gives what is left.
func changelog(t *testing.T, keys int) (file string, left int, sum int64) {
	t.Helper()
	var b strings.Builder
	for key := range keys {
		fmt.Fprintf(&b, `{"before": null, "after": {"id": %d, "amount": 1}, "op": "c"}`+"\n", key)
	}
	for key := range keys {
		switch key % 3 {
		case 0:
			fmt.Fprintf(&b, `{"before": {"id": %d, "amount": 1}, "after": {"id": %d, "amount": %d}, "op": "u"}`+"\n", key, key, key)
			left, sum = left+1, sum+int64(key)
		case 1:
			fmt.Fprintf(&b, `{"before": {"id": %d, "amount": 1}, "after": null, "op": "d"}`+"\n", key)
		default:
			left, sum = left+1, sum+1
		}
	}
	file = filepath.Join(t.TempDir(), "changes.json")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return file, left, sum
}

// isHeldUp reports whether the program waits for somebody's lock.
func (p *peer) isHeldUp(t *testing.T) bool {
	t.Helper()
	var count int
	row := p.admin.QueryRowContext(t.Context(), map[string]string{
		"MariaDB":    "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
		"PostgreSQL": "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'tidemark' AND wait_event_type = 'Lock'",
	}[p.name])
	if err := row.Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count > 0
}

// TestTheProgramIsKilled in the middle of an epoch, where a key that somebody else
// is about to insert holds it up; a second run ends with the right table.
func TestTheProgramIsKilled(t *testing.T) {
	each(t, func(t *testing.T, p *peer) {
		p.do(t, "DROP TABLE IF EXISTS balances")
		p.do(t, "CREATE TABLE balances (id BIGINT PRIMARY KEY, amount BIGINT)")
		const keys = 40_000
		file, left, sum := changelog(t, keys)
		script := "CREATE TABLE changes (id BIGINT, amount BIGINT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = '" + file + "', 'format' = 'debezium-json');\n" +
			"CREATE TABLE balances (id BIGINT, amount BIGINT, PRIMARY KEY (id) NOT ENFORCED)" + p.with("balances") +
			"INSERT INTO balances SELECT id, amount FROM changes;"
		other, err := p.admin.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO balances VALUES (%d, 0)", keys-1)); err != nil {
			t.Fatal(err)
		}
		first := program(t, script)
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		count := func() (rows int, total int64) {
			t.Helper()
			if err := p.admin.QueryRowContext(t.Context(), "SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM balances").Scan(&rows, &total); err != nil {
				t.Fatal(err)
			}
			return rows, total
		}
		ended := make(chan error, 1)
		go func() { ended <- first.Wait() }()
		for len(ended) == 0 && !p.isHeldUp(t) {
			pause()
		}
		_ = first.Process.Kill()
		if err := <-ended; err == nil {
			t.Error("it had ended before it was killed")
		}
		if err := other.Rollback(); err != nil {
			t.Fatal(err)
		}
		execute(t, script)
		if rows, total := count(); rows != left || total != sum {
			t.Errorf("%d rows and %d in all, want %d and %d", rows, total, left, sum)
		}
	})
}
