package bind_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/sql/parse"
)

// TestRewritingKeepsTTL gives the plans of all recorded cases a time to live,
// before they are rewritten and after: no rule may lose it.
func TestRewritingKeepsTTL(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(casesPath, "*", "*", "case.sql"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases under %s: %v", casesPath, err)
	}
	compared := 0
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := newMemory(true)
		statements, _ := parse.Script("", string(source))
		for _, s := range statements {
			if done, err := m.define(string(source), s); done || err != nil {
				continue // what is wrong with a case is not asked here
			}
			q, ok := s.(*sql.QueryStatement)
			if !ok {
				continue
			}
			m.session.Streaming = true
			bound, err := bind.Query(m, m.session, q.Query)
			if err != nil {
				continue
			}
			const ttl = time.Hour
			before, _ := rewrite.Optimize(plan.WithTTL(bound.Plan, ttl))
			after, _ := rewrite.Optimize(bound.Plan)
			// Joins that were merged are as many as before, and improved again.
			again, _ := rewrite.Optimize(plan.WithTTL(after, ttl))
			if diff := cmp.Diff(plan.Print(again), plan.Print(before)); diff != "" {
				t.Errorf("%s: %s", path, diff)
			}
			compared++
		}
	}
	if compared < 100 {
		t.Errorf("only %d plans were compared", compared)
	}
}
