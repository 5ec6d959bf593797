package embedded

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/connect/native"
	"tidemark/engine/job"
	"tidemark/engine/operator"
	"tidemark/engine/state"
	"tidemark/plan"
	"tidemark/plan/wasm"
	"tidemark/store/eventlog"
	"tidemark/target"
)

// A next version takes over what the table is made of now, as far as its plan has the
// same parts: operators with the same input. Their state is copied as it was at one
// epoch of the running job, which goes on; with it goes how far their sources had been
// read. What stands above them begins with the rows that their topmost operators have
// given until then (job.Takeover), and reads on from there. That is the same as reading
// everything again, because
//
//   - the topmost operator of a part has all that it gave and did not take back in its
//     state (engine.Snapshotter);
//   - what stands above it makes the same of rows whenever they come: it follows no
//     event time and no order (mayStandAbove);
//   - nothing else reads what the part reads from inside of it (isClosed).

const (
	takeoverEpoch = 1 // the one that a version begins with
	// takeoverRowsMax is how many entries of state may become rows of one epoch, which
	// is in memory as a whole.
	takeoverRowsMax = 2 << 20
)

// part is a part of a plan that another one has as well.
type part struct {
	now, before     plan.Node
	place, placeWas job.Place
}

// heritage is what a keeper's plan has of that of another.
type heritage struct {
	from    *keeper
	parts   []part
	because map[plan.Node]string // of operators that both have, why they are not among the parts
	names   []string             // of the keeper's sources
	sources int                  // of from
}

// heritageFrom compares the plans.
func (k *keeper) heritageFrom(old *keeper) (h heritage, err error) {
	h = heritage{from: old, because: map[plan.Node]string{}}
	f := finder{before: map[string]plan.Node{}, now: k.job.Plan, was: old.job.Plan, heritage: &h, reason: refusesTakeover(k, old)}
	plan.Inspect(old.job.Plan, func(n plan.Node) bool {
		if plan.Remembers(n) {
			f.before[identity(n)] = n
		}
		return true
	})
	f.look(k.job.Plan)
	if len(h.parts) == 0 {
		return h, nil
	}
	now, err := k.compiled()
	if err != nil {
		return h, err
	}
	was, err := old.compiled()
	if err != nil {
		return h, err
	}
	h.names, h.sources = now.SourceTables(), len(was.SourceTables())
	for i := range h.parts {
		p := &h.parts[i]
		p.place, p.placeWas = now.Place(p.now), was.Place(p.before)
		if p.place.Operators != p.placeWas.Operators || p.place.Sources != p.placeWas.Sources {
			return h, fmt.Errorf("compare the plans of %s: a part of both has %d operators in one and %d in the other", k.job.Table.Name, p.place.Operators, p.placeWas.Operators)
		}
	}
	return h, nil
}

// refusesTakeover says why nothing of a job can be taken over; "" when that can be.
func refusesTakeover(k, old *keeper) string {
	switch {
	case k.job.Anew:
		return "all of it is to be read again"
	case k.outside() || old.outside():
		return "its rows go to another system"
	case k.job.Zone.String() != old.job.Zone.String():
		return "its time zone is another"
	case old.savable() != nil:
		return "rows that lookups gave up go to another table"
	}
	return ""
}

// finder finds parts of a plan in another one.
type finder struct {
	now, was plan.Node
	before   map[string]plan.Node // operators of the other plan, by their identity
	reason   string               // why nothing from here on is taken over; "" while it may be
	heritage *heritage
}

// look finds the topmost parts below n, or n itself.
func (f *finder) look(n plan.Node) {
	above := f.reason
	if plan.Remembers(n) {
		if before := f.before[identity(n)]; before != nil {
			because := f.reason
			if because == "" {
				because = f.refuses(n, before)
			}
			if because == "" {
				f.heritage.parts = append(f.heritage.parts, part{now: n, before: before})
				return
			}
			f.heritage.because[n] = because
		}
	}
	if f.reason == "" && !mayStandAbove(n) {
		f.reason = fmt.Sprintf("what stands above it, %s, depends on when rows come", plan.Title(n))
	}
	for _, input := range n.Inputs() {
		f.look(input)
	}
	f.reason = above
}

