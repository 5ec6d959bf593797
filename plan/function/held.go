package function

import "unsafe"

// heldBy is how many bytes a slice has room for.
func heldBy[T any](s []T) int64 {
	var one T
	return int64(cap(s)) * int64(unsafe.Sizeof(one))
}

func (b *bag) held() int64 {
	return heldBy(b.entries) + heldBy(b.table) + heldBy(b.groups) + heldBy(b.heap)
}

func (s *slots) held() int64 { return heldBy(s.places) + heldBy(s.heap) }

func (s *sequence) held() int64 {
	return s.index.held() + heldBy(s.same) + heldBy(s.items) + heldBy(s.groups) + heldBy(s.heap)
}

// Held implements plan.Accumulator.
func (s *counting) Held() int64 { return heldBy(s.counts) }

// Held implements plan.Accumulator.
func (s *intSum) Held() int64 { return heldBy(s.totals) }

// Held implements plan.Accumulator.
func (s *floatSum) Held() int64 { return heldBy(s.totals) }

// Held implements plan.Accumulator.
func (s *decimalSum) Held() int64 { return heldBy(s.totals) }

// Held implements plan.Accumulator.
func (s *floatVariance) Held() int64 { return heldBy(s.moments) }

// Held implements plan.Accumulator.
func (s *exactVariance) Held() int64 { return heldBy(s.moments) }

// Held implements plan.Accumulator.
func (s *extreme[T]) Held() int64 { return heldBy(s.best) + heldBy(s.seen) }

// Held implements plan.Accumulator.
func (s *extremeOfKeys) Held() int64 { return s.best.held() }

// Held implements plan.Accumulator. The heaps of groups have room for up to twice
// their values.
func (s *extremeOfBag) Held() int64 {
	return s.bag.held() + heldBy(s.heaps) + heldBy(s.place) + 2*4*int64(s.bag.live)
}

// Held implements plan.Accumulator.
func (s *edge) Held() int64 { return s.value.held() }

// Held implements plan.Accumulator.
func (s *ordered) Held() int64 { return s.values.held() }

// Held implements plan.Accumulator.
func (s *percentile) Held() int64 { return s.bag.held() }

// Held implements plan.Accumulator.
func (s *distinctCount) Held() int64 { return s.bag.held() + heldBy(s.counts) }

// Held implements plan.Accumulator.
func (s *distinct) Held() int64 { return s.inner.Held() + s.seen.held() }
