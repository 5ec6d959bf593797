package operator

import "tidemark/engine"

// HeldBytes is about how many bytes of state an operator holds in memory; -1 when
// it does not count them. Only the goroutine that drives the operator may ask.
func HeldBytes(of engine.Operator) int64 {
	switch o := of.(type) {
	case *Join:
		if o.spill != nil {
			return o.spill.held()
		}
	case interface{ held() int64 }:
		return o.held()
	}
	return -1
}

// GiveBack gives back the memory of an operator that is not the garbage collector's.
// Nobody uses the operator any more.
func GiveBack(of engine.Operator) {
	if o, ok := of.(interface{ giveBack() }); ok {
		o.giveBack()
	}
}