// refuses says why a part cannot be taken over.
func (f *finder) refuses(n, before plan.Node) string {
	retracts := plan.Updating(n.Inputs()[0], func(s *plan.Scan) bool { return changes(s.Table) })
	if because := operator.CannotSnapshot(n, retracts); because != "" {
		return because
	}
	if keepsLate(n) != nil {
		return "rows of its windows came too late, which the next version keeps as well"
	}
	if !slices.Equal(moduleFunctions(n), moduleFunctions(before)) {
		return "it calls a function of a module that is another one by now"
	}
	if !isClosed(f.now, n) || !isClosed(f.was, before) {
		return "other operators read what it reads, at the same time"
	}
	return ""
}

// mayStandAbove reports whether an operator makes the same of rows whenever they come.
func mayStandAbove(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Filter, *plan.Project, *plan.Aggregate, *plan.MultiJoin, *plan.Union, *plan.Unnest, *plan.Shared:
		return true
	case *plan.Join:
		return n.Interval == nil && n.Window == nil && n.Bounds == [2]*plan.JoinBound{}
	case *plan.Rank:
		return n.WindowEnd < 0
	}
	return false
}

// identity is what makes a part another one: what it does, whatever it calls its
// columns, and what the tables are that it reads.
func identity(n plan.Node) string {
	var b strings.Builder
	b.WriteString(plan.Print(unnamed(n)))
	plan.Inspect(n, func(n plan.Node) bool {
		if scan, ok := n.(*plan.Scan); ok {
			b.WriteString(plan.PrintTable(scan.Table))
		}
		return true
	})
	return b.String()
}

// unnamed is a part whose columns have numbers for names, but for those of tables.
func unnamed(n plan.Node) plan.Node {
	inputs := make([]plan.Node, len(n.Inputs()))
	for i, input := range n.Inputs() {
		inputs[i] = unnamed(input)
	}
	switch n := plan.WithInputs(n, inputs).(type) {
	case *plan.Project:
		c := *n
		c.Names = numbersFor(n.Names)
		return &c
	case *plan.Aggregate:
		c := *n
		c.Names = numbersFor(n.Names)
		return &c
	case *plan.WindowAggregate:
		c := *n
		c.Names = numbersFor(n.Names)
		return &c
	case *plan.Over:
		c := *n
		c.Names = numbersFor(n.Names)
		return &c
	case *plan.Rank:
		c := *n
		c.Name = ""
		return &c
	default:
		return n
	}
}

func numbersFor(names []string) []string {
	numbers := make([]string, len(names))
	for i := range names {
		numbers[i] = strconv.Itoa(i)
	}
	return numbers
}

// isClosed reports whether nothing outside of a part shares anything inside of it.
func isClosed(root, n plan.Node) bool {
	inside := map[int]bool{}
	plan.Inspect(n, func(n plan.Node) bool {
		if shared, ok := n.(*plan.Shared); ok {
			inside[shared.Number] = true
		}
		return true
	})
	closed := true
	plan.Inspect(root, func(other plan.Node) bool {
		shared, ok := other.(*plan.Shared)
		closed = closed && !(ok && inside[shared.Number])
		return other != n
	})
	return closed
}

// moduleFunctions are the functions of modules that a part calls. They print as their
// names, whatever the module is.
func moduleFunctions(n plan.Node) (all []*plan.Function) {
	plan.Inspect(n, func(n plan.Node) bool {
		plan.MapExprs(n, func(e plan.Expr) plan.Expr {
			plan.InspectExpr(e, func(e plan.Expr) bool {
				if call, ok := e.(*plan.Call); ok && call.Function.Category == wasm.Category {
					all = append(all, call.Function)
				}
				return true
			})
			return e
		})
		return true
	})
	return all
}

// compiled is the job, which does not run.
func (k *keeper) compiled() (*job.Job, error) {
	from, err := sources(k.job.Plan, k.jobs.source(k.job))
	if err != nil {
		return nil, err
	}
	asked, err := lookups(k.job.Plan, k.jobs.lookup(k.job))
	defer asked.close() //nolint:errcheck // nothing was asked
	if err != nil {
		return nil, err
	}
	return job.New(job.Spec{Name: k.job.Table.Name, Plan: k.job.Plan, Sources: from, Updating: updating(from), Lookups: asked, Sink: &answer{}, Context: plan.Context{Zone: k.job.Zone, Streaming: true}})
}

