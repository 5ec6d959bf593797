package job

import (
	"testing"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine/exchange"
)

// TestPartsShareALease: the memory of a batch that was sent to several tasks, of
// several stages, is given back when each of them has used its part up.
func TestPartsShareALease(t *testing.T) {
	const tasks = 2
	var inboxes []*exchange.Inbox
	var to tee
	for range 2 {
		targets := []*exchange.Inbox{exchange.NewInbox([]int{1}), exchange.NewInbox([]int{1})}
		inboxes = append(inboxes, targets...)
		to = append(to, &edgeOutput{partition: exchange.NewPartition([]int{0}, tasks), targets: targets})
	}
	keys, back := batch.NewColumn(value.BigIntType, 100), 0
	for i := range int64(100) {
		keys.Ints = append(keys.Ints, i)
	}
	rows := &batch.Batch{Columns: []*batch.Column{keys}, Rows: len(keys.Ints), Lease: batch.NewLease(func() { back++ })}
	if err := to.rows(rows); err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, inbox := range inboxes {
		_, m, ok := inbox.Take(func(int) bool { return true })
		if !ok || back > 0 {
			t.Fatalf("a part for each task: %v; given back while there are parts: %v", ok, back > 0)
		}
		got += m.Batch.Rows
		m.Batch.Lease.Return()
	}
	if back != 1 || got != 2*rows.Rows {
		t.Errorf("given back %d times, after %d rows", back, got)
	}
}
