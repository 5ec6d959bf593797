package pipeline

import (
	"context"
	"fmt"
	"slices"
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

// Action is what a deployment does to one definition.
type Action string

// The actions.
const (
	Create  Action = "create"
	Change  Action = "change"
	Rebuild Action = "rebuild" // its definition is the same, but not what it reads
	Unasked Action = "unasked" // it is not in the project, and stays
	Drop    Action = "drop"    // it is not in the project, and is to go
)

// Step is what a deployment does to one definition, and how much that is.
type Step struct {
	Action    Action
	Kind      string // what the definition is about: "table", "view", …
	Name      string
	Position  problem.Position // in the project; zero for what is not in it
	Because   string
	Reads     []Reading
	Operators []Operator
	Took      time.Duration // for what is to be read, about
	Warnings  []string

	statement sql.Statement // of Drop, but for an insert, which is only a job
}

// Reading is the part of the event log that a new version of a table has to read.
type Reading struct {
	Table  string
	Events int64
	Bytes  int64
	Oldest time.Time
	GoesOn bool // behind what was taken over, and not from the beginning
}

// Foresight is what a deployment would do.
type Foresight struct {
	Steps     []Step
	Unchanged int // definitions that are as the project has them
}

// Does reports whether the deployment changes anything.
func (f Foresight) Does() bool {
	return slices.ContainsFunc(f.Steps, func(s Step) bool { return s.Action != Unasked })
}

// foreseer binds a project in a catalog that is a copy, and compares.
type foreseer struct {
	pipeline *Pipeline
	future   *catalog.Catalog
	session  bind.Session
	result   Foresight
	mentions map[string]bool // names that the project defines
	changed  map[string]bool // tables whose plan is another, or new
}

// Foresee tells what Deploy would do, and changes nothing. With prune, what is not in
// the project is to be dropped.
func (p *Pipeline) Foresee(ctx context.Context, project *Project, prune bool) (Foresight, error) {
	if wrong := project.Check(ctx, p.session()); len(wrong) > 0 {
		return Foresight{}, wrong
	}
	ordered, _ := project.definitions()
	p.mu.Lock()
	f := foreseer{pipeline: p, future: p.catalog.Copy(), session: p.session(), mentions: map[string]bool{}, changed: map[string]bool{}}
	p.mu.Unlock()
	f.session.ReadFile = project.readFile
	for _, d := range ordered {
		f.mentions[d.name] = true
		if err := f.define(ctx, d); err != nil {
			return Foresight{}, d.placed(err)
		}
	}
	if err := f.follow(ctx); err != nil {
		return Foresight{}, err
	}
	return f.result, f.missing(prune)
}

// define applies one definition of the project.
func (f *foreseer) define(ctx context.Context, d definition) error {
	if s, ok := d.statement.(*sql.Set); ok {
		return set(&f.session, s)
	}
	if insert, ok := d.statement.(*sql.Insert); ok {
		job, err := insertion(f.future, f.session, insert)
		if err != nil {
			return err
		}
		step := Step{Kind: "insert", Name: job.Table.Name, Position: d.position()}
		return f.note(ctx, step, job, nil, "")
	}
	before, existed := f.pipeline.catalog.Table(d.name)
	change, err := f.future.Apply(ctx, f.session, replacing(d.statement))
	if err != nil {
		return err
	}
	step := Step{Kind: change.What, Name: change.Name, Position: d.position()}
	if !change.Created {
		f.result.Unchanged++
		return nil
	}
	f.changed[change.Name] = true
	step.Action = Create
	if existed || change.Table == nil && f.knowsFunction(change.Name) {
		step.Action, step.Because = Change, "its definition is another"
	}
	if change.Table == nil || !stored(change.Table.Kind) {
		f.result.Steps = append(f.result.Steps, step)
		return nil
	}
	if err := addSystemTables(ctx, f.future, change.Table); err != nil {
		return err
	}
	job, err := jobIn(f.future, change, f.session)
	if err != nil {
		return err
	}
	return f.note(ctx, step, job, before, step.Because)
}

func (f *foreseer) knowsFunction(name string) bool {
	return slices.Contains(f.pipeline.catalog.Functions(), strings.ToUpper(name))
}

// note fills in what a job would have to read, and adds the step unless the job goes
// on as it is.
func (f *foreseer) note(ctx context.Context, step Step, job target.Job, before *plan.Table, because string) error {
	fate := target.Anew // for a target that cannot tell
	if before == nil {
		fate = target.Begins
	}
	if tells, ok := f.pipeline.target.(target.Foreseeing); ok {
		var err error
		if fate, err = tells.Foresee(job); err != nil {
			return err
		}
	}
	step.Because = because
	switch {
	case fate == target.GoesOn && before != nil && because != "":
		step.Because = "its definition is another, and its plan is the same: nothing is read again"
		if step.Action == Rebuild {
			return nil
		}
	case fate == target.GoesOn:
		f.result.Unchanged++
		return nil
	case fate == target.IsMade:
		step.Because = "its next version is being built already"
	case step.Action == "" && fate == target.Begins:
		step.Action = Create
	case step.Action == "":
		step.Action, step.Because = Change, "its query is another"
	}
	if fate != target.GoesOn {
		f.changed[step.Name] = true
		if err := f.read(ctx, &step, job, before); err != nil {
			return err
		}
	}
	f.result.Steps = append(f.result.Steps, step)
	return nil
}

// read fills in what the step's job has to read, and compares its plan with the one
// that there is.
func (f *foreseer) read(ctx context.Context, step *Step, job target.Job, before *plan.Table) error {
	known, ok := f.pipeline.target.(target.Foreseeing)
	var old plan.Node
	if before != nil && before.Kind == plan.Materialized {
		now, err := f.pipeline.bound(before, before, catalog.Changes)
		if err == nil {
			var was target.Job
			if was, err = jobIn(f.pipeline.catalog, now.change, now.session); err == nil {
				old = was.Plan
			}
		}
	}
	var taken target.Takeover
	if old != nil {
		if takes, ok := f.pipeline.target.(target.TakingOver); ok {
			var err error
			if taken, err = takes.Takeover(ctx, job); err != nil {
				return err
			}
		}
		step.Operators = difference(old, job.Plan, taken)
	}
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	events := int64(0)
	plan.Inspect(job.Plan, func(n plan.Node) bool {
		scan, isScan := n.(*plan.Scan)
		if !isScan || seen[scan.Table.Name] {
			return true
		}
		seen[scan.Table.Name] = true
		behind, isTaken := taken.Behind[scan.Table.Name]
		if scan.Table.Kind == plan.External {
			step.Reads = append(step.Reads, Reading{Table: scan.Table.Name, Events: -1, Bytes: -1, GoesOn: isTaken})
			return true
		}
		h, ok := known.History(scan.Table.Name)
		if !ok {
			return true // it is made by the same deployment
		}
		if isTaken && behind < h.Events { // of which it is about its part of the bytes
			h.Bytes = int64(float64(h.Bytes) * float64(behind) / float64(h.Events))
			h.Events = behind
		}
		step.Reads = append(step.Reads, Reading{Table: scan.Table.Name, Events: h.Events, Bytes: h.Bytes, Oldest: h.Oldest, GoesOn: isTaken})
		events += h.Events
		if h.Gone > 0 && !isTaken {
			step.Warnings = append(step.Warnings, fmt.Sprintf("retention has removed %d events of %s: rows that only they made will be missing", h.Gone, scan.Table.Name))
		}
		return true
	})
	step.Took = time.Duration(float64(events) / known.ReplayRate() * float64(time.Second))
	if before != nil && before.Kind == plan.Native {
		step.Warnings = append(step.Warnings, fmt.Sprintf("questions about %s see a part of its rows until they are read again", step.Name))
	}
	return nil
}

// follow finds the materialized tables whose definitions stay the same, and that read
// something which changes.
func (f *foreseer) follow(ctx context.Context) error {
	for _, t := range f.future.Tables() {
		if t.Kind != plan.Materialized || f.changed[t.Name] {
			continue
		}
		session, err := catalog.InZone(f.pipeline.session(), t.Zone)
		if err != nil {
			return err
		}
		session.ReadFile = f.session.ReadFile
		m, err := f.future.Rebind(session, t)
		if err != nil {
			return problem.New(problem.Conflict, "%s reads what the project changes, and could not any more: %s", t.Name, problem.Of(err).Message).WithHint("change or drop %s first", t.Name)
		}
		now, _ := f.pipeline.catalog.Table(t.Name)
		change := catalog.Change{Name: t.Name, What: catalog.Noun(t.Kind), Before: now, Table: m.Table, Job: m}
		job, err := jobIn(f.future, change, session)
		if err != nil {
			return err
		}
		if now == nil {
			continue
		}
		err = f.note(ctx, Step{Action: Rebuild, Kind: change.What, Name: t.Name}, job, now, "what it reads is another")
		if err != nil {
			return err
		}
		if f.changed[t.Name] {
			f.future.Rebound(m.Table)
			if f.mentions[t.Name] {
				f.result.Unchanged--
			}
		}
	}
	return nil
}

// missing adds what there is and the project does not have.
func (f *foreseer) missing(prune bool) error {
	action := Unasked
	if prune {
		action = Drop
	}
	running := map[string]bool{}
	for _, job := range f.pipeline.target.Jobs() {
		running[job.Table] = true
	}
	tables := f.pipeline.catalog.Tables()
	slices.Reverse(tables) // those that read others first
	for _, t := range tables {
		if t.Kind == plan.External && running[t.Name] && !f.mentions[insertMark+t.Name] {
			f.result.Steps = append(f.result.Steps, Step{Action: action, Kind: "insert", Name: t.Name, Because: notThere})
		}
		if t.Kind == plan.System || f.mentions[t.Name] {
			continue
		}
		noun := catalog.Noun(t.Kind)
		drop, err := parse.Statement("DROP " + strings.ToUpper(noun) + " " + plan.Quote(t.Name))
		if err != nil {
			return err
		}
		f.result.Steps = append(f.result.Steps, Step{Action: action, Kind: noun, Name: t.Name, Because: notThere, statement: drop})
	}
	return nil
}

const notThere = "the project does not have it"

// Apply makes a project true, and gives what it had to do for that. With prune, what
// is not in the project is dropped.
func (p *Pipeline) Apply(ctx context.Context, project *Project, prune bool) (Foresight, error) {
	foresight, err := p.Foresee(ctx, project, prune)
	if err != nil {
		return Foresight{}, err
	}
	if err := p.Deploy(ctx, project); err != nil {
		return Foresight{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range foresight.Steps {
		if s.Action != Drop {
			continue
		}
		if s.statement == nil {
			err = p.target.Drop(ctx, s.Name)
		} else {
			_, err = p.define(ctx, s.statement, p.session())
		}
		if err != nil {
			return Foresight{}, err
		}
	}
	return foresight, nil
}
