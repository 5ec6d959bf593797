package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"tidemark/base/problem"
	"tidemark/base/vfs"
)

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// openPartition recovers a partition from its folder and starts its writer. One
// that cannot be recovered comes back with failed set, so that others go on.
func openPartition(l *Log, topic string, id Partition, dir string, keys *keyTable) *partition {
	p := &partition{log: l, topic: topic, id: id, dir: dir, keys: keys, producers: newProducerTable()}
	p.mu.holds = map[string]Offset{}
	p.closing, p.stop = context.WithCancel(context.Background())
	p.writer = newWriter(p)
	if err := p.recover(); err != nil {
		p.failed = p.writeError(fmt.Errorf("open %v: %w", p, err))
		return p
	}
	go p.writer.run()
	return p
}

// recover finds out which records are there: from the checkpoint, and by
// scanning what was appended after it.
func (p *partition) recover() error {
	c, err := readCheckpoint(p.log.fs, p.dir)
	if err != nil && !isDamage(err) {
		return err
	}
	if c == nil {
		p.recovery.NoCheckpoint = true
		c = &checkpoint{}
	}
	if err := p.findSegments(c); err != nil {
		return err
	}
	for name, offset := range c.holds {
		p.mu.holds[name] = offset
	}
	for _, k := range c.keys {
		p.keys.remember(p.id, k)
	}
	for id, s := range c.producers {
		p.producers.restore(id, s)
	}
	w := p.writer
	w.next = c.synced
	for i, s := range p.mu.segments {
		w.lastID = s.id
		w.lastTime = max(w.lastTime, s.lastTime)
		if i < len(c.segments)-1 {
			s.index.mu.unscanned = s.size
			continue
		}
		limit := noLimit
		if i+1 < len(p.mu.segments) {
			limit = p.mu.segments[i+1].base
		}
		if i >= len(c.segments) {
			w.next = s.base
		}
		if err := p.recoverSegment(s, limit); err != nil {
			return fmt.Errorf("segment %d: %w", s.id, err)
		}
	}
	p.mu.next, p.mu.lastTime = w.next, w.lastTime
	if w.file == nil || w.spoiled {
		// A full disk must not keep the log from being read: the first append
		// tries again.
		_ = w.roll()
	} else if p.recovery.ScannedBytes > 0 {
		w.mark()
	}
	return nil
}

// findSegments puts the segments in order: those of the checkpoint, whether
// their files are there or not, and newer ones. Files that retention or a
// crashed write left behind are removed.
func (p *partition) findSegments(c *checkpoint) error {
	names, err := p.log.fs.List(p.dir)
	if err != nil {
		return err
	}
	var newest SegmentID
	byID := map[SegmentID]*segment{}
	for _, m := range c.segments {
		s := &segment{id: m.id, base: m.base, size: m.size, lastTime: m.lastTime}
		p.mu.segments = append(p.mu.segments, s)
		byID[m.id], newest = s, m.id
	}
	// Of one id, the sealed file comes before the plain one.
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(plainLast(a), plainLast(b)) })
	for _, name := range names {
		s, ok := parseSegmentName(name)
		if ok && byID[s.id] == nil && s.id > newest {
			p.mu.segments = append(p.mu.segments, s)
			byID[s.id] = s
		}
		known := ok && byID[s.id] != nil
		switch {
		case known && strings.HasSuffix(name, sealedSuffix):
			info, err := p.log.fs.Stat(filepath.Join(p.dir, name))
			if err != nil {
				return err
			}
			byID[s.id].sealedBytes.Store(max(info.Size, 1))
		// A crash came before the plain file of a sealed segment was removed, or
		// before what was being written got its name, or retention was done.
		case known && byID[s.id].isSealed(), ok && s.id < c.firstID(), strings.HasSuffix(name, temporarySuffix):
			if err := p.log.fs.Remove(filepath.Join(p.dir, name)); err != nil {
				return err
			}
		}
	}
	sort.Slice(p.mu.segments, func(i, j int) bool { return p.mu.segments[i].id < p.mu.segments[j].id })
	for i := 1; i < len(p.mu.segments); i++ {
		before, s := p.mu.segments[i-1], p.mu.segments[i]
		if s.base < before.base {
			return problem.New(problem.Corrupt, "segment %d begins at offset %d, before segment %d at %d", s.id, s.base, before.id, before.base).
				WithHint("restore folder %s from a backup", p.dir)
		}
	}
	return nil
}

// plainLast sorts the names of a segment's files.
func plainLast(name string) string {
	if rest, isPlain := strings.CutSuffix(name, segmentSuffix); isPlain {
		return rest + "~"
	}
	return name
}

// firstID is the oldest segment that was kept.
func (c *checkpoint) firstID() SegmentID {
	if len(c.segments) == 0 {
		return 0
	}
	return c.segments[0].id
}

