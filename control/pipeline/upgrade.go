package pipeline

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/sql"
	"tidemark/sql/parse"
	"tidemark/target"
)

// upgradeWait is how long a statement waits for what it changes: a table of little
// history is as asked when the statement is answered.
const upgradeWait = 5 * time.Second

// swapInterval is between tries to be the one that changes something.
const swapInterval = 2 * time.Millisecond

// upgrade has a materialized table that is changed built beside what it is, if the
// target can. The catalog changes when it is built; until then questions see what
// there was. It reports false when there is nothing to build beside.
func (p *Pipeline) upgrade(ctx context.Context, s *sql.CreateMaterializedTable, session bind.Session) (result Result, done bool, err error) {
	upgrading, ok := p.target.(target.Upgrading)
	if before, exists := p.catalog.Table(s.Name.String()); !ok || !exists || before.Kind != plan.Materialized {
		return Result{}, false, nil
	}
	change, err := p.catalog.Redefinition(session, s)
	if err != nil {
		return Result{}, false, err
	}
	result = Result{Kind: change.What, Name: change.Name, Changed: change.Created}
	next, building := p.catalog.Next(change.Name)
	switch {
	case !change.Created && next.Because == catalog.Changes:
		return result, true, upgrading.Abandon(ctx, change.Name) // it is to be what it is
	case !change.Created:
		return result, true, nil
	case building && next.Because == catalog.Changes && next.Table.Definition == change.Table.Definition && next.Table.Zone == change.Table.Zone && p.building[change.Name] != nil:
		result.Building, result.upgrade = true, p.building[change.Name] // it is on its way
		return result, true, nil
	}
	if _, err := p.readersIn(p.catalog.With(change.Table), change.Name, s); err != nil {
		return Result{}, false, err
	}
	result.upgrade, err = p.beside(ctx, upgrading, succession{change: change, session: session, stored: p.nextStored(change.Before), because: catalog.Changes, at: s})
	if problem.Is(err, problem.NotFound) {
		return Result{}, false, nil // there is no job that it could be built beside
	}
	result.Building = result.upgrade != nil
	if err == nil && !result.Building { // another text for the same plan
		_, err = p.catalog.Create(ctx, change.Table, catalog.Replace)
		if err == nil {
			err = p.addSystemTables(ctx, change.Table)
		}
	}
	return result, true, err
}

// upgradeReader is upgrade of a table whose definition is the same and reads
// something that has changed. The catalog knows of it already.
func (p *Pipeline) upgradeReader(ctx context.Context, r rebound) (done bool, err error) {
	upgrading, ok := p.target.(target.Upgrading)
	if !ok {
		return false, nil
	}
	next, noted := p.catalog.Next(r.change.Name)
	if !noted {
		next = p.following(r, "")
	}
	building, err := p.beside(ctx, upgrading, succession{change: r.change, session: r.session, stored: next.Table.StoredAs, because: catalog.Follows, of: next.Of, noted: noted})
	if building == nil && noted {
		err = errors.Join(err, p.catalog.GiveUp(ctx, r.change.Name))
	}
	return building != nil, err
}

// following is the version that a table is going to be because another one was
// changed.
func (p *Pipeline) following(r rebound, changed string) catalog.Version {
	table := *r.change.Table
	table.StoredAs = p.nextStored(r.change.Before)
	return catalog.Version{Table: &table, Because: catalog.Follows, Of: changed}
}

// succession is a table's next version, and what follows from its building. It
// fulfils target.Succession.
type succession struct {
	pipeline *Pipeline
	change   catalog.Change
	session  bind.Session
	stored   string // the name that the version is stored under
	because  catalog.Reason
	of       string
	at       sql.Statement // what defines it, for the places of problems; nil for Follows
	noted    bool          // the catalog knows of it already
	resumed  bool          // a start before this one began it
}

var _ target.Succession = (*succession)(nil)

