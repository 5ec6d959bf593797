package operator

import "tidemark/engine"

// timeQueue gives numbers in the order in which they are due.
//
// What is put in comes nearly in that order, mostly from a few inputs of which
// each is in order. So there are a few runs that ascend, whose last ones ascend
// from run to run backwards; what fits none of them goes to a heap.
type timeQueue struct {
	runs [timeRuns]timeRun
	heap timeHeap
}

// timeRuns is how many runs there are.
const timeRuns = 4

// timed is a number that is due when the watermark is at a time.
type timed struct {
	due    int64
	order  uint64 // among what is due at the same time
	number uint32
}

func (t *timed) before(other *timed) bool {
	return t.due < other.due || t.due == other.due && t.order < other.order
}

// timeRun is a queue whose elements ascend.
type timeRun struct {
	list  []timed
	taken int
}

func (q *timeQueue) push(t timed) {
	for i := range q.runs {
		r := &q.runs[i]
		if n := len(r.list); n == 0 || !t.before(&r.list[n-1]) {
			r.list = append(r.list, t)
			return
		}
	}
	q.heap.push(t)
}

// first is the element that is due first, and the run that it is in; timeRuns for
// the heap. It is nil when there is none.
func (q *timeQueue) first() (first *timed, run int) {
	if len(q.heap) > 0 {
		first, run = &q.heap[0], timeRuns
	}
	for i := range q.runs {
		if r := &q.runs[i]; r.taken < len(r.list) && (first == nil || r.list[r.taken].before(first)) {
			first, run = &r.list[r.taken], i
		}
	}
	return first, run
}

func (q *timeQueue) isDue(w engine.Watermark) bool {
	first, _ := q.first()
	return first != nil && first.due <= w
}

// pop takes the element that is due first; there is one.
func (q *timeQueue) pop() timed {
	first, run := q.first()
	if run == timeRuns {
		return q.heap.pop()
	}
	t, r := *first, &q.runs[run]
	r.taken++
	if 2*r.taken >= len(r.list) {
		// At most as many move as were taken.
		r.list, r.taken = r.list[:copy(r.list, r.list[r.taken:])], 0
	}
	return t
}

// timeHeap is a binary heap.
type timeHeap []timed

func (h *timeHeap) push(t timed) {
	a := append(*h, t)
	for i := len(a) - 1; i > 0 && a[i].before(&a[(i-1)/2]); i = (i - 1) / 2 {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
	}
	*h = a
}

func (h *timeHeap) pop() timed {
	a := *h
	first, last := a[0], len(a)-1
	a[0] = a[last]
	a = a[:last]
	for i := 0; 2*i+1 < last; {
		least := 2*i + 1
		if least+1 < last && a[least+1].before(&a[least]) {
			least++
		}
		if !a[least].before(&a[i]) {
			break
		}
		a[i], a[least] = a[least], a[i]
		i = least
	}
	*h = a
	return first
}
