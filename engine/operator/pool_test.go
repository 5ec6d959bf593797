package operator

import (
	"testing"
	"time"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/engine"
	"tidemark/engine/state"
	"tidemark/plan"
)

// TestOperatorsLendMemory: one of two operators may hold what the other does not
// need, and gives it back when it is needed.
func TestOperatorsLendMemory(t *testing.T) {
	spill := state.NewMemorySpill()
	defer spill.Close() //nolint:errcheck // it is in memory
	const share = 256 << 10
	pool := NewPool(2 * share)
	nobody := func(*batch.Batch) error { return nil }
	make := func() (engine.Operator, *Spilling) {
		env := Environment{Context: &plan.Context{Streaming: true, Zone: time.UTC}, Worker: engine.WorkerOf(0, 1), Memory: share, Pool: pool, Spill: spill}
		op, err := newCounting(env, countingPlan())
		if err != nil {
			t.Fatal(err)
		}
		behind := op.(*overWindows)
		limited := NewSpilling(env, behind.Operator).(*Spilling)
		behind.Operator = limited
		return op, limited
	}
	first, large := make()
	second, small := make()
	fill := func(op engine.Operator, from, to int64) {
		t.Helper()
		var events []event
		for k := from; k < to; k++ {
			events = append(events, event{k: value.OfBigInt(k), v: value.OfBigInt(1), at: value.Value{Type: eventTime}, id: value.OfBigInt(k)})
		}
		if err := op.Process(0, batchOf(events, 0, 1), nobody); err != nil {
			t.Fatal(err)
		}
	}
	for k := int64(0); large.held() <= large.limit; k += 50 {
		fill(first, k, k+50)
	}
	if large.spilled {
		t.Fatal("it has spilled although there was memory that nobody used")
	}
	for k := int64(0); small.held()+large.held() <= pool.limit && !small.spilled; k += 50 {
		fill(second, k, k+50)
	}
	if small.spilled {
		t.Fatal("who held less than his share has spilled")
	}
	for _, op := range []engine.Operator{second, first} {
		if err := op.Flush(nobody); err != nil {
			t.Fatal(err)
		}
	}
	if !large.spilled || large.held() > large.limit {
		t.Errorf("%d bytes are held, spilled: %t", large.held(), large.spilled)
	}
}
