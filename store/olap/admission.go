package olap

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"tidemark/base/problem"
)

// admission decides which questions run. As many run as there are places; the
// others wait in order, or are refused when too many wait.
//
// One that has run for briefMax goes on in a place for long questions, if there is
// one, and lets a waiting one run: so that a few long questions do not hold up the
// many brief ones. A question that was long waits for such a place at once when it
// is asked again.
type admission struct {
	running chan struct{} // a token for each question in a place
	long    chan struct{} // a token for each in a place for long ones
	waiting chan struct{} // a token for each that runs or waits
	seed    maphash.Seed
	mu      struct {
		sync.Mutex
		long map[uint64]struct{} // hashes of questions that were long when they were asked last
	}
}

func newAdmission(running int) *admission {
	long := max(running/placesPerLong, 1)
	a := &admission{
		running: make(chan struct{}, running), long: make(chan struct{}, long),
		waiting: make(chan struct{}, (running+long)*(1+waitingPerRunning)), seed: maphash.MakeSeed(),
	}
	a.mu.long = map[uint64]struct{}{}
	return a
}

// most is how many questions run at the most.
func (a *admission) most() int { return cap(a.running) + cap(a.long) }

// admitted is a question that runs. It is released once.
type admitted struct {
	admission *admission
	question  uint64
	since     time.Time
	mu        struct {
		sync.Mutex
		inLong, released bool
		timer            *time.Timer
	}
}

// admit waits for a place for the question.
func (a *admission) admit(ctx context.Context, question string) (*admitted, error) {
	select {
	case a.waiting <- struct{}{}:
	default:
		return nil, problem.New(problem.TooBusy, "%d questions are waiting already", cap(a.waiting)-a.most()).WithHint("try again in a second").Retryable()
	}
	r := &admitted{admission: a, question: maphash.String(a.seed, question)}
	places := a.running
	if a.wasLong(r.question) {
		places, r.mu.inLong = a.long, true
	}
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		<-a.waiting
		return nil, Ended(ctx)
	}
	r.since = time.Now()
	if !r.mu.inLong {
		r.mu.Lock() // the timer may be early
		defer r.mu.Unlock()
		r.mu.timer = time.AfterFunc(briefMax, r.makeWay)
	}
	return r, nil
}

func (a *admission) wasLong(question uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, was := a.mu.long[question]
	return was
}

// ran notes how long a question took.
func (a *admission) ran(question uint64, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case took < briefMax:
		delete(a.mu.long, question)
	case len(a.mu.long) < longKnownMax:
		a.mu.long[question] = struct{}{}
	default:
		clear(a.mu.long)
	}
}

// makeWay moves the question to a place for long ones, or tries again later.
func (r *admitted) makeWay() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.released || r.mu.inLong {
		return
	}
	select {
	case r.admission.long <- struct{}{}:
		r.mu.inLong = true
		<-r.admission.running
	default:
		r.mu.timer.Reset(briefMax)
	}
}

// release gives the place back.
func (r *admitted) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.released = true
	if r.mu.timer != nil {
		r.mu.timer.Stop()
	}
	if r.mu.inLong {
		<-r.admission.long
	} else {
		<-r.admission.running
	}
	<-r.admission.waiting
	r.admission.ran(r.question, time.Since(r.since))
}
