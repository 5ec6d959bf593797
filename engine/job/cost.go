package job

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"tidemark/base/batch"
	"tidemark/engine/operator"
	"tidemark/plan"
)

// OperatorCost is what one worker's part of a plan node has cost so far.
type OperatorCost struct {
	// Node is what the operator does. Filters and projections right above each other
	// are one operator, and so is a table with its event time: then it is the topmost
	// of them. Nil is the sink, with the store of the epochs before it.
	Node     plan.Node
	Worker   int
	RowsIn   int64
	RowsOut  int64
	BytesIn  int64 // about, of the rows as they are in memory
	BytesOut int64
	Busy     time.Duration // that it worked, on a processor or not
	CPU      time.Duration
	// InputWait is how long its worker had nothing from the source or the exchange
	// that the operator reads; 0 for one that reads neither.
	InputWait time.Duration
	// OutputWait is how long it waited for room behind it: back-pressure.
	OutputWait time.Duration
	// StateBytes is what it holds in memory, StatePeak the most that it held; -1 for
	// an operator that does not count it.
	StateBytes, StatePeak int64
	Recent                Load
}

// cost is what an operator of one task has used. Everything but share and the sizes is
// read by other goroutines.
type cost struct {
	node            plan.Node
	worker          int
	in              *meter        // of the task; nil for the sink
	enters, leaves  bool          // it is the first, the last of the node's operators
	share           time.Duration // of the message that the task is working on
	rowsIn, rowsOut atomic.Int64
	bytesIn         atomic.Int64
	bytesOut        atomic.Int64
	sizeIn, sizeOut size
	busy, cpu       atomic.Int64 // ns
	commits         tally        // of the sink: time that is not in busy
	inputWait       tally
	outputWait      tally
	counts          bool         // its state
	state, peak     atomic.Int64 // bytes
	splits          []*split     // that it reads, of a source: their readers have times of their own
}

func newCost(e *element, t *task) *cost {
	return &cost{node: e.node, worker: t.index, in: &t.meter, enters: e.enters, leaves: e.leaves}
}

// took counts rows that came to the operator, if it is the node's first.
func (c *cost) took(rows *batch.Batch) {
	if !c.enters {
		return
	}
	c.rowsIn.Add(int64(rows.Live()))
	c.bytesIn.Add(c.sizeIn.of(rows))
}

// gave counts rows that it passed on, if it is the node's last.
func (c *cost) gave(rows *batch.Batch) {
	if !c.leaves {
		return
	}
	c.rowsOut.Add(int64(rows.Live()))
	c.bytesOut.Add(c.sizeOut.of(rows))
}

// worked is how long it has worked so far; the readers of splits have times of their
// own.
func (c *cost) worked(now time.Time) time.Duration {
	return time.Duration(c.busy.Load()) + c.commits.sum(now)
}

// processor is the CPU time so far, that of the splits' readers included.
func (c *cost) processor() time.Duration {
	sum := time.Duration(c.cpu.Load())
	for _, s := range c.splits {
		sum += time.Duration(s.cpu.Load())
	}
	return sum
}

// measureState notes what the link's operator holds. Only its task calls it.
func (l *link) measureState() {
	if !l.cost.counts {
		return
	}
	held := operator.HeldBytes(l.operator)
	l.cost.state.Store(held)
	if held > l.cost.peak.Load() {
		l.cost.peak.Store(held)
	}
}

// Costs is what the operators have cost so far, in the order of the plan: what
// feeds another comes after it, as in its print; then by worker, and the sink
// first. There are none before the job has begun to run.
func (j *Job) Costs() []OperatorCost {
	j.status.mu.Lock()
	all, loads := j.status.mu.costs, slices.Clone(j.status.mu.loads)
	j.status.mu.Unlock()
	if all == nil {
		return nil
	}
	places := map[plan.Node]int{nil: -1}
	plan.Inspect(j.spec.Plan, func(n plan.Node) bool {
		if _, known := places[n]; !known {
			places[n] = len(places)
		}
		return true
	})
	type part struct {
		node   plan.Node
		worker int
	}
	at := map[part]int{}
	now := time.Now()
	var sums []OperatorCost
	for i, c := range all {
		key := part{c.node, c.worker}
		place, known := at[key]
		if !known {
			place = len(sums)
			at[key] = place
			sums = append(sums, OperatorCost{Node: c.node, Worker: c.worker, StateBytes: -1, StatePeak: -1})
		}
		sums[place].add(c, now)
		sums[place].Recent.add(loads[i])
	}
	slices.SortStableFunc(sums, func(a, b OperatorCost) int {
		return cmp.Or(cmp.Compare(places[a.Node], places[b.Node]), cmp.Compare(a.Worker, b.Worker))
	})
	return sums
}

// add adds one of the node's operators: rows count where they come to the node and
// where they leave it, not in between.
func (o *OperatorCost) add(c *cost, now time.Time) {
	o.RowsIn += c.rowsIn.Load()
	o.BytesIn += c.bytesIn.Load()
	o.RowsOut += c.rowsOut.Load()
	o.BytesOut += c.bytesOut.Load()
	o.Busy += c.worked(now)
	o.CPU += c.processor()
	o.InputWait += c.inputWait.sum(now)
	o.OutputWait += c.outputWait.sum(now)
	for _, s := range c.splits {
		o.Busy += time.Duration(s.busy.Load())
		o.OutputWait += s.room.sum(now)
	}
	if c.counts {
		o.StateBytes = max(o.StateBytes, 0) + c.state.Load()
		o.StatePeak = max(o.StatePeak, 0) + c.peak.Load()
	}
}

const (
	// stringsSampled is how many strings of a column are looked at to tell how long
	// they are.
	stringsSampled = 16
	// batchesSized is how many batches are taken to have rows of one size: looking at
	// each costs as much as all else that is measured.
	batchesSized = 16
)

// size is how large rows are that pass a place.
type size struct {
	batches int
	row     float64 // bytes
}

// of is about how many bytes the live rows of a batch take. It looks at a few of them,
// and not in every batch.
func (s *size) of(rows *batch.Batch) int64 {
	live := rows.Live()
	if live == 0 {
		return 0
	}
	if s.batches%batchesSized == 0 {
		s.row = 0
		for _, c := range rows.Columns {
			s.row += rowBytes(c, rows.Rows)
		}
	}
	s.batches++
	return int64(s.row * float64(live))
}

// rowBytes is about how many bytes a row of a column takes that has so many rows.
func rowBytes(c *batch.Column, rows int) float64 {
	if rows == 0 {
		return 0
	}
	bytes := float64(len(c.Bools)+8*(len(c.Ints)+len(c.Floats)+len(c.Views)+len(c.Spans))+16*len(c.Wides)) / float64(rows)
	if n := len(c.Views); n > 0 {
		step, looked, length := max(n/stringsSampled, 1), 0, 0
		for i := 0; i < n; i += step {
			length += int(c.Views[i].Length)
			looked++
		}
		bytes += float64(length) / float64(looked)
	}
	for _, child := range c.Children {
		bytes += rowBytes(child, child.Len()) * float64(child.Len()) / float64(rows)
	}
	return bytes
}