// recoverSegment scans a segment from what the checkpoint knows of it (s.size,
// writer.next) to its end. The last segment becomes the writer's.
func (p *partition) recoverSegment(s *segment, limit Offset) error {
	w, last := p.writer, limit == noLimit
	s.index.mu.unscanned = s.size
	file, fileSize, err := p.openForRecovery(s, last)
	if isMissing(err) || isDamage(err) || err == nil && fileSize < s.size {
		// Acknowledged bytes are gone. Their offsets are not given out again:
		// reading them reports the damage.
		if err == nil {
			err = file.Close()
		}
		p.lost(w.next, s, limit)
		if last {
			w.spoiled = true
		} else {
			w.next = limit
		}
		if isDamage(err) {
			return nil
		}
		return ignoreMissing(err)
	}
	if err != nil {
		return err
	}
	sc := &scanner{window: window{file: file, size: fileSize}, position: s.size, expect: w.next, limit: limit}
	end, err := sc.survey(func(h header, b []byte) {
		s.index.add(h.base, sc.position)
		w.lastTime = max(w.lastTime, h.lastTime)
		s.lastTime = max(s.lastTime, h.lastTime)
		if key, _, ok := answerOf(b); ok {
			p.keys.remember(p.id, rememberedKey{hash: hashKey(key), offset: h.base, timeMS: h.lastTime})
		}
		if h.producer.ID >= 0 {
			p.producers.remember(h.producer, producedBatch{offset: h.base, count: h.records, timeMS: h.lastTime})
		}
	}, func(from, to Offset) {
		p.recovery.Damaged = append(p.recovery.Damaged, Range{from, to})
	})
	p.recovery.ScannedBytes += end - s.size
	s.size = end
	if plain, ok := file.(vfs.File); ok && err == nil && last {
		err = p.takeOver(s, plain, sc, end)
	} else if err == nil && last {
		// The one after it is lost. Nothing is appended to a sealed segment.
		w.next, w.spoiled = sc.expect, true
	}
	if !last && sc.expect < limit {
		p.recovery.Damaged = append(p.recovery.Damaged, Range{sc.expect, limit})
	}
	return errors.Join(err, file.Close())
}

// lost notes that a segment has less than the checkpoint says.
func (p *partition) lost(synced Offset, s *segment, limit Offset) {
	p.recovery.ReplacedStart = true
	if limit == noLimit {
		limit = synced
	}
	if limit > s.base {
		p.recovery.Damaged = append(p.recovery.Damaged, Range{s.base, limit})
	}
}

// openForRecovery opens a segment; the last one for writing as well, unless it is
// sealed.
func (p *partition) openForRecovery(s *segment, last bool) (segmentFile, int64, error) {
	if s.isSealed() {
		sealed, err := p.openSealed(s)
		if err != nil {
			return nil, 0, err
		}
		return sealed, sealed.size, nil
	}
	name := filepath.Join(p.dir, s.plainName())
	info, err := p.log.fs.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	open := p.log.fs.Open
	if last {
		open = p.log.fs.OpenReadWrite
	}
	file, err := asSegmentFile(open(name))
	return file, info.Size, err
}

// takeOver cuts a torn tail off the last segment, makes what is left durable,
// and opens it for the writer.
func (p *partition) takeOver(s *segment, file vfs.File, sc *scanner, end int64) error {
	w := p.writer
	torn, err := sc.tornBytes(end)
	if err != nil {
		return err
	}
	p.recovery.TornBytes = torn
	// What was found may still be on its way to the disk, if only the process
	// died; it counts as acknowledged from now on.
	if err := file.Truncate(end); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	lead := end % vfs.BlockSize
	if n, err := file.ReadAt(w.block[:lead], end-lead); n < int(lead) {
		return fmt.Errorf("read the last block: %w", err)
	}
	if s.firstTime, err = sc.firstTime(end, w.lastTime); err != nil {
		return err
	}
	if w.file, err = p.log.fs.OpenDirect(filepath.Join(p.dir, s.plainName())); err != nil {
		return err
	}
	w.segment, w.position, w.reserved, w.next = s, end, end, sc.expect
	return nil
}

// firstTime is when the first record of the segment was appended; unknown where
// it is damaged.
func (s *scanner) firstTime(end, unknown int64) (int64, error) {
	if end == 0 {
		return unknown, nil
	}
	b, err := s.bytes(0, headerBytes)
	if err != nil && err != io.EOF {
		return 0, err
	}
	if err == nil {
		if h, err := decodeHeader(b); err == nil {
			return h.firstTime, nil
		}
	}
	return unknown, nil
}

// tornBytes counts the bytes from a position up to the last that is not zero.
func (s *scanner) tornBytes(from int64) (int64, error) {
	torn := int64(0)
	for at := from; at < s.size; {
		chunk, err := s.bytes(at, int(min(windowBytes, s.size-at)))
		if err != nil && err != io.EOF {
			return 0, err
		}
		if used := bytes.TrimRight(chunk, "\x00"); len(used) > 0 {
			torn = at + int64(len(used)) - from
		}
		at += int64(len(chunk))
	}
	return torn, nil
}

func ignoreMissing(err error) error {
	if isMissing(err) {
		return nil
	}
	return err
}
