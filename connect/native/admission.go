package native

import (
	"sync"
	"sync/atomic"
	"time"
)

// Quota is how much may come in a second; zero values do not limit.
type Quota struct {
	Events int64 `json:"events_per_second"`
	Bytes  int64 `json:"bytes_per_second"`
}

// quotaBurst is for how long a quota that was not used can be used later.
const quotaBurst = time.Second

// Allowance keeps a quota. What comes is never cut: it is charged when it is there,
// and whoever sends has to wait until what was too much is paid for. It is safe for
// concurrent use; several tables may share one.
type Allowance struct {
	mu struct {
		sync.Mutex
		quota Quota
		// left of the quota at a time; negative is owed.
		events, bytes float64
		at            time.Time
	}
}

// Set changes the quota.
func (a *Allowance) Set(q Quota) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.quota = q
	a.mu.events, a.mu.bytes, a.mu.at = float64(q.Events), float64(q.Bytes), time.Time{}
}

// Quota is what was set.
func (a *Allowance) Quota() Quota {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.quota
}

// charge takes what has come from what is left.
func (a *Allowance) charge(now time.Time, events, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refill(now)
	a.mu.events -= float64(events)
	a.mu.bytes -= float64(bytes)
}

// wait is how long it takes until nothing is owed.
func (a *Allowance) wait(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refill(now)
	return max(owed(a.mu.events, a.mu.quota.Events), owed(a.mu.bytes, a.mu.quota.Bytes))
}

func owed(left float64, perSecond int64) time.Duration {
	if perSecond <= 0 || left >= 0 {
		return 0
	}
	return time.Duration(-left / float64(perSecond) * float64(time.Second))
}

// refill adds what time has brought. The caller holds mu.
func (a *Allowance) refill(now time.Time) {
	if !a.mu.at.IsZero() {
		passed := max(0, now.Sub(a.mu.at).Seconds())
		a.mu.events = min(a.mu.events+passed*float64(a.mu.quota.Events), float64(a.mu.quota.Events)*quotaBurst.Seconds())
		a.mu.bytes = min(a.mu.bytes+passed*float64(a.mu.quota.Bytes), float64(a.mu.quota.Bytes)*quotaBurst.Seconds())
	}
	a.mu.at = now
}

// admission is what an intake asks before it is given more.
type admission struct {
	allowances []*Allowance // of the table, and of those that it belongs to
	pausedTo   atomic.Int64 // Unix ms; those who read the table are too far behind
}

// Limit has the intake keep quotas. It is called before the first event.
func (in *Intake) Limit(allowances ...*Allowance) { in.admission.allowances = allowances }

// Pause has senders wait until then.
func (in *Intake) Pause(until time.Time) { in.admission.pausedTo.Store(until.UnixMilli()) }

// Wait is how long a sender should wait before it sends more; behind tells that it
// is because those who read the table are too far behind, not for a quota. What is
// sent all the same is taken: doors refuse, or read on later.
func (in *Intake) Wait() (wait time.Duration, behind bool) {
	now := time.Now()
	for _, a := range in.admission.allowances {
		wait = max(wait, a.wait(now))
	}
	if paused := time.UnixMilli(in.admission.pausedTo.Load()).Sub(now); paused > wait {
		return paused, true
	}
	return wait, false
}

func (in *Intake) charge(events, bytes int) {
	now := time.Now()
	for _, a := range in.admission.allowances {
		a.charge(now, events, bytes)
	}
}
