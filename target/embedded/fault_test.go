package embedded

import (
	"fmt"
	"strings"
	"testing"

	"tidemark/base/vfs"
)

// TestErrorAtEveryFileOfADefinition lets each operation on the jobs' own files
// fail once while a table's definition is changed. Either it is refused, or the
// table becomes what the new definition says; at the next start it is that.
func TestErrorAtEveryFileOfADefinition(t *testing.T) {
	queries := []string{sumsQuery, strings.Replace(sumsQuery, "SUM(v)", "SUM(v) + 1", 1)}
	wants := [][]string{{"a 2 11", "b 1 1"}, {"a 2 12", "b 1 2"}}
	p := newPlace(t)
	p.send(1, "a", "b")
	p.send(10, "a")
	p.sums(wants[0]...)
	refused, position := 0, 1
	for ; ; position++ {
		p.close()
		faulty := vfs.NewFaulty(vfs.OS(), fmt.Sprintf("* * #%d eio", position))
		p.files = faulty
		query, want := queries[position%2], wants[position%2]
		if err := p.tryOpen(query); err != nil {
			refused++
			p.close()
			faulty.SetScript("")
			p.open(query)
		}
		p.sums(want...)
		if t.Failed() {
			t.Fatalf("operation %d", position)
		}
		if faulty.Operations() < position {
			break
		}
	}
	t.Logf("%d operations, %d were refused", position-1, refused)
	if position < 20 || refused < 5 {
		t.Errorf("only %d operations, %d were refused", position-1, refused)
	}
}

// TestFlippedBitOfADefinition makes the note of a table's definition another one:
// the table is built anew from the event log.
func TestFlippedBitOfADefinition(t *testing.T) {
	p := newPlace(t)
	p.send(1, "a")
	p.sums("a 1 1")
	p.close()
	damageAll(t, p.dir+"/state/sums/definition")
	p.open(sumsQuery)
	p.sums("a 1 1")
	p.send(2, "a")
	p.sums("a 2 3")
}
