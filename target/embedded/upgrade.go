package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/store/eventlog"
	"tidemark/target"
)

// Rhythm and limits of upgrades.
const (
	upgradeInterval = 20 * time.Millisecond // between looks at how far it is
	// upgradeNear is how many events behind the newest one the old version is
	// stopped: some milliseconds of work.
	upgradeNear = 10_000
	// upgradeStillMax is how long the old version may stand still. When the new one
	// is not there by then, the old one goes on and it is tried again later.
	upgradeStillMax = 10 * time.Second
	// upgradeTries is how often the new version may fail until it is given up.
	upgradeTries = 5
	// oldVersionKept is how long the version before is kept after an upgrade: it
	// holds the events that it would have to read when it is gone back to.
	oldVersionKept = 24 * time.Hour
)

// upgrade builds the next version of a table beside what it is.
//
// Old and new have names of their own in the hot store and folders of their own
// for state; which of them is the table, the catalog says. A crash before swap has
// returned leaves the old one, and what was built is removed by the next start;
// after it, the new one goes on from its last epoch and the old one is removed.
type upgrade struct {
	jobs   *Jobs
	old    *keeper
	next   *keeper
	swap   func(context.Context) error
	ctx    context.Context
	cancel context.CancelFunc
	done   chan error    // gets one
	ended  chan struct{} // closed when nothing of it runs any more but what is the table now

	mu struct {
		sync.Mutex
		status target.Upgrade
	}
}

var _ target.Upgrading = (*Jobs)(nil)

// Upgrade builds job beside the table's job.
func (j *Jobs) Upgrade(ctx context.Context, job target.Job, swap func(context.Context) error) (<-chan error, error) {
	name := job.Table.Name
	next, err := newKeeper(j, job)
	if err != nil {
		return nil, err
	}
	if err := next.check(); err != nil {
		return nil, err
	}
	// An upgrade that ends only now may make another keeper the table's.
	if err := j.Abandon(ctx, name); err != nil {
		return nil, err
	}
	old, err := j.keeperOf(name)
	if err != nil || next.fingerprint == old.fingerprint && !job.Anew {
		return nil, err
	}
	if job.Anew || !next.isKept() {
		if err := j.dropVersion(ctx, next.name); err != nil {
			return nil, err
		}
	}
	next.beside.Store(true)
	if err := j.options.Store.CreateTable(ctx, next.lateTable()); err != nil {
		return nil, err
	}
	if err := next.open(ctx); err != nil {
		return nil, errors.Join(err, j.dropVersion(ctx, next.name))
	}
	u := &upgrade{jobs: j, old: old, next: next, swap: swap, done: make(chan error, 1), ended: make(chan struct{})}
	u.ctx, u.cancel = context.WithCancel(j.ctx)
	u.mu.status = target.Upgrade{Phase: target.Replaying, Began: time.Now()}
	j.mu.Lock()
	j.mu.upgrades[name] = u
	j.mu.Unlock()
	j.options.Logger.Info("table is built anew beside what it is", "table", name, "stored_as", next.name)
	j.all.Go(next.run)
	j.all.Go(u.run)
	return u.done, nil
}

