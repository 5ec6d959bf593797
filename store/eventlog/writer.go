package eventlog

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// writer is the one goroutine that appends to a partition. It gathers all that
// waits, writes it as one run, syncs once, and tells everybody.
//
// The file is written past the page cache, which takes a third of the CPU of
// buffered writes, in whole blocks: the last block of the file is kept in
// memory and written again, with what was appended to it, by the next run.
// Where the bytes in a block were synced before, the next run writes the same
// bytes again, so that tearing it cannot change them.
type writer struct {
	partition *partition
	queue     struct {
		sync.Mutex
		filled  sync.Cond
		waiting []*request
		bytes   int
		closed  bool
	}
	ended chan struct{}

	// The rest belongs to the goroutine.
	segment  *segment
	file     vfs.File // nil when there is no segment to append to
	position int64    // where the next run begins
	block    [vfs.BlockSize]byte
	reserved int64 // bytes of the file that have disk
	next     Offset
	lastTime int64
	lastID   SegmentID
	// spoiled says that the segment must not be appended to any more: a sync
	// failed, after which nobody knows what is on the disk, or a later segment
	// may exist, whose base offset ends this one.
	spoiled bool
	// unmarked counts bytes appended since the last checkpoint.
	unmarked int64
}

// request is one append that waits.
type request struct {
	events   *Events
	hash     keyHash
	bytesMax int
	first    Offset
	timeMS   int64 // when it was appended
	done     chan error
	// end asks for a new segment instead; there are no events then.
	end bool
}

func newWriter(p *partition) *writer {
	w := &writer{partition: p, ended: make(chan struct{})}
	w.queue.filled.L = &w.queue
	return w
}

// append queues a request and waits until it is synced or has failed. When the
// context ends while it still waits for its turn, nothing is appended.
func (w *writer) append(ctx context.Context, r *request) error {
	if err := w.enqueue(r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if w.withdraw(r) {
			return fmt.Errorf("append to %v: %w", w.partition, context.Cause(ctx))
		}
		// It is being written; that does not take long, and the caller's bytes
		// are in use until then.
		return <-r.done
	}
}

func (w *writer) enqueue(r *request) error {
	w.queue.Lock()
	defer w.queue.Unlock()
	if w.queue.closed {
		return ErrClosed
	}
	if len(w.queue.waiting) >= queueAppendsMax || w.queue.bytes > 0 && w.queue.bytes+r.bytesMax > queueBytesMax {
		w.partition.log.metrics.refused.WithLabelValues(w.partition.topic).Inc()
		return problem.New(problem.TooBusy, "%v has %d appends waiting", w.partition, len(w.queue.waiting)).
			WithHint("try again after a short pause").Retryable()
	}
	w.queue.waiting = append(w.queue.waiting, r)
	w.queue.bytes += r.bytesMax
	w.queue.filled.Signal()
	return nil
}

// withdraw takes a request back unless the writer already has it.
func (w *writer) withdraw(r *request) bool {
	w.queue.Lock()
	defer w.queue.Unlock()
	for i, waiting := range w.queue.waiting {
		if waiting == r {
			w.queue.waiting = append(w.queue.waiting[:i], w.queue.waiting[i+1:]...)
			w.queue.bytes -= r.bytesMax
			return true
		}
	}
	return false
}

// take waits for requests and returns those of the next run; none at the end.
func (w *writer) take() []*request {
	w.queue.Lock()
	defer w.queue.Unlock()
	for len(w.queue.waiting) == 0 {
		if w.queue.closed {
			return nil
		}
		w.queue.filled.Wait()
	}
	n, size := 0, 0
	for n < len(w.queue.waiting) && (n == 0 || size+w.queue.waiting[n].bytesMax <= runBytes) {
		end := w.queue.waiting[n].end
		if end && n > 0 {
			break // it is a run by itself
		}
		size += w.queue.waiting[n].bytesMax
		n++
		if end {
			break
		}
	}
	run := append([]*request(nil), w.queue.waiting[:n]...)
	left := copy(w.queue.waiting, w.queue.waiting[n:])
	clear(w.queue.waiting[left:])
	w.queue.waiting = w.queue.waiting[:left]
	w.queue.bytes -= size
	return run
}

