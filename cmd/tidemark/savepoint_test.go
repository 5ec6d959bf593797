package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSavepointTravels makes a savepoint, goes on, kills the server, goes back to
// an export of it, and asks how things are on the way.
func TestSavepointTravels(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	tool := func(code int, args ...string) string {
		t.Helper()
		cmd := exec.Command("tidemark", append([]string{args[0], "--url", c.url}, args[1:]...)...)
		text, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != code {
			t.Errorf("tidemark %s: exit %d: %s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), text)
		}
		return string(text)
	}
	c.define(`CREATE TABLE t (id BIGINT, name STRING);
CREATE MATERIALIZED TABLE names FRESHNESS = INTERVAL '1' SECOND AS SELECT name, COUNT(*) AS n FROM t GROUP BY name`)
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	question, want := "SELECT name, n FROM names ORDER BY name", [][]string{{"a", "1"}, {"c", "1"}}
	c.settles(question, want)
	file := filepath.Join(t.TempDir(), "names.save")
	tool(exitOK, "savepoint", "create", "names", "first")
	tool(exitOK, "savepoint", "export", "names", "first", file)
	tool(exitOK, "savepoint", "delete", "names", "first")
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	want = [][]string{{"a", "2"}, {"c", "2"}}
	c.settles(question, want)
	c.kill()

	c = start(t, data)
	tool(exitOK, "savepoint", "import", "names", "again", file)
	if text := tool(exitOK, "savepoint", "list", "names"); !strings.Contains(text, "again") || strings.Contains(text, "first") {
		t.Errorf("the list is %s", text)
	}
	tool(exitOK, "savepoint", "restore", "names", "again")
	c.settles(question, want)
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	c.settles(question, [][]string{{"a", "3"}, {"c", "3"}})
	if text := tool(exitOK, "status", "names"); !strings.Contains(text, "running") || !strings.Contains(text, "names, started anew, goes on from epoch ") || !strings.Contains(text, "from again of epoch ") {
		t.Errorf("the status is %s", text)
	} else if !regexp.MustCompile(`(?m)^t +4 .* savepoint names again$`).MatchString(text) {
		t.Errorf("the savepoint holds the events behind it, and the status is %s", text)
	}
	tool(exitUser, "savepoint", "restore", "names", "agian")
	tool(exitUsage, "savepoint", "create", "names")
	if err := os.WriteFile(file, []byte("nothing of the kind"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := tool(exitUser, "savepoint", "import", "names", "other", file); !strings.Contains(text, "is no savepoint") {
		t.Errorf("a file of something else: %s", text)
	}
}
