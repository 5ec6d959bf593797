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
	"sync/atomic"
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
	// upgradeHoldInterval is how often events that the new version has read are let go.
	upgradeHoldInterval = 10 * time.Second
	// upgradeNear is how many events behind the newest one the old version is
	// stopped: some milliseconds of work.
	upgradeNear = 10_000
	// upgradeStillMax is how long the old version may stand still. When the new one
	// is not there by then, the old one goes on and it is tried again later.
	upgradeStillMax = 10 * time.Second
	// upgradeTries is how often the new version may fail until it is given up.
	upgradeTries = 5
)

// upgrade builds the next version of a table beside what it is.
//
// Old and new have names of their own in the hot store and folders of their own
// for state; which of them is the table, the catalog says. What a crash or a stop
// leaves of both goes on from its last epoch at the next start. From the beginning
// on, the new version holds the events that it has not read yet; after the swap the
// old one holds those that it would need if it were gone back to.
type upgrade struct {
	jobs       *Jobs
	old        *keeper
	next       *keeper
	succession target.Succession
	ctx        context.Context
	cancel     context.CancelFunc
	leaving    atomic.Bool // the process ends: what was built stays as it is
	building   *target.Building
	ended      chan struct{} // closed when nothing of it runs any more but what is the table now

	mu struct {
		sync.Mutex
		status target.Upgrade
	}
}

var _ target.Upgrading = (*Jobs)(nil)

// Upgrade builds job beside the table's job.
func (j *Jobs) Upgrade(ctx context.Context, job target.Job, succession target.Succession) (*target.Building, error) {
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
	if err := succession.Begin(ctx); err != nil {
		return nil, err
	}
	if err := next.openBeside(ctx); err != nil {
		return nil, errors.Join(err, j.dropVersion(ctx, next.name), succession.GiveUp(ctx))
	}
	u := &upgrade{jobs: j, old: old, next: next, succession: succession, building: target.NewBuilding(), ended: make(chan struct{})}
	u.ctx, u.cancel = context.WithCancel(j.ctx)
	u.mu.status = target.Upgrade{Phase: target.Replaying, Began: time.Now()}
	j.mu.Lock()
	j.mu.upgrades[name] = u
	j.mu.Unlock()
	j.options.Logger.Info("table is built anew beside what it is", "table", name, "stored_as", next.name, "goes_on", job.Resumed)
	j.all.Go(next.run)
	j.all.Go(u.run)
	return u.building, nil
}

