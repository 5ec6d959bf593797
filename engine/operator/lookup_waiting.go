package operator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"tidemark/base/batch"
	"tidemark/engine"
)

// waitingLookup is a row that waits: because it found nothing yet, or for those
// in front of it. Stored as: when it came, when it is asked for again, how often
// it was, whether it is ready, its mark, the watermark that is held for it
// (varint each), and the row.
type waitingLookup struct {
	group     engine.KeyGroup // that it is stored in
	number    uint64          // in the order of arrival
	came, due int64           // ms since 1970
	asked     int             // lookups that found nothing
	ready     bool            // it is passed on next: it was found, or given up
	mark      engine.Watermark
	held      engine.Watermark // the operator's when it came
	row       []byte
	flags     groupFlags
}

// waitingLookups is the rows that wait, in order of arrival.
type waitingLookups struct {
	rows    []*waitingLookup
	next    uint64 // number of the next row
	deleted []storedKey
}

func (w *waitingLookups) count() int { return len(w.rows) }

// first is the row that has waited longest, nil when none waits.
func (w *waitingLookups) first() *waitingLookup {
	if len(w.rows) == 0 {
		return nil
	}
	return w.rows[0]
}

// key is what a row is stored under.
func (r *waitingLookup) key() []byte {
	return binary.BigEndian.AppendUint64([]byte{'w'}, r.number)
}

// keep lets the rows wait that are not passed on.
func (j *LookupJoin) keep(in *batch.Batch, passes, hit []bool) {
	var stored joinRows
	j.input.encode(&stored, in)
	now := j.env.Context.Now.UnixMilli()
	before := j.waiting.count()
	for i := range in.Rows {
		if passes[i] {
			continue
		}
		w := &waitingLookup{group: j.env.Worker.From, number: j.waiting.next, came: now, mark: in.Mark(i), held: j.now, row: slices.Clone(stored.row(i)), flags: unsaved}
		j.waiting.next++
		j.answered(w, hit[i], now)
		j.waiting.rows = append(j.waiting.rows, w)
	}
	j.env.wait(j.waiting.count() - before)
}

// answered notes the answer of a lookup for a row that waits.
func (j *LookupJoin) answered(w *waitingLookup, hit bool, now int64) {
	w.flags |= unsaved
	if !hit {
		w.asked++
	}
	w.due = now + j.retry.delay(max(w.asked, 1)).Milliseconds()
	if j.retry.within > 0 {
		w.due = min(w.due, w.came+j.retry.within.Milliseconds())
	}
	expired := j.retry.within > 0 && now >= w.came+j.retry.within.Milliseconds()
	w.ready = hit || w.asked > j.retry.attempts || expired
}

// askAgain asks for the rows that are due, and passes on those that need not
// wait any more. At batch.Final that is all of them.
func (j *LookupJoin) askAgain(now int64, emit engine.Emit) error {
	var due []*waitingLookup
	for _, w := range j.waiting.rows {
		if !w.ready && w.due <= now {
			due = append(due, w)
		}
	}
	for part := range inBatches(due) {
		rows, err := j.decode(part)
		if err != nil {
			return err
		}
		in, found, err := j.lookup(rows)
		if err != nil {
			return err
		}
		for i, hit := range hits(in, found) {
			if now == batch.Final {
				part[i].ready = true
			} else {
				j.answered(part[i], hit, now)
			}
		}
	}
	return j.release(emit)
}

