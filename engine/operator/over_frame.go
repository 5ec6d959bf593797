package operator

import (
	"sort"

	"tidemark/base/batch"
	"tidemark/base/value"
	"tidemark/plan"
)

// overRun is rows of one partition in order, for which calls are computed: all
// of them, or in a stream those that frames still reach back to and, from start
// on, the ones whose turn it is.
type overRun struct {
	group  uint32   // of the accumulators
	rows   []uint32 // numbers of rows
	start  int      // the first one that is shown
	base   int64    // how many rows of the partition are before rows
	at     []uint32 // of each row: where it stands among the decoded rows, notDecoded if nobody needs it
	first  int      // the ordinal of rows[start] among all shown rows
	peers  [][2]int // of each row from start on: where its peers begin and end
	keys   []int64  // of each row: the first sort key in units that frames are bounded in; nil when no frame needs them
	before int      // rows in front whose key is NULL
	behind int      // rows at the end whose key is NULL

	// Of a stream, before rows[start]: what the functions that number rows have
	// got to.
	distinct int64 // different sort keys so far
}

// notDecoded marks a row that no call needs.
const notDecoded = ^uint32(0)

// frameEnds are the frames of one call over a run: rows [from, to) of each shown
// row.
type frameEnds struct{ from, to []int }

// framesOf gives the frame of every shown row. Both ends ascend.
func (r *overRun) framesOf(f plan.Frame, unit int64) frameEnds {
	n := len(r.rows) - r.start
	e := frameEnds{from: make([]int, n), to: make([]int, n)}
	for k := range n {
		e.from[k] = r.frameFrom(f, k, unit)
		e.to[k] = max(e.from[k], r.frameTo(f, k, unit))
	}
	return e
}

// setPeers finds the peers of the shown rows.
func (r *overRun) setPeers(arePeers func(a, b uint32) bool) {
	r.peers = make([][2]int, len(r.rows)-r.start)
	for from := r.start; from < len(r.rows); {
		to := from + 1
		for to < len(r.rows) && arePeers(r.rows[from], r.rows[to]) {
			to++
		}
		for i := from; i < to; i++ {
			r.peers[i-r.start] = [2]int{from, to}
		}
		from = to
	}
}

func (r *overRun) frameFrom(f plan.Frame, k int, unit int64) int {
	i := r.start + k
	if f.From.Kind == plan.UnboundedPreceding {
		return 0
	}
	if !f.Range {
		switch f.From.Kind {
		case plan.Preceding:
			return max(0, back(i, f.From.Offset))
		case plan.Following:
			return min(len(r.rows), ahead(i, f.From.Offset))
		default:
			return i
		}
	}
	if f.From.Kind == plan.CurrentRow || r.isNullKey(i) {
		return r.peers[k][0]
	}
	bound := moved(r.keys[i], f.From, unit)
	return r.search(func(key int64) bool { return key >= bound })
}

func (r *overRun) frameTo(f plan.Frame, k int, unit int64) int {
	i := r.start + k
	if f.To.Kind == plan.UnboundedFollowing {
		return len(r.rows)
	}
	if !f.Range {
		switch f.To.Kind {
		case plan.Preceding:
			return max(0, back(i, f.To.Offset)+1)
		case plan.Following:
			return min(len(r.rows), ahead(i, f.To.Offset)+1)
		default:
			return i + 1
		}
	}
	if f.To.Kind == plan.CurrentRow || r.isNullKey(i) {
		return r.peers[k][1]
	}
	bound := moved(r.keys[i], f.To, unit)
	return r.search(func(key int64) bool { return key > bound })
}

// back and ahead move a row number without overflow.
func back(i int, by int64) int {
	if by > int64(i) {
		return -1
	}
	return i - int(by)
}

func ahead(i int, by int64) int {
	if by > batch.MaxHeap {
		return batch.MaxHeap + i
	}
	return i + int(by)
}

// moved is a key at the distance of a bound.
func moved(key int64, by plan.FrameBound, unit int64) int64 {
	distance := by.Offset * unit
	if by.Kind == plan.Preceding {
		return key - distance
	}
	return key + distance
}

func (r *overRun) isNullKey(i int) bool { return i < r.before || i >= len(r.rows)-r.behind }

// search is the first row with a key that has reached something.
func (r *overRun) search(reached func(key int64) bool) int {
	keyed := r.keys[r.before : len(r.rows)-r.behind]
	return r.before + sort.Search(len(keyed), func(i int) bool { return reached(keyed[i]) })
}

// frameUnit is how many of a key's own units frames count as one: bounds of times
// are in milliseconds, and timestamps are kept in microseconds.
func frameUnit(key value.Type) int64 {
	if key.IsTimestamp() {
		return 1000
	}
	return 1
}

// frameKey is a key in the units that frames are bounded in.
func frameKey(c *batch.Column, i int, descending bool) int64 {
	var key int64
	switch {
	case c.Type.Class() == value.Wides:
		micros, rest := c.Wides[i].QuoRem(value.Int128Of(1000))
		key = micros.Int64()
		if rest.Sign() < 0 {
			key--
		}
	case c.Type.Kind == value.Date:
		key = c.Ints[i] * dayMilliseconds
	default:
		key = c.Ints[i]
	}
	if descending {
		return -key
	}
	return key
}