// frozen calls work with the state of the job as it is at this moment. The job goes on
// meanwhile.
func (k *keeper) frozen(work func(*state.Frozen) error) error {
	k.saving.Lock() // nobody else opens the store meanwhile
	defer k.saving.Unlock()
	k.disk.RLock() // it is not closed meanwhile, and not opened by the run
	defer k.disk.RUnlock()
	store := k.store
	if store == nil {
		var err error
		if store, err = state.Open(k.stateDir()); err != nil {
			return err
		}
		defer store.Close() //nolint:errcheck // nothing was written
	}
	f := store.Freeze()
	return errors.Join(work(f), f.Close())
}

// begins is the epoch that the keeper's version begins with; nil when the other job
// has nothing to take over, because of what it says then.
func (h *heritage) begins(f *state.Frozen) (record *state.Record, because string, err error) {
	was, err := f.Newest()
	if err != nil {
		return nil, "", err
	}
	_, taken, err := h.from.definition()
	if err != nil {
		return nil, "", err
	}
	if was == nil || len(was.Sources) != h.sources || taken.Begins(was) {
		return nil, "what runs has not begun", nil
	}
	record = &state.Record{Epoch: takeoverEpoch, Watermark: batch.NoMark, Sources: make([]state.Source, len(h.names))}
	for i := range record.Sources {
		record.Sources[i].Watermark = batch.NoMark
	}
	for _, p := range h.parts {
		entries, err := f.Entries(p.placeWas.Operator, takeoverRowsMax+1)
		if err != nil {
			return nil, "", err
		}
		if entries > takeoverRowsMax {
			return nil, fmt.Sprintf("it has more than %d rows, which would be given at once", takeoverRowsMax), nil
		}
		copy(record.Sources[p.place.Source:], was.Sources[p.placeWas.Source:p.placeWas.Source+p.placeWas.Sources])
	}
	return record, "", nil
}

// takeOver makes the state of the version that is built beside what the table is of
// what that has of it. It reports false when there is nothing to take over; the version
// is built from the event log then. What is taken over is there as a whole when the
// definition is noted, as in open.
func (k *keeper) takeOver(ctx context.Context) (done bool, err error) {
	k.skipped.Store(0)
	old, err := k.jobs.keeperOf(k.job.Table.Name)
	if err != nil {
		return false, ignore(err, problem.NotFound)
	}
	h, err := k.heritageFrom(old)
	if err != nil || len(h.parts) == 0 {
		return false, err
	}
	store := k.jobs.options.Store
	if err := errors.Join(store.DropTable(ctx, k.stored().Name), k.dropState()); err != nil {
		return false, err
	}
	err = old.frozen(func(f *state.Frozen) error {
		record, because, err := h.begins(f)
		if err == nil && because == "" {
			because, err = k.holdFrom(record, h.names)
		}
		if err != nil || because != "" {
			k.jobs.options.Logger.Info("nothing is taken over", "table", k.job.Table.Name, "because", because)
			return err
		}
		parts := make([]state.Part, len(h.parts))
		for i, p := range h.parts {
			parts[i] = state.Part{First: p.placeWas.Operator, Count: p.placeWas.Operators, To: p.place.Operator}
		}
		done = true
		return f.FillParts(k.stateDir(), record, parts)
	})
	if err != nil && problem.Is(err, problem.Corrupt) {
		k.jobs.options.Logger.Warn("what runs is damaged and not taken over", "table", k.job.Table.Name, "error", err)
		return false, nil
	}
	if err != nil || !done {
		return false, err
	}
	if err := store.CreateTable(ctx, k.stored()); err != nil {
		return false, err
	}
	k.jobs.options.Logger.Info("table takes over state", "table", k.job.Table.Name, "stored_as", k.name, "parts", len(h.parts))
	operators := make([]state.Operator, len(h.parts))
	for i, p := range h.parts {
		operators[i] = p.place.Operator
	}
	return true, k.noteTakeover(operators)
}

