package eventlog

import (
	"context"
	"errors"
	"sync"
	"time"

	"tidemark/base/problem"
)

// maintenance is what a log does by itself: it ends segments that are old although
// they are not full, and seals those that are not written to any more. It is one
// goroutine, does one segment at a time, and rests longer than it works.
type maintenance struct {
	working sync.Mutex // held while something is done
	stop    context.CancelFunc
	ended   chan struct{}
}

// startMaintenance begins to look after the log from time to time.
func (l *Log) startMaintenance() {
	ctx, stop := context.WithCancel(context.Background())
	l.maintenance.stop, l.maintenance.ended = stop, make(chan struct{})
	go func() {
		defer close(l.maintenance.ended)
		ticker := time.NewTicker(maintenancePause)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if err := l.Maintain(ctx); err != nil && ctx.Err() == nil {
					l.metrics.maintenanceErrors.Inc()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
}

// endMaintenance waits until nothing is done any more.
func (l *Log) endMaintenance() {
	if l.maintenance.stop != nil {
		l.maintenance.stop()
		<-l.maintenance.ended
	}
}

// Maintain does what there is to do now: a segment whose oldest record is a day
// old is ended, and ended segments are sealed. The log does it by itself every
// half minute. What fails leaves everything as it was, and is tried again.
func (l *Log) Maintain(ctx context.Context) error {
	l.maintenance.working.Lock()
	defer l.maintenance.working.Unlock()
	var failures []error
	for _, t := range l.Topics() {
		for _, p := range t.partitions {
			if p.failed != nil {
				continue
			}
			failures = append(failures, p.endOld(ctx, segmentAgeMax), t.seal(ctx, p))
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return errors.Join(failures...)
}

// seal seals what can be sealed of a partition.
func (t *Topic) seal(ctx context.Context, p *partition) error {
	p.sealing.Lock()
	defer p.sealing.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A topic that is dropped, or a log that is closed, does not wait for long.
	defer context.AfterFunc(p.closing, cancel)()
	for _, s := range p.sealable() {
		if ctx.Err() != nil || p.closing.Err() != nil {
			return nil // whoever ended it knows
		}
		if err := p.log.checkRoom(s.size); err != nil {
			return err
		}
		if err := t.allow(formatSealed); err != nil {
			return err
		}
		_, err := p.seal(ctx, s)
		// Retention, or the end, may have been faster.
		if err != nil && ctx.Err() == nil && !problem.Is(err, problem.NotFound) {
			return err
		}
	}
	return nil
}

// endSealing waits until nothing of the topic is sealed any more; it is for good.
func (t *Topic) endSealing() {
	for _, p := range t.partitions {
		p.endSealing()
	}
}

func (p *partition) endSealing() {
	p.stop()
	p.sealing.Lock()   // of who is at it
	p.sealing.Unlock() //nolint:staticcheck // only to wait
}

// endOld begins a new segment when the oldest record of the last one is older than
// an age: only what is ended can be sealed, or removed by retention.
func (p *partition) endOld(ctx context.Context, age time.Duration) error {
	if !p.isOld(age) {
		return nil
	}
	r := &request{end: true, done: make(chan error, 1)}
	err := p.writer.append(ctx, r)
	if errors.Is(err, ErrClosed) || problem.Is(err, problem.DiskFull) {
		return nil // there is nothing to end, or no room for what begins
	}
	return err
}

func (p *partition) isOld(age time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mu.segments) == 0 {
		return false
	}
	s := p.mu.segments[len(p.mu.segments)-1]
	return s.size > 0 && s.firstTime < p.log.options.Now().Add(-age).UnixMilli()
}