// release passes on the rows that are ready, where order counts those in front
// of the first that is not. They are joined with what is in the table now.
func (j *LookupJoin) release(emit engine.Emit) error {
	var ready, left []*waitingLookup
	for _, w := range j.waiting.rows {
		if w.ready && (len(left) == 0 || !j.retry.ordered) {
			ready = append(ready, w)
		} else {
			left = append(left, w)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	j.waiting.rows = left
	j.env.wait(-len(ready))
	for part := range inBatches(ready) {
		for _, w := range part {
			if w.flags&saved != 0 {
				j.waiting.deleted = append(j.waiting.deleted, storedKey{w.group, w.key()})
			}
		}
		rows, err := j.decode(part)
		if err != nil {
			return err
		}
		in, found, err := j.lookup(rows)
		if err != nil {
			return err
		}
		j.giveUp(in, found, part)
		if err := j.join(in, found, emit); err != nil {
			return err
		}
	}
	return nil
}

// inBatches cuts rows that wait into batches whose marks ascend: rows of several
// inputs came with marks of their own.
func inBatches(rows []*waitingLookup) iter.Seq[[]*waitingLookup] {
	return func(yield func([]*waitingLookup) bool) {
		from := 0
		for i := range rows {
			isLast := i == len(rows)-1 || i+1-from == batch.MaxRows || rows[i+1].mark < rows[i].mark
			if !isLast {
				continue
			}
			if !yield(rows[from : i+1]) {
				return
			}
			from = i + 1
		}
	}
}

// decode makes a batch of rows that wait.
func (j *LookupJoin) decode(waiting []*waitingLookup) (*batch.Batch, error) {
	rows := decodedRows{input: j.input}
	b := &batch.Batch{Rows: len(waiting)}
	for _, w := range waiting {
		if err := rows.add(w.row); err != nil {
			return nil, err
		}
		b.Marks = append(b.Marks, w.mark)
	}
	var err error
	b.Columns, err = rows.inOrder()
	return b, err
}

// makeRoom waits until no more rows wait than may. It takes no longer than the
// retries of the first of them.
func (j *LookupJoin) makeRoom(emit engine.Emit) error {
	for j.waiting.count() > j.retry.capacity {
		next := int64(batch.Final)
		for _, w := range j.waiting.rows {
			if !w.ready {
				next = min(next, w.due)
			}
		}
		now, err := until(j.env.Run, next)
		if err != nil {
			return err
		}
		if err := j.askAgain(now, emit); err != nil {
			return err
		}
	}
	return nil
}

// until waits for a time, in ms since 1970, and gives it or a later one.
func until(ctx context.Context, at int64) (now int64, err error) {
	timer := time.NewTimer(time.Until(time.UnixMilli(at)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return max(at, time.Now().UnixMilli()), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// save writes what came, was asked for and went.
func (w *waitingLookups) save(to engine.Changes) {
	for _, gone := range w.deleted {
		to.Delete(gone.group, gone.key)
	}
	w.deleted = nil
	var val []byte
	for _, r := range w.rows {
		if r.flags&unsaved == 0 {
			continue
		}
		r.flags = saved
		val = val[:0]
		for _, n := range r.numbers() {
			val = binary.AppendVarint(val, n)
		}
		to.Put(r.group, r.key(), append(val, r.row...))
	}
}

// numbers is a row that waits but for the row, as it is stored.
func (r *waitingLookup) numbers() [6]int64 {
	ready := int64(0)
	if r.ready {
		ready = 1
	}
	return [6]int64{r.came, r.due, int64(r.asked), ready, r.mark, r.held}
}

var errWaitingLookup = errors.New("a row that waits for a lookup is damaged")

// load reads the rows that a worker looks after. Those of several workers before
// are put in the order in which they came.
func (w *waitingLookups) load(worker engine.Worker, from engine.Saved) error {
	err := from.Each(worker, func(group engine.KeyGroup, key, val []byte) error {
		if len(key) != 9 || key[0] != 'w' {
			return errWaitingLookup
		}
		var n [6]int64
		for i := range n {
			read, used := binary.Varint(val)
			if used <= 0 {
				return errWaitingLookup
			}
			n[i], val = read, val[used:]
		}
		r := &waitingLookup{group: group, number: binary.BigEndian.Uint64(key[1:]), came: n[0], due: n[1], asked: int(n[2]), ready: n[3] == 1,
			mark: n[4], held: n[5], row: slices.Clone(val), flags: saved}
		w.next = max(w.next, r.number+1)
		w.rows = append(w.rows, r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("load lookup join: %w", err)
	}
	slices.SortFunc(w.rows, func(a, b *waitingLookup) int {
		if a.came != b.came {
			return int(min(max(a.came-b.came, -1), 1))
		}
		if a.number != b.number {
			return int(min(max(int64(a.number)-int64(b.number), -1), 1))
		}
		return int(a.group) - int(b.group)
	})
	return nil
}