// holdFrom keeps the events that the version has to read, or says that some of them are
// gone.
func (k *keeper) holdFrom(record *state.Record, names []string) (because string, err error) {
	from, anew, skipped := k.positionsOf(record, names), readAnew(record, names), int64(0)
	for _, splits := range from {
		for _, at := range splits {
			skipped += at
		}
	}
	k.skipped.Store(skipped)
	for table, anew := range anew {
		topic, err := k.jobs.options.Log.Topic(table)
		if problem.Is(err, problem.NotFound) {
			continue // of another system
		}
		if err != nil {
			return "", err
		}
		for p := range topic.Partitions() {
			id := eventlog.Partition(p)
			at := eventlog.Offset(from[table][string(native.SplitOf(id))])
			if anew {
				if at, err = topic.StartOffset(id); err != nil {
					return "", err
				}
			}
			err := topic.Hold(id, k.holdName(), at)
			if problem.Is(err, problem.NotFound) {
				return fmt.Sprintf("events of %s that come behind it are gone", table), nil
			}
			if err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

// readAnew tells of each source table whether a source reads it from its beginning.
func readAnew(record *state.Record, names []string) map[string]bool {
	all := map[string]bool{}
	for i, name := range names {
		all[name] = all[name] || len(record.Sources[i].Splits) == 0
	}
	return all
}

// noteTakeover notes, like open, what state and stored rows belong to, and which
// operators of the state owe what they have given. The file is
//
//	fingerprint "\n" number (" " number)* "\n" checksum
//
// with the numbers of the operators as the version's state has them, and the CRC-32C,
// in hexadecimal, of all before it.
func (k *keeper) noteTakeover(operators []state.Operator) error {
	var numbers []string
	for _, o := range operators {
		numbers = append(numbers, fmt.Sprint(o))
	}
	text := k.fingerprint + "\n" + strings.Join(numbers, " ")
	return vfs.WriteFile(k.jobs.options.Files, k.definitionFile(), []byte(text+"\n"+checksumOf(text)))
}

func checksumOf(text string) string {
	return fmt.Sprintf("%08x", crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli)))
}

// definition reads what state and stored rows belong to: whether that is the job as it
// is defined, and what of it was taken over; nil for nothing. No file, and one that is
// damaged, belong to another definition.
func (k *keeper) definition() (fits bool, taken *job.Takeover, err error) {
	noted, err := vfs.ReadFile(k.jobs.options.Files, k.definitionFile())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, fmt.Errorf("read definition of %s: %w", k.job.Table.Name, err)
	}
	text, sum, takes := cutLast(string(noted), "\n")
	if !takes {
		return string(noted) == k.fingerprint, nil, nil
	}
	fingerprint, numbers, _ := strings.Cut(text, "\n")
	if fingerprint != k.fingerprint || sum != checksumOf(text) {
		return false, nil, nil
	}
	taken = &job.Takeover{Epoch: takeoverEpoch}
	for _, number := range strings.Fields(numbers) {
		var o state.Operator
		if _, err := fmt.Sscan(number, &o); err != nil {
			return false, nil, nil
		}
		taken.Operators = append(taken.Operators, o)
	}
	return true, taken, nil
}

// cutLast cuts a text at the last separator.
func cutLast(text, separator string) (before, after string, found bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}
	return text[:at], text[at+len(separator):], true
}

var _ target.TakingOver = (*Jobs)(nil)

// Takeover tells what an upgrade would take over if it began now.
func (j *Jobs) Takeover(_ context.Context, work target.Job) (t target.Takeover, err error) {
	old, err := j.keeperOf(work.Table.Name)
	if err != nil {
		return t, ignore(err, problem.NotFound)
	}
	would, err := newKeeper(j, work)
	if err != nil {
		return t, err
	}
	defer would.quit()
	if !would.canRead() { // something is made with it
		return t, nil
	}
	h, err := would.heritageFrom(old)
	if err != nil {
		return t, err
	}
	t.Because = h.because
	if len(h.parts) == 0 {
		return t, nil
	}
	err = old.frozen(func(f *state.Frozen) error {
		record, because, err := h.begins(f)
		if err != nil || because != "" {
			for _, p := range h.parts {
				t.Because[p.now] = because
			}
			return err
		}
		for _, p := range h.parts {
			t.Kept = append(t.Kept, p.now)
		}
		t.Behind = would.behind(record, h.names)
		return nil
	})
	return t, err
}

// behind is how many events come behind a record, of each table that no source reads
// from its beginning; negative for those of other systems.
func (k *keeper) behind(record *state.Record, names []string) map[string]int64 {
	from, all := k.positionsOf(record, names), map[string]int64{}
	for table, anew := range readAnew(record, names) {
		if anew {
			continue
		}
		topic, err := k.jobs.options.Log.Topic(table)
		if err != nil {
			all[table] = -1
			continue
		}
		for p := range topic.Partitions() {
			id := eventlog.Partition(p)
			if end, err := topic.HighWater(id); err == nil {
				all[table] += max(0, int64(end)-from[table][string(native.SplitOf(id))])
			}
		}
	}
	return all
}
