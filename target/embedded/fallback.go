package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/connect/kafka"
	"tidemark/connect/native"
	"tidemark/engine/state"
	"tidemark/plan"
	"tidemark/store/eventlog"
	"tidemark/target"
)

// Rhythm and limits of the savepoints that jobs fall back to. They are whole
// copies: files that were only linked would be damaged together.
const (
	fallbackInterval = 5 * time.Minute
	fallbacksKept    = 2
	// fallbackBytesMax and fallbackRowsMax are up to what state and table are worth
	// a copy every few minutes: a second or two of one core.
	fallbackBytesMax = 256 << 20
	fallbackRowsMax  = 1 << 20
)

// openState opens the state's store for a run.
func (k *keeper) openState() (store *state.Store, err error) {
	k.disk.Lock()
	defer k.disk.Unlock()
	if store, err = state.Open(k.stateDir()); err == nil {
		k.store = store
	}
	return store, err
}

// closeState closes it when nobody else uses it any more. Every epoch was synced.
func (k *keeper) closeState() {
	k.disk.Lock()
	defer k.disk.Unlock()
	if err := k.store.Close(); err != nil {
		k.jobs.options.Logger.Warn("close state", "table", k.job.Table.Name, "error", err)
	}
	k.store = nil
}

// between does work while the job does not run, which goes on afterwards.
func (k *keeper) between(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	k.mu.Lock()
	if k.mu.task != nil || k.mu.stopping {
		k.mu.Unlock()
		return problem.New(problem.Conflict, "something else is being done to the job of %s", k.job.Table.Name).WithHint("try again in a second").Retryable()
	}
	k.mu.task = func() { done <- work() }
	run := k.mu.run
	k.mu.Unlock()
	if run != nil {
		run.Stop()
	}
	k.awake()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return problem.New(problem.Canceled, "nobody waited for it any more; it is being done all the same")
	case <-k.done:
		return problem.New(problem.Canceled, "the job of %s was stopped", k.job.Table.Name)
	}
}

// runTask does what between has asked for.
func (k *keeper) runTask() {
	k.mu.Lock()
	task := k.mu.task
	k.mu.Unlock()
	if task == nil {
		return
	}
	task()
	k.mu.Lock()
	k.mu.task = nil
	k.mu.Unlock()
}

func (k *keeper) hasTask() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mu.task != nil
}

// goOnRestoring ends the going back to a savepoint that a crash has interrupted.
func (k *keeper) goOnRestoring(ctx context.Context) (done bool, err error) {
	name, err := vfs.ReadFile(k.jobs.options.Files, k.restoringFile())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what %s goes back to: %w", k.job.Table.Name, err)
	}
	if err := k.putBack(ctx, string(name)); err != nil {
		// The definition is forgotten with it, so that the table is built anew.
		k.jobs.options.Logger.Error("savepoint cannot be gone back to", "table", k.job.Table.Name, "savepoint", string(name), "error", err)
		return false, errors.Join(vfs.RemoveTree(k.jobs.options.Files, k.definitionFile()), vfs.RemoveTree(k.jobs.options.Files, k.restoringFile()))
	}
	return true, nil
}

// fallBack goes back to the newest savepoint of the job's definition that can be
// used. It reports false when there is none: the table is to be built anew.
func (k *keeper) fallBack(ctx context.Context) (bool, error) {
	if k.savable() != nil {
		return false, nil
	}
	for _, s := range k.savepoints() {
		if !s.Fits {
			continue
		}
		if err := k.putBack(ctx, s.Name); err != nil {
			k.jobs.options.Logger.Warn("savepoint cannot be fallen back to", "table", k.job.Table.Name, "savepoint", s.Name, "error", err)
			continue
		}
		back := problem.New(problem.Corrupt, "the newest state was damaged or lost: the job went back to epoch %d of %s and reads what came later again", s.Epoch, s.Taken.Format(time.RFC3339)).
			WithHint("nothing is missing; look at the disk")
		k.jobs.options.Logger.Warn("job falls back to a savepoint", "table", k.job.Table.Name, "savepoint", s.Name, "epoch", uint64(s.Epoch), "taken", s.Taken)
		k.mu.Lock()
		k.mu.back = back
		k.mu.Unlock()
		return true, nil
	}
	return false, nil
}

// repair looks, after a run that met damaged bytes, whether they are the state's.
// If so, the job goes back or begins anew; otherwise nothing changes.
func (k *keeper) repair() {
	store, err := state.Open(k.stateDir())
	if err == nil {
		err = errors.Join(store.Verify(), store.Close())
	}
	if !problem.Is(err, problem.Corrupt) {
		return
	}
	k.jobs.options.Logger.Error("state is damaged", "table", k.job.Table.Name, "error", err)
	k.saving.Lock() // nobody else opens the store meanwhile
	defer k.saving.Unlock()
	// Without it the definition counts as changed, also after a crash in between.
	if err := vfs.RemoveTree(k.jobs.options.Files, k.definitionFile()); err != nil {
		return // the next try comes here again
	}
	if err := k.open(k.ctx); err != nil {
		k.jobs.options.Logger.Error("repair state", "table", k.job.Table.Name, "error", err)
	}
}

