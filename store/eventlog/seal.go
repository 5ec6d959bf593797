package eventlog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

// seal compresses a segment that is not written to any more, and puts the result
// in its place. Each step leaves what a start after a crash can read:
//
//   - The sealed file is written beside under a name that a start removes, and synced.
//   - It gets its name, durably. From here on there are both, and a start takes the
//     sealed one and removes the other.
//   - Readers that come now open the sealed one. Those that have the other open go on
//     with it: a file that is open stays, whatever becomes of its name.
//   - The other is removed.
//
// A segment with damage stays as it is, so that what can be read of it can be read,
// and so does one that does not get much smaller.
func (p *partition) seal(ctx context.Context, s *segment) (sealed bool, err error) {
	name := filepath.Join(p.dir, s.sealedName())
	written := name + temporarySuffix
	stored, err := p.writeSealed(ctx, s, written)
	if err != nil || stored == 0 {
		_ = p.log.fs.Remove(written)
		if err == nil || isDamage(err) || problem.Is(err, problem.Corrupt) {
			s.keepAsIs.Store(true)
			return false, nil
		}
		return false, fmt.Errorf("seal segment %d of %v: %w", s.id, p, err)
	}
	// Under the lock, so that retention does not remove the segment meanwhile.
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	if !p.has(s) {
		_ = p.log.fs.Remove(written)
		return false, nil
	}
	if err := p.log.fs.Rename(written, name); err != nil {
		_ = p.log.fs.Remove(written)
		return false, fmt.Errorf("seal segment %d of %v: %w", s.id, p, err)
	}
	if err := p.log.fs.SyncDir(p.dir); err != nil {
		// Nobody knows which names a crash would leave. Both files are whole: the old
		// one stays, and the next start finds what there is.
		s.keepAsIs.Store(true)
		return false, fmt.Errorf("seal segment %d of %v: %w", s.id, p, err)
	}
	s.sealedBytes.Store(stored)
	// If it cannot be removed, the next start does it.
	_ = p.log.fs.Remove(filepath.Join(p.dir, s.plainName()))
	p.log.metrics.sealedFrom.WithLabelValues(p.topic).Add(float64(s.size))
	p.log.metrics.sealedTo.WithLabelValues(p.topic).Add(float64(stored))
	return true, nil
}

// writeSealed writes the sealed form of a segment; 0 bytes when it does not pay.
func (p *partition) writeSealed(ctx context.Context, s *segment, name string) (stored int64, err error) {
	v, err := p.at(s.base)
	if err != nil || v.segment != s {
		return 0, err
	}
	r := &Reader{partition: p, offset: s.base}
	defer r.leave() //nolint:errcheck // it was only read
	if _, err := r.enter(); err != nil {
		return 0, err
	}
	file, err := p.log.fs.Create(name)
	if err != nil {
		return 0, err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	w, err := newSealWriter(file)
	if err != nil {
		return 0, err
	}
	for r.position < v.size {
		began := time.Now()
		written := false
		for r.position < v.size && !written {
			b, err := r.nextBatch(v)
			if err != nil {
				return 0, err
			}
			if written, err = w.add(b); err != nil {
				return 0, err
			}
		}
		if w.size >= sealTrialBytes && !pays(w.at, w.size) {
			return 0, nil
		}
		if err := rest(ctx, time.Since(began)*sealRest); err != nil {
			return 0, err
		}
	}
	if r.expect != v.end {
		return 0, damaged("the segment ends at offset %d instead of %d", r.expect, v.end)
	}
	if err := w.flush(); err != nil || !pays(w.at, w.size) {
		return 0, err
	}
	return w.end()
}

// pays reports whether a segment is so much smaller that it is worth it.
func pays(stored, size int64) bool { return stored < size-size/sealGainMin }

// rest waits, so that sealing leaves the processor to others.
func rest(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// nextBatch gives the next whole batch of the segment, valid until the next call.
func (r *Reader) nextBatch(v view) ([]byte, error) {
	for {
		h, err := r.batch(v)
		if errors.Is(err, errShort) {
			if err := r.load(v, h.size); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		b := r.loaded.from(r.position, v.size)[:h.size]
		r.position += int64(h.size)
		r.expect = h.next()
		return b, nil
	}
}

// has reports whether retention has left the segment.
func (p *partition) has(s *segment) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.mu.segments, s)
}

// sealable are the segments that can be sealed: nothing is appended to them.
func (p *partition) sealable() []*segment {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*segment
	for i, s := range p.mu.segments {
		if i+1 < len(p.mu.segments) && s.size > 0 && s.sealedBytes.Load() == 0 && !s.keepAsIs.Load() {
			found = append(found, s)
		}
	}
	return found
}

// segmentFile is what a segment is read from, with positions as they were when it
// was written.
type segmentFile interface {
	ReadAt(b []byte, position int64) (int, error)
	Close() error
}

// openSegment opens a segment in the form that it has now. A direct one is read in
// whole blocks.
func (p *partition) openSegment(s *segment, direct bool) (segmentFile, error) {
	if s.sealedBytes.Load() == 0 {
		open := p.log.fs.Open
		if direct {
			open = func(name string) (vfs.File, error) { return vfs.OpenDirectRead(p.log.fs, name) }
		}
		file, err := open(filepath.Join(p.dir, s.plainName()))
		// It may have been sealed since.
		if !isMissing(err) || s.sealedBytes.Load() == 0 {
			return asSegmentFile(file, err)
		}
	}
	return p.openSealed(s)
}

func asSegmentFile(file vfs.File, err error) (segmentFile, error) {
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (p *partition) openSealed(s *segment) (*sealedFile, error) {
	file, err := p.log.fs.Open(filepath.Join(p.dir, s.sealedName()))
	if err != nil {
		return nil, err
	}
	sealed, err := openSealed(file, &p.log.unsealer)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return sealed, nil
}
