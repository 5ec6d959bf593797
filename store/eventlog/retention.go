package eventlog

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"tidemark/base/problem"
)

// Retention says what may be removed. Zero values keep everything.
type Retention struct {
	Age   time.Duration // records that are older
	Bytes int64         // the oldest, while the topic has more
}

// Hold keeps retention from removing records at or behind an offset, for a
// consumer that has not read them. Calling it again with the same name moves
// the hold. The first call is durable when it returns; later moves become so
// with the next checkpoint, and until then a restart knows an earlier offset.
func (t *Topic) Hold(id Partition, name string, offset Offset) error {
	p, err := t.partition(id)
	if err != nil {
		return err
	}
	if name == "" || len(name) > holdNameBytesMax {
		return problem.New(problem.InvalidRequest, "the name of a hold has %d bytes; 1 to %d are allowed", len(name), holdNameBytesMax)
	}
	p.mu.Lock()
	before, known := p.mu.holds[name]
	start, full := p.start(), !known && len(p.mu.holds) >= holdsMax
	if !full && offset >= start {
		p.mu.holds[name] = offset
	}
	p.mu.Unlock()
	switch {
	case offset < start:
		return problem.New(problem.NotFound, "offset %d of %v is gone; the oldest that is kept is %d", offset, p, start)
	case full:
		return problem.New(problem.TooLarge, "%v has %d holds already", p, holdsMax)
	case known && before <= offset:
		return nil
	}
	return p.saveCheckpoint()
}

// ReleaseHold removes a hold for good. A name that is not known is no error.
func (t *Topic) ReleaseHold(id Partition, name string) error {
	p, err := t.partition(id)
	if err != nil {
		return err
	}
	p.mu.Lock()
	_, known := p.mu.holds[name]
	delete(p.mu.holds, name)
	p.mu.Unlock()
	if !known {
		return nil
	}
	return p.saveCheckpoint()
}

// Trim removes segments whose records all fall under the retention and that no
// hold keeps. The segment that is being written stays, and another one is begun
// when its oldest record is older than a quarter of the age: a record is gone when
// it is a quarter older than the age at the latest. It returns the number of bytes
// removed.
func (t *Topic) Trim(r Retention) (removed int64, err error) {
	now := t.log.options.Now().UnixMilli()
	var failures []error
	for _, p := range t.partitions {
		if p.failed != nil {
			continue
		}
		if r.Age > 0 {
			failures = append(failures, p.endOld(context.Background(), r.Age/retentionParts))
		}
		bytes, err := p.trim(r, now, r.Bytes/int64(len(t.partitions)))
		removed += bytes
		failures = append(failures, err)
	}
	return removed, errors.Join(failures...)
}

func (p *partition) trim(r Retention, nowMS, bytesMax int64) (removed int64, err error) {
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	trimmed := p.takeTrimmed(r, nowMS, bytesMax)
	if len(trimmed) == 0 {
		return 0, nil
	}
	// The checkpoint is first: a segment that it lists and that is missing
	// counts as damage, one that it no longer lists is removed at the next
	// start if a crash comes between.
	if err := p.saveCheckpointLocked(); err != nil {
		return 0, err
	}
	start, _ := p.bounds()
	p.keys.forgetBefore(p.id, start)
	for _, s := range trimmed {
		for _, name := range []string{s.plainName(), s.sealedName()} {
			if err := p.log.fs.Remove(filepath.Join(p.dir, name)); ignoreMissing(err) != nil {
				return removed, err
			}
		}
		removed += s.diskBytes()
	}
	return removed, nil
}

// takeTrimmed takes the segments that may go out of the partition.
func (p *partition) takeTrimmed(r Retention, nowMS, bytesMax int64) []*segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	held, bytes := p.mu.next, int64(0)
	for _, offset := range p.mu.holds {
		held = min(held, offset)
	}
	for _, s := range p.mu.segments {
		bytes += s.diskBytes()
	}
	n := 0
	for n+1 < len(p.mu.segments) && p.mu.segments[n+1].base <= held {
		s := p.mu.segments[n]
		tooOld := r.Age > 0 && s.lastTime < nowMS-r.Age.Milliseconds()
		tooMany := r.Bytes > 0 && bytes > bytesMax
		if !tooOld && !tooMany {
			break
		}
		bytes -= s.diskBytes()
		n++
	}
	trimmed := p.mu.segments[:n:n]
	p.mu.segments = p.mu.segments[n:]
	return trimmed
}
