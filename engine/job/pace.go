package job

import "time"

// The rhythm of epochs.
const (
	// epochIntervalMin is the least time between two epochs. Half of it is what a
	// row waits for its epoch where epochs are quick.
	epochIntervalMin = 25 * time.Millisecond
	// epochRest is how many times as long as an epoch took the next one is away:
	// what epochs cost whatever is in them (two syncs, a transaction, changes that
	// a later row changes again) stays a part of the work when the machine is busy.
	epochRest = 3
	// gatherTime is how long the first rows after a rest wait for those that came
	// together with them: a body has many batches, an event rows in two tables.
	gatherTime = 4 * time.Millisecond
)

// pace decides how long after an epoch began the next one does, from how long
// epochs took until they could be seen.
type pace struct {
	steady   bool          // always the longest interval
	longest  time.Duration // Spec.EpochInterval
	interval time.Duration
}

// newPace begins with the shortest interval. A job that keeps nothing has nobody
// who waits for its epochs: they stay the longest apart.
func newPace(spec *Spec) pace {
	first := min(epochIntervalMin, spec.EpochInterval)
	if spec.Store == nil {
		first = spec.EpochInterval
	}
	return pace{steady: spec.Store == nil, longest: spec.EpochInterval, interval: first}
}

// took notes the time that an epoch took.
func (p *pace) took(d time.Duration) {
	if !p.steady {
		p.interval = min(max(epochRest*d, epochIntervalMin), p.longest)
	}
}
