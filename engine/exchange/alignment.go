package exchange

import (
	"tidemark/base/batch"
	"tidemark/engine"
)

// Watermarks combines the watermarks of several senders: the least of those
// that are not idle, or, when all are, the greatest, as if the one with it had
// been the last to fall silent. It never falls.
type Watermarks struct {
	senders  []engine.Watermark
	idle     []bool
	combined engine.Watermark
}

// NewWatermarks combines n senders, none of which has said anything yet.
func NewWatermarks(n int) *Watermarks {
	w := &Watermarks{senders: make([]engine.Watermark, n), idle: make([]bool, n), combined: batch.NoMark}
	for i := range w.senders {
		w.senders[i] = batch.NoMark
	}
	return w
}

// Set notes what a sender said, and gives the combined watermark and whether
// all senders are idle.
func (w *Watermarks) Set(sender int, to engine.Watermark, idle bool) (combined engine.Watermark, allIdle bool) {
	w.senders[sender], w.idle[sender] = max(w.senders[sender], to), idle
	least, greatest, allIdle := batch.Final, batch.NoMark, true
	for i, s := range w.senders {
		greatest = max(greatest, s)
		if !w.idle[i] {
			least, allIdle = min(least, s), false
		}
	}
	if allIdle {
		least = greatest
	}
	w.combined = max(w.combined, least)
	return w.combined, allIdle
}

// Now is the combined watermark.
func (w *Watermarks) Now() engine.Watermark { return w.combined }

// Alignment holds senders back that have passed a barrier until all have, so
// that what a task remembers at the barrier is of the rows before it exactly.
type Alignment struct {
	passed []bool
	left   int
}

// NewAlignment waits for n senders.
func NewAlignment(n int) *Alignment { return &Alignment{passed: make([]bool, n), left: n} }

// Pass notes that the sender has passed the barrier and reports whether all
// have; then all are let go on.
func (a *Alignment) Pass(sender int) (aligned bool) {
	a.passed[sender] = true
	if a.left--; a.left > 0 {
		return false
	}
	clear(a.passed)
	a.left = len(a.passed)
	return true
}

// Held reports whether the sender has to wait.
func (a *Alignment) Held(sender int) bool { return a.passed[sender] }
