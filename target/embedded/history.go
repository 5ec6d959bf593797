package embedded

import (
	"cmp"
	"slices"
	"time"

	"tidemark/plan"
	"tidemark/store/eventlog"
	"tidemark/target"
)

// What is known about the speed of replays.
const (
	replayRateAssumed = 300_000          // events a second, before one was seen
	replaySeen        = 2 * time.Second  // a replay that is shorter says little
	replayedMin       = int64(1_000_000) // events of a short replay that says something all the same
)

var _ target.Foreseeing = (*Jobs)(nil)

// Foresee tells what Keep or Upgrade would do.
func (j *Jobs) Foresee(job target.Job) (target.Fate, error) {
	would, err := newKeeper(j, job)
	if err != nil {
		return "", err
	}
	defer would.quit()
	if would.canRead() { // otherwise it reads what is made with it
		if err := would.check(); err != nil {
			return "", err
		}
	}
	j.mu.Lock()
	now, u := j.mu.keepers[job.Table.Name], j.mu.upgrades[job.Table.Name]
	j.mu.Unlock()
	switch {
	case now == nil:
		return target.Begins, nil
	case now.fingerprint == would.fingerprint:
		return target.GoesOn, nil
	case u != nil && u.next.beside.Load() && u.next.fingerprint == would.fingerprint:
		return target.IsMade, nil
	}
	return target.Anew, nil
}

// canRead reports whether the event log knows all tables that the job reads.
func (k *keeper) canRead() bool {
	known := true
	plan.Inspect(k.job.Plan, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok && scan.Table.Kind != plan.External {
			_, err := k.jobs.options.Log.Topic(scan.Table.Name)
			known = known && err == nil
		}
		return true
	})
	return known
}

// History is what the event log has of a native table, and what is held of it.
func (j *Jobs) History(table string) (h target.History, ok bool) {
	topic, err := j.options.Log.Topic(table)
	if err != nil {
		return h, false
	}
	e := topic.Extent()
	h = target.History{Events: e.Events, Gone: e.Gone, Bytes: e.Bytes, Oldest: e.Oldest}
	for p := range topic.Partitions() {
		id := eventlog.Partition(p)
		end, err := topic.HighWater(id)
		if err != nil {
			continue
		}
		holds, err := topic.Holds(id)
		if err != nil {
			continue
		}
		for by, at := range holds {
			since, err := topic.Came(id, at)
			if err != nil {
				continue
			}
			h.Holds = append(h.Holds, target.Hold{By: by, Partition: p, Behind: int64(end - at), Since: since})
		}
	}
	slices.SortFunc(h.Holds, func(a, b target.Hold) int { return cmp.Or(cmp.Compare(b.Behind, a.Behind), cmp.Compare(a.By, b.By)) })
	return h, true
}

// ReplayRate is that of the last upgrade that took its time.
func (j *Jobs) ReplayRate() float64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.mu.replayRate > 0 {
		return j.mu.replayRate
	}
	return replayRateAssumed
}

// learnRate notes how fast an upgrade was that ended well.
func (j *Jobs) learnRate(u *upgrade, err error) {
	u.mu.Lock()
	read, took := u.mu.status.Replayed, time.Since(u.mu.status.Began)
	u.mu.Unlock()
	if err != nil || u.next.job.Resumed || took < replaySeen && read < replayedMin {
		return
	}
	j.mu.Lock()
	j.mu.replayRate = float64(read) / took.Seconds()
	j.mu.Unlock()
}
