// Package pipeline takes definitions, from projects and from statements, and
// makes them true: it changes the catalog and tells the target which jobs to
// keep.
//
// It does not run jobs and does not answer questions.
//
// Flow: Deploy(project) or Execute(text) → parse → bind and change the catalog
// → the table's job is planned → target.Keep or target.Drop.
//
// Invariants:
//  1. A project is applied whole or not at all: Check finds everything that is
//     wrong before anything is changed.
//  2. A definition that is there already, word by word, changes nothing; one
//     that differs is built anew from the event log. A materialized table is what
//     it was until then, if the target can build it beside: target.Upgrading.
package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"tidemark/base/problem"
	"tidemark/catalog"
	"tidemark/plan"
	"tidemark/plan/bind"
	"tidemark/plan/lineage"
	"tidemark/plan/rewrite"
	"tidemark/sql"
	"tidemark/sql/dialect"
	"tidemark/sql/parse"
	"tidemark/target"
)

// Pipeline makes definitions true. It is safe for concurrent use: one change
// happens at a time.
type Pipeline struct {
	catalog *catalog.Catalog
	target  target.Target
	zone    *time.Location
	mu      sync.Mutex // serializes changes, so that catalog and target agree; held while jobs start
	// building are the upgrades that were begun last, by table. Guarded by mu.
	building map[string]*target.Building
}

// New makes a pipeline. zone is the session's for statements that do not say.
func New(c *catalog.Catalog, t target.Target, zone *time.Location) *Pipeline {
	return &Pipeline{catalog: c, target: t, zone: zone, building: map[string]*target.Building{}}
}

// Result is what became of one statement.
type Result struct {
	Kind    string // what the statement is about: "table", "view", …
	Name    string
	Changed bool // false when everything was as asked already
	// Building tells that the table still is what it was, and will be as asked when
	// what is built beside it has caught up.
	Building bool

	upgrade *target.Building
}

// Load reads what a keeper has into the catalog and keeps its jobs. Definitions
// that cannot be read any more are reported and left out. What was being built when
// the process before this one ended goes on being built.
func (p *Pipeline) Load(ctx context.Context, kept catalog.Documents) problem.List {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []definition
	wrong := p.catalog.LoadVersions(kept.Previous, kept.Next)
	settings := map[sql.Statement]map[string]string{}
	for _, d := range append(kept.Functions, kept.Tables...) {
		statement, with, err := catalog.Kept(d.Body)
		if err != nil {
			wrong = append(wrong, problem.New(problem.Corrupt, "the definition of %s cannot be read: %v", d.Name, err))
			continue
		}
		settings[statement] = with
		described, err := describe(statement)
		if err != nil {
			wrong = append(wrong, problem.Of(err))
			continue
		}
		all = append(all, described)
	}
	ordered, circles := order(all)
	wrong = append(wrong, circles...)
	for _, d := range ordered {
		session, err := catalog.InZone(p.session(), settings[d.statement][catalog.ZoneSetting])
		if err == nil {
			session.Config[catalog.StoredSetting] = settings[d.statement][catalog.StoredSetting]
			err = p.load(ctx, d.statement, session)
		}
		if err != nil {
			wrong = append(wrong, problem.All(err)...)
		}
	}
	return append(wrong, p.resume(ctx)...)
}

// load applies a definition that was kept. It stays kept when its job cannot be
// kept now: the next start may find what is missing.
func (p *Pipeline) load(ctx context.Context, s sql.Statement, session bind.Session) (err error) {
	var change catalog.Change
	if create, ok := s.(*sql.CreateMaterializedTable); ok {
		var past *catalog.Catalog
		if past, err = p.past(create.Name.String()); err == nil {
			change, err = p.catalog.ApplyReading(ctx, past, session, create)
		}
	} else {
		change, err = p.catalog.Apply(ctx, session, s)
	}
	if err != nil || change.Table == nil || !stored(change.Table.Kind) {
		return err
	}
	return p.keep(ctx, change, session)
}

func (p *Pipeline) session() bind.Session {
	session := bind.Session{Zone: p.zone, Streaming: true, Now: time.Now(), Expand: true, Config: map[string]string{}}
	if c, ok := p.target.(target.Connecting); ok {
		session.Changing, session.Replacing = c.Changing, c.Replacing
	}
	return session
}

