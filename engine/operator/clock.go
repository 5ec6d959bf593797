package operator

import (
	"sync"

	"tidemark/base/batch"
	"tidemark/engine"
)

// Clock is the event time of one source: it knows how far each split has got,
// and combines that into the watermark, the least over the splits that are not
// idle and have not ended. It is shared by the workers that read the source.
//
// The combined watermark never falls: a split that wakes up behind the others
// has late rows.
type Clock struct {
	mu struct {
		sync.Mutex
		splits   []splitTime
		combined engine.Watermark
	}
}

type splitTime struct {
	watermark   engine.Watermark
	idle, ended bool
}

// NewClock makes the clock of a source whose splits have got to the given
// watermarks (batch.NoMark for new ones), with the combined one before.
func NewClock(splits []engine.Watermark, combined engine.Watermark) *Clock {
	c := &Clock{}
	for _, w := range splits {
		c.mu.splits = append(c.mu.splits, splitTime{watermark: w})
	}
	c.mu.combined = combined
	return c
}

// Mark turns before, the split's own watermark before each row of a batch, into
// the combined watermark before each row, notes that the split has got to after,
// and gives the combined watermark then. The split is not idle any more.
func (c *Clock) Mark(split int, before []int64, after engine.Watermark) engine.Watermark {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := &c.mu.splits[split]
	own.idle = false
	others := c.least(split)
	for i, w := range before {
		before[i] = max(c.mu.combined, min(w, others))
	}
	own.watermark = max(own.watermark, after)
	if w := min(own.watermark, others); w > c.mu.combined {
		c.mu.combined = w
	}
	return c.mu.combined
}

// least is the least watermark of the active splits but one; batch.Final when
// there are none.
func (c *Clock) least(but int) engine.Watermark {
	least := batch.Final
	for i, s := range c.mu.splits {
		if i != but && !s.idle && !s.ended {
			least = min(least, s.watermark)
		}
	}
	return least
}

// SetIdle notes that nobody waits for the split until it has rows again.
func (c *Clock) SetIdle(split int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.splits[split].idle = true
	c.rise()
}

// End notes that the split has no more rows.
func (c *Clock) End(split int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.splits[split].ended = true
	c.rise()
}

// rise lifts the combined watermark to that of the splits that still count. When
// the last of them falls silent, it is lifted to the greatest of the silent
// ones: it must not matter which of them was declared idle last. The end of all
// splits is told by Now.
func (c *Clock) rise() {
	w := c.least(-1)
	if w == batch.Final {
		w = c.mu.combined
		for _, s := range c.mu.splits {
			if s.idle && !s.ended {
				w = max(w, s.watermark)
			}
		}
	}
	c.mu.combined = max(c.mu.combined, w)
}

// Now is the combined watermark, and whether the source is idle as a whole, so
// that nobody has to wait for it. After the end of all splits it is batch.Final.
func (c *Clock) Now() (w engine.Watermark, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle, ended := true, true
	for _, s := range c.mu.splits {
		idle = idle && (s.idle || s.ended)
		ended = ended && s.ended
	}
	if ended {
		return batch.Final, false
	}
	return c.mu.combined, idle
}

// Split is how far one split has got, and whether it is waited for.
func (c *Clock) Split(split int) (w engine.Watermark, idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.splits[split].watermark, c.mu.splits[split].idle
}