// Abandon ends an upgrade that is under way.
func (j *Jobs) Abandon(ctx context.Context, table string) error {
	j.mu.Lock()
	u := j.mu.upgrades[table]
	j.mu.Unlock()
	if u == nil {
		return nil
	}
	u.cancel()
	select {
	case <-u.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// upgradeOf tells how far a table's upgrade is.
func (j *Jobs) upgradeOf(table string) *target.Upgrade {
	j.mu.Lock()
	u := j.mu.upgrades[table]
	j.mu.Unlock()
	if u == nil {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	status := u.mu.status
	return &status
}

// run follows the new version until it is the table, or is given up.
func (u *upgrade) run() {
	defer close(u.ended)
	err := u.follow()
	if err != nil {
		u.next.stop()
		err = errors.Join(err, u.jobs.dropVersion(context.WithoutCancel(u.ctx), u.next.name))
	}
	u.mu.Lock()
	u.mu.status.Phase = target.Swapped
	if err != nil {
		u.mu.status.Phase, u.mu.status.Error = target.Failed, problem.Of(err)
	}
	u.mu.Unlock()
	u.jobs.options.Logger.Info("table was built anew", "table", u.old.job.Table.Name, "stored_as", u.next.name, "error", err)
	u.done <- err
}

func (u *upgrade) follow() error {
	ticker := time.NewTicker(upgradeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-u.ctx.Done():
			return problem.New(problem.Canceled, "the change of %s was given up", u.old.job.Table.Name)
		}
		behind, err := u.measure()
		if err != nil {
			return err
		}
		if behind < 0 || behind > upgradeNear {
			continue
		}
		if done, err := u.meet(); done || err != nil {
			return err
		}
	}
}

// measure notes how far the new version has read; negative behind is unknown.
func (u *upgrade) measure() (behind int64, err error) {
	st := u.next.status()
	if st.State == target.Restarting && st.Restarts >= upgradeTries {
		return 0, fmt.Errorf("build %s anew: %w", st.Table, st.Failure)
	}
	behind = st.Restart.Replay
	if behind < 0 {
		return behind, nil
	}
	var read int64
	u.next.mu.Lock()
	for _, splits := range u.next.mu.positions {
		for _, at := range splits {
			read += at
		}
	}
	u.next.mu.Unlock()
	u.mu.Lock()
	u.mu.status.Replayed, u.mu.status.Total = read, read+behind
	u.mu.Unlock()
	return behind, nil
}

// meet stops the old version with a last epoch, waits until the new one has read as
// far, compares them and swaps. It reports false when the new one was not there in
// time: the old one goes on.
func (u *upgrade) meet() (done bool, err error) {
	wasSuspended := u.old.isSuspended()
	u.phase(target.Catching)
	if err := u.old.act(target.Suspend); err != nil {
		return false, err
	}
	defer func() {
		if !done && !wasSuspended {
			err = errors.Join(err, u.old.act(target.Resume))
		}
	}()
	deadline := time.NewTimer(upgradeStillMax)
	defer deadline.Stop()
	ticker := time.NewTicker(upgradeInterval)
	defer ticker.Stop()
	for !u.old.isStill() || !u.next.isPast(u.old) {
		select {
		case <-ticker.C:
		case <-deadline.C:
			u.phase(target.Replaying)
			return false, nil
		case <-u.ctx.Done():
			return false, problem.New(problem.Canceled, "the change of %s was given up", u.old.job.Table.Name)
		}
	}
	compared, err := u.jobs.options.Store.Compare(u.ctx, u.old.stored(), u.next.stored())
	if err != nil {
		return false, err
	}
	u.mu.Lock()
	u.mu.status.Compared = &target.Comparison{Equal: compared.Equal, Differing: compared.Differing, OnlyOld: compared.OnlyFirst, OnlyNew: compared.OnlySecond}
	u.mu.Unlock()
	if err := u.swap(u.ctx); err != nil {
		return false, err
	}
	u.jobs.mu.Lock()
	u.jobs.mu.keepers[u.next.job.Table.Name] = u.next
	u.jobs.mu.Unlock()
	u.next.beside.Store(false)
	u.next.report()
	u.old.stop()
	// Questions that were bound before still read the old version, and it is what
	// can be gone back to.
	if err := u.jobs.dropOtherVersions(context.WithoutCancel(u.ctx), u.old.job.Table.Name, u.old.name, u.next.name); err != nil {
		u.jobs.options.Logger.Warn("remove versions that are no longer needed", "table", u.old.job.Table.Name, "error", err)
	}
	return true, nil
}

// isKept reports whether there is state of this very definition to go on from.
func (k *keeper) isKept() bool {
	noted, err := vfs.ReadFile(k.jobs.options.Files, k.definitionFile())
	return err == nil && string(noted) == k.fingerprint
}

func (u *upgrade) phase(now target.UpgradePhase) {
	u.mu.Lock()
	u.mu.status.Phase = now
	u.mu.Unlock()
}

// isStill reports whether no run of the job is under way.
func (k *keeper) isStill() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.run == nil
}

// isPast reports whether the visible rows come from at least as many events as
// those of another keeper, of every part of the event log that both read.
func (k *keeper) isPast(other *keeper) bool {
	other.mu.Lock()
	want := other.mu.positions
	other.mu.Unlock()
	k.mu.Lock()
	have := k.mu.positions
	k.mu.Unlock()
	for table, splits := range want {
		if _, err := k.jobs.options.Log.Topic(table); err != nil || have[table] == nil {
			continue // of another system, or not read by the new version
		}
		for split, at := range splits {
			if have[table][split] < at {
				return false
			}
		}
	}
	return true
}

// dropOld removes the version before a table's last upgrade when it was kept long
// enough. Going back is possible afterwards too, and reads all events again.
func (j *Jobs) dropOld(ctx context.Context, table string) error {
	j.mu.Lock()
	u, k := j.mu.upgrades[table], j.mu.keepers[table]
	j.mu.Unlock()
	if u == nil || k == nil {
		return nil
	}
	u.mu.Lock()
	due := u.mu.status.Phase == target.Swapped && time.Since(u.mu.status.Began) > oldVersionKept
	u.mu.Unlock()
	if !due {
		return nil
	}
	return j.dropOtherVersions(ctx, table, k.name)
}

// dropVersion forgets rows, state and holds of what is stored under a name.
func (j *Jobs) dropVersion(ctx context.Context, name string) error {
	var failed []error
	for _, topic := range j.options.Log.Topics() {
		for p := range topic.Partitions() {
			failed = append(failed, topic.ReleaseHold(eventlog.Partition(p), "job "+name))
		}
	}
	failed = append(failed, j.options.Store.DropTable(ctx, name), j.options.Store.DropTable(ctx, name+catalog.LateSuffix), vfs.RemoveTree(j.options.Files, j.folder(name)))
	return errors.Join(failed...)
}

// dropLeftovers removes, when a table's job is kept for the first time, what a stop
// in the middle of an upgrade has left, and the version before.
func (j *Jobs) dropLeftovers(ctx context.Context, t *plan.Table) error {
	j.mu.Lock()
	known := j.mu.keepers[t.Name] != nil
	j.mu.Unlock()
	if known {
		return nil
	}
	return j.dropOtherVersions(ctx, t.Name, t.StoredName())
}

// dropOtherVersions removes all versions of a table but those that are stored
// under these names.
func (j *Jobs) dropOtherVersions(ctx context.Context, table string, but ...string) error {
	names, err := j.options.Files.List(j.options.Dir)
	if err != nil {
		return fmt.Errorf("list versions of %s: %w", table, err)
	}
	version := regexp.MustCompile(`^` + regexp.QuoteMeta(table) + `(\$[0-9]+)?$`)
	var failed error
	for _, folder := range names {
		name, err := url.PathUnescape(filepath.Base(folder))
		if err == nil && version.MatchString(name) && !slices.Contains(but, name) {
			failed = errors.Join(failed, j.dropVersion(ctx, name))
		}
	}
	return failed
}
