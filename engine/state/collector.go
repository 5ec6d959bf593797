package state

import (
	"runtime/debug"
	"sync"
)

// spillingGCPercent is how much garbage, in percent of what is in use, there may
// be while some state is in files. State that fills a job's memory would have as
// much garbage beside it otherwise. To collect it more often costs little: state
// has hardly a pointer to follow.
const spillingGCPercent = 40

// collector is the setting of the garbage collector, which is one for the process.
var collector struct {
	sync.Mutex
	tight  int // how many want it to be tight
	before int // percent, before the first of them
}

// tightenCollector has garbage collected earlier until it is relaxed as often. A
// lower setting stays as it is, and so does a collector that is switched off.
func tightenCollector() {
	collector.Lock()
	defer collector.Unlock()
	if collector.tight++; collector.tight > 1 {
		return
	}
	if collector.before = debug.SetGCPercent(spillingGCPercent); collector.before < spillingGCPercent {
		debug.SetGCPercent(collector.before)
	}
}

func relaxCollector() {
	collector.Lock()
	defer collector.Unlock()
	if collector.tight--; collector.tight == 0 {
		debug.SetGCPercent(collector.before)
	}
}
