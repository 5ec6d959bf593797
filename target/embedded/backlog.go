package embedded

import (
	"maps"
	"slices"
	"sort"
	"time"

	"tidemark/connect/native"
	"tidemark/engine/job"
	"tidemark/plan"
	"tidemark/store/eventlog"
)

// Rhythm and limits of the looks at how far jobs are behind.
const (
	backlogInterval = 250 * time.Millisecond
	// backlogPause is for how long senders are told to wait while a job is behind.
	backlogPause = time.Second
	// backlogSeen is how far back the ends of the log are known.
	backlogSeen = 5 * time.Minute
	// backlogFresh is the part of the allowed backlog below which a job is up to date.
	backlogFresh = 4
)

// backlogs follows how far jobs are behind the tables that they read. A job counts
// from when it has been up to date: one that reads a table for the first time, or
// catches up after a stop, keeps nobody from sending. It is used by one goroutine.
type backlogs struct {
	ends  map[string][]logEnd // of native tables, oldest first
	fresh map[*keeper]*job.Job
}

// logEnd is how much a table's log had at a time.
type logEnd struct {
	at  time.Time
	end int64 // the sum over its partitions
}

// watchBacklogs has those wait who send to tables whose readers are too far behind.
func (j *Jobs) watchBacklogs() {
	b := backlogs{ends: map[string][]logEnd{}, fresh: map[*keeper]*job.Job{}}
	ticker := time.NewTicker(backlogInterval)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			b.look(j, now)
		case <-j.ctx.Done():
			return
		}
	}
}

// look notes where the logs end, and pauses intakes.
func (b *backlogs) look(j *Jobs, now time.Time) {
	j.mu.Lock()
	keepers, natives := slices.Collect(maps.Values(j.mu.keepers)), maps.Clone(j.mu.natives)
	j.mu.Unlock()
	for name := range natives {
		if topic, err := j.options.Log.Topic(name); err == nil {
			b.note(name, now, endOf(topic))
		}
	}
	maps.DeleteFunc(b.ends, func(name string, _ []logEnd) bool { return natives[name] == nil })
	maps.DeleteFunc(b.fresh, func(k *keeper, _ *job.Job) bool { return !slices.Contains(keepers, k) })
	for _, k := range keepers {
		for table, behind := range b.behind(k, now) {
			if natives[table] == nil {
				continue
			}
			allowed, err := backlogOf(natives[table])
			if err != nil || allowed == 0 {
				continue // it was checked when the table was made
			}
			k.mu.Lock()
			run := k.mu.run
			k.mu.Unlock()
			switch {
			case behind < allowed/backlogFresh:
				b.fresh[k] = run
			case behind > allowed && b.fresh[k] == run:
				if intake, ok := j.Intake(table); ok {
					intake.Pause(now.Add(backlogPause))
				}
			}
		}
	}
}

func endOf(topic *eventlog.Topic) (end int64) {
	for p := range topic.Partitions() {
		if high, err := topic.HighWater(eventlog.Partition(p)); err == nil {
			end += int64(high)
		}
	}
	return end
}

// note keeps the end of a log, if it has moved.
func (b *backlogs) note(table string, now time.Time, end int64) {
	known := b.ends[table]
	if n := len(known); n == 0 || known[n-1].end != end {
		known = append(known, logEnd{now, end})
	}
	old := sort.Search(len(known), func(i int) bool { return now.Sub(known[i].at) <= backlogSeen })
	b.ends[table] = append(known[:0], known[min(old, len(known)-1):]...)
}

// behind is for how long the oldest event has waited that the job has not made
// visible, for each native table that a running job reads.
func (b *backlogs) behind(k *keeper, now time.Time) map[string]time.Duration {
	k.mu.Lock()
	run, positions := k.mu.run, k.mu.positions
	k.mu.Unlock()
	if run == nil || positions == nil {
		return nil
	}
	all := map[string]time.Duration{}
	plan.Inspect(k.job.Plan, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok && scan.Table.Kind == plan.Native {
			var read int64
			topic, err := k.jobs.options.Log.Topic(scan.Table.Name)
			if err != nil {
				return true
			}
			for p := range topic.Partitions() {
				read += positions[scan.Table.Name][string(native.SplitOf(eventlog.Partition(p)))]
			}
			all[scan.Table.Name] = b.since(scan.Table.Name, read, now)
		}
		return true
	})
	return all
}

// since is how long ago a log went beyond what was read.
func (b *backlogs) since(table string, read int64, now time.Time) time.Duration {
	ends := b.ends[table]
	if i := sort.Search(len(ends), func(i int) bool { return ends[i].end > read }); i < len(ends) {
		return now.Sub(ends[i].at)
	}
	return 0
}