// openBeside opens the state and the stored rows of a version that is built beside
// what the table is: what there is of this very definition, or nothing.
func (k *keeper) openBeside(ctx context.Context) error {
	k.beside.Store(true)
	if !k.job.From.IsZero() && (!k.job.Resumed || !k.isKept()) {
		return k.openFrom(ctx)
	}
	if !k.job.Resumed && (k.job.Anew || !k.isKept()) {
		if err := k.jobs.dropVersion(ctx, k.name); err != nil {
			return err
		}
	}
	if err := k.jobs.options.Store.CreateTable(ctx, k.lateTable()); err != nil {
		return err
	}
	return k.open(ctx)
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

// leave ends an upgrade that is under way with the process: what was built stays,
// and the next start goes on with it.
func (u *upgrade) leave() {
	u.leaving.Store(true)
	u.cancel()
	<-u.ended
}

// run follows the new version until it is the table, or is given up.
func (u *upgrade) run() {
	defer close(u.ended)
	err := u.follow()
	if err != nil {
		u.next.stop()
		if !u.leaving.Load() && u.jobs.ctx.Err() == nil {
			ctx := context.WithoutCancel(u.ctx)
			err = errors.Join(err, u.jobs.dropVersion(ctx, u.next.name), u.succession.GiveUp(ctx))
		}
	}
	u.jobs.learnRate(u, err)
	u.mu.Lock()
	u.mu.status.Phase = target.Swapped
	if err != nil {
		u.mu.status.Phase, u.mu.status.Error = target.Failed, problem.Of(err)
	}
	u.mu.Unlock()
	u.jobs.options.Logger.Info("table was built anew", "table", u.old.job.Table.Name, "stored_as", u.next.name, "error", err)
	u.building.End(err)
}

func (u *upgrade) follow() error {
	ticker, hold := time.NewTicker(upgradeInterval), time.NewTicker(upgradeHoldInterval)
	defer ticker.Stop()
	defer hold.Stop()
	for {
		select {
		case <-ticker.C:
		case <-hold.C:
			// Not with the other jobs: whoever gives the version up is this goroutine, and
			// nothing is held for it afterwards.
			if err := u.next.retain(u.ctx); err != nil {
				return err
			}
			continue
		case <-u.ctx.Done():
			return u.canceled()
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
	if behind = st.Restart.Replay; behind < 0 {
		behind = u.next.lag() // it reads from another system
	}
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
	read -= u.next.skipped.Load()
	u.mu.status.Replayed, u.mu.status.Total = read, read+behind
	u.mu.Unlock()
	return behind, nil
}

// lag is how many rows wait in the sources of the run; negative when one of them
// cannot tell, and before the first epoch.
func (k *keeper) lag() (rows int64) {
	k.mu.Lock()
	run, begun := k.mu.run, k.mu.positions != nil
	k.mu.Unlock()
	if run == nil || !begun {
		return -1
	}
	for _, source := range run.Status().Sources {
		for _, split := range source.Splits {
			if split.LagRows < 0 {
				return -1
			}
			rows += split.LagRows
		}
	}
	return rows
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
			return false, u.canceled()
		}
	}
	compared, err := u.jobs.options.Store.Compare(u.ctx, u.old.stored(), u.next.stored())
	if err != nil {
		return false, err
	}
	u.mu.Lock()
	u.mu.status.Compared = &target.Comparison{Equal: compared.Equal, Differing: compared.Differing, OnlyOld: compared.OnlyFirst, OnlyNew: compared.OnlySecond}
	u.mu.Unlock()
	if err := u.succession.Swap(u.ctx); err != nil {
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
	if err := u.jobs.DropVersions(context.WithoutCancel(u.ctx), u.old.job.Table.Name, u.old.name, u.next.name); err != nil {
		u.jobs.options.Logger.Warn("remove versions that are no longer needed", "table", u.old.job.Table.Name, "error", err)
	}
	return true, nil
}

// canceled says why an upgrade ended before its time.
func (u *upgrade) canceled() error {
	if u.leaving.Load() {
		return problem.New(problem.Canceled, "the server stops; its next start goes on with the change of %s", u.old.job.Table.Name)
	}
	return problem.New(problem.Canceled, "the change of %s was given up", u.old.job.Table.Name)
}

// isKept reports whether there is state of this very definition to go on from.
func (k *keeper) isKept() bool {
	fits, _, err := k.definition()
	return fits && err == nil
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
// those of another keeper, of every source that both read and that has numbers.
func (k *keeper) isPast(other *keeper) bool {
	other.mu.Lock()
	want := other.mu.positions
	other.mu.Unlock()
	k.mu.Lock()
	have := k.mu.positions
	k.mu.Unlock()
	if have == nil || k.owes.Load() {
		return false // nothing is visible yet
	}
	for table, splits := range want {
		if have[table] == nil {
			continue // not read by the new version
		}
		for split, at := range splits {
			if have[table][split] < at {
				return false
			}
		}
	}
	return true
}

// holdAll keeps all events that the log has for a job that has read none of them.
func (k *keeper) holdAll() error {
	var failed error
	plan.Inspect(k.job.Plan, func(n plan.Node) bool {
		scan, ok := n.(*plan.Scan)
		if !ok || scan.Table.Kind == plan.External {
			return true
		}
		topic, err := k.jobs.options.Log.Topic(scan.Table.Name)
		if err != nil {
			failed = errors.Join(failed, err)
			return false
		}
		for p := range topic.Partitions() {
			start, err := topic.StartOffset(eventlog.Partition(p))
			if err == nil {
				err = topic.Hold(eventlog.Partition(p), k.holdName(), start)
			}
			failed = errors.Join(failed, err)
		}
		return false
	})
	return failed
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

// dropLeftovers removes, when a table's job is kept for the first time, versions
// that nobody knows of.
func (j *Jobs) dropLeftovers(ctx context.Context, job target.Job) error {
	j.mu.Lock()
	known := j.mu.keepers[job.Table.Name] != nil
	j.mu.Unlock()
	if known {
		return nil
	}
	return j.DropVersions(ctx, job.Table.Name, append(job.Others, job.Table.StoredName())...)
}

// DropVersions removes all versions of a table but those that are stored under these
// names.
func (j *Jobs) DropVersions(ctx context.Context, table string, but ...string) error {
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
