package exchange

import (
	"context"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
)

func TestWatermarksAreTheLeastThatCounts(t *testing.T) {
	w := NewWatermarks(2)
	for i, step := range []struct {
		sender   int
		to       engine.Watermark
		idle     bool
		combined engine.Watermark
		allIdle  bool
	}{
		{0, 10, false, batch.NoMark, false},
		{1, 5, false, 5, false},
		{1, 5, true, 10, false},  // nobody waits for an idle sender
		{1, 7, false, 10, false}, // and it does not turn time back
		{1, 12, true, 10, false},
		{0, 11, true, 12, true}, // all idle: the one that is furthest decides
		{0, batch.Final, false, batch.Final, false},
	} {
		combined, allIdle := w.Set(step.sender, step.to, step.idle)
		if combined != step.combined || allIdle != step.allIdle || w.Now() != combined {
			t.Errorf("step %d: got %d, %t; want %d, %t", i, combined, allIdle, step.combined, step.allIdle)
		}
	}
}

func TestAlignmentHoldsBackWhoHasPassed(t *testing.T) {
	a := NewAlignment(2)
	for range 2 { // it can be used again
		if a.Pass(1) || !a.Held(1) || a.Held(0) {
			t.Fatal("after one of two senders")
		}
		if !a.Pass(0) || a.Held(0) || a.Held(1) {
			t.Fatal("after both senders")
		}
	}
}

// TestRowsOfAKeyGoToOneTask: and to the same as its state, and none is lost.
func TestRowsOfAKeyGoToOneTask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := rapid.IntRange(1, 5).Draw(t, "tasks")
		c := batch.NewColumn(value.BigIntType, 0)
		n := rapid.IntRange(0, 50).Draw(t, "rows")
		for range n {
			c.AppendValue(value.OfBigInt(rapid.Int64Range(0, 9).Draw(t, "key")))
		}
		b := &batch.Batch{Columns: []*batch.Column{c}, Rows: n, Marks: make([]int64, n)}
		if rapid.Bool().Draw(t, "selected") {
			b.Sel = []uint16{}
			for i := range n {
				if i%2 == 0 {
					b.Sel = append(b.Sel, uint16(i))
				}
			}
		}
		live := b.Live()
		for task, part := range NewPartition([]int{0}, tasks).Cut(b) {
			if part == nil {
				continue
			}
			live -= part.Rows
			for i := range part.Rows {
				g := engine.GroupOf(batch.AppendKey(nil, part.Columns, i))
				if !engine.WorkerOf(task, tasks).Has(g) {
					t.Errorf("key %d of group %d went to task %d of %d", part.Columns[0].Ints[i], g, task, tasks)
				}
			}
		}
		if live != 0 {
			t.Errorf("%d rows too few", live)
		}
	})
}

func TestInboxKeepsOrderAndLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewInbox([]int{2, 2})
		sent := make(chan error)
		go func() {
			for e := engine.Epoch(1); e <= 5; e++ {
				if err := b.Put(context.Background(), 0, Message{Epoch: e}); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		synctest.Wait()
		if n := b.Waiting(0); n != 2 {
			t.Errorf("%d messages wait, want 2", n)
		}
		if _, _, ok := b.Take(func(sender int) bool { return sender == 1 }); ok {
			t.Error("a sender that is not allowed was read")
		}
		for e := engine.Epoch(1); e <= 5; e++ {
			<-b.Arrived()
			synctest.Wait()
			_, m, ok := b.Take(func(int) bool { return true })
			if !ok || m.Epoch != e {
				t.Errorf("got message %d, %t; want %d", m.Epoch, ok, e)
			}
			b.Poke()
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	})
}

func TestPutGivesUpWithItsContext(t *testing.T) {
	b := NewInbox([]int{0})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Put(ctx, 0, Message{}); err == nil {
		t.Error("no error")
	}
}
