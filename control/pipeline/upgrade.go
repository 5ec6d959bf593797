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
	if !change.Created {
		return result, true, upgrading.Abandon(ctx, change.Name)
	}
	if _, err := p.readersIn(p.catalog.With(change.Table), change.Name, s); err != nil {
		return Result{}, false, err
	}
	result.upgrade, err = p.beside(ctx, upgrading, change, session, nextStored(change.Before), s)
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
// something that has changed.
func (p *Pipeline) upgradeReader(ctx context.Context, r rebound) (done bool, err error) {
	upgrading, ok := p.target.(target.Upgrading)
	if !ok {
		return false, nil
	}
	building, err := p.beside(ctx, upgrading, r.change, r.session, nextStored(r.change.Before), nil)
	return building != nil, err
}

// beside starts the building of a changed table under a name. The channel is nil
// when the table's plan is what it was. at is nil for a table that is built because
// of what it reads.
func (p *Pipeline) beside(ctx context.Context, upgrading target.Upgrading, change catalog.Change, session bind.Session, stored string, at sql.Statement) (<-chan error, error) {
	was := change.Table.StoredAs
	change.Table.StoredAs = stored
	job, err := p.jobOf(change, session)
	if err != nil {
		return nil, err
	}
	job.Anew = at != nil && change.Before.Definition == change.Table.Definition
	building, err := upgrading.Upgrade(ctx, job, func(ctx context.Context) error { return p.swap(ctx, change, at) })
	if building == nil {
		change.Table.StoredAs = was
	}
	return building, err
}

// nextStored is the name that the next version of a table is stored under: t, t$2,
// t$3 …
func nextStored(before *plan.Table) string {
	version := 1
	if number, ok := strings.CutPrefix(before.StoredAs, before.Name+"$"); ok {
		version, _ = strconv.Atoi(number) // it is ours
	}
	return before.Name + "$" + strconv.Itoa(version+1)
}

// swap makes a table in the catalog what was built beside it: one write to the
// catalog's keeper, from which on questions and a restart find the new rows.
// Tables that read it are built anew, beside what they are, in turn.
func (p *Pipeline) swap(ctx context.Context, change catalog.Change, at sql.Statement) error {
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
	if at != nil {
		var err error
		if readers, err = p.readersIn(p.catalog.With(change.Table), change.Name, at); err != nil {
			return err
		}
	}
	if _, err := p.catalog.Create(ctx, change.Table, catalog.Replace); err != nil {
		return err
	}
	err := p.addSystemTables(ctx, change.Table)
	if err == nil {
		err = p.rebind(ctx, readers)
	}
	if err != nil {
		return errors.Join(err, p.undo(ctx, change))
	}
	p.previous[change.Name] = change.Before
	return nil
}

// RollBack makes a materialized table what it was before its last change. That
// version has stood still since, and catches up first; when the target has removed
// it, it is built from all events again. It is known until the program is started
// again.
func (p *Pipeline) RollBack(ctx context.Context, name string) (Result, error) {
	return p.rebuild(ctx, name, func(now *plan.Table) (*plan.Table, string, error) {
		was := p.previous[name]
		if was == nil {
			return nil, "", problem.New(problem.NotFound, "no earlier version of %s is kept", name).WithHint("change it with ALTER MATERIALIZED TABLE %s AS …, which reads its events again", name)
		}
		if stored := was.StoredName(); stored != name {
			return was, stored, nil
		}
		return was, "", nil
	})
}

// Replay builds a materialized table again, from all events that the log has.
func (p *Pipeline) Replay(ctx context.Context, name string) (Result, error) {
	return p.rebuild(ctx, name, func(now *plan.Table) (*plan.Table, string, error) { return now, nextStored(now), nil })
}

// rebuild builds a version of a table beside what it is; version gives its
// definition and the name that it is stored under, "" for the table's own.
func (p *Pipeline) rebuild(ctx context.Context, name string, version func(now *plan.Table) (*plan.Table, string, error)) (Result, error) {
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
	session, err := catalog.InZone(p.session(), definition.Zone)
	if err != nil {
		return Result{}, err
	}
	at, err := parse.Statement(definition.Definition)
	if err != nil {
		return Result{}, err
	}
	m, err := p.catalog.Rebind(session, definition)
	if err != nil {
		return Result{}, err
	}
	change := catalog.Change{Name: name, What: catalog.Noun(now.Kind), Created: true, Before: now, Table: m.Table, Job: m}
	if _, err := p.readersIn(p.catalog.With(change.Table), name, at); err != nil {
		return Result{}, err
	}
	result := Result{Kind: change.What, Name: name, Changed: true, Building: true}
	if result.upgrade, err = p.beside(ctx, upgrading, change, session, stored, at); err != nil {
		return Result{}, err
	}
	return p.settle(ctx, result)
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
	select {
	case err := <-result.upgrade:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
