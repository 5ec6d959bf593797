package sites

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"tidemark/base/batch"
	"tidemark/connect"
)

// goTo has the other site read from now on, which opens a gap or makes the open
// one longer. The mutex is held.
func (s *source) goTo(site int, why string, now time.Time) {
	c := &s.mu.common
	c.Switches++
	c.Active = site
	if c.Gap == nil {
		c.Gap = &connect.Gap{ID: s.gapID(now), Table: s.request.Table, Job: s.request.Job, From: noTime, Opened: now}
	}
	g := c.Gap
	g.Reason, g.Lost, g.Taken = why, siteNames[1-site], siteNames[site]
	g.State, g.Until, g.Differs = connect.GapOpen, batch.Final, ""
	s.mu.lastRow, s.mu.agreed = now, nil
	s.announce()
}

// gapID is short and tells the job; two gaps of a job are never opened at once.
func (s *source) gapID(now time.Time) string {
	name := s.request.Job
	if name == "" {
		name = s.request.Table
	}
	return name + "-" + strconv.FormatInt(now.UnixMilli(), 36)
}

// back notes that the lost site is there again: the gap ends behind everything
// that was read until now, and what else may have come to that site. The mutex is
// held.
func (s *source) back() {
	newest := int64(noTime)
	for _, r := range s.mu.readers {
		if r.own.Switches < s.mu.common.Switches {
			return // it does not say yet where the gap begins
		}
		newest = max(newest, r.own.Newest)
	}
	g := s.mu.common.Gap
	g.State, g.Until = connect.GapComparing, 0
	if newest != noTime {
		g.Until = newest + s.set.overlap + 1
	}
	s.announce()
}

// verdict is what a comparison has found.
type verdict struct {
	sites   [2]connect.Digest
	union   connect.Digest
	shared  int64
	missing int64
	rows    map[int][]*batch.Batch // of what is missing, or a part of it, by split
}

// judge decides how it goes on with a gap: read are the events that became rows.
func judge(v verdict, read connect.Digest, mayReplay bool) (state connect.GapState, differs string) {
	switch {
	case v.missing > 0 && !mayReplay:
		return connect.GapProposed, fmt.Sprintf("%d events never became rows", v.missing)
	case v.missing > 0:
		return connect.GapReplaying, fmt.Sprintf("%d events have still to become rows", v.missing)
	case v.sites[primary] != v.sites[standby]:
		only := [2]int64{v.sites[primary].Count - v.shared, v.sites[standby].Count - v.shared}
		return connect.GapDiffering, fmt.Sprintf("%d events are only at the primary site, %d only at the standby", only[primary], only[standby])
	case read != v.union:
		return connect.GapDiffering, fmt.Sprintf("the sites have %d events, and %d became rows", v.union.Count, read.Count)
	}
	return connect.GapClosed, ""
}

// agreement is a comparison that has found nothing to differ. The gap closes by it
// when an epoch is committed that has all that it has seen, and when everything
// that it has seen was read, copies too.
type agreement struct {
	version uint64 // of common
	at      time.Time
}

// conclude puts into the gap what a comparison has found. The mutex is held.
func (s *source) conclude(v verdict, mayReplay bool, now time.Time) connect.GapState {
	g := s.mu.common.Gap
	next := *g
	next.Read, next.Replayed, next.Late, next.Dropped, next.Splits = connect.Digest{}, 0, 0, 0, nil
	for number := range s.mu.total {
		r := s.mu.readers[number]
		if r == nil {
			continue
		}
		next.Read = next.Read.Plus(r.own.Read)
		next.Replayed += r.own.Replayed
		next.Late += r.own.Late
		next.Dropped += r.own.Dropped
		if n := len(r.own.Turns); n > 0 {
			next.Splits = append(next.Splits, connect.GapPosition{Split: connect.SplitID(strconv.Itoa(number)), Lost: r.own.Turns[0].Lost, Taken: r.own.Turns[n-1].At})
		}
	}
	for site, digest := range v.sites {
		next.Sites[site] = connect.SiteDigest{Site: siteNames[site], Digest: digest}
	}
	next.Union, next.Shared, next.Missing = v.union, v.shared, v.missing
	next.State, next.Differs = judge(v, next.Read, mayReplay)
	agreed := next.State == connect.GapClosed
	if agreed {
		next.State = connect.GapComparing
	}
	if agreed || !reflect.DeepEqual(next, *g) {
		*g = next
		s.announce()
	}
	s.mu.agreed = nil
	if agreed {
		s.mu.agreed = &agreement{s.mu.common.Version, now}
	}
	return next.State
}

// settle closes the gap by an agreement whose time has come. The mutex is held.
func (s *source) settle(now time.Time) {
	a, c := s.mu.agreed, &s.mu.common
	if a == nil || c.Gap == nil || len(s.mu.readers) < s.mu.total {
		return
	}
	due := true
	for _, r := range s.mu.readers {
		committed := r.applied != nil && r.applied.Version >= a.version
		due = r.hasTaken(a.at) && committed && due
	}
	if !due {
		return
	}
	closed := *c.Gap
	closed.State, closed.Closed = connect.GapClosed, now
	kept := append(c.Closed[:len(c.Closed):len(c.Closed)], closed)
	c.Closed, c.Gap = kept[max(len(kept)-closedKept, 0):], nil
	s.mu.added, s.mu.agreed = map[uint64]struct{}{}, nil
	s.announce()
}