// Execute runs the definitions of a script, one after the other, until one
// fails; the results of those before it are given all the same.
func (p *Pipeline) Execute(ctx context.Context, text string) ([]Result, error) {
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	results := []Result{}
	session := p.session()
	for _, s := range statements {
		result, err := p.execute(ctx, s, &session)
		if err != nil {
			return results, err
		}
		if result, err = p.settle(ctx, result); err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

func (p *Pipeline) execute(ctx context.Context, s sql.Statement, session *bind.Session) (Result, error) {
	switch s := s.(type) {
	case *sql.AlterMaterializedTable:
		return p.alter(ctx, s, *session)
	case *sql.Set:
		return Result{Kind: "setting"}, set(session, s)
	}
	if !catalog.Defines(s) {
		return Result{}, problem.New(problem.InvalidRequest, "only definitions can be executed here").At(s.Pos()).WithHint("ask questions at POST /api/v1/query")
	}
	return p.define(ctx, s, *session)
}

// set applies SET to the session that follows it.
func set(session *bind.Session, s *sql.Set) error {
	if s.Key == nil {
		return nil
	}
	if s.Key.Text == catalog.StoredSetting {
		return problem.New(problem.UnknownOption, "there is no setting %q", s.Key.Text).At(s.Key.Pos())
	}
	if s.Key.Text == catalog.ZoneSetting {
		zone, err := time.LoadLocation(s.Value.Text)
		if err != nil {
			return problem.New(problem.InvalidOption, "there is no time zone %q", s.Value.Text).At(s.Value.Pos()).WithHint("use a name such as Asia/Shanghai")
		}
		session.Zone = zone
	}
	session.Config[s.Key.Text] = s.Value.Text
	return nil
}

// define applies one CREATE or DROP and acts on it. Tables that read what is
// replaced are built anew.
func (p *Pipeline) define(ctx context.Context, s sql.Statement, session bind.Session) (Result, error) {
	result, _, err := p.apply(ctx, s, session, func(change catalog.Change) ([]rebound, error) {
		return p.readers(change.Name, s)
	})
	return result, err
}

// apply is define, where readers gives the tables to build anew.
func (p *Pipeline) apply(ctx context.Context, s sql.Statement, session bind.Session, readers func(catalog.Change) ([]rebound, error)) (result Result, replaced bool, err error) {
	if err := p.droppable(s); err != nil {
		return Result{}, false, err
	}
	if create, ok := s.(*sql.CreateMaterializedTable); ok && create.OrReplace {
		if result, done, err := p.upgrade(ctx, create, session); done || err != nil {
			return result, false, err
		}
	}
	functions := p.catalog.Functions()
	change, err := p.catalog.Apply(ctx, session, s)
	if err != nil {
		return Result{}, false, err
	}
	result = Result{Kind: change.What, Name: change.Name, Changed: change.Created || change.Dropped}
	if change.Table == nil {
		if change.Created && slices.Contains(functions, strings.ToUpper(change.Name)) {
			err = p.callers(ctx)
		}
		return result, false, err
	}
	var anew []rebound
	if replaced = change.Before != nil && change.Created; replaced {
		if anew, err = readers(change); err != nil {
			return Result{}, false, errors.Join(err, p.undo(ctx, change))
		}
	}
	switch hadJob := change.Before != nil && stored(change.Before.Kind); {
	case change.Created && stored(change.Table.Kind):
		if err := p.keep(ctx, change, session); err != nil {
			return Result{}, false, errors.Join(err, p.undo(ctx, change))
		}
	case change.Dropped && (stored(change.Table.Kind) || change.Table.Kind == plan.External), change.Created && hadJob:
		if err := p.target.Drop(ctx, change.Name); err != nil {
			return Result{}, false, err
		}
	}
	return result, replaced, p.rebind(ctx, anew)
}

// keep has the target keep a new table up to date.
func (p *Pipeline) keep(ctx context.Context, change catalog.Change, session bind.Session) error {
	if err := p.addSystemTables(ctx, change.Table); err != nil {
		return err
	}
	job, err := p.jobOf(change, session)
	if err != nil {
		return err
	}
	return p.target.Keep(ctx, job)
}

// undo takes a definition back that the target would not keep, so that asking
// again is not answered with "nothing to do".
func (p *Pipeline) undo(ctx context.Context, change catalog.Change) error {
	if err := p.catalog.Undo(ctx, change); err != nil || change.Before == nil || !stored(change.Before.Kind) {
		return err
	}
	return p.addSystemTables(ctx, change.Before)
}

// stored reports the kinds of tables that have a job.
func stored(k plan.TableKind) bool { return k == plan.Native || k == plan.Materialized }

// jobOf plans the job behind a table.
func (p *Pipeline) jobOf(change catalog.Change, session bind.Session) (target.Job, error) {
	job, err := jobIn(p.catalog, change, session)
	if err == nil && change.Job != nil {
		job.Others = p.otherVersions(change.Name)
	}
	return job, err
}

// jobIn plans the job behind a table of a catalog. A native table holds its events as
// they are, with computed columns computed.
func jobIn(c *catalog.Catalog, change catalog.Change, session bind.Session) (target.Job, error) {
	job := target.Job{Table: change.Table, Zone: session.Zone}
	node := plan.Node(nil)
	if change.Job != nil {
		node = change.Job.Plan
	} else {
		all, err := parse.Query("SELECT * FROM " + plan.Quote(change.Table.Name))
		if err != nil {
			return job, err
		}
		session.Expand = false // the stored table keeps the last row of a key by itself
		bound, err := bind.Query(c, session, all)
		if err != nil {
			return job, err
		}
		node = bound.Plan
	}
	job.Plan = rewrite.Configure(node, change.Table.Options)
	if change.Job != nil {
		job.Upstream = lineage.Of(job.Plan).Tables
	}
	return job, nil
}

// otherVersions are the names under which versions of a table are stored that are
// not what it is.
func (p *Pipeline) otherVersions(name string) (stored []string) {
	if previous, ok := p.catalog.Previous(name); ok {
		stored = append(stored, previous.Table.StoredName())
	}
	if next, ok := p.catalog.Next(name); ok {
		stored = append(stored, next.Table.StoredName())
	}
	return stored
}

// droppable refuses to drop a table that others read.
func (p *Pipeline) droppable(s sql.Statement) error {
	drop, ok := s.(*sql.Drop)
	if !ok || drop.Kind == sql.DropFunction {
		return nil
	}
	name := drop.Name.String()
	for _, t := range p.catalog.Tables() {
		if t.Query == "" || t.Name == name {
			continue
		}
		query, err := parse.Query(t.Query)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(tablesRead(query), func(read string) bool { return belongsTo(read, name) }) {
			return problem.New(problem.Conflict, "%s is read by %s", name, t.Name).At(s.Pos()).WithHint("drop %s first", t.Name)
		}
	}
	return nil
}

// belongsTo reports whether a name is the table's or that of one of its system
// tables.
func belongsTo(name, table string) bool {
	return name == table || slices.ContainsFunc([]string{catalog.ProgressSuffix, catalog.QuarantineSuffix, catalog.LateSuffix}, func(suffix string) bool {
		return name == table+suffix
	})
}

// alter carries out ALTER MATERIALIZED TABLE.
func (p *Pipeline) alter(ctx context.Context, s *sql.AlterMaterializedTable, session bind.Session) (result Result, err error) {
	name := s.Name.String()
	t, ok := p.catalog.Table(name)
	if !ok {
		return Result{}, catalog.Unknown(name, p.catalog.Names()).At(s.Pos())
	}
	if t.Kind != plan.Materialized {
		return Result{}, problem.New(problem.InvalidRequest, "%s is a %s", name, catalog.Noun(t.Kind)).At(s.Pos()).WithHint("only materialized tables are altered like this")
	}
	changed := Result{Kind: catalog.Noun(t.Kind), Name: name, Changed: true}
	switch s.Action {
	case sql.Suspend:
		return changed, p.target.Act(ctx, name, target.Suspend)
	case sql.Resume:
		return changed, p.target.Act(ctx, name, target.Resume)
	case sql.Refresh:
		return Result{}, problem.New(problem.Unsupported, "REFRESH is not built yet").At(s.Pos()).WithHint("a table with FRESHNESS in seconds is always fresh")
	case sql.Redefine:
		if session.Config[catalog.ZoneSetting] == "" {
			if session, err = catalog.InZone(session, t.Zone); err != nil {
				return Result{}, err
			}
		}
		if _, err := bind.Query(p.catalog, session, s.Query); err != nil {
			return Result{}, err // with its place in what was asked, not in the whole definition
		}
		statement, err := parse.Statement(t.Definition)
		if err != nil {
			return Result{}, err
		}
		create, ok := statement.(*sql.CreateMaterializedTable)
		if !ok {
			return Result{}, problem.New(problem.Corrupt, "the definition of %s is no materialized table", name)
		}
		create.Query, create.OrReplace, create.IfNotExists = s.Query, true, false
		return p.define(ctx, reparsed(create), session)
	}
	return Result{}, problem.New(problem.Unsupported, "this change is not built yet").At(s.Pos())
}

// reparsed gives a changed tree new positions, so that problems point into the
// definition as it will be stored.
func reparsed(s sql.Statement) sql.Statement {
	if again, err := parse.Statement(dialect.Tidemark(s)); err == nil {
		return again
	}
	return s
}
