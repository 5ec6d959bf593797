package jdbc

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// with is the options of a table of the server.
func (p *peer) with(table string, more ...string) string {
	options := "'connector' = 'jdbc', 'url' = '" + p.url + "', 'table-name' = '" + table + "', 'username' = '" + account + "', 'password' = '" + password + "'"
	for _, m := range more {
		options += ", " + m
	}
	return " WITH (" + options + ");\n"
}

// program is a command that runs a script.
func program(t *testing.T, script string, flags ...string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script.sql")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), binary, append([]string{"exec", "-f", file, "--format", "rows"}, flags...)...)
}

// execute runs a script to its end and gives the rows that it prints.
func execute(t *testing.T, script string, flags ...string) []string {
	t.Helper()
	c := program(t, script, flags...)
	var wrong bytes.Buffer
	c.Stderr = &wrong
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, wrong.String())
	}
	return rowsOf(string(out))
}

// refused runs a script that must fail, and gives what it says.
func refused(t *testing.T, script string) string {
	t.Helper()
	out, err := program(t, script).CombinedOutput()
	if err == nil {
		t.Fatalf("nothing is wrong with\n%s\n%s", script, out)
	}
	return string(out)
}

// rowsOf leaves out the lines that say which columns follow.
func rowsOf(out string) (rows []string) {
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, `{"columns"`) {
			rows = append(rows, strings.TrimSpace(line))
		}
	}
	return rows
}
