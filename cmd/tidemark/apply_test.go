package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tidemark/serve/httpapi"
)

// putFiles writes the files of a project; a file without text is removed.
func putFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && text == "" {
			err = os.Remove(path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// project runs plan or apply, and demands an exit code.
func (c *child) project(code int, dir, command string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command("tidemark", append([]string{command, "--url", c.url, "-p", dir}, args...)...)
	text, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	got := 0
	if errors.As(err, &failed) {
		got = failed.ExitCode()
	}
	if got != code {
		c.t.Fatalf("%s %v ended with %d, not %d: %s", command, args, got, code, text)
	}
	return string(text)
}

func (c *child) says(text string, wants ...string) {
	c.t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			c.t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestPlanAndApply brings a project to a server, changes it, and takes away from it.
func TestPlanAndApply(t *testing.T) {
	c, dir := start(t, t.TempDir()), t.TempDir()
	putFiles(t, dir, map[string]string{
		"tidemark.yaml": "name: shop\n",
		"t.sql":         "CREATE TABLE t (id BIGINT, name STRING);",
		"f.sql":         "CREATE FUNCTION scaled(n BIGINT) RETURNS BIGINT AS n * 1;",
		"m.sql":         "CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT name, scaled(COUNT(*)) AS n FROM t WHERE id > 0 GROUP BY name;",
		"top.sql":       "CREATE MATERIALIZED TABLE top FRESHNESS = INTERVAL '1' SECOND AS SELECT MAX(n) AS most FROM m;",
	})
	c.says(c.project(exitChanges, dir, "plan"), "+ create table t  (t.sql:1:1)", "4 to create", "0 unchanged")
	c.project(exitChanges, dir, "apply", "--dry-run")
	c.says(c.project(exitOK, dir, "apply"), "4 to create")
	c.says(c.project(exitOK, dir, "plan"), "4 unchanged")
	c.call(200, "POST", "/api/v1/events/t?wait=applied", threeRows)
	c.settles("SELECT most FROM top", [][]string{{"1"}})

	putFiles(t, dir, map[string]string{"m.sql": "CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT name, scaled(COUNT(*)) AS n, SUM(id) AS total FROM t WHERE id > 1 GROUP BY name;"})
	c.says(c.project(exitChanges, dir, "plan"),
		"~ change materialized table m  (m.sql:1:1)\n    because its definition is another\n    reads 2 events of t, ", "state of Aggregate (key: name STRING := name) (changed) is made anew", "~ rebuild materialized table top", "1 to change, 1 to rebuild, 0 to drop; 2 unchanged")
	c.project(exitOK, dir, "apply")
	if diff := cmp.Diff([][]string{{"c", "1", "3"}}, c.rows("SELECT * FROM m ORDER BY name")); diff != "" {
		t.Errorf("after apply: %s", diff)
	}
	c.project(exitOK, dir, "plan")

	// What stands below the change keeps its state, and is not read again.
	putFiles(t, dir, map[string]string{"m.sql": "CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT name, scaled(COUNT(*)) AS n, SUM(id) AS total FROM t WHERE id > 1 GROUP BY name HAVING SUM(id) < 100;"})
	c.says(c.project(exitChanges, dir, "plan"), "reads 0 events of t, 0 bytes, behind the state that is kept\n    state of Aggregate (key: name STRING := name) is kept\n", "state of Aggregate (one group of all rows) (changed) is made anew: what it computes, or what comes to it, is another")
	c.project(exitOK, dir, "apply")
	if diff := cmp.Diff([][]string{{"c", "1", "3"}}, c.rows("SELECT * FROM m ORDER BY name")); diff != "" {
		t.Errorf("after the second apply: %s", diff)
	}

	// A function is a part of the plans of those who call it.
	putFiles(t, dir, map[string]string{"f.sql": "CREATE FUNCTION scaled(n BIGINT) RETURNS BIGINT AS n * 100;"})
	c.says(c.project(exitChanges, dir, "plan"), "~ change function", "1 to change, 2 to rebuild")
	c.project(exitOK, dir, "apply")
	c.settles("SELECT most FROM top", [][]string{{"100"}})
	c.project(exitOK, dir, "plan")

	putFiles(t, dir, map[string]string{"top.sql": ""})
	c.says(c.project(exitOK, dir, "plan"), "? unasked materialized table top", "1 not in the project")
	c.project(exitOK, dir, "apply")
	c.settles("SELECT most FROM top", [][]string{{"100"}})
	var plan httpapi.ProjectPlan
	if err := json.Unmarshal([]byte(c.project(exitChanges, dir, "plan", "--prune", "--json")), &plan); err != nil || len(plan.Steps) != 1 || plan.Steps[0].Action != "drop" || !plan.Changes {
		t.Errorf("the plan is %+v, %v", plan, err)
	}
	c.project(exitOK, dir, "apply", "--prune")
	c.call(404, "GET", "/api/v1/tables/top", "")

	putFiles(t, dir, map[string]string{"m.sql": "CREATE MATERIALIZED TABLE m FRESHNESS = INTERVAL '1' SECOND AS SELECT nobody FROM t;"})
	for _, command := range []string{"plan", "apply"} {
		c.says(c.project(exitUser, dir, command), "m.sql:1:71: ", "nobody")
	}
	c.call(400, "POST", "/api/v1/project/plan", "no archive")
}
