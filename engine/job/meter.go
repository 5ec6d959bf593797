package job

import (
	"runtime"
	"time"
)

// meter charges the time of a task's goroutine to its operators. Which of them
// works is noted with the cheap clock whenever a batch passes from one to the next;
// the thread's CPU time is read only around a whole message, not around each, and
// divided by how long each has worked. What the goroutine waits is not in either.
//
// The goroutine keeps its thread for as long as its CPU time is measured, so that both
// readings are of one thread's clock. It gives the thread back before it waits for
// messages.
type meter struct {
	costs   []*cost // of the task's operators
	own     cost    // of what is no operator's
	working *cost   // who is charged at the moment
	since   moment
	span    stopwatch // of the message
	thread  thread
}

// begin starts to charge; end stops. Between two messages nothing is charged.
func (m *meter) begin() {
	m.span = m.thread.start()
	m.working, m.since = &m.own, m.span.began
}

// enter charges c from now on, and gives back who was charged before.
func (m *meter) enter(c *cost) (before *cost) {
	now := clock()
	m.working.share += time.Duration(now - m.since)
	before, m.working, m.since = m.working, c, now
	return before
}

func (m *meter) end() {
	m.enter(&m.own)
	passed, processor := m.thread.stop(m.span)
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

// moment is a reading of the monotonic clock, which costs half as much as time.Now.
type moment time.Duration

var clockStarted = time.Now()

func clock() moment { return moment(time.Since(clockStarted)) }

// threadInterval is the time between two measurements of a goroutine's CPU time: two
// system calls, and a goroutine that is bound to its thread, which the scheduler and
// the collector do not like: measured with every batch, it cost a tenth of q0.
const threadInterval = moment(10 * time.Millisecond)

// thread measures how much of what a goroutine works its thread is on a processor, from
// time to time. In between, the part that was found last counts.
type thread struct {
	measured moment // when it was measured last; 0 for never
	part     float64
}

// stopwatch measures how long something takes.
type stopwatch struct {
	began     moment
	measures  bool // the thread's time, too
	processor time.Duration
}

// start begins to measure. A goroutine that measures its thread's time keeps the thread
// until stop, so that nobody else's work is on the thread's clock.
func (t *thread) start() stopwatch {
	s := stopwatch{began: clock()}
	if t.measured != 0 && s.began-t.measured < threadInterval {
		return s
	}
	runtime.LockOSThread()
	t.measured, s.measures = s.began, true
	s.processor, _ = threadTime()
	return s
}

// stop gives how long it took, and how much of that the thread was on a processor;
// where that cannot be known, all of it.
func (t *thread) stop(s stopwatch) (passed, processor time.Duration) {
	passed = time.Duration(clock() - s.began)
	if s.measures {
		now, known := threadTime()
		runtime.UnlockOSThread()
		t.part = 1
		if known && passed > 0 {
			t.part = min(float64(max(now-s.processor, 0))/float64(passed), 1)
		}
	}
	return passed, time.Duration(t.part * float64(passed))
}