// beside starts the building of a table's next version. The channel is nil when the
// table's plan is what it was.
func (p *Pipeline) beside(ctx context.Context, upgrading target.Upgrading, s succession) (*target.Building, error) {
	s.pipeline = p
	was := s.change.Table.StoredAs
	s.change.Table.StoredAs = s.stored
	job, err := p.jobOf(s.change, s.session)
	if err != nil {
		return nil, err
	}
	job.Anew = s.because == catalog.Replays || s.because == catalog.ReplaysFrom
	if s.because == catalog.ReplaysFrom {
		if job.From, err = time.Parse(time.RFC3339Nano, s.of); err != nil {
			return nil, problem.New(problem.Corrupt, "the time that %s is replayed from cannot be read: %v", s.change.Name, err)
		}
	}
	job.Resumed = s.resumed
	building, err := upgrading.Upgrade(ctx, job, &s)
	if building == nil {
		s.change.Table.StoredAs = was
		return nil, err
	}
	p.building[s.change.Name] = building
	return building, nil
}

// Begin notes that the version is built.
func (s *succession) Begin(ctx context.Context) error {
	if s.noted {
		return nil
	}
	return s.pipeline.catalog.Begin(ctx, catalog.Version{Table: s.change.Table, Because: s.because, Of: s.of})
}

// GiveUp forgets it.
func (s *succession) GiveUp(ctx context.Context) error {
	return s.pipeline.catalog.GiveUp(ctx, s.change.Name)
}

