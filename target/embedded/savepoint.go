package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"time"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/value"
	"tidemark/base/vfs"
	"tidemark/catalog"
	"tidemark/connect"
	"tidemark/connect/native"
	"tidemark/engine/state"
	"tidemark/plan"
	"tidemark/store/eventlog"
	"tidemark/store/olap"
	"tidemark/target"
)

// savepointNames are what a savepoint may be called.
var savepointNames = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$`)

const automaticPrefix = "auto-" // of the names of savepoints that are made from time to time

// moment is a job's state and the rows of its tables as they belong together.
type moment struct {
	head   savepointHead
	frozen *state.Frozen
	saved  *olap.Saved
	tables []olap.Table
}

func (m *moment) close() error { return errors.Join(m.frozen.Close(), m.saved.Close()) }

// savable refuses jobs whose output cannot be taken back.
func (k *keeper) savable() error {
	if k.outside() {
		return problem.New(problem.Unsupported, "the job of %s writes to another system, which cannot go back", k.job.Table.Name).
			WithHint("savepoints are for tables that are stored here")
	}
	expires := false
	plan.Inspect(k.job.Plan, func(n plan.Node) bool {
		join, ok := n.(*plan.LookupJoin)
		expires = expires || ok && join.Expired != nil
		return true
	})
	if expires {
		return problem.New(problem.Unsupported, "the job of %s sends rows that lookups gave up to another table, which cannot go back", k.job.Table.Name).
			WithHint("leave 'expired-table' out of the lookup's hint")
	}
	return nil
}

// savedTables are the tables that the job writes, its own first, with what their
// names end with.
func (k *keeper) savedTables() (tables []olap.Table, suffixes []string) {
	tables, suffixes = []olap.Table{k.stored()}, []string{""}
	if k.job.Table.Kind == plan.Materialized && k.keepsLate() != nil {
		tables, suffixes = append(tables, k.lateTable()), append(suffixes, catalog.LateSuffix)
	}
	return tables, suffixes
}

// save keeps the present moment of the job in a file. Only the taking of the
// moment holds up the job, not the writing.
func (k *keeper) save(ctx context.Context, name string, automatic bool) (target.Savepoint, error) {
	none := target.Savepoint{}
	if err := k.savable(); err != nil {
		return none, err
	}
	k.saving.Lock()
	defer k.saving.Unlock()
	files, path := k.jobs.options.Files, k.savepointPath(name)
	if _, err := files.Stat(path); err == nil {
		return none, problem.New(problem.AlreadyExists, "%s has a savepoint %s", k.job.Table.Name, name).WithHint("use another name, or delete it first")
	}
	k.disk.RLock() // the store is not closed meanwhile, and not opened by the run
	defer k.disk.RUnlock()
	store := k.store
	if store == nil {
		var err error
		if store, err = state.Open(k.stateDir()); err != nil {
			return none, err
		}
		defer store.Close() //nolint:errcheck // nothing was written
	}
	m, err := k.take(ctx, store)
	if err != nil {
		return none, err
	}
	m.head.Name, m.head.Automatic = name, automatic
	if err := k.holdFor(m.head); err != nil {
		return none, errors.Join(err, m.close())
	}
	defer k.changeSavepoints()
	err = writeFile(files, path, func(f io.Writer) error { return m.write(ctx, f) })
	if err = errors.Join(err, m.close()); err != nil {
		return none, errors.Join(fmt.Errorf("save %s of %s: %w", name, k.job.Table.Name, err), k.letGo(m.head))
	}
	return k.savepoint(name)
}

// take holds a moment. The gate is closed meanwhile: the state is at most the one
// epoch ahead of the rows whose output it still has.
func (k *keeper) take(ctx context.Context, store *state.Store) (*moment, error) {
	sources := k.sourceTables()
	tables, suffixes := k.savedTables()
	m := &moment{tables: tables}
	k.gate.Lock()
	m.frozen = store.Freeze()
	saved, err := k.jobs.options.Store.Save(ctx, tables)
	k.gate.Unlock()
	if err != nil {
		return nil, errors.Join(err, m.frozen.Close())
	}
	m.saved = saved
	record, err := m.frozen.Newest()
	if err == nil && (record == nil || len(record.Sources) != len(sources)) {
		err = problem.New(problem.Conflict, "the job of %s has not begun", k.job.Table.Name).WithHint("try again in a second").Retryable()
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	m.head = savepointHead{Table: k.job.Table.Name, Fingerprint: k.fingerprint, Definition: k.job.Table.Definition, Epoch: uint64(record.Epoch), Watermark: record.Watermark, TakenAt: time.Now().UTC()}
	for i, s := range record.Sources {
		one := savedSource{Table: sources[i], Splits: map[string][]byte{}}
		for _, split := range s.Splits {
			one.Splits[string(split.ID)] = split.Offset
		}
		m.head.Sources = append(m.head.Sources, one)
	}
	for i, at := range saved.Epochs {
		m.head.Tables = append(m.head.Tables, savedTable{Suffix: suffixes[i], Epoch: at.Epoch, Watermark: at.Watermark})
	}
	return m, nil
}

// write writes the moment as a savepoint.
func (m *moment) write(ctx context.Context, f io.Writer) error {
	w, err := newSavepointWriter(f, m.head)
	if err != nil {
		return err
	}
	if err := m.frozen.Each(w.entry); err != nil {
		return err
	}
	if err := w.endState(); err != nil {
		return err
	}
	var stored []byte
	for i := range m.tables {
		if err := w.table(i); err != nil {
			return err
		}
		for {
			rows, err := m.saved.Next(ctx, i)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			stored = batch.Encode(stored[:0], rows)
			if err := w.rows(stored, rows.Live()); err != nil {
				return err
			}
		}
	}
	return w.end()
}

// writeFile makes a file in one durable step, as vfs.WriteFile does, of content
// that need not be in memory at once.
func writeFile(files vfs.FS, path string, write func(io.Writer) error) error {
	if err := vfs.MakeDir(files, filepath.Dir(path)); err != nil {
		return err
	}
	f, err := files.Create(path + ".new")
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = files.Rename(path+".new", path)
	}
	if err != nil {
		return errors.Join(err, vfs.RemoveTree(files, path+".new"))
	}
	return files.SyncDir(filepath.Dir(path))
}

func (k *keeper) savepointPath(name string) string {
	return filepath.Join(k.jobs.savepointDir(k.job.Table.Name), name+savepointSuffix)
}

// savepointDir is where a job's savepoints are: not with its state, which damage
// of the hot store makes void.
func (j *Jobs) savepointDir(table string) string {
	return filepath.Join(j.options.Savepoints, url.PathEscape(table))
}

// openSavepoint opens the file and reads its head.
func (k *keeper) openSavepoint(name string) (*savepointReader, vfs.File, error) {
	f, err := k.jobs.options.Files.Open(k.savepointPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		p := problem.New(problem.NotFound, "%s has no savepoint %s", k.job.Table.Name, name)
		var names []string
		for _, s := range k.savepoints() {
			names = append(names, s.Name)
		}
		if near := problem.Nearest(name, names); near != "" {
			p.WithHint("did you mean %s?", near)
		}
		return nil, nil, p
	}
	if err != nil {
		return nil, nil, err
	}
	r, err := newSavepointReader(f, name)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return r, f, nil
}

// savepoint describes one.
func (k *keeper) savepoint(name string) (target.Savepoint, error) {
	r, f, err := k.openSavepoint(name)
	if err != nil {
		return target.Savepoint{}, err
	}
	defer f.Close()
	at, err := f.Stat()
	if err != nil {
		return target.Savepoint{}, err
	}
	return target.Savepoint{
		Table: k.job.Table.Name, Name: name, Automatic: r.head.Automatic, Epoch: connect.Epoch(r.head.Epoch), Taken: r.head.TakenAt, Bytes: at.Size,
		Fits: r.head.Fingerprint == k.fingerprint,
	}, nil
}

// savepoints lists those whose head can be read, newest first.
func (k *keeper) savepoints() []target.Savepoint {
	k.mu.Lock()
	all, known := k.mu.listed, k.mu.isListed
	k.mu.Unlock()
	if known {
		return all
	}
	all = k.readSavepoints()
	k.mu.Lock()
	k.mu.listed, k.mu.isListed = all, true
	k.mu.Unlock()
	return all
}

// changeSavepoints makes savepoints look again.
func (k *keeper) changeSavepoints() {
	k.mu.Lock()
	k.mu.listed, k.mu.isListed = nil, false
	k.mu.Unlock()
}

func (k *keeper) readSavepoints() []target.Savepoint {
	names, err := k.jobs.options.Files.List(k.jobs.savepointDir(k.job.Table.Name))
	if err != nil {
		return nil // there has been none
	}
	var all []target.Savepoint
	for _, file := range names {
		if name, ok := strings.CutSuffix(file, savepointSuffix); ok {
			if s, err := k.savepoint(name); err == nil {
				all = append(all, s)
			}
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a].Taken.After(all[b].Taken) })
	return all
}

// putBack makes state and rows those of a savepoint. The job does not run. A
// crash in the middle leads here again, by open. Nothing has changed when the
// savepoint is damaged or does not fit.
func (k *keeper) putBack(ctx context.Context, name string) error {
	if err := k.checkSavepoint(ctx, name); err != nil {
		return err
	}
	files := k.jobs.options.Files
	if err := vfs.MakeDir(files, k.dir); err != nil {
		return err
	}
	if err := vfs.WriteFile(files, k.restoringFile(), []byte(name)); err != nil {
		return fmt.Errorf("note that %s goes back: %w", k.job.Table.Name, err)
	}
	if err := vfs.RemoveTree(files, k.stateDir()); err != nil {
		return fmt.Errorf("remove old state: %w", err)
	}
	r, f, err := k.openSavepoint(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := state.Fill(k.stateDir(), r.entry); err != nil {
		return err
	}
	tables, _ := k.savedTables()
	for i, t := range tables {
		if err := k.putBackRows(ctx, r, i, t); err != nil {
			return err
		}
	}
	if err := vfs.WriteFile(files, k.definitionFile(), []byte(k.fingerprint)); err != nil {
		return err
	}
	if err := vfs.RemoveTree(files, k.restoringFile()); err != nil {
		return err
	}
	k.mu.Lock()
	k.mu.positions = nil
	k.mu.Unlock()
	_, err = k.storedEpoch(ctx)
	return errors.Join(err, files.SyncDir(k.dir))
}

func (k *keeper) restoringFile() string { return filepath.Join(k.dir, "restoring") }

// checkSavepoint reads a whole savepoint and demands that the job can go on from
// it.
func (k *keeper) checkSavepoint(_ context.Context, name string) error {
	r, f, err := k.openSavepoint(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if r.head.Fingerprint != k.fingerprint {
		return problem.New(problem.Conflict, "savepoint %s belongs to another definition of %s", name, k.job.Table.Name).
			WithHint("define the table as it was then: %s", r.head.Definition)
	}
	tables, _ := k.savedTables()
	if len(tables) != len(r.head.Tables) {
		return r.damaged(errors.New("it has not the tables of the job"))
	}
	if err := k.jobs.reaches(r.head); err != nil {
		return err
	}
	return r.checkRows(tables)
}

// checkRows reads the rest of the file.
func (r *savepointReader) checkRows(tables []olap.Table) error {
	return r.check(func(i int, stored []byte) (int, error) {
		rows, err := batch.Decode(stored, typesOf(tables[i]))
		if err != nil {
			return 0, err
		}
		return rows.Live(), nil
	})
}

func typesOf(t olap.Table) []value.Type {
	types := make([]value.Type, len(t.Columns))
	for i, f := range t.Columns {
		types[i] = f.Type
	}
	return types
}

func (k *keeper) putBackRows(ctx context.Context, r *savepointReader, i int, t olap.Table) error {
	store := k.jobs.options.Store
	if err := store.CreateTable(ctx, t); problem.Is(err, problem.Conflict) {
		if err := store.DropTable(ctx, t.Name); err != nil {
			return err
		}
		if err := store.CreateTable(ctx, t); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	w, err := store.Writer(ctx, t)
	if err != nil {
		return err
	}
	if err := r.beginTable(i); err != nil {
		return err
	}
	types, at := typesOf(t), r.head.Tables[i]
	return w.Replace(ctx, olap.SavedEpoch{Epoch: at.Epoch, Watermark: at.Watermark}, func() (rows *batch.Batch, err error) {
		err = r.rows(func(stored []byte) (int, error) {
			if rows, err = batch.Decode(stored, types); err != nil {
				return 0, err
			}
			return rows.Live(), nil
		})
		return rows, err
	})
}

// reaches demands that the event log still has what came behind a savepoint, and
// is not an older one.
func (j *Jobs) reaches(head savepointHead) error {
	return j.eachNativeSplit(head, func(topic *eventlog.Topic, id eventlog.Partition, offset eventlog.Offset) error {
		start, err := topic.StartOffset(id)
		if err != nil {
			return err
		}
		end, err := topic.HighWater(id)
		if err != nil {
			return err
		}
		if offset < start || offset > end {
			return problem.New(problem.Conflict, "savepoint %s goes on at event %d of %s, and the log has those from %d to %d", head.Name, offset, topic.Name(), start, end).
				WithHint("use a later savepoint")
		}
		return nil
	})
}

// eachNativeSplit calls f for every split of the head's sources that is in our
// event log.
func (j *Jobs) eachNativeSplit(head savepointHead, f func(*eventlog.Topic, eventlog.Partition, eventlog.Offset) error) error {
	for _, s := range head.Sources {
		topic, err := j.options.Log.Topic(s.Table)
		if problem.Is(err, problem.NotFound) {
			continue // of another system
		}
		if err != nil {
			return err
		}
		for p := range topic.Partitions() {
			id := eventlog.Partition(p)
			if offset, known := s.Splits[string(native.SplitOf(id))]; known {
				if err := f(topic, id, native.OffsetOf(offset)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// holdFor keeps the events that the job would read again behind a savepoint.
func (k *keeper) holdFor(head savepointHead) error {
	return k.jobs.eachNativeSplit(head, func(topic *eventlog.Topic, id eventlog.Partition, offset eventlog.Offset) error {
		if start, err := topic.StartOffset(id); err != nil || offset < start {
			return err // nothing of that part was read yet, and its beginning is gone already
		}
		return topic.Hold(id, holdName(head), offset)
	})
}

func (k *keeper) letGo(head savepointHead) error {
	return k.jobs.eachNativeSplit(head, func(topic *eventlog.Topic, id eventlog.Partition, _ eventlog.Offset) error {
		return topic.ReleaseHold(id, holdName(head))
	})
}

func holdName(head savepointHead) string { return "savepoint " + head.Table + " " + head.Name }

// forget removes a savepoint.
func (k *keeper) forget(name string) error {
	k.saving.Lock()
	defer k.saving.Unlock()
	r, f, err := k.openSavepoint(name)
	if problem.Is(err, problem.NotFound) {
		return err
	}
	var failed error
	if err == nil { // one that cannot be read held something that nobody knows; it is removed all the same
		failed = errors.Join(k.letGo(r.head), f.Close())
	}
	defer k.changeSavepoints()
	files, path := k.jobs.options.Files, k.savepointPath(name)
	return errors.Join(failed, vfs.RemoveTree(files, path), files.SyncDir(filepath.Dir(path)))
}

// sourceTables names the tables of the job's sources, in the order of an epoch's
// record; empty before the job has run.
func (k *keeper) sourceTables() []string {
	k.mu.Lock()
	run, known := k.mu.run, k.mu.sources
	k.mu.Unlock()
	if run == nil {
		return known
	}
	var all []string
	for _, s := range run.Status().Sources {
		all = append(all, s.Table)
	}
	return all
}

// importFile writes a file anew, frame by frame, under the job's own table and the
// given name, and so looks at all of it. Events that it goes on behind are held.
func (k *keeper) importFile(_ context.Context, name string, file io.Reader) (target.Savepoint, error) {
	none := target.Savepoint{}
	r, err := newSavepointReader(file, name)
	if err != nil {
		return none, err
	}
	tables, _ := k.savedTables()
	if r.head.Fingerprint != k.fingerprint || len(r.head.Tables) != len(tables) {
		return none, problem.New(problem.Conflict, "the file is of another definition than %s has now", k.job.Table.Name).WithHint("define the table as it was then: %s", r.head.Definition)
	}
	if err := k.jobs.reaches(r.head); err != nil {
		return none, err
	}
	r.head.Table, r.head.Name, r.head.Automatic = k.job.Table.Name, name, false
	if err := k.holdFor(r.head); err != nil {
		return none, err
	}
	defer k.changeSavepoints()
	err = writeFile(k.jobs.options.Files, k.savepointPath(name), func(f io.Writer) error {
		w, err := newSavepointWriter(f, r.head)
		if err != nil {
			return err
		}
		return r.copyTo(w, tables)
	})
	if err != nil {
		return none, errors.Join(err, k.letGo(r.head))
	}
	return k.savepoint(name)
}

// copyTo writes the rest of a savepoint to another.
func (r *savepointReader) copyTo(w *savepointWriter, tables []olap.Table) error {
	for {
		key, val, err := r.entry()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = w.entry(key, val)
		}
		if err != nil {
			return err
		}
	}
	if err := w.endState(); err != nil {
		return err
	}
	for i, t := range tables {
		if err := errors.Join(r.beginTable(i), w.table(i)); err != nil {
			return err
		}
		types := typesOf(t)
		for {
			err := r.rows(func(stored []byte) (int, error) {
				rows, err := batch.Decode(stored, types)
				if err != nil {
					return 0, err
				}
				return rows.Live(), w.rows(stored, rows.Live())
			})
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return errors.Join(r.end(), w.end())
}