// saveAll makes, from time to time, savepoints to fall back to.
func (j *Jobs) saveAll() {
	ticker := time.NewTicker(j.options.FallbackInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-j.ctx.Done():
			return
		}
		j.mu.Lock()
		keepers := slices.Collect(maps.Values(j.mu.keepers))
		j.mu.Unlock()
		for _, k := range keepers {
			if err := k.saveFallback(j.ctx); err != nil && j.ctx.Err() == nil {
				j.options.Logger.Warn("make a savepoint to fall back to", "table", k.job.Table.Name, "error", err)
			}
		}
	}
}

// saveFallback makes a savepoint when there is something new, and it is cheap. A
// native table is what its event log says and needs none.
func (k *keeper) saveFallback(ctx context.Context) error {
	k.mu.Lock()
	run := k.mu.run
	k.mu.Unlock()
	if run == nil || k.job.Table.Kind != plan.Materialized || k.savable() != nil {
		return nil
	}
	st := run.Status()
	if st.Epoch == 0 || st.StateBytes > fallbackBytesMax {
		return nil
	}
	var automatic []target.Savepoint
	for _, s := range k.savepoints() {
		if s.Fits && s.Epoch == st.Epoch {
			return nil // of this very moment
		}
		if s.Automatic {
			automatic = append(automatic, s)
		}
	}
	rows, err := k.jobs.options.Store.Rows(ctx, k.stored())
	if err != nil || rows > fallbackRowsMax {
		return err
	}
	if _, err := k.save(ctx, fmt.Sprintf("%s%d", automaticPrefix, time.Now().UnixMilli()), true); err != nil {
		return err
	}
	var failed error
	for i, s := range automatic {
		if i >= fallbacksKept-1 {
			failed = errors.Join(failed, k.forget(s.Name))
		}
	}
	return failed
}

// forgetAll removes all savepoints of a table that is dropped.
func (k *keeper) forgetAll() error {
	var failed error
	for _, s := range k.savepoints() {
		failed = errors.Join(failed, k.forget(s.Name))
	}
	return failed
}

// restartPlan says what the job would do if it started anew now.
func (k *keeper) restartPlan() target.RestartPlan {
	k.learnPositions()
	k.mu.Lock()
	run, positions, newest, at := k.mu.run, k.mu.positions, k.mu.newest, k.mu.newestAt
	k.mu.Unlock()
	p := target.RestartPlan{Replay: -1, Back: k.savepoints()}
	if run != nil {
		st := run.Status()
		newest, at = st.Epoch, st.EpochTime
	}
	if newest > 0 {
		p.Epoch, p.Age = newest, time.Since(at)
	}
	var waiting int64
	for table, splits := range positions {
		topic, err := k.jobs.options.Log.Topic(table)
		if err != nil {
			return p // of another system
		}
		for part := range topic.Partitions() {
			id := eventlog.Partition(part)
			end, err := topic.HighWater(id)
			if err != nil {
				return p
			}
			waiting += max(0, int64(end)-splits[string(native.SplitOf(id))])
		}
	}
	if positions != nil {
		p.Replay = waiting
	}
	return p
}

// learnPositions reads how far the newest epoch is, when the run has not made one
// visible yet.
func (k *keeper) learnPositions() {
	k.mu.Lock()
	known := k.mu.positions != nil
	k.mu.Unlock()
	if known {
		return
	}
	k.disk.RLock()
	defer k.disk.RUnlock()
	if k.store == nil {
		return
	}
	record, err := k.store.Newest()
	names := k.sourceTables()
	if err != nil || record == nil || len(record.Sources) != len(names) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mu.positions == nil {
		k.mu.positions = k.positionsOf(record, names)
	}
}

// positionsOf is how far each split of each source table has been read, by numbers
// of events or records: of native tables, and of those of Kafka. Of several sources
// of one table it is the least.
func (k *keeper) positionsOf(record *state.Record, names []string) map[string]map[string]int64 {
	foreign := map[string]*plan.Table{}
	plan.Inspect(k.job.Plan, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok && scan.Table.Kind == plan.External {
			foreign[scan.Table.Name] = scan.Table
		}
		return true
	})
	all := map[string]map[string]int64{}
	for i, name := range names {
		of := map[string]int64{}
		for _, split := range record.Sources[i].Splits {
			at, ok := int64(native.OffsetOf(split.Offset)), true
			if foreign[name] != nil {
				at, ok = kafka.PositionOf(split.Offset)
				ok = ok && ofKafka(foreign[name])
			}
			if ok {
				of[string(split.ID)] = at
			}
		}
		if other, read := all[name]; read {
			maps.DeleteFunc(of, func(split string, _ int64) bool { _, both := other[split]; return !both })
			for split, at := range of {
				of[split] = min(at, other[split])
			}
		}
		all[name] = of
	}
	return all
}