// Swap makes a table in the catalog what was built beside it: one write to the
// catalog's keeper, from which on questions and a restart find the new rows.
// Tables that read it are built anew, beside what they are, in turn.
func (s *succession) Swap(ctx context.Context) error {
	p, change := s.pipeline, s.change
	// Whoever changes something meanwhile may be waiting for this upgrade to be
	// given up: mu must not be waited for when it is.
	for !p.mu.TryLock() {
		select {
		case <-time.After(swapInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer p.mu.Unlock()
	ctx = context.WithoutCancel(ctx) // it is done whole, or not at all
	if now, ok := p.catalog.Table(change.Name); !ok || now != change.Before {
		return problem.New(problem.Conflict, "%s was changed meanwhile", change.Name).WithHint("change it again")
	}
	var readers []rebound
	if s.at != nil {
		var err error
		if readers, err = p.readersIn(p.catalog.With(change.Table), change.Name, s.at); err != nil {
			return err
		}
	}
	var following []catalog.Version
	for _, r := range readers {
		following = append(following, p.following(r, change.Name))
	}
	back, err := p.catalog.Swap(ctx, change.Table, following)
	if err != nil {
		return err
	}
	err = p.addSystemTables(ctx, change.Table)
	if err == nil {
		err = p.rebind(ctx, readers)
	}
	if err != nil {
		return errors.Join(err, p.abandon(ctx, readers), back(ctx), p.addSystemTables(ctx, change.Before))
	}
	return nil
}

// abandon ends the building of tables that follow a change which was not made.
func (p *Pipeline) abandon(ctx context.Context, readers []rebound) error {
	var failed error
	for _, r := range readers {
		if upgrading, ok := p.target.(target.Upgrading); ok {
			failed = errors.Join(failed, upgrading.Abandon(ctx, r.change.Name))
		}
	}
	return failed
}

// nextStored is the name that the next version of a table is stored under: t, t$2,
// t$3 …
func (p *Pipeline) nextStored(before *plan.Table) string {
	newest := versionNumber(before)
	if previous, ok := p.catalog.Previous(before.Name); ok {
		newest = max(newest, versionNumber(previous.Table))
	}
	return before.Name + "$" + strconv.Itoa(newest+1)
}

func versionNumber(t *plan.Table) int {
	version := 1
	if number, ok := strings.CutPrefix(t.StoredAs, t.Name+"$"); ok {
		version, _ = strconv.Atoi(number) // it is ours
	}
	return version
}

// RollBack makes a materialized table what it was before its last change. That
// version has stood still since, and catches up first.
func (p *Pipeline) RollBack(ctx context.Context, name string) (Result, error) {
	return p.rebuild(ctx, name, catalog.Changes, func(*plan.Table) (*plan.Table, string, error) {
		was, ok := p.catalog.Previous(name)
		if !ok {
			return nil, "", noPrevious(name)
		}
		if stored := was.Table.StoredName(); stored != name {
			return was.Table, stored, nil
		}
		return was.Table, "", nil
	})
}

func noPrevious(name string) *problem.Problem {
	return problem.New(problem.NotFound, "no earlier version of %s is kept", name).WithHint("change it with ALTER MATERIALIZED TABLE %s AS …, which reads its events again", name)
}

// DropPrevious removes what a table was before its last change, which cannot be gone
// back to afterwards and holds no events any more.
func (p *Pipeline) DropPrevious(ctx context.Context, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, exists := p.catalog.Table(name)
	if !exists {
		return catalog.Unknown(name, p.catalog.Names())
	}
	if _, ok := p.catalog.Previous(name); !ok {
		return noPrevious(name)
	}
	return p.dropPrevious(ctx, t)
}

// DropOld is DropPrevious of all versions that were changed longer ago than kept.
func (p *Pipeline) DropOld(ctx context.Context, kept time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var failed error
	for _, t := range p.catalog.Tables() {
		was, ok := p.catalog.Previous(t.Name)
		if _, building := p.catalog.Next(t.Name); ok && !building && time.Since(was.At) > kept {
			failed = errors.Join(failed, p.dropPrevious(ctx, t))
		}
	}
	return failed
}

// dropPrevious forgets first and removes then: what a crash in between leaves, the
// next start removes.
func (p *Pipeline) dropPrevious(ctx context.Context, t *plan.Table) error {
	if _, building := p.catalog.Next(t.Name); building {
		return problem.New(problem.Conflict, "the next version of %s is being built", t.Name).WithHint("wait until it has caught up; tidemark status shows how far that is")
	}
	if err := p.catalog.DropPrevious(ctx, t.Name); err != nil {
		return err
	}
	if upgrading, ok := p.target.(target.Upgrading); ok {
		return upgrading.DropVersions(ctx, t.Name, t.StoredName())
	}
	return nil
}

// Replay builds a materialized table again, from all events that the log has.
func (p *Pipeline) Replay(ctx context.Context, name string) (Result, error) {
	return p.rebuild(ctx, name, catalog.Replays, func(now *plan.Table) (*plan.Table, string, error) { return now, p.nextStored(now), nil })
}

// ReplayFrom builds the rows of a materialized table again that a time on stand for:
// event time, or, with byLog, those of all events that came then or later. The other
// rows stay as they are. It gives the time from which on rows are built again.
func (p *Pipeline) ReplayFrom(ctx context.Context, name string, from time.Time, byLog bool) (cut time.Time, err error) {
	replaying, ok := p.target.(target.Cutting)
	if !ok {
		return cut, problem.New(problem.Unsupported, "the target cannot build a part of a table again").WithHint("replay all of it")
	}
	if cut, err = p.cut(ctx, replaying, name, from, byLog); err != nil {
		return cut, err
	}
	_, err = p.rebuildFrom(ctx, name, catalog.ReplaysFrom, cut.Format(time.RFC3339Nano), func(now *plan.Table) (*plan.Table, string, error) { return now, p.nextStored(now), nil })
	return cut, err
}

// cut asks the target from where on a table's rows would be built again.
func (p *Pipeline) cut(ctx context.Context, replaying target.Cutting, name string, from time.Time, byLog bool) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, exists := p.catalog.Table(name)
	switch {
	case !exists:
		return time.Time{}, catalog.Unknown(name, p.catalog.Names())
	case now.Kind != plan.Materialized:
		return time.Time{}, problem.New(problem.InvalidRequest, "%s is a %s", name, catalog.Noun(now.Kind)).WithHint("only materialized tables are built again like this")
	}
	next, err := p.bound(now, now, catalog.ReplaysFrom)
	if err != nil {
		return time.Time{}, err
	}
	job, err := p.jobOf(next.change, next.session)
	if err != nil {
		return time.Time{}, err
	}
	return replaying.CutReplay(ctx, job, from, byLog)
}

// rebuild builds a version of a table beside what it is; version gives its
// definition and the name that it is stored under, "" for the table's own.
func (p *Pipeline) rebuild(ctx context.Context, name string, because catalog.Reason, version func(now *plan.Table) (*plan.Table, string, error)) (Result, error) {
	return p.rebuildFrom(ctx, name, because, "", version)
}

// rebuildFrom is rebuild for a reason that is about something.
func (p *Pipeline) rebuildFrom(ctx context.Context, name string, because catalog.Reason, of string, version func(now *plan.Table) (*plan.Table, string, error)) (Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	upgrading, ok := p.target.(target.Upgrading)
	now, exists := p.catalog.Table(name)
	switch {
	case !exists:
		return Result{}, catalog.Unknown(name, p.catalog.Names())
	case !ok || now.Kind != plan.Materialized:
		return Result{}, problem.New(problem.InvalidRequest, "%s is a %s", name, catalog.Noun(now.Kind)).WithHint("only materialized tables are built again like this")
	}
	definition, stored, err := version(now)
	if err != nil {
		return Result{}, err
	}
	next, err := p.bound(now, definition, because)
	if err != nil {
		return Result{}, err
	}
	next.stored, next.of = stored, of
	if _, err := p.readersIn(p.catalog.With(next.change.Table), name, next.at); err != nil {
		return Result{}, err
	}
	result := Result{Kind: next.change.What, Name: name, Changed: true, Building: true}
	if result.upgrade, err = p.beside(ctx, upgrading, next); err != nil {
		return Result{}, err
	}
	return p.settle(ctx, result)
}

// bound binds a definition of a table that is not what it is now.
func (p *Pipeline) bound(now, definition *plan.Table, because catalog.Reason) (next succession, err error) {
	session, err := catalog.InZone(p.session(), definition.Zone)
	if err != nil {
		return next, err
	}
	at, err := parse.Statement(definition.Definition)
	if err != nil {
		return next, err
	}
	m, err := p.catalog.Rebind(session, definition)
	if err != nil {
		return next, err
	}
	change := catalog.Change{Name: now.Name, What: catalog.Noun(now.Kind), Created: true, Before: now, Table: m.Table, Job: m}
	return succession{change: change, session: session, because: because, at: at}, nil
}

// resume goes on with what the process before this one was building. What cannot be
// built any more is a problem and is given up.
func (p *Pipeline) resume(ctx context.Context) (wrong problem.List) {
	upgrading, ok := p.target.(target.Upgrading)
	if !ok {
		return nil
	}
	for _, v := range p.catalog.Building() {
		building, err := p.resumeOne(ctx, upgrading, v)
		if building != nil {
			continue
		}
		now, _ := p.catalog.Table(v.Table.Name)
		kept := []string{now.StoredName()}
		if previous, ok := p.catalog.Previous(now.Name); ok {
			kept = append(kept, previous.Table.StoredName())
		}
		err = errors.Join(err, p.catalog.GiveUp(ctx, now.Name), upgrading.DropVersions(ctx, now.Name, kept...))
		if err != nil {
			wrong = append(wrong, problem.New(problem.Conflict, "the change of %s, which a stop has interrupted, cannot go on: %v", now.Name, err).WithHint("change it again"))
		}
	}
	return wrong
}

func (p *Pipeline) resumeOne(ctx context.Context, upgrading target.Upgrading, v catalog.Version) (*target.Building, error) {
	now, ok := p.catalog.Table(v.Table.Name)
	if !ok {
		return nil, catalog.Unknown(v.Table.Name, p.catalog.Names())
	}
	next, err := p.bound(now, v.Table, v.Because)
	if err != nil {
		return nil, err
	}
	if v.Because == catalog.Follows {
		next.at = nil
	}
	next.stored, next.of, next.noted, next.resumed = v.Table.StoredAs, v.Of, true, true
	return p.beside(ctx, upgrading, next)
}

// past is what a definition that is loaded reads: the catalog, or that before the
// change of a table which this one still has to follow. Its job goes on with what it
// has read until then.
func (p *Pipeline) past(name string) (*catalog.Catalog, error) {
	next, ok := p.catalog.Next(name)
	if !ok || next.Because != catalog.Follows {
		return p.catalog, nil
	}
	was, ok := p.catalog.Previous(next.Of)
	if !ok {
		return p.catalog, nil
	}
	session, err := catalog.InZone(p.session(), was.Table.Zone)
	if err != nil {
		return nil, err
	}
	m, err := p.catalog.Rebind(session, was.Table)
	if err != nil {
		return nil, err
	}
	return p.catalog.With(m.Table), nil
}

// settle waits a little for what a statement changes. The caller holds mu, which is
// let go meanwhile.
func (p *Pipeline) settle(ctx context.Context, result Result) (Result, error) {
	short, cancel := context.WithTimeout(ctx, upgradeWait)
	defer cancel()
	err := p.wait(short, result)
	if errors.Is(err, context.DeadlineExceeded) {
		return result, nil
	}
	result.Building = false
	return result, err
}

// wait waits for what a statement changes. The caller holds mu, which is let go
// meanwhile.
func (p *Pipeline) wait(ctx context.Context, result Result) error {
	if result.upgrade == nil {
		return nil
	}
	p.mu.Unlock()
	defer p.mu.Lock()
	return result.upgrade.Wait(ctx)
}
