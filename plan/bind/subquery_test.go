package bind_test

import (
	"fmt"
	"strings"
	"testing"

	"tidemark/base/problem"
	"tidemark/plan"
)

// TestManySubqueries binds many correlated subqueries beside each other and
// within each other: the plan grows with their number, or is refused.
func TestManySubqueries(t *testing.T) {
	m := newMemory(true)
	if _, err := m.script("CREATE TABLE t (x INT, y INT)"); err != nil {
		t.Fatal(err)
	}
	size := func(text string) (nodes int, err error) {
		statements, err := m.script(text)
		if err != nil {
			return 0, err
		}
		n, err := m.bind(statements[0])
		if err != nil {
			return 0, err
		}
		plan.Inspect(n, func(plan.Node) bool { nodes++; return true })
		return nodes, nil
	}
	var beside []string
	for i := range 40 {
		beside = append(beside, fmt.Sprintf("(SELECT COUNT(*) FROM t AS u WHERE u.x > t.x + %d)", i))
	}
	nodes, err := size("SELECT " + strings.Join(beside, ", ") + " FROM t")
	if err != nil || nodes > 40*12 {
		t.Errorf("40 subqueries make %d nodes, %v", nodes, err)
	}
	within := "SELECT COUNT(*) FROM t AS t0 WHERE t0.x = 1"
	for i := 1; i <= 14; i++ {
		within = strings.Replace(fmt.Sprintf("SELECT COUNT(*) FROM t AS t%d WHERE t%d.x < (%s)", i, i, within), "t0.x = 1", fmt.Sprintf("t0.x = 1 AND t0.y < t%d.y", i), 1)
	}
	if nodes, err := size(within); err != nil && !problem.Is(err, problem.TooLarge) || nodes > 1<<14 {
		t.Errorf("14 levels make %d nodes, %v", nodes, err)
	} else {
		t.Logf("%d nodes, %v", nodes, err)
	}
}
