package job

import (
	"time"

	"tidemark/plan"
)

// Load is what one worker's part of a plan node has been doing over about the last
// second.
type Load struct {
	RowsIn, RowsOut float64 // a second
	CPU             float64 // processors
	Busy            float64 // part of the time; more than 1 when several readers work for it
	InputWait       float64 // part of the time
	OutputWait      float64 // part of the time, of its readers on average
}

// add adds another of the node's operators, which works in the same task.
func (l *Load) add(other Load) {
	l.RowsIn += other.RowsIn
	l.RowsOut += other.RowsOut
	l.CPU += other.CPU
	l.Busy += other.Busy
	l.InputWait = min(l.InputWait+other.InputWait, 1)
	l.OutputWait = min(l.OutputWait+other.OutputWait, 1)
}

// Holdup is the part of a plan that takes the most time while the rest waits for it.
type Holdup struct {
	Node plan.Node // nil is the sink
	Busy float64   // part of the time that its goroutine works, all of its nodes together
}

const (
	// heldFrom is from which part of the time on that sources wait something is
	// said to hold the job back.
	heldFrom = 0.1
	// holdsFrom is how busy it must be at least.
	holdsFrom = 0.3
)

// sample is what an operator had used at a moment.
type sample struct {
	rowsIn, rowsOut                  int64
	cpu, busy, inputWait, outputWait time.Duration
	readers                          readerSample
}

// readerSample is what the readers of an operator's splits had used, together.
type readerSample struct {
	busy, room time.Duration
}

func (c *cost) sample(now time.Time) sample {
	s := sample{
		rowsIn: c.rowsIn.Load(), rowsOut: c.rowsOut.Load(), cpu: c.processor(), busy: c.worked(now),
		inputWait: c.inputWait.sum(now), outputWait: c.outputWait.sum(now),
	}
	for _, split := range c.splits {
		s.readers.busy += time.Duration(split.busy.Load())
		s.readers.room += split.room.sum(now)
	}
	return s
}

// since is the load between two samples; readers is how many goroutines read for the
// operator.
func (s sample) since(before sample, passed time.Duration, readers int) Load {
	part := func(now, then time.Duration) float64 { return float64(max(now-then, 0)) / float64(passed) }
	l := Load{
		RowsIn:    float64(s.rowsIn-before.rowsIn) / passed.Seconds(),
		RowsOut:   float64(s.rowsOut-before.rowsOut) / passed.Seconds(),
		CPU:       min(part(s.cpu, before.cpu), float64(1+readers)), // an operator may be charged late for much at once
		Busy:      part(s.busy, before.busy) + part(s.readers.busy, before.readers.busy),
		InputWait: min(part(s.inputWait, before.inputWait), 1), OutputWait: min(part(s.outputWait, before.outputWait), 1),
	}
	if readers > 0 {
		l.OutputWait = max(l.OutputWait, min(part(s.readers.room, before.readers.room)/float64(readers), 1))
	}
	return l
}

// worked is which part of the time a goroutine has worked for a node.
type worked struct {
	in   *meter // the goroutine; nil is the committer
	node plan.Node
	busy float64
}

// holdup is the busiest node of the busiest goroutine; nil when none is busy enough.
func holdup(all []worked) *Holdup {
	sums := map[*meter]float64{}
	for _, w := range all {
		sums[w.in] += w.busy
	}
	var most worked
	for _, w := range all {
		if sums[w.in] > sums[most.in] || w.in == most.in && w.busy > most.busy || most.busy == 0 {
			most = w
		}
	}
	if most.busy == 0 || sums[most.in] < holdsFrom {
		return nil
	}
	return &Holdup{Node: most.node, Busy: min(sums[most.in], 1)}
}

// measureLoads notes what the operators have done since the last time, and what holds
// the job back. The board's mutex is held.
func (b *statusBoard) measureLoads(now time.Time, passed time.Duration) {
	var tasks, readers []worked
	var waited float64
	reading := 0
	for i, c := range b.mu.costs {
		s, before, active := c.sample(now), b.mu.samples[i], 0
		for _, split := range c.splits {
			if split.reads() {
				active++
			}
		}
		load := s.since(before, passed, active)
		b.mu.samples[i], b.mu.loads[i] = s, load
		tasks = append(tasks, worked{c.in, c.node, float64(s.busy-before.busy) / float64(passed)})
		if active > 0 {
			reading += active
			waited += float64(max(s.readers.room-before.readers.room, 0)) / float64(passed)
			readers = append(readers, worked{c.in, c.node, float64(s.readers.busy-before.readers.busy) / float64(passed) / float64(active)})
		}
	}
	st := &b.mu.status
	st.BackPressure, st.HeldBy = 0, nil
	if reading > 0 {
		st.BackPressure = min(waited/float64(reading), 1)
	}
	switch {
	case st.BackPressure >= heldFrom:
		st.HeldBy = holdup(tasks)
	case b.waits():
		st.HeldBy = holdup(readers)
	}
}

// waits reports whether rows wait in the sources.
func (b *statusBoard) waits() bool {
	for _, s := range b.mu.sources {
		for _, split := range s.splits {
			if rows, _ := split.lagNow(); rows > 0 {
				return true
			}
		}
	}
	return false
}
