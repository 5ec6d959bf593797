package gateway

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/store/olap"
)

// answers are kept until a table that they were made from moves, and are given
// to whoever asks the same. Who asks while the same question is being answered
// from the same rows waits for that answer.
//
// Versions of tables are read before rows are, so an answer is never older than
// the versions that it is kept under. It may be newer: then its tables have moved,
// and nobody finds it.
type answers struct {
	versions func(tables []string) []uint64 // of the hot store
	mu       struct {
		sync.Mutex
		kept    map[answerKey]*list.Element // of *keptAnswer
		order   list.List                   // the one that was given last in front
		bytes   int64
		flights map[answerKey]*flight // the newest of each
		counts  CacheCounts
	}
}

// CacheCounts tells what became of questions that can be kept.
type CacheCounts struct {
	Computed int64 // answers that were computed
	Kept     int64 // questions that got an answer from before
	Shared   int64 // questions that waited for the answer to an equal one
	Answers  int64 // kept now
	Bytes    int64 // that these take, about
}

// answerKey is everything but rows that an answer depends on. The printed text
// says what the progress board had to do with it.
type answerKey struct {
	plan    planKey
	text    string
	rowsMax int
}

// keptAnswer is an answer. It is not changed any more.
type keptAnswer struct {
	key      answerKey
	tables   []string // that it was made from, as the hot store calls them
	versions []uint64 // of these
	at       time.Time
	columns  []value.Field
	batches  []*batch.Batch
	stats    olap.Stats
	engine   bool
	bytes    int64
}

// flight is a question that is being answered.
type flight struct {
	versions []uint64
	done     chan struct{} // closed at its end; what follows is set then
	answer   *keptAnswer   // nil when there is none to share
	large    bool          // the answer is too large to be kept
	err      error
}

// begin finds an answer made from tables, or the flight that brings it: one that is
// under way, or a new one, which the caller then leads and has to end.
func (a *answers) begin(key answerKey, tables []string) (found *keptAnswer, f *flight, leads bool) {
	versions := a.versions(tables)
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := a.mu.kept[key]; at != nil {
		kept := at.Value.(*keptAnswer)
		if slices.Equal(kept.versions, versions) {
			a.mu.order.MoveToFront(at)
			a.mu.counts.Kept++
			return kept, nil, false
		}
		a.remove(at)
	}
	if f := a.mu.flights[key]; f != nil && slices.Equal(f.versions, versions) {
		return nil, f, false
	}
	f = &flight{versions: versions, done: make(chan struct{})}
	if a.mu.flights == nil {
		a.mu.flights, a.mu.kept = map[answerKey]*flight{}, map[answerKey]*list.Element{}
	}
	a.mu.flights[key] = f
	a.mu.counts.Computed++
	return nil, f, true
}

// end gives those who wait what the flight has brought, and keeps it.
func (a *answers) end(key answerKey, f *flight) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.flights[key] == f {
		delete(a.mu.flights, key)
	}
	if f.answer != nil {
		a.keep(f.answer)
	}
	close(f.done)
}

// keep makes room for an answer: what nobody asked for longest goes first. Beside
// that the oldest ones go if nobody will find them any more. The caller holds mu.
func (a *answers) keep(k *keptAnswer) {
	if before := a.mu.kept[k.key]; before != nil {
		a.remove(before)
	}
	a.mu.kept[k.key] = a.mu.order.PushFront(k)
	a.mu.bytes += k.bytes
	for range staleLooks {
		if last := a.mu.order.Back(); last != nil && a.isStale(last.Value.(*keptAnswer)) {
			a.remove(last)
		}
	}
	for a.mu.bytes > answersBytesMax {
		a.remove(a.mu.order.Back())
	}
}

// isStale reports whether nobody will find the answer any more.
func (a *answers) isStale(k *keptAnswer) bool { return !slices.Equal(k.versions, a.versions(k.tables)) }

func (a *answers) remove(at *list.Element) {
	k := a.mu.order.Remove(at).(*keptAnswer)
	delete(a.mu.kept, k.key)
	a.mu.bytes -= k.bytes
}

// shared counts a question that waited for another one.
func (a *answers) shared() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mu.counts.Shared++
}

// counted gives the counts.
func (a *answers) counted() CacheCounts {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := a.mu.counts
	counts.Answers, counts.Bytes = int64(a.mu.order.Len()), a.mu.bytes
	return counts
}

// wait waits for the end of a flight that another question leads. Its answer is
// nil when this question has to be asked by itself, again is true when it should
// look for an answer once more: whoever led the flight has gone.
func (f *flight) wait(ctx context.Context) (answer *keptAnswer, again bool, err error) {
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, false, olap.Ended(ctx)
	}
	switch {
	case f.answer != nil || f.large:
		return f.answer, false, nil
	case problem.Is(f.err, problem.Timeout), problem.Is(f.err, problem.Canceled):
		return nil, true, nil
	}
	return nil, false, f.err
}
