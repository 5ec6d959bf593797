package embedded

import (
	"testing"

	"tidemark/sql/parse"
)

// TestIgnored: who asks for state that expires is told that it does not, also in
// a subquery.
func TestIgnored(t *testing.T) {
	const hint, setting = "warning: STATE_TTL is ignored: no state expires\n", "warning: table.exec.state.ttl is ignored: no state expires\n"
	config := map[string]string{"table.exec.state.ttl": "1 h"}
	for _, one := range []struct {
		query  string
		config map[string]string
		want   string
	}{
		{"SELECT a FROM t", nil, ""},
		{"SELECT a FROM t", config, setting},
		{"SELECT /*+ LOOKUP('table' = 't') */ a FROM t", nil, ""},
		{"SELECT n FROM (SELECT /*+ state_ttl('t' = '1d') */ COUNT(*) AS n FROM t)", config, setting + hint},
	} {
		statements, wrong := parse.Script("", one.query)
		if err := wrong.Err(); err != nil {
			t.Fatal(err)
		}
		if got := ignored(statements[0], one.config); got != one.want {
			t.Errorf("%s: %q, want %q", one.query, got, one.want)
		}
	}
}