// close writes what is queued and ends the goroutine.
func (w *writer) close() {
	w.queue.Lock()
	w.queue.closed = true
	w.queue.filled.Signal()
	w.queue.Unlock()
	<-w.ended
}

func (w *writer) run() {
	defer close(w.ended)
	for run := w.take(); run != nil; run = w.take() {
		var err error
		if run[0].end {
			err = w.end()
		} else {
			err = w.commit(run)
		}
		if err != nil {
			err = w.partition.writeError(fmt.Errorf("append to %v: %w", w.partition, err))
		}
		for _, r := range run {
			r.done <- err
		}
		if w.unmarked >= checkpointBytes {
			w.mark()
		}
	}
	if w.file == nil {
		return
	}
	// A checkpoint at the end lets the next start scan nothing. What fails here
	// was only meant to save time and room.
	if !w.spoiled {
		_ = w.file.Truncate(w.position)
	}
	w.mark()
	_ = w.file.Close()
}

// mark writes a checkpoint. One that cannot be written makes the next recovery
// longer and nothing worse, so the error is only counted.
func (w *writer) mark() {
	w.unmarked = 0
	if err := w.partition.saveCheckpoint(); err != nil {
		w.partition.log.metrics.checkpointErrors.Inc()
	}
}

// commit writes and syncs one run. After an error nothing of it is published,
// and the segment is either as before or spoiled.
func (w *writer) commit(run []*request) error {
	bytesMax := 0
	for _, r := range run {
		bytesMax += r.bytesMax
	}
	full := w.position > 0 && w.position+int64(bytesMax) > w.partition.log.options.SegmentBytes
	rolls := w.file == nil || w.spoiled || full
	if rolls || int64(wholeBlocks(int(w.position)+bytesMax)) > w.reserved {
		if err := w.partition.log.checkRoom(int64(bytesMax) + reserveBytesMin); err != nil {
			return err
		}
	}
	if rolls {
		if err := w.roll(); err != nil {
			return err
		}
	}

	lead := int(w.position % vfs.BlockSize)
	held := w.partition.log.buffers.take(wholeBlocks(lead + bytesMax))
	defer held.release()
	buffer := held.bytes
	copy(buffer, w.block[:lead])
	end, next := lead, w.next
	timeMS := max(w.lastTime, w.partition.log.options.Now().UnixMilli())
	for _, r := range run {
		r.first, r.timeMS = next, timeMS
		end += r.events.encode(buffer[end:], next, w.position, timeMS)
		next += Offset(r.events.records())
	}
	blocks := wholeBlocks(end)
	clear(buffer[end:blocks])

	if err := w.store(buffer[:blocks], w.position-int64(lead)); err != nil {
		return err
	}
	w.partition.tail.append(w.segment, w.position, held, lead, end)
	w.publish(run, int64(end-lead), next, timeMS)
	tail := end &^ (vfs.BlockSize - 1)
	copy(w.block[:], buffer[tail:end])
	return nil
}

// store makes whole blocks durable at a position. After an error the segment is
// as before, or spoiled.
func (w *writer) store(blocks []byte, at int64) error {
	err := w.reserve(at + int64(len(blocks)))
	if err == nil {
		_, err = w.file.WriteAt(blocks, at)
	}
	if err != nil {
		// What was written of the run is cut off, durably: otherwise a crash
		// could bring an append back that was reported as failed.
		cut := w.file.Truncate(w.position)
		if cut == nil {
			cut = w.file.Sync()
		}
		w.reserved, w.spoiled = w.position, cut != nil
		return err
	}
	began := time.Now()
	if err := w.file.Sync(); err != nil {
		// The kernel may have dropped the bytes and would say nothing the next
		// time. The base offset of a new segment ends this one before them.
		w.spoiled = true
		_ = w.roll()
		return err
	}
	w.partition.log.metrics.syncSeconds.Observe(time.Since(began).Seconds())
	return nil
}

