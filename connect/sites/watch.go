package sites

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/connect"
)

// sighting is what is known of a site.
type sighting struct {
	known     bool
	reachable bool
	since     time.Time // that it is reachable, or is not
	moved     time.Time // when new records were last seen there
	ends      []byte    // of its partitions
	failure   string    // why it is not reachable
}

// see notes what a look at the site has found at a moment.
func (v sighting) see(ends []byte, err error, now time.Time) sighting {
	reachable := err == nil
	if !v.known || reachable != v.reachable {
		v.known, v.reachable, v.since = true, reachable, now
	}
	if !reachable {
		v.failure = problem.Of(err).Message
		return v
	}
	if v.ends != nil && !bytes.Equal(v.ends, ends) {
		v.moved = now
	}
	v.ends = ends
	return v
}

// choose decides whether the other site is to be read, and says why: the active one
// is unreachable for too long, or gives nothing while the other one, which has been
// there for as long, goes on.
func choose(now time.Time, active int, lastRow time.Time, sights [2]sighting, set settings) (other bool, why string) {
	here, there := sights[active], sights[1-active]
	if !here.known || !there.known || !there.reachable || now.Sub(there.since) < set.unreachable {
		return false, "" // one that comes and goes is no place to go to
	}
	if !here.reachable {
		if now.Sub(here.since) < set.unreachable {
			return false, ""
		}
		return true, fmt.Sprintf("the %s site was unreachable for %v: %s", siteNames[active], set.unreachable, here.failure)
	}
	silent := now.Sub(latest(latest(here.moved, lastRow), here.since))
	if silent >= set.behind && now.Sub(there.moved) < set.behind {
		return true, fmt.Sprintf("the %s site gave nothing for %v, and the %s site went on", siteNames[active], set.behind, siteNames[1-active])
	}
	return false, ""
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// tick is how often a site is looked at.
func (s settings) tick() time.Duration {
	return min(max(min(s.unreachable, s.behind)/5, tickMin), tickMax)
}

// watch starts what looks after the sites, unless it runs. The mutex is held.
func (s *source) watch() {
	if s.mu.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	all := &sync.WaitGroup{}
	s.mu.stop, s.mu.all, s.mu.lastRow, s.mu.sights = stop, all, time.Now(), [2]sighting{}
	for site := range s.sites {
		all.Go(func() { s.probeAll(ctx, site) })
	}
	all.Go(func() { s.decideAll(ctx) })
	all.Go(func() { s.compareAll(ctx) })
}

// probeAll looks at one site, again and again.
func (s *source) probeAll(ctx context.Context, site int) {
	for {
		asking, cancel := context.WithTimeout(ctx, s.set.unreachable)
		ends, err := s.probe(asking, site)
		cancel()
		if ctx.Err() != nil {
			return
		}
		s.mu.Lock()
		s.mu.sights[site] = s.mu.sights[site].see(ends, err, time.Now())
		s.mu.Unlock()
		if !sleep(ctx, s.set.tick()) {
			return
		}
	}
}

// probe asks for the ends of a site's partitions.
func (s *source) probe(ctx context.Context, site int) ([]byte, error) {
	source, err := s.sourceAt(site, start{latest: true})
	if err != nil {
		return nil, err
	}
	splits, err := source.Splits(ctx)
	if err != nil {
		return nil, err
	}
	ends := []byte{}
	for _, split := range splits {
		offset, err := firstOffset(ctx, source, split)
		if err != nil {
			return nil, err
		}
		ends = append(ends, offset...)
	}
	return ends, nil
}

// decideAll goes to the other site when it is due, and notes when a lost one is
// back.
func (s *source) decideAll(ctx context.Context) {
	for sleep(ctx, s.set.tick()) {
		now := time.Now()
		s.mu.Lock()
		if len(s.mu.readers) == s.mu.total {
			s.decide(now)
		}
		s.mu.Unlock()
	}
}

// decide is one look at what is known. The mutex is held.
func (s *source) decide(now time.Time) {
	c := &s.mu.common
	if other, why := choose(now, c.Active, s.mu.lastRow, s.mu.sights, s.set); other {
		s.goTo(1-c.Active, why, now)
		return
	}
	lost := s.mu.sights[1-c.Active]
	if c.Gap != nil && c.Gap.State == connect.GapOpen && lost.reachable && lost.since.Before(now.Add(-s.set.tick())) {
		s.back()
	}
}

// compareAll closes gaps: it compares the sites when the lost one is back, has what
// is missing added, and compares again, until they agree.
func (s *source) compareAll(ctx context.Context) {
	pause := time.Duration(0)
	gap, due := "", time.Now()
	for sleep(ctx, s.set.tick()) {
		s.mu.Lock()
		s.settle(time.Now())
		g := s.mu.common.Gap
		ready := g != nil && s.mu.agreed == nil && g.State != connect.GapOpen && s.isRead(g.Until, time.Now())
		approved := !s.set.manual
		if g != nil && !approved && s.request.Gaps != nil {
			approved = s.request.Gaps.Approved(g.ID)
		}
		if g != nil && (g.ID != gap || approved && g.State == connect.GapProposed) {
			gap, pause, due = g.ID, 0, time.Now()
		}
		s.mu.Unlock()
		if !ready || time.Now().Before(due) {
			continue
		}
		state, err := s.closeGap(ctx, approved)
		if ctx.Err() != nil {
			return
		}
		pause = min(max(2*pause, min(compareFirst, s.set.unreachable)), compareMax)
		if err == nil && state == connect.GapReplaying {
			pause = 0 // what was added is looked at now
		}
		due = time.Now().Add(pause)
	}
}

// isRead reports whether all rows before an event time were read at the site that
// is read now, or nothing has come there for a while. The mutex is held.
func (s *source) isRead(until int64, now time.Time) bool {
	if len(s.mu.readers) < s.mu.total {
		return false
	}
	quiet := now.Sub(s.mu.lastRow).Milliseconds() >= s.set.overlap
	for _, r := range s.mu.readers {
		if r.own.Switches < s.mu.common.Switches || r.leg == nil {
			return false
		}
		if r.own.Newest < until && !(quiet && r.leg.caughtUp()) {
			return false
		}
	}
	return true
}

// closeGap compares once, and hands what is missing to the readers.
func (s *source) closeGap(ctx context.Context, mayReplay bool) (connect.GapState, error) {
	s.mu.Lock()
	began := s.mu.common
	if began.Gap == nil {
		s.mu.Unlock()
		return connect.GapClosed, nil
	}
	id := began.Gap.ID
	s.mu.Unlock()
	within, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	v, err := s.compare(within, mayReplay)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	if s.mu.common.Gap == nil || s.mu.common.Switches != began.Switches || s.mu.common.Gap.State == connect.GapOpen {
		s.mu.Unlock()
		return connect.GapOpen, nil // a site was lost meanwhile
	}
	state := s.conclude(v, mayReplay, time.Now())
	readers := make(map[int]*reader, len(v.rows))
	for number := range v.rows {
		readers[number] = s.mu.readers[number]
	}
	s.mu.Unlock()
	for number, rows := range v.rows {
		for _, b := range rows {
			select {
			case readers[number].replays <- replay{gap: id, rows: b}:
			case <-readers[number].closed:
			case <-ctx.Done():
				return state, ctx.Err()
			}
		}
	}
	return state, nil
}
