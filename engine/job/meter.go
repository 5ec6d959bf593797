package job

import (
	"runtime"
	"time"
)

// meter charges the time of a task's goroutine to its operators. Which of them
// works is noted with the cheap clock whenever a batch passes from one to the next;
// the thread's CPU time is read only around a whole message, and divided by how
// long each has worked. What the goroutine waits is not in either.
//
// The goroutine keeps its thread for as long as it is charged, so that both readings are
// of one thread's clock. It gives the thread back before it waits for messages.
type meter struct {
	costs   []*cost // of the task's operators
	own     cost    // of what is no operator's
	working *cost   // who is charged at the moment
	since   time.Time
	span    stopwatch // of the message
}

// begin starts to charge; end stops. Between two messages nothing is charged.
func (m *meter) begin() {
	m.span = startStopwatch()
	m.working, m.since = &m.own, m.span.began
}

// enter charges c from now on, and gives back who was charged before.
func (m *meter) enter(c *cost) (before *cost) {
	now := time.Now()
	m.working.share += now.Sub(m.since)
	before, m.working, m.since = m.working, c, now
	return before
}

func (m *meter) end() {
	m.enter(&m.own)
	passed, processor := m.span.stop()
	for _, c := range m.costs {
		if c.share > 0 {
			c.busy.Add(int64(c.share))
			c.cpu.Add(int64(float64(c.share) * float64(processor) / float64(max(passed, 1))))
			c.share = 0
		}
	}
	m.own.share = 0
}

// pause is around waiting for room behind the operator that works.
func (m *meter) pause(wait func() error) error {
	c := m.working
	m.end()
	c.outputWait.begin(time.Now())
	err := wait()
	c.outputWait.end(time.Now())
	m.begin()
	m.working = c
	return err
}

// stopwatch measures how long something takes, and how much of that its thread was
// on a processor. The goroutine keeps the thread until stop, so that nobody else's
// work is on the thread's clock.
type stopwatch struct {
	began     time.Time
	processor time.Duration
	known     bool // the thread's time
}

func startStopwatch() stopwatch {
	runtime.LockOSThread()
	s := stopwatch{}
	s.processor, s.known = threadTime()
	s.began = time.Now()
	return s
}

// stop gives both; where the thread's time is unknown, all was on a processor.
func (s stopwatch) stop() (passed, processor time.Duration) {
	passed = time.Since(s.began)
	now, known := threadTime()
	runtime.UnlockOSThread()
	if !s.known || !known {
		return passed, passed
	}
	return passed, min(max(now-s.processor, 0), passed)
}