// reserve makes sure that the file has disk up to size, and some more if there is.
func (w *writer) reserve(size int64) error {
	if size <= w.reserved {
		return nil
	}
	more := size + min(max(size, reserveBytesMin), reserveBytesMax)
	if w.partition.log.checkRoom(more-w.reserved) != nil {
		more = size
	}
	err := w.file.Preallocate(more)
	if vfs.IsDiskFull(err) {
		more = size
		err = w.file.Preallocate(more)
	}
	if err == nil {
		w.reserved = more
	}
	return err
}

// publish notes a synced run: its keys, its index, and then the new high water.
func (w *writer) publish(run []*request, size int64, next Offset, timeMS int64) {
	p, metrics := w.partition, w.partition.log.metrics
	w.segment.index.add(w.next, w.position)
	events := 0
	for _, r := range run {
		events += r.events.count()
		if r.events.Key != "" {
			p.keys.remember(p.id, rememberedKey{hash: r.hash, offset: r.first, timeMS: timeMS})
		}
		if producer := r.events.Producer; producer != nil {
			p.producers.remember(*producer, producedBatch{offset: r.first, count: r.events.count(), timeMS: timeMS})
		}
	}
	w.position += size
	w.unmarked += size
	w.next, w.lastTime = next, timeMS
	p.publish(w.segment, w.position, next, timeMS)
	metrics.events.WithLabelValues(p.topic).Add(float64(events))
	metrics.bytes.WithLabelValues(p.topic).Add(float64(size))
}

// end begins a new segment unless there is an empty one.
func (w *writer) end() error {
	if w.file == nil || w.position == 0 {
		return nil
	}
	if err := w.partition.log.checkRoom(reserveBytesMin); err != nil {
		return err
	}
	return w.roll()
}

// roll begins a new segment. From its first step on, the old one is not
// appended to again, even if beginning the new one fails: a file that was made
// for it may be found after a crash, and its name ends the old one here.
func (w *writer) roll() error {
	p := w.partition
	w.lastID++
	s := &segment{id: w.lastID, base: w.next}
	name := filepath.Join(p.dir, s.plainName())
	old, spoiled := w.file, w.spoiled
	w.spoiled = true
	file, err := p.log.fs.OpenDirect(name)
	if err == nil {
		if err = file.Preallocate(reserveBytesMin); err == nil {
			err = p.log.fs.SyncDir(p.dir)
		}
		if err != nil {
			// A file that stays is empty and harmless.
			_ = file.Close()
			_ = p.log.fs.Remove(name)
		}
	}
	if err != nil {
		return fmt.Errorf("begin segment %d: %w", s.id, err)
	}
	if old != nil {
		// Everything in the old segment is synced; what follows only gives
		// room back.
		if !spoiled {
			_ = old.Truncate(w.position)
		}
		_ = old.Close()
	}
	if dropped := p.startSegment(s); dropped != nil {
		_ = p.log.fs.Remove(filepath.Join(p.dir, dropped.plainName()))
	}
	w.segment, w.file, w.position, w.reserved, w.spoiled = s, file, 0, reserveBytesMin, false
	w.mark()
	return nil
}

// wholeBlocks rounds up to a multiple of the block size.
func wholeBlocks(n int) int { return (n + vfs.BlockSize - 1) &^ (vfs.BlockSize - 1) }

// writeError turns a full disk into the problem that users see.
func (p *partition) writeError(err error) error { return p.log.writeError(p.topic, err) }

func (l *Log) writeError(topic string, err error) error {
	if !vfs.IsDiskFull(err) {
		return err
	}
	if isNoRoom(err) {
		return problem.New(problem.DiskFull, "the disk is nearly full: %s takes no events now, so that what was taken before can still be worked up", topic).
			WithHint("free some space in %s; what is stored can be read, and appending goes on by itself", l.dir).Retryable()
	}
	return problem.New(problem.DiskFull, "the disk is full: %s takes no events now", topic).
		WithHint("free some space in %s; what is stored can be read, and appending goes on by itself", l.dir).Retryable()
}
